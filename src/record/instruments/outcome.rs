//! The outcome of a piece of work: succeeded, failed, or dropped.

use crate::record::trace::SpanScope;

/// The outcome of a job or an execution; undecided until `succeed` or `fail`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WorkOutcome(Option<&'static str>);

impl WorkOutcome {
    pub(super) const SUCCEEDED: Self = Self(Some("succeeded"));
    pub(super) const FAILED: Self = Self(Some("failed"));

    pub(super) fn is_success(self) -> bool {
        self.0 == Self::SUCCEEDED.0
    }

    /// Ends the span of the work that is being dropped, and returns the outcome: undecided
    /// the work was aborted, or a panic dropped it.
    pub(super) fn finish_span(self, scope: &SpanScope, key: &'static str) -> &'static str {
        let dropped_outcome = || {
            if std::thread::panicking() {
                "panicked"
            } else {
                "aborted"
            }
        };
        let outcome = self.0.unwrap_or_else(dropped_outcome);
        scope.set_attributes(|| [opentelemetry::KeyValue::new(key, outcome)]);
        if self.0.is_none() {
            scope.fail(outcome);
        }
        scope.end();
        outcome
    }
}
