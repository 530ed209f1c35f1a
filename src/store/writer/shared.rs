//! What the callers of a keeper and its thread both see, behind a lock that nobody holds for long.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::model::snapshot::private::Private;
use crate::model::snapshot::store::StoreCondition;
use crate::record::clock::Clock;
use crate::store::pending::Pending;
use crate::store::{Change, Store, StoreError};

use super::{BATCH, BOUND, LINGER};

/// Changes that came, and how those before them fared.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) clock: Clock,
    state: Mutex<State>,
    /// Something came, or is wanted at once.
    pub(super) nudge: Notify,
    /// A round of commits has ended.
    pub(super) rounds: Notify,
}

#[derive(Debug)]
struct State {
    /// Taken away at the end, so that a file is closed whoever still holds a keeper.
    store: Option<Arc<dyn Store>>,
    fresh: Pending,
    /// What was taken for a commit and is not durable yet.
    behind: usize,
    oldest_behind: Option<Instant>,
    failing_since: Option<Instant>,
    hurry: bool,
    /// The figures; what passes is worked out when somebody asks.
    told: StoreCondition,
}

/// When the next commit is due.
pub(super) enum Due {
    Now,
    At(Instant),
    Never,
}

impl Shared {
    pub(super) fn new(store: Arc<dyn Store>, clock: Clock) -> Self {
        Self {
            clock,
            state: Mutex::new(State {
                store: Some(store),
                fresh: Pending::default(),
                behind: 0,
                oldest_behind: None,
                failing_since: None,
                hurry: false,
                told: StoreCondition::default(),
            }),
            nudge: Notify::new(),
            rounds: Notify::new(),
        }
    }

    pub(super) fn keep(&self, change: Change) {
        let mut state = self.lock();
        if state.store.is_none() {
            state.told.late += 1;
            return;
        }
        let now = self.clock.now();
        let before = state.fresh.len();
        state.fresh.put(change, now);
        state.told.overflowed += state.fresh.trim(BOUND);
        let after = state.fresh.len();
        drop(state);
        if after != before && (after == 1 || after == BATCH) {
            self.nudge.notify_one();
        }
    }

    pub(super) fn store(&self) -> Option<Arc<dyn Store>> {
        self.lock().store.clone()
    }

    /// Asks for a commit without delay.
    pub(super) fn hurry(&self) {
        self.lock().hurry = true;
        self.nudge.notify_one();
    }

    /// When to commit, where after a failure nothing is tried before `resting`.
    pub(super) fn due(&self, resting: Option<Instant>) -> Due {
        let state = self.lock();
        if state.hurry {
            return Due::Now;
        }
        if let Some(until) = resting {
            return Due::At(until);
        }
        if state.fresh.len() >= BATCH {
            return Due::Now;
        }
        let first = state.oldest();
        first.map_or(Due::Never, |first| Due::At(first + LINGER))
    }

    /// Hands over what came since the last time.
    pub(super) fn take(&self, backlog: &mut Pending) {
        let mut state = self.lock();
        state.hurry = false;
        // Counted before the lock is given back, so that nobody finds nothing waiting in between.
        state.behind += state.fresh.len();
        state.oldest_behind = state.oldest();
        let mut fresh = std::mem::take(&mut state.fresh);
        drop(state);
        backlog.put_all(fresh.take(usize::MAX));
    }

    pub(super) fn behind(&self, behind: usize, oldest: Option<Instant>) {
        let mut state = self.lock();
        (state.behind, state.oldest_behind) = (behind, oldest);
    }

    pub(super) fn overflowed(&self, dropped: u64) {
        self.lock().told.overflowed += dropped;
    }

    pub(super) fn refused(&self, dropped: u64) {
        self.lock().told.refused += dropped;
    }

    pub(super) fn committed(&self) {
        self.lock().told.committed += 1;
    }

    pub(super) fn failed(&self, error: &StoreError) {
        let mut state = self.lock();
        state.told.failed += 1;
        state.told.error = Some(Private::new(&error.told()));
    }

    /// A round of commits has failed; whether it is the first in a row.
    pub(super) fn fails(&self) -> bool {
        let mut state = self.lock();
        let first = state.failing_since.is_none();
        state.failing_since.get_or_insert_with(|| self.clock.now());
        first
    }

    /// A round of commits has ended well; for how long those before it failed.
    pub(super) fn works(&self) -> Option<Duration> {
        let since = self.lock().failing_since.take()?;
        Some(self.clock.now().saturating_duration_since(since))
    }

    /// Waits until everything that came up to a moment is durable.
    pub(super) async fn kept(&self, until: Instant) {
        loop {
            let round = self.rounds.notified();
            if self.left(until) == 0 {
                return;
            }
            round.await;
        }
    }

    /// How many changes wait, where any that came up to a moment does.
    pub(super) fn left(&self, until: Instant) -> u64 {
        let state = self.lock();
        let waits = state.oldest().is_some_and(|oldest| oldest <= until);
        if waits { state.pending() } else { 0 }
    }

    /// Takes the store away; what comes from now on is too late.
    pub(super) fn close(&self) -> Option<Arc<dyn Store>> {
        self.lock().store.take()
    }

    pub(super) fn condition(&self) -> StoreCondition {
        let store = self.store();
        let remark = store.and_then(|store| store.remark());
        let (state, now) = (self.lock(), self.clock.now());
        let ago = |since: Instant| now.saturating_duration_since(since);
        StoreCondition {
            pending: state.pending(),
            oldest_pending: state.oldest().map(ago),
            failing: state.failing_since.map(ago),
            remark: remark.as_deref().map(Private::new),
            ..state.told.clone()
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn pending(&self) -> u64 {
        u64::try_from(self.behind + self.fresh.len()).unwrap_or(u64::MAX)
    }

    fn oldest(&self) -> Option<Instant> {
        [self.oldest_behind, self.fresh.oldest()]
            .into_iter()
            .flatten()
            .min()
    }
}
