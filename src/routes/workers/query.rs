//! What a list is asked for.

use axum::extract::Query as Pairs;
use axum::http::Uri;

use super::Fault;
use crate::beat::{BeatId, Role};
use crate::heartbeat::roster::{Query, State};

const LIMIT: usize = 100;
const MOST: usize = 1_000;

/// Reads `state`, several times or with commas, `limit`, `cursor` and `role`.
pub(super) fn read(uri: &Uri) -> Result<Query, Vec<Fault>> {
    let pairs = Pairs::<Vec<(String, String)>>::try_from_uri(uri);
    let pairs = pairs.map(|pairs| pairs.0).unwrap_or_default();
    let mut query = Query {
        role: Role::Worker,
        states: Vec::new(),
        after: None,
        limit: LIMIT,
    };
    let mut faults = Vec::new();
    for (name, value) in &pairs {
        let read = match name.as_str() {
            "state" => states(value).map(|states| query.states.extend(states)),
            "limit" => limit(value).map(|limit| query.limit = limit),
            "cursor" => BeatId::parse(value).map(|id| query.after = Some(id)),
            "role" => role(value).map(|role| query.role = role),
            // Other people's parameters, such as a cache's.
            _ => Some(()),
        };
        if read.is_none() {
            faults.push(fault(name, value));
        }
    }
    if faults.is_empty() {
        Ok(query)
    } else {
        Err(faults)
    }
}

fn states(text: &str) -> Option<Vec<State>> {
    let state = |word: &str| {
        State::LISTED
            .into_iter()
            .find(|state| state.as_str() == word)
    };
    text.split(',').map(state).collect()
}

fn limit(text: &str) -> Option<usize> {
    text.parse().ok().filter(|limit| (1..=MOST).contains(limit))
}

fn role(text: &str) -> Option<Role> {
    Role::ALL.into_iter().find(|role| role.as_str() == text)
}

fn fault(name: &str, value: &str) -> Fault {
    let allowed = match name {
        "state" => State::LISTED.map(State::as_str).join(", "),
        "limit" => format!("1 to {MOST}"),
        "cursor" => "the `next_cursor` of the page before".into(),
        _ => Role::ALL.map(Role::as_str).join(", "),
    };
    Fault {
        path: name.into(),
        found: value.chars().take(64).collect(),
        allowed,
    }
}
