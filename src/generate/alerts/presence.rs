//! Presence of services, workers, schedulers and probes, so that their absence raises an alert.
//!
//! A series that vanished raises nothing by itself. So each kind of beat is recorded as present, and
//! what was present within a day and is not now is gone. Workers and schedulers are missed also where
//! there was never any: a platform whose first deployment failed is no platform without workers.

use super::{AlertQuery, AlertRow, SERVICE, ScaledWindows};
use crate::generate::rule::RecordingRule;
use crate::model::alerts::AlertSignal;
use crate::model::catalog::{database, health, scheduler, telemetry, worker};
use crate::model::promql::{CounterQuery, GaugeQuery, InstantVector, RecordedSeries, Select};
use crate::model::slo::promql::SERVICE_INSTANCES;

pub(super) const ALERTS: &[AlertRow] = &[
    AlertRow::new(
        AlertSignal::ServiceAbsent,
        |windows| Presence::services().absent(windows),
        include_str!("service-absent.md"),
    ),
    AlertRow::new(
        AlertSignal::WorkersAbsent,
        |windows| Presence::workers().absent_or_never_seen(windows),
        include_str!("workers-absent.md"),
    ),
    AlertRow::new(
        AlertSignal::SchedulersAbsent,
        |windows| Presence::schedulers().absent_or_never_seen(windows),
        include_str!("schedulers-absent.md"),
    ),
    AlertRow::new(
        AlertSignal::DatabaseAbsent,
        |windows| Presence::databases().absent(windows),
        include_str!("database-absent.md"),
    ),
    AlertRow::new(
        AlertSignal::QueuesAbsent,
        |windows| Presence::queues().absent_by(&["environment", "queue"], windows),
        include_str!("queues-absent.md"),
    ),
    AlertRow::new(
        AlertSignal::ObjectivesAbsent,
        |windows| Presence::objectives().absent(windows),
        include_str!("objectives-absent.md"),
    ),
];

/// The presence of one kind of source.
#[derive(Debug)]
pub(in crate::generate) struct Presence {
    /// Of the series that records it.
    name: &'static str,
    present: InstantVector,
}

impl Presence {
    /// Counts instances that are scraped.
    pub(super) fn services() -> Self {
        let present = GaugeQuery::new(&health::READY).now().count_by(&SERVICE);
        Self::new(SERVICE_INSTANCES, present)
    }

    /// Counts workers that are not given up; the most that any replica reports.
    fn workers() -> Self {
        let alive = GaugeQuery::new(&worker::WORKERS)
            .with("state")
            .like("late|new|online|stalled");
        let by = ["environment", "instance", "job"];
        let max = alive.now().sum_by(&by).max_by(&["environment"]);
        // Not 0: a series that says "none" would count as present.
        Self::new("vantage:workers:count", max.above(0_u32))
    }

    /// Counts schedulers that beat.
    fn schedulers() -> Self {
        let beats = GaugeQuery::new(&scheduler::HEARTBEAT).now();
        let each = beats.max_by(&["environment", "scheduler.id"]);
        Self::new("vantage:schedulers:count", each.count_by(&["environment"]))
    }

    /// Counts services that report whether a database is up.
    fn databases() -> Self {
        let by = ["environment", "job", "db.namespace"];
        let present = GaugeQuery::new(&database::UP).now().count_by(&by);
        Self::new("vantage:database_probes:count", present)
    }

    /// Counts processes that report the depth of a queue, by service: what its absence follows from is known by it.
    fn queues() -> Self {
        let present =
            GaugeQuery::new(&worker::QUEUE_DEPTH)
                .now()
                .count_by(&["environment", "job", "queue"]);
        Self::new("vantage:queue_probes:count", present)
    }

    /// Counts processes that count events of an objective.
    fn objectives() -> Self {
        let events = CounterQuery::new(&telemetry::SLO_EVENTS)
            .with("result")
            .is("good");
        let present = events
            .presence()
            .count_by(&["environment", "job", "objective"]);
        Self::new("vantage:slo_sources:count", present)
    }

    /// Returns all of them.
    pub(in crate::generate) fn all() -> [Self; 6] {
        [
            Self::services(),
            Self::workers(),
            Self::schedulers(),
            Self::databases(),
            Self::queues(),
            Self::objectives(),
        ]
    }

    const fn new(name: &'static str, present: InstantVector) -> Self {
        Self { name, present }
    }

    pub(in crate::generate) fn recording_rule(&self) -> RecordingRule {
        RecordingRule::new(self.name, &self.present)
    }

    fn recorded(&self) -> RecordedSeries {
        RecordedSeries::from_expression(self.name, &self.present)
    }

    /// Returns the series that were present within a day.
    pub(super) fn seen_within_day(&self, windows: ScaledWindows<'_>) -> InstantVector {
        self.recorded().last_over_time(windows.days(1))
    }

    /// Returns the query of series that were present within a day and are not now.
    fn absent(&self, windows: ScaledWindows<'_>) -> AlertQuery {
        AlertQuery::from_value(self.seen_within_day(windows).unless(&self.recorded().now()))
    }

    /// Returns the same query of series of which none is there by these labels.
    fn absent_by(&self, keys: &[&str], windows: ScaledWindows<'_>) -> AlertQuery {
        let now = self.recorded().now();
        AlertQuery::from_value(self.seen_within_day(windows).unless_on(keys, &now))
    }

    /// Returns the same query, which fires also where there was never any.
    fn absent_or_never_seen(&self, windows: ScaledWindows<'_>) -> AlertQuery {
        let AlertQuery { value, .. } = self.absent(windows);
        // `absent` has no labels, so that it only speaks where there is no series at all.
        AlertQuery::from_value(value.or_on(&[], &self.recorded().now().absent()))
    }
}
