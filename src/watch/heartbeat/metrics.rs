//! What the roster looks like as metrics: read when metrics are collected, and kept nowhere, so that a
//! worker that expired takes its labels with it.

use std::sync::Arc;

use jiff::Timestamp;
use opentelemetry::KeyValue;
use opentelemetry::metrics::AsyncInstrument;

use super::receiver::Reception;
use super::registry::{State, Tally};
use crate::model::catalog::{MetricSpec, scheduler, worker};
use crate::model::heartbeat::{BeatId, Role};
use crate::record::series::Instruments;

/// Beyond so many workers there are only counts, so that labels stay few.
const LABELLED: usize = 1_000;

/// Registers the observable instruments that read the roster.
pub(crate) fn observe(instruments: &Instruments, reception: &Arc<Reception>) {
    heartbeats(
        instruments,
        reception,
        &worker::HEARTBEAT,
        Role::Worker,
        "worker.id",
    );
    heartbeats(
        instruments,
        reception,
        &scheduler::HEARTBEAT,
        Role::Scheduler,
        "scheduler.id",
    );
    states(instruments, reception);
    beats(instruments, reception);
}

fn heartbeats(
    instruments: &Instruments,
    reception: &Arc<Reception>,
    spec: &'static MetricSpec,
    role: Role,
    key: &'static str,
) {
    let reception = Arc::clone(reception);
    instruments.observe(spec, move |observer| {
        let seen = reception
            .roster()
            .last_seen(role, LABELLED, reception.now());
        for (id, seen) in seen.unwrap_or_default() {
            observe_beat(observer, key, &id, seen);
        }
    });
}

fn observe_beat(
    observer: &dyn AsyncInstrument<f64>,
    key: &'static str,
    id: &BeatId,
    at: Timestamp,
) {
    let seconds = at.as_duration().as_secs_f64();
    observer.observe(seconds, &[KeyValue::new(key, id.shared())]);
}

fn states(instruments: &Instruments, reception: &Arc<Reception>) {
    let reception = Arc::clone(reception);
    instruments.observe(&worker::WORKERS, move |observer| {
        let counts = reception.roster().counts(Role::Worker, reception.now());
        if counts.total() == 0 && !has_heard(&reception) {
            return;
        }
        for state in State::LISTED {
            let workers = u64::try_from(counts.of(state)).unwrap_or(u64::MAX);
            observer.observe(workers, &[KeyValue::new("state", state.as_str())]);
        }
    });
}

fn beats(instruments: &Instruments, reception: &Arc<Reception>) {
    counter(instruments, reception, &worker::BEATS, |tally, observer| {
        for (result, beats) in tally.results() {
            observer.observe(beats, &[KeyValue::new("result", result)]);
        }
    });
    let spec = &worker::UNKNOWN_FIELDS;
    counter(instruments, reception, spec, |tally, observer| {
        observer.observe(tally.unknown_fields, &[]);
    });
}

fn counter(
    instruments: &Instruments,
    reception: &Arc<Reception>,
    spec: &'static MetricSpec,
    read: fn(&Tally, &dyn AsyncInstrument<u64>),
) {
    let reception = Arc::clone(reception);
    instruments.observe(spec, move |observer| {
        if has_heard(&reception) {
            read(&reception.roster().tally(), observer);
        }
    });
}

/// Of a process that nobody has beaten to there is nothing to say. Where all beats were refused there
/// is: a wrong token must be seen.
fn has_heard(reception: &Reception) -> bool {
    reception.roster().tally() != Tally::default()
}
