//! The status of the service for the public: states of components, incidents, maintenance, uptime.
//!
//! One loop looks at what the process knows of itself, its workers and its objectives, and keeps the
//! states that follow from it; what other processes of the fleet saw it reads from the store. It writes
//! down what goes wrong as an incident, and resolves that when all is well again. People write, too:
//! with [`Incidents`], or by `POST /api/v1/incidents`.
//!
//! Why by the store, and not by one process that leads? Because whoever leads may be the one that is
//! ill. Every process says what it sees, the worst counts, and of any number that open the same
//! incident the store lets one.
//!
//! How a component's state follows, checked from the worst down:
//!
//! | what is looked at | degraded performance | partial outage | major outage |
//! |---|---|---|---|
//! | `database`, and `checks` of the configuration | one warns | some fail | all fail |
//! | `api`: the checks of this service | one warns; or it fails, and the service goes on | it takes this instance out, with others beside it | it takes the service out |
//! | `workers`, `scheduler` | fewer than half are offline or stalled | half or more | all |
//! | alerts of the objectives `api.*`, `workers.*` | warning | critical | – |
//!
//! `web` is operational where this process has the role. In announced maintenance, what is no outage
//! is shown as maintenance; an outage is shown as what it is.

mod auto_incident;
mod component;
mod error;
mod history;
mod new_incident;
mod observations;
mod publish;
mod rate_limit;
mod recorder;
mod request;
mod rules;
mod text;
mod validate;

use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{io, thread};

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use error::{IncidentError, IncidentFault};
pub use new_incident::{NewIncident, NewMaintenance, NewUpdate};
pub(crate) use observations::Evidence;

use self::auto_incident::{Situation, Terms};
use self::history::History;
use self::publish::{Known, Page};
use self::rate_limit::Pace;
use self::recorder::Recorder;
use self::validate::Judge;
use crate::config::Config;
use crate::model::status::{ComponentState, LatestStatus, StatusId, StatusSnapshot};
use crate::record::clock::Clock;
use crate::store::{BulletinRow, Change, Course, Keeper, Reply, answered};

/// How often everything is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How often a snapshot is made where nothing changed, for the sake of its time.
const PUBLISH: Duration = Duration::from_secs(2);
/// How often somebody's words are tried again who is overtaken by others each time.
const TRIES: usize = 8;

/// The status of the service: what it is, and what people have to say about it. A cheap clone; all
/// clones are the same.
///
/// It is looked at and written where a process has the role `api` or `web`.
#[derive(Clone, Debug)]
pub struct Incidents(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    keeper: Keeper,
    page: Page,
    terms: Terms,
    evidence: Evidence,
    latest: LatestStatus,
    /// Whether this process has a role that shows it.
    live: bool,
    pace: Pace,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    recorder: Recorder,
    history: History,
    states: Vec<ComponentState>,
    /// What the clerk is writing down, until the store has answered.
    writing: Option<(BulletinRow, Reply<Option<BulletinRow>>)>,
    published: Option<Instant>,
    ended: bool,
}

impl Incidents {
    pub(crate) fn new(config: &Config, clock: Clock, keeper: Keeper, evidence: Evidence) -> Self {
        let status = &config.status;
        let title = status.title.as_deref().unwrap_or(&config.service.name);
        let page = Page {
            title: title.into(),
            zone_name: status.time_zone.as_str().into(),
            // Judged by the configuration.
            zone: TimeZone::get(&status.time_zone).unwrap_or(TimeZone::UTC),
            parts: component::parts(config),
        };
        Self(Arc::new(Inner {
            clock,
            page,
            terms: Terms::of(status),
            evidence,
            latest: LatestStatus::default(),
            live: config.shows_status(),
            pace: Pace::default(),
            state: Mutex::new(State {
                recorder: Recorder::default(),
                history: History::new(keeper.clone()),
                states: Vec::new(),
                writing: None,
                published: None,
                ended: false,
            }),
            keeper,
        }))
    }

    /// What the public is told now; `None` before the first look, and where this process has neither
    /// the role `api` nor `web`.
    #[must_use]
    pub fn status(&self) -> Option<Arc<StatusSnapshot>> {
        self.0.latest.read()
    }

