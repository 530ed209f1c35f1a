//! Who is there, so that it is seen when nobody is any more.
//!
//! A series that vanished raises nothing by itself. So each kind of beat is recorded as present, and
//! what was present within a day and is not now is gone. Workers and schedulers are missed also where
//! there was never any: a platform whose first deployment failed is no platform without workers.

use super::{Measure, SERVICE, Time};
use crate::generate::rule::Record;
use crate::model::catalog::{database, health, scheduler, telemetry, worker};
use crate::model::promql::{Counter, Gauge, Recorded, Select, Vector};

/// One kind of beat.
#[derive(Debug)]
pub(in crate::generate) struct Presence {
    name: &'static str,
    present: Vector,
}

impl Presence {
    /// Instances that are scraped.
    pub(super) fn services() -> Self {
        let present = Gauge::of(&health::READY).now().count_by(&SERVICE);
        Self::of("vantage:service_instances:count", present)
    }

    /// Workers that are not given up; the most that anybody knows of.
    pub(super) fn workers() -> Self {
        let alive = Gauge::of(&worker::WORKERS)
            .with("state")
            .like("late|new|online|stalled");
        let by = ["environment", "instance", "job"];
        let most = alive.now().sum_by(&by).max_by(&["environment"]);
        Self::of("vantage:workers:count", most.above(0_u32))
    }

    /// Schedulers that beat.
    pub(super) fn schedulers() -> Self {
        let beats = Gauge::of(&scheduler::HEARTBEAT).now();
        let each = beats.max_by(&["environment", "scheduler.id"]);
        Self::of("vantage:schedulers:count", each.count_by(&["environment"]))
    }

    /// Services that say whether a database is up.
    pub(super) fn databases() -> Self {
        let by = ["environment", "job", "db.namespace"];
        let present = Gauge::of(&database::UP).now().count_by(&by);
        Self::of("vantage:database_probes:count", present)
    }

    /// Services that say how deep a queue is.
    pub(super) fn queues() -> Self {
        let present = Gauge::of(&worker::QUEUE_DEPTH)
            .now()
            .count_by(&["environment", "queue"]);
        Self::of("vantage:queue_probes:count", present)
    }

    /// Processes that count events of an objective.
    pub(super) fn objectives() -> Self {
        let events = Counter::of(&telemetry::SLO_EVENTS)
            .with("result")
            .is("good");
        let present = events.presence().count_by(&["environment", "objective"]);
        Self::of("vantage:slo_sources:count", present)
    }

    /// All of them.
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

    const fn of(name: &'static str, present: Vector) -> Self {
        Self { name, present }
    }

    pub(in crate::generate) fn record(&self) -> Record {
        Record::new(self.name, &self.present)
    }

    fn recorded(&self) -> Recorded {
        Recorded::of(self.name, &self.present)
    }

    /// What was there within a day.
    pub(super) fn known(&self, time: Time<'_>) -> Vector {
        self.recorded().last(time.days(1))
    }

    /// What was there within a day and is not now.
    pub(super) fn gone(&self, time: Time<'_>) -> Measure {
        Measure::of_value(self.known(time).unless(&self.recorded().now()))
    }

    /// The same, and where there was never any.
    pub(super) fn gone_or_never_seen(&self, time: Time<'_>) -> Measure {
        let Measure { value, .. } = self.gone(time);
        Measure::of_value(value.or_on(&[], &self.recorded().now().absent()))
    }
}
