//! The heartbeat and the store behind it, from their start to the last goodbye.
//!
//! | share of `otlp.shutdown_timeout` | for |
//! |---|---|
//! | a third at most | goodbyes |
//! | a third at most | what the store is to keep |
//! | the rest | the export |
//!
//! Goodbyes come first: without them, others take an orderly stop for a crash and count its jobs as
//! lost.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::recording::Recording;
use super::timer::at_most;
use super::{InitError, store};
use crate::background::Supervisor;
use crate::background::thread::RuntimeGuard;
use crate::config::Config;
use crate::store::StoreWriter;
use crate::watch::heartbeat::{
    HeartbeatEmitter, HeartbeatReceiver, HeartbeatService, HeartbeatSources, HttpSink,
    register_heartbeat_metrics,
};

/// The time limit for closing the store, after everything that waited for it was kept.
/// Short: nothing waits any more, and only a connection or a lock on a file is given back.
const CLOSING: Duration = Duration::from_millis(250);

/// The heartbeat service, the receiver of beats, and the writer of the store.
#[derive(Debug)]
pub(super) struct HeartbeatParts {
    pub(super) service: HeartbeatService,
    pub(super) store_writer: StoreWriter,
    pub(super) receiver: Arc<HeartbeatReceiver>,
}

impl HeartbeatParts {
    /// Without `threads`, nothing is sent, and the store is moved by hand.
    pub(super) fn new(
        config: &Config,
        recording: &Recording,
        sources: HeartbeatSources,
        threads: bool,
    ) -> Result<Self, InitError> {
        let Recording {
            clock,
            instruments,
            slo_events,
            supervisor,
            ..
        } = recording;
        let store_writer = store::open_writer(config, clock, instruments, supervisor, threads)?;
        let receiver = HeartbeatReceiver::new(
            config,
            clock.clone(),
            store_writer.clone(),
            slo_events.clone(),
        );
        let receiver = Arc::new(receiver);
        register_heartbeat_metrics(instruments, &receiver);
        let emitter = HeartbeatEmitter::new(config, sources.clone());
        let remote = if threads {
            HttpSink::new(&config.heartbeat, instruments).map_err(InitError::Heartbeat)?
        } else {
            None
        };
        let service = HeartbeatService::new(sources, emitter, Arc::clone(&receiver), remote);
        Ok(Self {
            service,
            store_writer,
            receiver,
        })
    }

    pub(super) fn start(&self, supervisor: &Supervisor) -> io::Result<RuntimeGuard> {
        self.service.start(supervisor)
    }

    /// Says goodbye for every worker, and keeps what is to be kept, which `conclude` may add to; answers
    /// what is left of the time, of which it takes two thirds at most.
    pub(super) async fn part(&self, within: Duration, conclude: impl FnOnce()) -> Duration {
        // A third each, so that a receiver that is away does not take the export's time.
        let (started, share) = (Instant::now(), within / 3);
        let (said, heard) = oneshot::channel();
        let done = Box::new(move || {
            let _ = said.send(());
        });
        self.service.stop(share, done);
        // The service keeps the same deadline itself; this one also holds if its thread is stuck.
        let _ = at_most(share, heard).await;
        // Before the flush, which then keeps what is added here too.
        conclude();
        let _ = at_most(share, self.store_writer.flush(share)).await;
        within.saturating_sub(started.elapsed())
    }

    /// Closes the store, which takes nothing any more.
    pub(super) async fn close(&self) {
        let _ = at_most(CLOSING, self.store_writer.stop(CLOSING)).await;
    }
}
