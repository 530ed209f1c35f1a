//! One registered check: when it runs, and what its runs have shown. All of it is arithmetic over
//! instants that are handed in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant, SystemTime};

use tokio::task::AbortHandle;

use super::change::HealthChange;
use super::finding::Finding;
use super::hysteresis::Damper;
use super::run::{Landing, Letter, Ticket, Work};
use super::settings::Plan;
use crate::model::snapshot::health::{CheckState, Found, Known, Status};
use crate::model::snapshot::private::Private;
use crate::record::clock::Clock;

/// Is told whether the latest run worked, before any damping.
pub(super) type Told = Box<dyn Fn(bool) + Send>;

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) number: u64,
    plan: Plan,
    work: Work,
    told: Hidden<Option<Told>>,
    registered: Instant,
    due: Instant,
    runs: u64,
    flight: Option<Flight>,
    damper: Damper,
    found: Option<Found>,
    /// What the latest run said; public types never hold it.
    detail: Option<String>,
    /// The status that was announced last.
    announced: Option<Status>,
}

/// A run that has not come back yet.
#[derive(Debug)]
struct Flight {
    since: Instant,
    begun: Arc<AtomicBool>,
    stop: Option<AbortHandle>,
    /// Its time was over, and what it may still say is of no interest.
    given_up: bool,
}

/// Not for `Debug`.
struct Hidden<T>(T);

impl<T> std::fmt::Debug for Hidden<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("..")
    }
}

/// What a run needs from outside.
pub(super) struct Outside<'a> {
    pub(super) clock: &'a Clock,
    pub(super) letters: &'a Sender<Letter>,
}

impl Entry {
    pub(super) fn new(
        number: u64,
        plan: Plan,
        work: Work,
        told: Option<Told>,
        now: Instant,
    ) -> Self {
        Self {
            number,
            damper: Damper::new(plan.damping),
            plan,
            work,
            told: Hidden(told),
            registered: now,
            due: now,
            runs: 0,
            flight: None,
            found: None,
            detail: None,
            announced: None,
        }
    }

    pub(super) fn id(&self) -> &Arc<str> {
        &self.plan.id
    }

    /// A run came back.
    pub(super) fn land(&mut self, landing: Landing) {
        if landing.run != self.runs {
            return;
        }
        let Some(flight) = self.flight.take() else {
            return;
        };
        // A run that was over only after the next one was due must not be followed at once: what
        // blocks for a minute would block for ever.
        if landing.at >= self.due {
            self.due = landing.at + self.plan.interval;
        }
        let took = landing.at.saturating_duration_since(flight.since);
        match landing.finding {
            _ if flight.given_up => {}
            Some(_) if took >= self.plan.timeout => self.time_out(flight.since, landing.wall),
            Some(finding) => self.record(&finding, landing.at, landing.wall, took),
            None => {}
        }
    }

    /// Gives up a run whose time is over, and starts the next when it is due.
    pub(super) fn look(&mut self, now: Instant, outside: &Outside<'_>) {
        if let Some(flight) = &mut self.flight
            && !flight.given_up
            && now >= flight.since + self.plan.timeout
        {
            flight.given_up = true;
            if let Some(stop) = &flight.stop {
                stop.abort();
            }
            let (since, begun) = (flight.since, flight.begun.load(Ordering::Relaxed));
            // One that never began says something of its runtime, and nothing of what is checked.
            if begun {
                let late = now.saturating_duration_since(since + self.plan.timeout);
                let wall = outside.clock.wall();
                self.time_out(since, wall.checked_sub(late).unwrap_or(wall));
            }
        }
        if self.flight.is_none() && now >= self.due {
            self.start(now, outside);
        }
    }

    /// When there is something to look at again.
    pub(super) fn next(&self, now: Instant) -> Instant {
        let run = match &self.flight {
            // Its landing wakes.
            Some(flight) if flight.given_up => now + self.plan.interval,
            Some(flight) => flight.since + self.plan.timeout,
            None => self.due,
        };
        let state = self.state();
        match state.known(now) {
            Known::Stale => run,
            _ => run.min(self.seen() + state.stale_after),
        }
    }

    /// The status has changed since the last call.
    pub(super) fn turn(&mut self, now: Instant) -> Option<HealthChange> {
        let state = self.state();
        let status = state.status(now)?;
        let from = self.announced.replace(status);
        (from != Some(status)).then(|| HealthChange::Check {
            code: state.code(now),
            id: state.id,
            from,
            to: status,
            criticality: state.criticality,
            detail: self.detail.clone(),
        })
    }

    pub(super) fn state(&self) -> CheckState {
        CheckState {
            id: Arc::clone(&self.plan.id),
            criticality: self.plan.criticality,
            scope: self.plan.scope,
            component: self.plan.component,
            unready: self.plan.is_unready(),
            watchdog: self.plan.watchdog,
            registered: self.registered,
            stale_after: self.plan.stale_after(),
            found: self.found.clone(),
        }
    }

    /// The latest that is known is of this moment.
    fn seen(&self) -> Instant {
        self.found
            .as_ref()
            .map_or(self.registered, |found| found.at)
    }

    fn start(&mut self, now: Instant, outside: &Outside<'_>) {
        self.due = now + self.plan.pause();
        self.runs += 1;
        let begun = Arc::new(AtomicBool::new(false));
        let ticket = Ticket {
            check: self.number,
            run: self.runs,
            clock: outside.clock.clone(),
            letters: outside.letters.clone(),
            begun: Arc::clone(&begun),
            finding: None,
        };
        let stop = self.work.start(now, ticket);
        self.flight = Some(Flight {
            since: now,
            begun,
            stop,
            given_up: false,
        });
    }

    fn time_out(&mut self, since: Instant, wall: SystemTime) {
        let timeout = self.plan.timeout;
        self.record(&Finding::fail("timeout"), since + timeout, wall, timeout);
    }

    fn record(&mut self, finding: &Finding, at: Instant, wall: SystemTime, took: Duration) {
        self.found = Some(Found {
            status: self.damper.take(finding.status()),
            code: finding.code(),
            detail: finding.detail().map(Private::new),
            at,
            wall,
            took,
        });
        self.detail = finding.detail().map(str::to_owned);
        if let Some(told) = &self.told.0 {
            told(finding.status() != Status::Fail);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(stop) = self.flight.take().and_then(|flight| flight.stop) {
            stop.abort();
        }
    }
}
