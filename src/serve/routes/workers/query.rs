//! What a list is asked for.

use axum::extract::Query as Pairs;
use axum::http::Uri;

use super::Fault;
use crate::model::heartbeat::{BeatId, Role};
use crate::watch::heartbeat::registry::{Query, State};

const LIMIT: usize = 100;
const MOST: usize = 1_000;

/// Reads `state`, several times or with commas, `limit`, `cursor` and `role`.
pub(super) fn read(uri: &Uri) -> Result<Query, Vec<Fault>> {
    let pairs = pairs(uri);
    let mut query = Query {
        role: Role::Worker,
        states: Vec::new(),
        after: None,
        limit: LIMIT,
    };
    let mut faults = Vec::new();
    for (name, value) in &pairs {
        let read = match name.as_str() {
            "state" => {
                faults.extend(states(value, &mut query.states));
                continue;
            }
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

/// Whether a worker that is not well is to be answered with an error.
pub(super) fn strict(uri: &Uri) -> Result<bool, Vec<Fault>> {
    let pairs = pairs(uri);
    match pairs.iter().rfind(|(name, _)| name == "strict") {
        None => Ok(false),
        Some((name, value)) => match value.as_str() {
            "" | "1" | "true" => Ok(true),
            "0" | "false" => Ok(false),
            _ => Err(vec![fault(name, value)]),
        },
    }
}

/// What is no text becomes one that nothing allows.
fn pairs(uri: &Uri) -> Vec<(String, String)> {
    let pairs = Pairs::try_from_uri(uri).map(|Pairs(pairs)| pairs);
    pairs.unwrap_or_default()
}

/// Adds the states that are named; every word that is none is a fault.
fn states(text: &str, into: &mut Vec<State>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for word in text.split(',') {
        let mut all = State::LISTED.into_iter();
        match all.find(|state| state.as_str() == word) {
            Some(state) => into.push(state),
            None => faults.push(fault("state", word)),
        }
    }
    faults
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
        "strict" => "1, true, 0, false".into(),
        "cursor" => "the `next_cursor` of the page before".into(),
        _ => Role::ALL.map(Role::as_str).join(", "),
    };
    Fault {
        path: name.into(),
        found: value.chars().take(64).collect(),
        allowed,
    }
}
