//! The sink `http`: beats go to the API of another process, by requests that nobody waits for.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hashbrown::HashSet;

use super::emitter::Emitter;
use super::http_request::{Outcome, Post};
use super::queue::{Fate, Outbox, Word};
use crate::background::log_sink::Voice;
use crate::background::outage::{OutageTracker, Outage};
use crate::config::{Endpoint, Heartbeat};
use crate::model::catalog::telemetry::{BY_RESULT, HEARTBEAT_SENDS};
use crate::model::units::format_duration;
use crate::record::instruments::Crew;
use crate::record::series::{Counter, Instruments, Series};

/// Sends what waits. Lives on the heartbeat's thread, in its runtime.
#[derive(Debug)]
pub(crate) struct Remote {
    endpoint: Endpoint,
    post: Post,
    pub(super) outbox: Outbox,
    over: Arc<Mutex<Vec<(Word, Outcome)>>>,
    sends: Series<Counter, 1>,
    changes: OutageTracker,
    /// The results that the log has heard of.
    told: HashSet<&'static str>,
}

impl Remote {
    /// `None` where beats stay in the process; the error says what is wrong with the certificates.
    pub(crate) fn new(
        config: &Heartbeat,
        instruments: &Instruments,
    ) -> Result<Option<Self>, String> {
        let (crate::config::HeartbeatSink::Http, Some(endpoint)) = (config.sink, &config.endpoint)
        else {
            return Ok(None);
        };
        Ok(Some(Self {
            endpoint: endpoint.clone(),
            post: Post::new(endpoint, config)?,
            outbox: Outbox::new(config.interval),
            over: Arc::default(),
            sends: instruments.series(&HEARTBEAT_SENDS, &BY_RESULT),
            changes: OutageTracker::default(),
            told: HashSet::new(),
        }))
    }

    /// Takes up what is over, and sends what may be sent.
    pub(super) fn round(
        &mut self,
        emitter: &mut Emitter,
        crew: &Crew,
        now: Instant,
        voice: &Voice,
    ) {
        let over = std::mem::take(&mut *lock(&self.over));
        for (word, outcome) in over {
            self.sends.with([outcome.result], |series| series.add(1));
            self.tell(&outcome, now, voice);
            self.outbox.ended(word, outcome.fate, now);
        }
        while let Some(word) = self.outbox.next(now) {
            self.launch(word, emitter, crew);
        }
    }

    /// The beat is made now, so that it tells of the present however long it has waited.
    fn launch(&self, word: Word, emitter: &mut Emitter, crew: &Crew) {
        let progress = word
            .progress
            .unwrap_or_else(|| emitter.standing().of(&word.member));
        let beat = emitter.beat(word.member.role, word.condition, progress);
        let (post, over, crew) = (self.post.clone(), Arc::clone(&self.over), crew.clone());
        tokio::spawn(async move {
            let outcome = post.send(&word.member.id, &beat).await;
            lock(&over).push((word, outcome));
            crew.wake();
        });
    }

    fn tell(&mut self, outcome: &Outcome, now: Instant, voice: &Voice) {
        match outcome.fate {
            Fate::Taken => {
                if let Some(outage) = self.changes.worked(now) {
                    self.is_back(outage, voice);
                }
            }
            Fate::Later(_) => {
                if self.changes.failed(now) {
                    self.is_away(outcome, voice);
                }
            }
            Fate::Refused => {
                let fix = outcome.fix.unwrap_or_default();
                if self.told.insert(fix) {
                    self.is_refused(outcome, fix, voice);
                }
            }
        }
    }

    fn is_away(&self, outcome: &Outcome, voice: &Voice) {
        let (endpoint, cause) = (self.endpoint.clone(), outcome.cause.clone());
        voice.say(move || {
            tracing::warn!(
                %endpoint,
                cause,
                "heartbeats don't arrive; their receiver will take our workers for offline"
            );
        });
    }

    fn is_back(&self, outage: Outage, voice: &Voice) {
        let endpoint = self.endpoint.clone();
        let seconds = Duration::from_secs(outage.lasted.as_secs().max(1));
        let after = format_duration(seconds);
        voice.say(move || tracing::info!(%endpoint, after, "heartbeats arrive again"));
    }

    fn is_refused(&self, outcome: &Outcome, fix: &'static str, voice: &Voice) {
        let (endpoint, cause) = (self.endpoint.clone(), outcome.cause.clone());
        voice.say(move || {
            tracing::error!(
                %endpoint,
                cause,
                fix,
                "a heartbeat was refused, and the worker will be taken for offline"
            );
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
