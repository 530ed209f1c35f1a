//! What is said about workers that became something else.

use crate::heartbeat::roster::{State, Transition};
use crate::heartbeat::voice::Voice;

/// Lines for one look; of more, only how many there are is said.
const LINES: usize = 20;

pub(super) fn tell(voice: &Voice, transitions: Vec<Transition>, unsaid: u64) {
    let told: Vec<_> = transitions.into_iter().filter(is_news).collect();
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

/// That one comes or goes as it should is no news.
fn is_news(change: &Transition) -> bool {
    let bad = |state| matches!(state, State::Late | State::Stalled | State::Offline);
    bad(change.from) || bad(change.to)
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
