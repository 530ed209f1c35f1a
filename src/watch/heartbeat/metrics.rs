//! Metrics of the registry of workers: read when metrics are collected, and kept nowhere, so that a
//! worker that expired takes its labels with it.

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::AsyncInstrument;

use super::receiver::HeartbeatReceiver;
use super::registry::{RegistryCounters, WorkerState};
use crate::model::catalog::{MetricSpec, scheduler, worker};
use crate::model::heartbeat::BeatRole;
use crate::record::series::Instruments;

/// Workers with labels of their own at most; beyond there are only counts.
///
/// A series for each of ten thousand workers would cost more than it tells; the counts by state
/// remain.
const MAX_LABELLED: usize = 1_000;

/// Registers the observable instruments that read the registry.
pub(crate) fn register_heartbeat_metrics(
    instruments: &Instruments,
    receiver: &Arc<HeartbeatReceiver>,
) {
    register_last_seen(
        instruments,
        receiver,
        &worker::HEARTBEAT,
        BeatRole::Worker,
        "worker.id",
    );
    register_last_seen(
        instruments,
        receiver,
        &scheduler::HEARTBEAT,
        BeatRole::Scheduler,
        "scheduler.id",
    );
    register_clock_skew(
        instruments,
        receiver,
        &worker::CLOCK_SKEW,
        BeatRole::Worker,
        "worker.id",
    );
    register_clock_skew(
        instruments,
        receiver,
        &scheduler::CLOCK_SKEW,
        BeatRole::Scheduler,
        "scheduler.id",
    );
    register_states(instruments, receiver);
    register_beats(instruments, receiver);
}

fn register_last_seen(
    instruments: &Instruments,
    receiver: &Arc<HeartbeatReceiver>,
    spec: &'static MetricSpec,
    role: BeatRole,
    key: &'static str,
) {
    let receiver = Arc::clone(receiver);
    instruments.observe(spec, move |observer| {
        let (mut registry, now) = receiver.lock_registry();
        let seen = registry.last_seen(role, MAX_LABELLED, now);
        drop(registry);
        for (id, seen) in seen.unwrap_or_default() {
            let seconds = seen.as_duration().as_secs_f64();
            observer.observe(seconds, &[KeyValue::new(key, id.to_arc())]);
        }
    });
}

fn register_clock_skew(
    instruments: &Instruments,
    receiver: &Arc<HeartbeatReceiver>,
    spec: &'static MetricSpec,
    role: BeatRole,
    key: &'static str,
) {
    let receiver = Arc::clone(receiver);
    instruments.observe(spec, move |observer| {
        let (mut registry, now) = receiver.lock_registry();
        let skews = registry.clock_skews(role, MAX_LABELLED, now);
        drop(registry);
        for (id, millis) in skews.unwrap_or_default() {
            let seconds = millis as f64 / 1_000.0;
            observer.observe(seconds, &[KeyValue::new(key, id.to_arc())]);
        }
    });
}

/// Registers the number of workers in each state.
fn register_states(instruments: &Instruments, receiver: &Arc<HeartbeatReceiver>) {
    let receiver = Arc::clone(receiver);
    instruments.observe(&worker::WORKERS, move |observer| {
        let (mut registry, now) = receiver.lock_registry();
        let counts = registry.counts(BeatRole::Worker, now);
        drop(registry);
        // A process that receives no beats has no workers to count, and zeros would look like an
        // outage.
        if counts.total() == 0 && !has_received(&receiver) {
            return;
        }
        // All states, also with 0, so that a rule can tell "none" from "unknown".
        // One that is forgotten is offline in no alert.
        for state in WorkerState::SHOWN {
            let workers = u64::try_from(counts.count(state)).unwrap_or(u64::MAX);
            observer.observe(workers, &[KeyValue::new("state", state.as_str())]);
        }
    });
}

fn register_beats(instruments: &Instruments, receiver: &Arc<HeartbeatReceiver>) {
    register_counter(
        instruments,
        receiver,
        &worker::BEATS,
        |counters, observer| {
            for (result, beats) in counters.results() {
                observer.observe(beats, &[KeyValue::new("result", result)]);
            }
        },
    );
    let spec = &worker::UNKNOWN_FIELDS;
    register_counter(instruments, receiver, spec, |counters, observer| {
        observer.observe(counters.unknown_fields, &[]);
    });
}

/// Registers a counter of the registry, which is absent before anything has come.
fn register_counter(
    instruments: &Instruments,
    receiver: &Arc<HeartbeatReceiver>,
    spec: &'static MetricSpec,
    read: fn(&RegistryCounters, &dyn AsyncInstrument<u64>),
) {
    let receiver = Arc::clone(receiver);
    instruments.observe(spec, move |observer| {
        if has_received(&receiver) {
            read(&receiver.registry().counters(), observer);
        }
    });
}

/// Returns whether any beat has come: without one there are no metrics. Where all beats were
/// refused there are: a wrong token must be seen.
fn has_received(receiver: &HeartbeatReceiver) -> bool {
    receiver.registry().counters() != RegistryCounters::default()
}
