//! `GET /api/v1/workers/health`.
//!
//! | `status` | when |
//! |---|---|
//! | `fail` | there are workers that have not stopped, and every one of them is known to be offline |
//! | `warn` | some are offline, stalled or late, or have not come yet; or the store that carries heartbeats can't be read, as `reason` says |
//! | `pass` | otherwise, also where there are none |
//!
//! A worker that is `stale` is in its last known state: the store that carries its heartbeats can't be read, or could
//! not while it was silent.
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
use crate::watch::heartbeat::registry::{WorkerPage, WorkerQuery, WorkerState, WorkerView};

#[derive(Serialize)]
struct WorkerListBody<'a> {
    status: &'static str,
    /// The reason for which states are of an earlier time, where any are.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    counts: BTreeMap<&'static str, usize>,
    workers: Vec<WorkerSummary<'a>>,
    next_cursor: Option<&'a str>,
}

#[derive(Serialize)]
struct WorkerSummary<'a> {
    worker_id: &'a str,
    state: &'static str,
    /// There where it is true.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stale: bool,
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
        let status = overall_status(&page);
        let body = WorkerListBody {
            status: status.as_str(),
            reason: unknown_reason(&page),
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
        stale: view.is_stale,
        last_seen: view.row.last_seen.map(Rfc3339Millis),
        age_ms: view.age_ms(),
        in_flight: progress.in_flight,
        processed_total: progress.processed_total,
        failed_total: progress.failed_total,
        queue_depth: progress.queue_depth,
    }
}

/// Returns the status by the table above.
fn overall_status(page: &WorkerPage) -> HealthStatus {
    let counts = &page.known_counts;
    // Those that said goodbye are no outage, however many.
    let active = counts.active();
    let online = counts.count(WorkerState::Online);
    if active < page.counts.active() {
        HealthStatus::Warn
    } else if active > 0 && counts.count(WorkerState::Offline) == active {
        HealthStatus::Fail
    } else if online < active || page.store_lost_since.is_some() {
        HealthStatus::Warn
    } else {
        HealthStatus::Pass
    }
}

/// Returns why states are of an earlier time, where any may be.
fn unknown_reason(page: &WorkerPage) -> Option<String> {
    let unknown = page.counts.active() - page.known_counts.active();
    match page.store_lost_since {
        Some(since) => Some(format!(
            "the store that carries heartbeats has not been readable since {since:.0}: the states of {unknown} are of then"
        )),
        None if unknown > 0 => Some(format!(
            "the store that carries heartbeats was not readable for a while: {unknown} have not been heard since"
        )),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::config::{Config, Role};
    use crate::model::heartbeat::{BeatId, BeatRole};
    use crate::watch::heartbeat::registry::{StateTimeouts, WorkerRegistry};

    /// The status and the reason of a list with one worker that never came, whose beats may come through a store.
    fn list_after(seconds: i64, is_carrier: bool) -> (HealthStatus, Option<String>) {
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        let config = Config::new("test", Role::Api).heartbeat;
        let mut registry = WorkerRegistry::new(StateTimeouts::from_config(&config), start);
        if is_carrier {
            registry.follow_store(start);
        }
        registry.record_read(true, start);
        let id = BeatId::parse("w1").unwrap();
        registry.register_expected(&id, BeatRole::Worker, start);
        let query = WorkerQuery {
            role: BeatRole::Worker,
            states: Vec::new(),
            after: None,
            limit: 9,
        };
        let page = registry.page(&query, start + SignedDuration::from_secs(seconds));
        (overall_status(&page), unknown_reason(&page))
    }

    #[test]
    fn a_list_of_an_earlier_time_warns_and_says_why() {
        let since = "the store that carries heartbeats has not been readable since 2027-01-15T08:00:00Z: the states of 1 are of then";
        for (seconds, is_carrier, status, reason) in [
            (10, true, HealthStatus::Warn, None),
            (11, true, HealthStatus::Warn, Some(since)),
            (400, true, HealthStatus::Warn, Some(since)),
            (299, false, HealthStatus::Warn, None),
            (300, false, HealthStatus::Fail, None),
        ] {
            let reason = reason.map(str::to_owned);
            let found = list_after(seconds, is_carrier);
            assert_eq!(found, (status, reason), "{seconds} {is_carrier}");
        }
    }
}
