//! `GET /api/v1/workers/health`.
//!
//! | `status` | when |
//! |---|---|
//! | `fail` | there are workers that have not stopped, and every one of them is offline |
//! | `warn` | some are offline, stalled or late, or have not come yet |
//! | `pass` | otherwise, also where there are none |
//!
//! A worker that is not expected and has been offline for `heartbeat.forget_after` is in the list, and no longer in
//! the status.
//!
//! With `?strict=1` a `fail` is answered with 503, for clients that only look at the status.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use bytes::Bytes;
use serde::Serialize;

use super::super::document_cache::DocumentSource;
use super::super::response::{fault_response, json_text_response};
use super::{WorkerRoutes, query};
use crate::model::snapshot::health::HealthStatus;
use crate::serve::time::Rfc3339Millis;
use crate::watch::heartbeat::HeartbeatReceiver;
use crate::watch::heartbeat::registry::{StateCounts, WorkerQuery, WorkerState, WorkerView};

#[derive(Serialize)]
struct WorkerListBody<'a> {
    status: &'static str,
    counts: BTreeMap<&'static str, usize>,
    workers: Vec<WorkerSummary<'a>>,
    next_cursor: Option<&'a str>,
}

#[derive(Serialize)]
struct WorkerSummary<'a> {
    worker_id: &'a str,
    state: &'static str,
    last_seen: Option<Rfc3339Millis>,
    age_ms: Option<u64>,
    in_flight: u64,
    processed_total: u64,
    failed_total: u64,
    queue_depth: Option<u64>,
}

pub(in crate::serve::routes) async fn respond(
    State(routes): State<Arc<WorkerRoutes>>,
    uri: Uri,
) -> Response {
    let (query, strict) = match (query::parse_query(&uri), query::parse_strict(&uri)) {
        (Ok(query), Ok(strict)) => (query, strict),
        (query, strict) => {
            let faults = [query.err(), strict.err()].into_iter().flatten().flatten();
            let faults: Vec<_> = faults.collect();
            return fault_response(StatusCode::BAD_REQUEST, "bad query", &faults);
        }
    };
    let list = match routes.lists.get(query).await {
        Ok(list) => list,
        Err(error) => return error.to_response(),
    };
    let code = if strict && list.status == HealthStatus::Fail {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::OK
    };
    json_text_response(code, list.json.clone())
}

/// The lists of workers. None is kept: each has the age of each beat in milliseconds.
#[derive(Debug)]
pub(super) struct WorkerLists(pub(super) Arc<HeartbeatReceiver>);

/// A list as JSON.
#[derive(Debug)]
pub(in crate::serve::routes) struct WorkerList {
    status: HealthStatus,
    json: Bytes,
}

impl DocumentSource for WorkerLists {
    type Key = WorkerQuery;
    type State = ();
    type Revision = ();
    type Document = WorkerList;

    fn read(&self) -> ((), ()) {
        ((), ())
    }

    fn is_current(&self, (): &()) -> bool {
        false
    }

    fn render(&self, query: &WorkerQuery, (): ()) -> WorkerList {
        let (mut registry, now) = self.0.lock_registry();
        let page = registry.page(query, now);
        drop(registry);
        let counts = |state: WorkerState| (state.as_str(), page.counts.count_shown(state));
        let status = overall_status(&page.counts);
        let body = WorkerListBody {
            status: status.as_str(),
            counts: WorkerState::SHOWN.map(counts).into_iter().collect(),
            workers: page.workers.iter().map(worker_summary).collect(),
            next_cursor: page.next_cursor.as_ref().map(|id| id.as_str()),
        };
        // Text and numbers only: it can't fail.
        let json = serde_json::to_vec(&body).unwrap_or_default().into();
        WorkerList { status, json }
    }
}

fn worker_summary(view: &WorkerView) -> WorkerSummary<'_> {
    let progress = &view.row.progress;
    WorkerSummary {
        worker_id: view.row.id.as_str(),
        state: view.state.shown().as_str(),
        last_seen: view.row.last_seen.map(Rfc3339Millis),
        age_ms: view.age_ms(),
        in_flight: progress.in_flight,
        processed_total: progress.processed_total,
        failed_total: progress.failed_total,
        queue_depth: progress.queue_depth,
    }
}

/// Returns the status by the table above.
fn overall_status(counts: &StateCounts) -> HealthStatus {
    // Those that said goodbye are no outage, however many.
    let active = counts.active();
    let online = counts.count(WorkerState::Online);
    if active > 0 && counts.count(WorkerState::Offline) == active {
        HealthStatus::Fail
    } else if online < active {
        HealthStatus::Warn
    } else {
        HealthStatus::Pass
    }
}
