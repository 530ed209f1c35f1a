//! How a piece of work ends: by a word of its owner's, or by being dropped.

use crate::record::trace::Scope;

/// The verdict on a job or an execution, which is still open until somebody speaks it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Verdict(Option<&'static str>);

impl Verdict {
    pub(super) const SUCCEEDED: Self = Self(Some("succeeded"));
    pub(super) const FAILED: Self = Self(Some("failed"));

    pub(super) fn is_good(self) -> bool {
        self.0 == Self::SUCCEEDED.0
    }

    /// Ends the span of the work that is being dropped, and answers the outcome: without a verdict
    /// the work was aborted, or a panic dropped it.
    pub(super) fn conclude(self, scope: &Scope, key: &'static str) -> &'static str {
        let undecided = || {
            if std::thread::panicking() {
                "panicked"
            } else {
                "aborted"
            }
        };
        let outcome = self.0.unwrap_or_else(undecided);
        scope.set(|| [opentelemetry::KeyValue::new(key, outcome)]);
        if self.0.is_none() {
            scope.fail(outcome);
        }
        scope.end();
        outcome
    }
}