    /// Writes down an incident, and waits until it is kept.
    ///
    /// # Errors
    ///
    /// [`IncidentError`] says whether to write something else or to try again.
    pub async fn open(&self, incident: NewIncident) -> Result<StatusId, IncidentError> {
        let judge = self.judge()?;
        self.write(judge.incident(&incident)).await
    }

    /// Announces work, and waits until it is kept.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub async fn announce(&self, maintenance: NewMaintenance) -> Result<StatusId, IncidentError> {
        let judge = self.judge()?;
        self.write(judge.maintenance(&maintenance)).await
    }

    /// Adds to an incident or a maintenance, whoever opened it, and waits until that is kept. After that
    /// the system has no more to say about this incident.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub async fn update(&self, id: StatusId, update: NewUpdate) -> Result<(), IncidentError> {
        for _ in 0..TRIES {
            let judge = self.judge()?;
            let row = self.0.keeper.bulletin(id).await.map_err(away)?;
            let row = row.ok_or(IncidentError::Unknown)?;
            match self.write(judge.update(&row, &update)).await {
                // Somebody else was faster.
                Err(IncidentError::Busy) => {}
                done => return done.map(drop),
            }
        }
        Err(IncidentError::Busy)
    }

    /// Whether another one may be written from outside; at most 60 a minute may.
    #[cfg_attr(not(feature = "axum"), expect(dead_code, reason = "the routes use it"))]
    pub(crate) fn has_room(&self) -> bool {
        self.0.pace.allows(self.0.clock.now())
    }

    /// The same as JSON, for the routes.
    #[cfg_attr(not(feature = "axum"), expect(dead_code, reason = "the routes use it"))]
    pub(crate) async fn open_json(&self, body: &[u8]) -> Result<StatusId, IncidentError> {
        let incident = request::incident(body).map_err(IncidentError::Faults)?;
        self.open(incident).await
    }

    #[cfg_attr(not(feature = "axum"), expect(dead_code, reason = "the routes use it"))]
    pub(crate) async fn announce_json(&self, body: &[u8]) -> Result<StatusId, IncidentError> {
        let maintenance = request::maintenance(body).map_err(IncidentError::Faults)?;
        self.announce(maintenance).await
    }

    #[cfg_attr(not(feature = "axum"), expect(dead_code, reason = "the routes use it"))]
    pub(crate) async fn update_json(
        &self,
        id: &str,
        body: &[u8],
    ) -> Result<StatusId, IncidentError> {
        let update = request::update(body).map_err(IncidentError::Faults)?;
        let id = id.parse().map_err(|_| IncidentError::Unknown)?;
        self.update(id, update).await.map(|()| id)
    }

    /// Where the latest snapshot is.
    #[cfg(feature = "axum")]
    pub(crate) fn latest(&self) -> &LatestStatus {
        &self.0.latest
    }

    /// Looks at everything, once.
    pub(crate) fn tick(&self) {
        if self.0.live {
            self.0.look(false);
        }
    }

    /// Starts the loop on a thread of its own; it ends when the answer is dropped.
    pub(crate) fn start(&self) -> io::Result<Option<SyncSender<()>>> {
        if !self.0.live {
            return Ok(None);
        }
        let (stop, stopped) = sync_channel(0);
        let incidents = self.clone();
        thread::Builder::new()
            .name("vantage-status".into())
            .spawn(move || {
                while stopped.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                    incidents.tick();
                }
            })?;
        Ok(Some(stop))
    }

    /// Hands to the store until when everything was seen, and looks no more.
    pub(crate) fn end(&self) {
        let mut state = self.0.state();
        state.ended = true;
        for row in state.recorder.end() {
            self.0.keeper.keep(Change::Span(row));
        }
    }

    fn judge(&self) -> Result<Judge<'_>, IncidentError> {
        let now = self.0.now().filter(|_| self.0.live);
        let now = now.ok_or(IncidentError::Off)?;
        Ok(Judge::new(&self.0.page.parts, now))
    }

    async fn write(
        &self,
        judged: Result<BulletinRow, Vec<IncidentFault>>,
    ) -> Result<StatusId, IncidentError> {
        let row = judged.map_err(IncidentError::Faults)?;
        let kept = self.0.keeper.post(row.clone()).await.map_err(away)?;
        let is_ours = kept.as_ref().is_some_and(|kept| kept.includes(&row));
        if let Some(kept) = kept {
            self.0.state().history.learn(kept);
            self.0.look(true);
        }
        if is_ours {
            Ok(row.id)
        } else {
            Err(IncidentError::Busy)
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn away(error: crate::store::StoreError) -> IncidentError {
    // The text may hold what is not for everybody.
    tracing::warn!(target: "vantage_obs", error = error.told(), "what was written about an incident was not kept");
    IncidentError::Away
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Option<Timestamp> {
        Timestamp::try_from(self.clock.wall()).ok()
    }

    /// Looks, keeps what is seen, and publishes where something is new or it is time to.
    fn look(&self, at_once: bool) {
        let (now, Some(wall)) = (self.clock.now(), self.now()) else {
            return;
        };
        let mut state = self.state();
        if state.ended {
            return;
        }
        let mut news = state.history.read(now, wall);
        news |= self.see(&mut state, now, wall);
        news |= state.take_answer();
        let due = state
            .published
            .is_none_or(|last| now.saturating_duration_since(last) >= PUBLISH);
        if news || due || at_once {
            state.published = Some(now);
            self.publish(&mut state, wall);
        }
    }

    /// Keeps the states of now; whether one is another.
    fn see(&self, state: &mut State, now: Instant, wall: Timestamp) -> bool {
        let parts = &self.page.parts;
        let states = self.evidence.look(parts, now, wall);
        let keys = parts.iter().map(|part| &part.key);
        let seen = keys.zip(states.iter().copied());
        let recorded = state.recorder.see(seen, wall.as_second());
        for row in &recorded.seen {
            state.history.see(row, true);
        }
        for row in recorded.told {
            self.keeper.keep(Change::Span(row));
        }
        std::mem::replace(&mut state.states, states) != state.states
    }

    fn publish(&self, state: &mut State, wall: Timestamp) {
        state.history.trim(wall);
        let condition = self.keeper.condition();
        let failing = condition
            .failing
            .and_then(|failing| wall.checked_sub(failing).ok());
        let known = Known {
            page: &self.page,
            history: &state.history,
            recorder: &state.recorder,
            now: wall,
            away_since: state.history.away_since().or(failing),
        };
        let (snapshot, seen) = known.snapshot();
        self.latest.publish(snapshot);
        if state.writing.is_some() || !state.history.is_ready() {
            return;
        }
        let bulletins: Vec<_> = state.history.bulletins().collect();
        let situation = Situation {
            terms: self.terms,
            seen: &seen,
            bulletins: &bulletins,
            now: wall,
        };
        let decided = situation.decide();
        state.writing = decided.map(|row| (row.clone(), self.keeper.post(row)));
    }
}

impl State {
    /// Takes up the store's answer to what the clerk wrote down; whether anything is new.
    fn take_answer(&mut self) -> bool {
        let Some((_, reply)) = &mut self.writing else {
            return false;
        };
        let Some(answer) = answered(reply) else {
            return false;
        };
        let written = self.writing.take().map(|(row, _)| row);
        match answer {
            Ok(Some(kept)) => {
                if written.as_ref() == Some(&kept) {
                    tell(&kept);
                }
                self.history.learn(kept)
            }
            // Another process has opened it.
            Ok(None) => {
                self.history.hurry();
                false
            }
            // It is decided anew, and tried again.
            Err(_) => false,
        }
    }
}

/// Whoever reads the log of the process that wrote it finds it there.
fn tell(row: &BulletinRow) {
    let Course::Incident(course) = &row.course else {
        return;
    };
    let (incident, title, status) = (&row.id, &row.title, course.status.as_str());
    if row.version == 1 {
        tracing::warn!(target: "vantage_obs", %incident, title, "an incident was opened");
    } else {
        tracing::info!(target: "vantage_obs", %incident, title, status, "an incident went on");
    }
}

#[cfg(test)]
mod tests;
