//! Queries about the telemetry itself.

use super::{AlertQuery, AlertRow, Presence, SERVICE, ScaledWindows};
use crate::generate::rule::RecordingRule;
use crate::model::alerts::AlertSignal;
use crate::model::catalog::{health, store, telemetry};
use crate::model::promql::{CounterQuery, GaugeQuery, InstantVector, RecordedSeries, Select};

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
        |_| export_failures(),
        include_str!("telemetry-export-failing.md"),
    ),
    AlertRow::new(
        AlertSignal::ScrapeIncomplete,
        scrape_errors,
        include_str!("scrape-incomplete.md"),
    ),
    AlertRow::new(
        AlertSignal::ThreadDown,
        |_| thread_down(),
        include_str!("telemetry-thread-down.md"),
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
        // Fires always: what pages is its absence, at something outside that waits for it.
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

fn export_failures() -> AlertQuery {
    let pushed = pushed().now();
    let lost = lost().now().sum_by(&["environment", "job", "telemetry"]);
    AlertQuery::with_min_rate(lost.div(&pushed), &pushed)
}

/// Returns what was to be pushed, a second: spans, log records, data points.
fn pushed() -> RecordedSeries {
    let labels = ["environment", "job", "telemetry"];
    RecordedSeries::with_labels("vantage:telemetry_pushed:rate15m", labels)
}

/// Returns what was dropped before an export, or refused in one.
fn lost() -> RecordedSeries {
    let labels = ["environment", "job", "reason", "telemetry"];
    RecordedSeries::with_labels("vantage:telemetry_lost:rate15m", labels)
}

/// Returns the rules that record what is pushed and what is lost of it.
pub(in crate::generate) fn recording_rules(windows: ScaledWindows<'_>) -> Vec<RecordingRule> {
    let window = windows.minutes(15);
    let rate = |counter: CounterQuery| counter.rate(window).sum_by(&SERVICE);
    let all = |spec| rate(CounterQuery::new(spec));
    let failed = |spec| rate(CounterQuery::new(spec).with("error.type").other_than(""));
    let record = |series: RecordedSeries, value: InstantVector, labels: &[(&str, &str)]| {
        RecordingRule::new(series.name(), &value).with_labels(labels)
    };
    // Data points have no queue: all of them get to the exporter.
    let streams = [
        (
            "spans",
            &telemetry::SPANS_EXPORTED,
            Some(&telemetry::SPANS_PROCESSED),
        ),
        (
            "log records",
            &telemetry::LOGS_EXPORTED,
            Some(&telemetry::LOGS_PROCESSED),
        ),
        ("data points", &telemetry::POINTS_EXPORTED, None),
    ];
    let rules = streams.into_iter().flat_map(|(name, exported, processed)| {
        let telemetry = ("telemetry", name);
        let whole = record(pushed(), all(processed.unwrap_or(exported)), &[telemetry]);
        let refused = [("reason", "refused"), telemetry];
        let refused = record(lost(), failed(exported), &refused);
        let dropped = processed.map(|processed| {
            let dropped = [("reason", "dropped"), telemetry];
            record(lost(), failed(processed), &dropped)
        });
        [Some(whole), Some(refused), dropped].into_iter().flatten()
    });
    rules.collect()
}

fn scrape_errors(windows: ScaledWindows<'_>) -> AlertQuery {
    let errors = CounterQuery::new(&telemetry::SCRAPE_ERRORS).increase(windows.minutes(5));
    let by = ["environment", "instance", "job"];
    AlertQuery::from_value(errors.sum_by(&by).above(0_u32))
}

fn thread_down() -> AlertQuery {
    AlertQuery::from_value(GaugeQuery::new(&telemetry::THREAD_UP).now().equal(0_u32))
}

fn series_overflow(windows: ScaledWindows<'_>) -> AlertQuery {
    let overflown = CounterQuery::new(&telemetry::SERIES_OVERFLOW).increase(windows.minutes(15));
    let by = ["environment", "job", "instrument"];
    AlertQuery::from_value(overflown.sum_by(&by).above(0_u32))
}

fn store_delay() -> AlertQuery {
    AlertQuery::from_value(GaugeQuery::new(&store::OLDEST_PENDING_AGE).now())
}
