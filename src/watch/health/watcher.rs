//! The thread that starts runs, keeps their deadlines, and publishes what is known. It runs nothing
//! that a user wrote.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{fmt, io, thread};

use super::change::HealthChange;
use super::entry::{Entry, Outside, Told};
use super::fallback_runtime::Spare;
use super::run::{Letter, Work};
use super::settings::Plan;
use crate::background::notify::News;
use crate::config;
use crate::model::snapshot::health::{Judgement, LatestHealth, Status};
use crate::model::snapshot::{Latest, health};
use crate::record::clock::Clock;

/// The longest time without a look.
const PATIENCE: Duration = Duration::from_secs(60);

/// The checks of the process. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Health(Arc<Inner>);

struct Inner {
    clock: Clock,
    config: config::Health,
    latest: LatestHealth,
    figures: Latest,
    letters: Sender<Letter>,
    inbox: Mutex<Receiver<Letter>>,
    roster: Mutex<Roster>,
    numbers: AtomicU64,
    news: News<HealthChange>,
    spare: Spare,
}

/// What is watched, and what was said of it last.
#[derive(Debug, Default)]
struct Roster {
    entries: Vec<Entry>,
    sampled: bool,
    started: bool,
    ending: Option<Instant>,
    announced: Option<Judgement>,
    stopped: bool,
}

/// Watches until it is dropped.
#[derive(Debug)]
pub(crate) struct Watching(Sender<Letter>);

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.0.send(Letter::Stop);
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Health {
    /// Publishes into `latest`; `figures` are those of the samplers.
    pub(crate) fn new(
        clock: Clock,
        config: config::Health,
        latest: LatestHealth,
        figures: Latest,
    ) -> Self {
        let (letters, inbox) = channel();
        Self(Arc::new(Inner {
            clock,
            config,
            latest,
            figures,
            letters,
            inbox: Mutex::new(inbox),
            roster: Mutex::default(),
            numbers: AtomicU64::new(0),
            news: News::default(),
            spare: Spare::default(),
        }))
    }

    /// Starts watching on a thread of its own; the samplers have looked once.
    pub(crate) fn start(&self) -> io::Result<Watching> {
        self.0.news.start()?;
        self.tick();
        let health = self.clone();
        thread::Builder::new()
            .name("vantage-health".into())
            .spawn(move || health.watch())?;
        Ok(Watching(self.0.letters.clone()))
    }

    /// Looks at everything once; says when to look again.
    pub(crate) fn tick(&self) -> Instant {
        let mut roster = lock(&self.0.roster);
        roster.sampled = true;
        // A run that is over wakes nobody here who is not awake already.
        while let Ok(letter) = lock(&self.0.inbox).try_recv() {
            roster.take(letter);
        }
        let now = self.0.clock.now();
        let outside = Outside {
            clock: &self.0.clock,
            letters: &self.0.letters,
        };
        for entry in &mut roster.entries {
            entry.look(now, &outside);
        }
        // Those that only look at figures are over already.
        while let Ok(letter) = lock(&self.0.inbox).try_recv() {
            roster.take(letter);
        }
        let next = roster.entries.iter().map(|entry| entry.next(now)).min();
        self.0.publish(roster);
        next.unwrap_or(now + PATIENCE).min(now + PATIENCE)
    }

    /// The latest, as plain values.
    #[cfg(feature = "axum")]
    pub(crate) fn latest(&self) -> &LatestHealth {
        &self.0.latest
    }

    /// The whole as it is now.
    pub(crate) fn judge(&self) -> Judgement {
        self.0.latest.read().judge(self.0.clock.now())
    }

    /// Not ready from now on; says since when, if that is not news.
    pub(crate) fn end(&self) -> Instant {
        let mut roster = lock(&self.0.roster);
        let since = *roster.ending.get_or_insert_with(Instant::now);
        self.0.publish(roster);
        since
    }

    pub(crate) fn on_change(&self, callback: impl Fn(&HealthChange) + Send + Sync + 'static) {
        self.0.news.subscribe(Arc::new(callback));
    }

    pub(super) fn config(&self) -> &config::Health {
        &self.0.config
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(super) fn figures(&self) -> &Latest {
        &self.0.figures
    }

    pub(super) fn runtime(&self) -> Option<tokio::runtime::Handle> {
        self.0.spare.or_current()
    }

    /// Adds a check; one of the same id gives way to it.
    pub(super) fn register(&self, plan: Plan, work: Work, told: Option<Told>) -> u64 {
        let number = self.0.numbers.fetch_add(1, Ordering::Relaxed);
        let entry = Entry::new(number, plan, work, told, self.0.clock.now());
        let mut roster = lock(&self.0.roster);
        roster.entries.retain(|other| other.id() != entry.id());
        roster.entries.push(entry);
        self.0.publish(roster);
        let _ = self.0.letters.send(Letter::Wake);
        number
    }

    pub(super) fn remove(&self, number: u64) {
        let mut roster = lock(&self.0.roster);
        roster.entries.retain(|entry| entry.number != number);
        self.0.publish(roster);
    }

    fn watch(&self) {
        loop {
            let next = self.tick();
            if lock(&self.0.roster).stopped {
                return;
            }
            let wait = next.saturating_duration_since(self.0.clock.now());
            // The clone in `self` can send: it is never disconnected.
            let letter = lock(&self.0.inbox).recv_timeout(wait);
            if let Ok(letter) = letter {
                lock(&self.0.roster).take(letter);
            }
        }
    }
}

impl Roster {
    fn take(&mut self, letter: Letter) {
        match letter {
            Letter::Wake => {}
            Letter::Stop => self.stopped = true,
            Letter::Landed(landing) => {
                let number = landing.check;
                let entry = self.entries.iter_mut().find(|entry| entry.number == number);
                if let Some(entry) = entry {
                    entry.land(landing);
                }
            }
        }
    }
}

impl Inner {
    /// Shows what is known, and tells what has changed.
    fn publish(&self, mut roster: MutexGuard<'_, Roster>) {
        let now = self.clock.now();
        let health = roster.health();
        let judgement = health.judge(now);
        self.latest.publish(health);
        let changes = roster.changes(now, judgement);
        // In their order, and so before another thread may publish.
        let untold = self.news.post(changes);
        drop(roster);
        self.news.tell(&untold);
    }
}

impl Roster {
    fn health(&mut self) -> health::Health {
        let checks: Vec<_> = self.entries.iter().map(Entry::state).collect();
        let pending = |check: &health::CheckState| check.counts() && check.found.is_none();
        self.started |= self.sampled && !checks.iter().any(pending);
        health::Health {
            sampled: self.sampled,
            started: self.started,
            ending: self.ending.is_some(),
            checks,
        }
    }

    /// What is to be told.
    fn changes(&mut self, now: Instant, judgement: Judgement) -> Vec<HealthChange> {
        let turns = self.entries.iter_mut().filter_map(|entry| entry.turn(now));
        let mut changes: Vec<_> = turns.collect();
        let before = self.announced.replace(judgement);
        let from = before.map_or(Status::Pass, |before| before.status);
        if from != judgement.status {
            let to = judgement.status;
            changes.push(HealthChange::Status { from, to });
        }
        if before.is_some_and(|before| before.ready) != judgement.ready {
            changes.push(HealthChange::Ready(judgement.ready));
        }
        changes
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
