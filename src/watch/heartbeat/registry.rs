//! The roster: everybody who beats, judged by the receiver's clock at the moment somebody asks.
//!
//! It does nothing by itself and asks no clock: whoever comes says what time it is. Changes that have
//! become due are made first, each with its own date, so that it makes no difference who comes when,
//! and a receiver that was down finds out what it missed.

mod counters;
mod events;
mod ingest;
mod merge;
mod query;
mod slices;
mod slo;
mod state;
mod state_index;
#[cfg(test)]
mod tests;
mod workers;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use workers::Book;

use crate::model::heartbeat::{Beat, BeatId, Role};
use crate::store::WorkerRow;

pub(crate) use counters::{Reception, Refusal, Tally};
pub(crate) use events::{SliceCount, Tidings, Transition};
pub(crate) use ingest::Receipt;
pub(crate) use query::{Counts, Page, Query, View};
pub(crate) use state::{State, Terms};

/// The roster. A cheap clone; all clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Roster(Arc<Mutex<Book>>);

impl Roster {
    /// An empty roster, of a receiver that has listened since `now`.
    pub(crate) fn new(terms: Terms, now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Book::new(terms, now))))
    }

    /// Takes a beat in.
    ///
    /// # Errors
    ///
    /// When there is no room for another worker, or one beats far too often.
    pub(crate) fn beat(&self, id: &BeatId, beat: Beat, now: Timestamp) -> Result<Receipt, Refusal> {
        self.book().beat(id, beat, now)
    }

    /// Takes in what a store knows; how many rows there was no room for. Nothing becomes due by it:
    /// that is [`advance`](Self::advance)'s part.
    pub(crate) fn merge(&self, rows: Vec<WorkerRow>, now: Timestamp) -> u64 {
        self.book().merge(rows, now)
    }

    /// Misses somebody also when it never beats, and never forgets it. The row to be kept, where it
    /// is new.
    pub(crate) fn expect(&self, id: &BeatId, role: Role, now: Timestamp) -> Option<WorkerRow> {
        self.book().expect(id, role, now)
    }

    /// Goes on to `now`, and answers everything that became due since this was asked last.
    pub(crate) fn advance(&self, now: Timestamp) -> Tidings {
        let mut book = self.book();
        book.reach(now);
        let mut tidings = std::mem::take(&mut book.tidings);
        drop(book);
        tidings.transitions.sort_by_key(|transition| transition.at);
        tidings
    }

    /// Whether lost jobs and slices are counted here: of several receivers with one store, one does.
    /// They are until somebody says otherwise.
    pub(crate) fn lead(&self, leads: bool) {
        self.book().lead(leads);
    }

    /// One worker or scheduler; `None` where it is unknown or expired.
    pub(crate) fn view(&self, id: &BeatId, now: Timestamp) -> Option<View> {
        self.at(now).view(id)
    }

    pub(crate) fn page(&self, query: &Query, now: Timestamp) -> Page {
        self.at(now).page(query)
    }

    pub(crate) fn counts(&self, role: Role, now: Timestamp) -> Counts {
        self.at(now).counts(role)
    }

    /// When each was last seen that has not said goodbye; `None` where there are more than `limit`.
    pub(crate) fn last_seen(
        &self,
        role: Role,
        limit: usize,
        now: Timestamp,
    ) -> Option<Vec<(BeatId, Timestamp)>> {
        self.at(now).last_seen(role, limit)
    }

    /// What was counted since the start.
    pub(crate) fn tally(&self) -> Tally {
        self.book().tally
    }

    /// A beat that was read had so many members that nobody here knows.
    pub(crate) fn found_unknown(&self, members: u64) {
        self.book().tally.unknown_fields += members;
    }

    /// Something that was no beat, or came from somebody who may not beat.
    pub(crate) fn refused(&self) {
        self.book().tally.refused += 1;
    }

    fn at(&self, now: Timestamp) -> MutexGuard<'_, Book> {
        let mut book = self.book();
        book.reach(now);
        book
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
