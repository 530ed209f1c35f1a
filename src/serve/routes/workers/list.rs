//! `GET /api/v1/workers/health`.
//!
//! | `status` | when |
//! |---|---|
//! | `fail` | there are workers that have not stopped, and every one of them is offline |
//! | `warn` | some are offline, stalled or late, or have not come yet |
//! | `pass` | otherwise, also where there are none |

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State as Shared;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde::Serialize;

use super::{Page, json, query, refuse, written};
use crate::model::snapshot::health::Status;
use crate::watch::heartbeat::registry::{Counts, State, View};

#[derive(Serialize)]
struct Answer<'a> {
    status: &'static str,
    counts: BTreeMap<&'static str, usize>,
    workers: Vec<Worker<'a>>,
    next_cursor: Option<&'a str>,
}

#[derive(Serialize)]
struct Worker<'a> {
    worker_id: &'a str,
    state: &'static str,
    last_seen: Option<String>,
    age_ms: Option<u64>,
    in_flight: u64,
    processed_total: u64,
    failed_total: u64,
    queue_depth: Option<u64>,
}

pub(super) async fn answer(Shared(page): Shared<Arc<Page>>, uri: Uri) -> Response {
    let query = match query::read(&uri) {
        Ok(query) => query,
        Err(faults) => return refuse(StatusCode::BAD_REQUEST, "bad query", faults),
    };
    let reception = &page.reception;
    let found = reception.roster().page(&query, reception.now());
    let counts = State::LISTED.map(|state| (state.as_str(), found.counts.of(state)));
    let answer = Answer {
        status: status(&found.counts).as_str(),
        counts: counts.into_iter().collect(),
        workers: found.views.iter().map(worker).collect(),
        next_cursor: found.next.as_ref().map(|id| id.as_str()),
    };
    json(StatusCode::OK, &answer)
}

fn worker(view: &View) -> Worker<'_> {
    let progress = &view.row.progress;
    Worker {
        worker_id: view.row.id.as_str(),
        state: view.state.as_str(),
        last_seen: view.row.last_seen.map(written),
        age_ms: view.age_ms(),
        in_flight: progress.in_flight,
        processed_total: progress.processed_total,
        failed_total: progress.failed_total,
        queue_depth: progress.queue_depth,
    }
}

fn status(counts: &Counts) -> Status {
    let there = counts.total() - counts.of(State::Stopped);
    let fine = counts.of(State::Online);
    if there > 0 && counts.of(State::Offline) == there {
        Status::Fail
    } else if fine < there {
        Status::Warn
    } else {
        Status::Pass
    }
}
