//! What is said about workers that became something else.

use crate::background::log_sink::Voice;
use crate::model::heartbeat::BeatId;
use crate::watch::heartbeat::registry::{State, Transition};

/// Lines for one look; of more, only how many there are is said.
const LINES: usize = 20;

pub(super) fn tell(voice: &Voice, transitions: Vec<Transition>, unsaid: u64) {
    let mut told: Vec<_> = transitions.into_iter().filter(is_news).collect();
    // Where there are too many, the worst are said.
    told.sort_by_key(weight);
    if told.is_empty() && unsaid == 0 {
        return;
    }
    voice.say(move || {
        for change in told.iter().take(LINES) {
            say(change);
        }
        let more = unsaid + told.len().saturating_sub(LINES) as u64;
        if more > 0 {
            tracing::warn!(changes = more, "more workers changed at the same time");
        }
    });
}

/// That jobs are gone is worth a line of its own.
pub(super) fn tell_lost(voice: &Voice, jobs: u64) {
    if jobs > 0 {
        voice.say(move || tracing::error!(jobs, "jobs were lost with the workers that ran them"));
    }
}

/// Who was restarted since the last look without having said goodbye.
#[derive(Debug, Default)]
pub(super) struct Restarts {
    some: Vec<BeatId>,
    more: u64,
}

impl Restarts {
    pub(super) fn add(&mut self, id: &BeatId) {
        if self.some.len() < LINES {
            self.some.push(id.clone());
        } else {
            self.more += 1;
        }
    }

    pub(super) fn tell(self, voice: &Voice) {
        if self.some.is_empty() {
            return;
        }
        voice.say(move || {
            for worker in &self.some {
                tracing::warn!(%worker, "a worker was restarted, or another one beats under its id");
            }
            if self.more > 0 {
                tracing::warn!(workers = self.more, "more workers were restarted");
            }
        });
    }
}

/// That one comes or goes as it should is no news.
fn is_news(change: &Transition) -> bool {
    let bad = |state| matches!(state, State::Late | State::Stalled | State::Offline);
    bad(change.from) || bad(change.to)
}

const fn weight(change: &Transition) -> u8 {
    match change.to {
        State::Offline => 0,
        State::Stalled => 1,
        State::Late => 2,
        _ => 3,
    }
}

fn say(change: &Transition) {
    let (worker, at) = (&change.id, &change.at);
    match change.to {
        State::Offline => tracing::error!(%worker, %at, "a worker is offline"),
        State::Stalled => {
            tracing::warn!(%worker, %at, "a worker beats, and does not get on with its work");
        }
        State::Late => tracing::info!(%worker, %at, "a worker's beat is late"),
        to => {
            tracing::info!(%worker, %at, state = to.as_str(), "a worker is back, or gone for good");
        }
    }
}
