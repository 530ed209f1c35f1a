//! What the heartbeat's thread does, and a test without one.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::emitter::{Emitter, Sources};
#[cfg(feature = "otlp")]
use super::http_sink::Remote;
#[cfg(feature = "otlp")]
use super::queue::Word;
use super::sink::Desk;
use crate::background::log_sink::Voice;
use crate::model::heartbeat::{Condition, Progress};
use crate::record::instruments::Member;

/// How often the desk looks; what becomes due is found so much later at the most.
const TICK: Duration = Duration::from_millis(250);

/// The heartbeat of the process. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Heart(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    sources: Sources,
    desk: Arc<dyn Desk>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    emitter: Emitter,
    #[cfg(feature = "otlp")]
    remote: Option<Remote>,
    /// When the desk looks again.
    look: Option<Instant>,
    phase: Phase,
}

enum Phase {
    Running,
    Draining,
    /// Goodbyes are under way, until then.
    Parting(Instant, Done),
    /// Nothing is said any more.
    Parted,
}

/// Called when goodbyes were said, or it is too late for them.
pub(crate) type Done = Box<dyn FnOnce() + Send>;

impl fmt::Debug for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "Running",
            Self::Draining => "Draining",
            Self::Parting(..) => "Parting",
            Self::Parted => "Parted",
        })
    }
}

impl Heart {
    pub(crate) fn new(
        sources: Sources,
        emitter: Emitter,
        desk: Arc<dyn Desk>,
        #[cfg(feature = "otlp")] remote: Option<Remote>,
    ) -> Self {
        let state = State {
            emitter,
            #[cfg(feature = "otlp")]
            remote,
            look: None,
            phase: Phase::Running,
        };
        Self(Arc::new(Inner {
            sources,
            desk,
            state: Mutex::new(state),
        }))
    }

    /// Does what is due; says when something is again.
    pub(crate) fn round(&self, voice: &Voice) -> Instant {
        let now = self.now();
        let mut state = self.lock();
        if state.look.is_none_or(|look| look <= now) {
            state.look = Some(now + TICK);
            self.0.desk.tick(voice);
        }
        self.beat(&mut state, now);
        let parting = state.send(&self.0.sources, now, voice);
        let look = state.look.unwrap_or(now);
        let due = [Some(look), state.emitter.next(), parting];
        due.into_iter().flatten().min().unwrap_or(look)
    }

    /// From now on those who beat say that they take no more work.
    pub(crate) fn drain(&self) {
        let mut state = self.lock();
        if matches!(state.phase, Phase::Running) {
            state.phase = Phase::Draining;
            self.say(&mut state, Condition::Draining);
        }
    }

    /// Says goodbye for everybody, and nothing after that.
    pub(crate) fn part(&self, within: Duration, done: Done) {
        let mut state = self.lock();
        if matches!(state.phase, Phase::Parting(..) | Phase::Parted) {
            return done();
        }
        self.farewells(&mut state);
        self.say(&mut state, Condition::Stopped);
        if state.part() {
            state.phase = Phase::Parting(self.now() + within, done);
        } else {
            state.phase = Phase::Parted;
            done();
        }
    }

    /// Resolves when there may be something to do before its time.
    pub(super) async fn woken(&self) {
        self.0.sources.crew.changed().await;
    }

    pub(super) fn wake(&self) {
        self.0.sources.crew.wake();
    }

    pub(super) fn now(&self) -> Instant {
        self.0.sources.clock.now()
    }

    /// The beats that are due.
    fn beat(&self, state: &mut State, now: Instant) {
        let condition = match state.phase {
            Phase::Running => Condition::Running,
            Phase::Draining => Condition::Draining,
            Phase::Parting(..) | Phase::Parted => return,
        };
        self.farewells(state);
        let due = state.emitter.due(now);
        self.deliver(state, due, condition);
    }

    /// Everybody's, at once.
    fn say(&self, state: &mut State, condition: Condition) {
        self.deliver(state, self.0.sources.crew.present(), condition);
        self.wake();
    }

    /// The goodbyes of those who have left.
    fn farewells(&self, state: &mut State) {
        for (member, progress) in state.emitter.left() {
            self.put(state, member, Condition::Stopped, Some(progress));
        }
    }

    fn deliver(&self, state: &mut State, members: Vec<Member>, condition: Condition) {
        if members.is_empty() {
            return;
        }
        let standing = state.emitter.standing();
        for member in members {
            let now = (!state.is_remote()).then(|| standing.of(&member));
            self.put(state, member, condition, now);
        }
    }

    /// Into the outbox or onto the desk. Without progress it is asked when the beat is sent.
    fn put(
        &self,
        state: &mut State,
        member: Member,
        condition: Condition,
        progress: Option<Progress>,
    ) {
        #[cfg(feature = "otlp")]
        if let Some(remote) = &mut state.remote {
            return remote.outbox.put(Word {
                member,
                condition,
                progress,
            });
        }
        let progress = progress.unwrap_or_default();
        let beat = state.emitter.beat(member.role, condition, progress);
        self.0.desk.receive(&member.id, beat);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(feature = "otlp")]
impl State {
    const fn is_remote(&self) -> bool {
        self.remote.is_some()
    }

    /// Whether goodbyes take time.
    fn part(&mut self) -> bool {
        let remote = self.remote.as_mut();
        remote.is_some_and(|remote| {
            remote.outbox.part();
            !remote.outbox.is_empty()
        })
    }

    /// Sends what waits; says when there is something to send again.
    fn send(&mut self, sources: &Sources, now: Instant, voice: &Voice) -> Option<Instant> {
        let remote = self.remote.as_mut()?;
        if matches!(self.phase, Phase::Parted) {
            return None;
        }
        remote.round(&mut self.emitter, &sources.crew, now, voice);
        let wakes = remote.outbox.wakes();
        let Phase::Parting(until, _) = self.phase else {
            return wakes;
        };
        let said = remote.outbox.is_empty();
        if !said && now < until {
            return Some(wakes.map_or(until, |wakes| wakes.min(until)));
        }
        if !said {
            voice.say(|| {
                tracing::warn!(
                    "not all workers could say goodbye in time: their receiver will miss them"
                );
            });
        }
        if let Phase::Parting(_, done) = std::mem::replace(&mut self.phase, Phase::Parted) {
            done();
        }
        None
    }
}

#[cfg(not(feature = "otlp"))]
impl State {
    const fn is_remote(&self) -> bool {
        false
    }

    const fn part(&mut self) -> bool {
        false
    }

    const fn send(&mut self, _: &Sources, _: Instant, _: &Voice) -> Option<Instant> {
        None
    }
}

#[cfg(test)]
mod tests;
