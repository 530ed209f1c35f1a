//! The query parameters of the worker routes.

use axum::http::Uri;

use crate::model::fault::Fault;
use crate::model::heartbeat::{BeatId, BeatRole};
use crate::model::string_enum::join_words;
use crate::serve::routes::query_string::{QueryFaults, QueryString};
use crate::watch::heartbeat::registry::{WorkerQuery, WorkerState};

const DEFAULT_LIMIT: usize = 100;
/// A page of so many is some hundred KiB, and the registry is locked while it is made.
const MAX_LIMIT: usize = 1_000;

/// Parses `state`, several times or with commas, `limit`, `cursor` and `role`.
pub(crate) fn parse_query(uri: &Uri) -> Result<WorkerQuery, Vec<Fault>> {
    let mut query = WorkerQuery {
        role: BeatRole::Worker,
        states: Vec::new(),
        after: None,
        limit: DEFAULT_LIMIT,
    };
    let mut faults = QueryFaults::default();
    for (name, value) in QueryString::parse(uri).iter() {
        let read = match name {
            "state" => {
                parse_states(value, &mut query.states, &mut faults);
                continue;
            }
            "limit" => parse_limit(value).map(|limit| query.limit = limit),
            "cursor" => BeatId::parse(value).map(|id| query.after = Some(id)),
            "role" => parse_role(value).map(|role| query.role = role),
            _ => Some(()),
        };
        if read.is_none() {
            faults.add(name, value, || allowed(name));
        }
    }
    faults.or_value(query)
}

/// Parses `strict`: true if what is unhealthy is answered with an error.
pub(super) fn parse_strict(uri: &Uri) -> Result<bool, Vec<Fault>> {
    const NAME: &str = "strict";
    let mut faults = QueryFaults::default();
    let strict = match QueryString::parse(uri).last(NAME) {
        Some("" | "1" | "true") => true,
        None | Some("0" | "false") => false,
        Some(value) => {
            faults.add(NAME, value, || allowed(NAME));
            false
        }
    };
    faults.or_value(strict)
}

/// Adds the named states, each once; any other word is a fault.
fn parse_states(text: &str, into: &mut Vec<WorkerState>, faults: &mut QueryFaults) {
    for word in text.split(',') {
        let named = WorkerState::SHOWN.into_iter();
        match { named }.find(|state| state.as_str() == word) {
            Some(named) if into.iter().any(|state| state.shown() == named) => {}
            Some(named) => {
                let alike = WorkerState::LISTED.into_iter();
                into.extend(alike.filter(|state| state.shown() == named));
            }
            None => faults.add("state", word, || allowed("state")),
        }
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

/// Returns the accepted values of a parameter.
fn allowed(name: &str) -> String {
    match name {
        "state" => join_words(&WorkerState::SHOWN),
        "limit" => format!("1 to {MAX_LIMIT}"),
        "strict" => "1, true, 0, false".into(),
        "cursor" => "the `next_cursor` of the page before".into(),
        _ => BeatRole::ALL.map(BeatRole::as_str).join(", "),
    }
}
