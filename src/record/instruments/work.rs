//! A piece of work with a span and an outcome: a job, or an execution.
//!
//! A job and an execution differ in their labels and in what is counted at their start; how they
//! end is the same, and stands here once.

use std::sync::Arc;
use std::time::Instant;

use opentelemetry::KeyValue;

use super::in_flight::InFlight;
use super::run::Failed;
use crate::model::catalog::{Attribute, MetricSpec};
use crate::record::clock::Clock;
use crate::record::error_reasons::ErrorReasons;
use crate::record::series::{BoundSeries, Counter, Histogram, Instruments, UpDownCounter};
use crate::record::trace::{Carrier, SpanScope, Traced, Tracer};

/// The declaration of one sort of work. Labels are those of the work's name and of one more.
pub(super) struct WorkSpecs {
    /// The number of pieces that ended, and their duration, by outcome.
    pub(super) ended: [&'static MetricSpec; 2],
    pub(super) by_outcome: &'static [Attribute; 2],
    pub(super) failures: &'static MetricSpec,
    pub(super) by_reason: &'static [Attribute; 2],
    /// Puts the name and the other label into the order of the declarations.
    /// Keys are sorted by their text, so that the name comes first for one sort and second for the
    /// other.
    pub(super) in_order: LabelOrder,
    /// The attribute of the span for the outcome.
    pub(super) outcome_key: &'static str,
}

// For any lifetime: the labels are borrowed for one call.
type LabelOrder = for<'a> fn(&'a str, &'a str) -> [&'a str; 2];

/// The series in which all work of one sort is recorded, and the tools for it.
#[derive(Debug)]
pub(super) struct WorkSeries {
    pub(super) clock: Clock,
    pub(super) tracer: Tracer,
    pub(super) in_flight: InFlight,
    pub(super) error_reasons: ErrorReasons,
    ended: BoundSeries<(Counter, Histogram), 2>,
    failures: BoundSeries<Counter, 2>,
    in_order: LabelOrder,
    outcome_key: &'static str,
}

/// A piece of work that is going on. Dropped before `succeed` or `fail` it was aborted, or a panic dropped it.
#[derive(Debug)]
pub(super) struct OpenWork {
    pub(super) series: Arc<WorkSeries>,
    /// The kind of a job, or the schedule of an execution.
    pub(super) name: Box<str>,
    pub(super) scope: SpanScope,
    /// The gauge that counts the work while it is going on.
    pub(super) active: UpDownCounter,
    pub(super) started: Instant,
    /// The number that [`InFlight`] gave.
    pub(super) id: u64,
    /// `None` until `succeed` or `fail`.
    pub(super) outcome: Option<&'static str>,
}

const SUCCEEDED: &str = "succeeded";
const FAILED: &str = "failed";

impl WorkSeries {
    pub(super) fn new(
        instruments: &Instruments,
        clock: Clock,
        tracer: Tracer,
        in_flight: InFlight,
        error_reasons: ErrorReasons,
        specs: &WorkSpecs,
    ) -> Self {
        Self {
            clock,
            tracer,
            in_flight,
            error_reasons,
            ended: instruments.pair(specs.ended, specs.by_outcome),
            failures: instruments.series(specs.failures, specs.by_reason),
            in_order: specs.in_order,
            outcome_key: specs.outcome_key,
        }
    }
}

impl OpenWork {
    pub(super) fn succeed(mut self) {
        self.outcome = Some(SUCCEEDED);
    }

    pub(super) fn fail(self, reason: &str) {
        self.fail_with(Failed {
            reason,
            message: String::new(),
        });
    }

    fn fail_with(mut self, Failed { reason, message }: Failed<'_>) {
        self.outcome = Some(FAILED);
        // Reasons have a counter of their own: as a label of the duration each would be a whole
        // histogram.
        let labels = (self.series.in_order)(&self.name, reason);
        self.series.failures.with(labels, |series| series.add(1));
        self.scope.fail_with(reason, message);
    }

    /// Ends the work with the verdict of its result.
    pub(super) fn end(self, failure: Option<Failed<'_>>) {
        match failure {
            None => self.succeed(),
            Some(failed) => self.fail_with(failed),
        }
    }

    /// Runs a future inside the work's span.
    pub(super) fn trace<F>(&self, future: F) -> Traced<F> {
        Traced::new(future, self.scope.context().clone())
    }

    /// Returns the work's trace.
    pub(super) fn carrier(&self) -> Carrier {
        Carrier::from_context(&self.series.tracer, self.scope.context())
    }

    /// Ends the span, and returns the outcome.
    fn finish_span(&self) -> &'static str {
        // `panicking` is true for a job that a panic's unwinding drops, and also for one that is
        // dropped by another destructor meanwhile: both were ended by the panic.
        let dropped_outcome = || {
            if std::thread::panicking() {
                "panicked"
            } else {
                "aborted"
            }
        };
        let outcome = self.outcome.unwrap_or_else(dropped_outcome);
        self.scope
            .set_attributes(|| [KeyValue::new(self.series.outcome_key, outcome)]);
        if self.outcome.is_none() {
            self.scope.fail(outcome);
        }
        self.scope.end();
        outcome
    }
}

impl Drop for OpenWork {
    fn drop(&mut self) {
        let series = &self.series;
        let now = series.clock.now();
        let outcome = self.finish_span();
        // On the handle that was incremented: looked up again it could be the overflow series.
        self.active.add(-1);
        let succeeded = self.outcome == Some(SUCCEEDED);
        // With the time at which the drop began, so that recording itself is not part of the
        // duration.
        series.in_flight.end(self.id, now, succeeded);
        let labels = (series.in_order)(&self.name, outcome);
        series.ended.with(labels, |(count, duration)| {
            count.add(1);
            let elapsed = now.saturating_duration_since(self.started);
            duration.record_in(self.scope.sampled(), elapsed.as_secs_f64());
        });
    }
}
