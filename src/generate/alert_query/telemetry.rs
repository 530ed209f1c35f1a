//! Telemetry itself.

use super::{Measure, Presence, SERVICE, Time, busy};
use crate::model::catalog::{MetricSpec, health, store, telemetry};
use crate::model::promql::{Counter, Gauge, Select, Vector};

pub(super) fn target_down(time: Time<'_>) -> Measure {
    let down = Vector::up().equal(0_u32);
    // Only of services that have this crate in them.
    Measure::of_value(down.and_on(&SERVICE, &Presence::services().known(time)))
}

pub(super) fn not_ready() -> Measure {
    Measure::of_value(Gauge::of(&health::READY).now().equal(0_u32))
}

pub(super) fn export_failures(time: Time<'_>) -> Measure {
    let share = |exported, processed, telemetry| {
        let (share, whole) = lost(exported, processed, time);
        // The floor must hold for each of them, so that it is part of the value.
        share
            .and(&whole.at_least(busy()))
            .labelled("telemetry", telemetry)
    };
    let spans = share(
        &telemetry::SPANS_EXPORTED,
        Some(&telemetry::SPANS_PROCESSED),
        "spans",
    );
    let logs = share(
        &telemetry::LOGS_EXPORTED,
        Some(&telemetry::LOGS_PROCESSED),
        "log records",
    );
    let points = share(&telemetry::POINTS_EXPORTED, None, "data points");
    Measure::of_value(spans.or(&logs).or(&points))
}

/// The share that was dropped before an export or refused in one, and how many a second there were.
fn lost(
    exported: &'static MetricSpec,
    processed: Option<&'static MetricSpec>,
    time: Time<'_>,
) -> (Vector, Vector) {
    let window = time.minutes(15);
    let rate = |counter: Counter| counter.rate(window).sum_by(&SERVICE);
    let failed = |spec| rate(Counter::of(spec).with("error.type").is_not(""));
    let Some(processed) = processed else {
        let all = rate(Counter::of(exported));
        return (failed(exported).over(&all), all);
    };
    let all = rate(Counter::of(processed));
    let (refused, dropped) = (failed(exported), failed(processed));
    let lost = refused.or_zero_of(&all).plus(&dropped.or_zero_of(&all));
    (lost.over(&all), all)
}

pub(super) fn scrape_errors(time: Time<'_>) -> Measure {
    let errors = Counter::of(&telemetry::SCRAPE_ERRORS).increase(time.minutes(5));
    let by = ["environment", "instance", "job"];
    Measure::of_value(errors.sum_by(&by).above(0_u32))
}

pub(super) fn overflow(time: Time<'_>) -> Measure {
    let overflown = Counter::of(&telemetry::SERIES_OVERFLOW).increase(time.minutes(15));
    let by = ["environment", "job", "instrument"];
    Measure::of_value(overflown.sum_by(&by).above(0_u32))
}

pub(super) fn store_delay() -> Measure {
    Measure::of_value(Gauge::of(&store::OLDEST_PENDING_AGE).now())
}
