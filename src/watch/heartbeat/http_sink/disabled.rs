//! A build without an HTTP client, which sends no beats to another process.

use std::time::Instant;

use super::emitter::HeartbeatEmitter;
use crate::background::log_queue::LogQueue;
use crate::config::HeartbeatConfig;
use crate::model::heartbeat::{BeatProgress, LifecycleState};
use crate::record::instruments::{WorkerKey, WorkerKeys};
use crate::record::series::Instruments;

/// A sink that is never there.
#[derive(Debug)]
pub(crate) enum HttpSink {}

#[expect(
    clippy::needless_pass_by_ref_mut,
    reason = "as its sibling with a client"
)]
impl HttpSink {
    /// The configuration has refused an endpoint already.
    #[expect(clippy::unnecessary_wraps, reason = "as its sibling with a client")]
    pub(crate) const fn new(_: &HeartbeatConfig, _: &Instruments) -> Result<Option<Self>, String> {
        Ok(None)
    }

    pub(super) const fn push(&mut self, _: WorkerKey, _: LifecycleState, _: Option<BeatProgress>) {
        match *self {}
    }

    pub(super) const fn stop(&mut self) {
        match *self {}
    }

    pub(super) const fn is_empty(&self) -> bool {
        match *self {}
    }

    pub(super) const fn next_wakeup(&self) -> Option<Instant> {
        match *self {}
    }

    pub(super) const fn send_due(
        &mut self,
        _: &mut HeartbeatEmitter,
        _: &WorkerKeys,
        _: Instant,
        _: &LogQueue,
    ) {
        match *self {}
    }
}
