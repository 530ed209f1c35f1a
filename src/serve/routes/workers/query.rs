//! The query parameters of the worker routes.

use axum::extract::Query as Pairs;
use axum::http::Uri;

use crate::model::fault::Fault;
use crate::model::heartbeat::{BeatId, BeatRole};
use crate::model::string_enum::join_words;
use crate::serve::routes::response::MAX_FAULTS;
use crate::watch::heartbeat::registry::{WorkerQuery, WorkerState};

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1_000;

/// Parses `state`, several times or with commas, `limit`, `cursor` and `role`.
pub(super) fn parse_query(uri: &Uri) -> Result<WorkerQuery, Vec<Fault>> {
    let pairs = query_pairs(uri);
    let mut query = WorkerQuery {
        role: BeatRole::Worker,
        states: Vec::new(),
        after: None,
        limit: DEFAULT_LIMIT,
    };
    let mut faults = Vec::new();
    for (name, value) in &pairs {
        let read = match name.as_str() {
            "state" => {
                parse_states(value, &mut query.states, &mut faults);
                continue;
            }
            "limit" => parse_limit(value).map(|limit| query.limit = limit),
            "cursor" => BeatId::parse(value).map(|id| query.after = Some(id)),
            "role" => parse_role(value).map(|role| query.role = role),
            // Other people's parameters, such as a cache's.
            _ => Some(()),
        };
        if read.is_none() {
            push_fault(&mut faults, name, value);
        }
    }
    if faults.is_empty() {
        Ok(query)
    } else {
        Err(faults)
    }
}

/// Parses `strict`: true if what is unhealthy is answered with an error.
pub(super) fn parse_strict(uri: &Uri) -> Result<bool, Vec<Fault>> {
    let pairs = query_pairs(uri);
    match pairs.iter().rfind(|(name, _)| name == "strict") {
        None => Ok(false),
        Some((name, value)) => match value.as_str() {
            "" | "1" | "true" => Ok(true),
            "0" | "false" => Ok(false),
            _ => Err(vec![request_fault(name, value)]),
        },
    }
}

/// Returns the pairs of a query; invalid UTF-8 becomes text that is not allowed anywhere.
fn query_pairs(uri: &Uri) -> Vec<(String, String)> {
    let pairs = Pairs::try_from_uri(uri).map(|Pairs(pairs)| pairs);
    pairs.unwrap_or_default()
}

/// Adds the named states, each once; any other word is a fault.
fn parse_states(text: &str, into: &mut Vec<WorkerState>, faults: &mut Vec<Fault>) {
    for word in text.split(',') {
        let named = WorkerState::SHOWN.into_iter();
        match { named }.find(|state| state.as_str() == word) {
            Some(named) if into.iter().any(|state| state.shown() == named) => {}
            Some(named) => {
                let alike = WorkerState::LISTED.into_iter();
                into.extend(alike.filter(|state| state.shown() == named));
            }
            None => push_fault(faults, "state", word),
        }
    }
}

/// Adds a fault, unless there are as many as a response lists.
fn push_fault(faults: &mut Vec<Fault>, name: &str, value: &str) {
    if faults.len() < MAX_FAULTS {
        faults.push(request_fault(name, value));
    }
}

fn parse_limit(text: &str) -> Option<usize> {
    text.parse()
        .ok()
        .filter(|limit| (1..=MAX_LIMIT).contains(limit))
}

fn parse_role(text: &str) -> Option<BeatRole> {
    BeatRole::ALL.into_iter().find(|role| role.as_str() == text)
}

fn request_fault(name: &str, value: &str) -> Fault {
    let allowed = match name {
        "state" => join_words(&WorkerState::SHOWN),
        "limit" => format!("1 to {MAX_LIMIT}"),
        "strict" => "1, true, 0, false".into(),
        "cursor" => "the `next_cursor` of the page before".into(),
        _ => BeatRole::ALL.map(BeatRole::as_str).join(", "),
    };
    Fault {
        path: name.into(),
        found: value.chars().take(64).collect(),
        allowed,
    }
}
