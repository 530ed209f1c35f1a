//! The heartbeat and the store behind it, from their start to the last goodbye.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::InitError;
use super::health::at_most;
use super::store;
use crate::config::{Config, Service};
use crate::model::heartbeat::BeatId;
use crate::record::series::Instruments;
use crate::record::slo_events::Ledger;
use crate::store::Keeper;
#[cfg(feature = "otlp")]
use crate::watch::heartbeat::Remote;
#[cfg(feature = "testing")]
use crate::watch::heartbeat::Voice;
use crate::watch::heartbeat::{Beating, Emitter, Heart, Reception, Sources, observe};

/// How long the store may take to close, after everything that waited for it was kept.
const CLOSING: Duration = Duration::from_millis(250);

/// What beats, and what keeps who did.
#[derive(Debug)]
pub(super) struct Pulse {
    pub(super) heart: Heart,
    pub(super) keeper: Keeper,
    pub(super) reception: Arc<Reception>,
}

impl Pulse {
    /// Without a `thread`, nothing is sent, and the store is moved by hand.
    pub(super) fn new(
        config: &Config,
        instruments: &Instruments,
        sources: Sources,
        ledger: Ledger,
        thread: bool,
    ) -> Result<Self, InitError> {
        let keeper = store::keeper(config, &sources.clock, instruments, thread)?;
        let reception = Reception::new(config, sources.clock.clone(), keeper.clone(), ledger);
        let reception = Arc::new(reception);
        observe(instruments, &reception);
        let emitter = Emitter::new(config, sources.clone());
        #[cfg(feature = "otlp")]
        let remote = if thread {
            Remote::new(&config.heartbeat, instruments).map_err(InitError::Heartbeat)?
        } else {
            None
        };
        let heart = Heart::new(
            sources,
            emitter,
            reception.clone(),
            #[cfg(feature = "otlp")]
            remote,
        );
        Ok(Self {
            heart,
            keeper,
            reception,
        })
    }

    pub(super) fn start(&self) -> io::Result<Beating> {
        self.heart.start()
    }

    /// What the threads do, once.
    #[cfg(feature = "testing")]
    pub(super) fn tick(&self) {
        self.heart.round(&Voice::AtOnce);
        self.keeper.tick();
    }

    /// Says goodbye for every worker, and keeps what is to be kept, which `conclude` may add to; answers
    /// what is left of the time, of which it takes two thirds at most.
    pub(super) async fn part(&self, within: Duration, conclude: impl FnOnce()) -> Duration {
        let (started, share) = (Instant::now(), within / 3);
        let (said, heard) = oneshot::channel();
        let done = Box::new(move || {
            let _ = said.send(());
        });
        self.heart.part(share, done);
        let _ = at_most(share, heard).await;
        conclude();
        let _ = at_most(share, self.keeper.flush(share)).await;
        within.saturating_sub(started.elapsed())
    }

    /// Closes the store, which takes nothing any more.
    pub(super) async fn close(&self) {
        let _ = at_most(CLOSING, self.keeper.stop(CLOSING)).await;
    }
}

/// The scheduler's id: the service's name, and the instance where it has an id, because of two that
/// beat under one id each would take the other for a restart.
pub(super) fn scheduler(service: &Service) -> BeatId {
    match &service.instance_id {
        Some(instance) => BeatId::closest(&format!("{}:{instance}", service.name)),
        None => BeatId::closest(&service.name),
    }
}
