//! The receiver's side: what arrives is put into the roster, and what changes into the store.

use super::desk::Desk;
use super::voice::Voice;
use crate::beat::{Beat, BeatId};
use crate::clock::Clock;
use crate::config::Config;
use crate::store::Keeper;

#[derive(Debug)]
pub(crate) struct Reception {
    clock: Clock,
    keeper: Keeper,
}

impl Reception {
    pub(crate) fn new(_: &Config, clock: Clock, keeper: Keeper) -> Self {
        Self { clock, keeper }
    }
}

impl Desk for Reception {
    fn receive(&self, _: &BeatId, _: Beat) {}

    fn tick(&self, _: &Voice) {
        let _ = (&self.clock, &self.keeper);
    }
}
