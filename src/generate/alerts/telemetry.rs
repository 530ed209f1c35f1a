//! Queries about the telemetry itself.

use super::{AlertQuery, AlertRow, Presence, SERVICE, ScaledWindows, min_event_rate};
use crate::model::alerts::AlertSignal;
use crate::model::catalog::{MetricSpec, health, store, telemetry};
use crate::model::promql::{CounterQuery, GaugeQuery, InstantVector, Select};

pub(super) const ALERTS: &[AlertRow] = &[
    AlertRow::new(
        AlertSignal::TargetDown,
        target_down,
        include_str!("target-down.md"),
    ),
    AlertRow::new(
        AlertSignal::NotReady,
        |_| not_ready(),
        include_str!("instance-not-ready.md"),
    ),
    AlertRow::new(
        AlertSignal::ExportFailures,
        export_failures,
        include_str!("telemetry-export-failing.md"),
    ),
    AlertRow::new(
        AlertSignal::ScrapeIncomplete,
        scrape_errors,
        include_str!("scrape-incomplete.md"),
    ),
    AlertRow::new(
        AlertSignal::SeriesOverflow,
        series_overflow,
        include_str!("series-overflow.md"),
    ),
    AlertRow::new(
        AlertSignal::StoreDelay,
        |_| store_delay(),
        include_str!("store-delayed.md"),
    ),
    AlertRow::new(
        AlertSignal::Watchdog,
        |_| AlertQuery::from_value(InstantVector::constant(1_u32)),
        include_str!("watchdog.md"),
    ),
];

fn target_down(windows: ScaledWindows<'_>) -> AlertQuery {
    let down = InstantVector::up().equal(0_u32);
    // Only of services that have this crate in them.
    AlertQuery::from_value(down.and_on(&SERVICE, &Presence::services().seen_within_day(windows)))
}

fn not_ready() -> AlertQuery {
    AlertQuery::from_value(GaugeQuery::new(&health::READY).now().equal(0_u32))
}

fn export_failures(windows: ScaledWindows<'_>) -> AlertQuery {
    let share = |exported, processed, telemetry| {
        let (share, whole) = loss_ratio(exported, processed, windows);
        // The floor must hold for each of them, so that it is part of the value.
        share
            .and(&whole.at_least(min_event_rate()))
            .with_label("telemetry", telemetry)
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
    AlertQuery::from_value(spans.or(&logs).or(&points))
}

/// Returns the share that was dropped before an export or refused in one, and the rate of the whole.
fn loss_ratio(
    exported: &'static MetricSpec,
    processed: Option<&'static MetricSpec>,
    windows: ScaledWindows<'_>,
) -> (InstantVector, InstantVector) {
    let window = windows.minutes(15);
    let rate = |counter: CounterQuery| counter.rate(window).sum_by(&SERVICE);
    let failed = |spec| rate(CounterQuery::new(spec).with("error.type").is_not(""));
    let Some(processed) = processed else {
        let all = rate(CounterQuery::new(exported));
        return (failed(exported).div(&all), all);
    };
    let all = rate(CounterQuery::new(processed));
    let (refused, dropped) = (failed(exported), failed(processed));
    let lost = refused.or_zero_for(&all).add(&dropped.or_zero_for(&all));
    (lost.div(&all), all)
}

fn scrape_errors(windows: ScaledWindows<'_>) -> AlertQuery {
    let errors = CounterQuery::new(&telemetry::SCRAPE_ERRORS).increase(windows.minutes(5));
    let by = ["environment", "instance", "job"];
    AlertQuery::from_value(errors.sum_by(&by).above(0_u32))
}

fn series_overflow(windows: ScaledWindows<'_>) -> AlertQuery {
    let overflown = CounterQuery::new(&telemetry::SERIES_OVERFLOW).increase(windows.minutes(15));
    let by = ["environment", "job", "instrument"];
    AlertQuery::from_value(overflown.sum_by(&by).above(0_u32))
}

fn store_delay() -> AlertQuery {
    AlertQuery::from_value(GaugeQuery::new(&store::OLDEST_PENDING_AGE).now())
}
