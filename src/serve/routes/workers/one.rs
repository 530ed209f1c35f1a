//! `GET /api/v1/workers/{worker_id}/heartbeat`.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State as Shared};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde::Serialize;

use super::{Page, json, query, refuse, written};
use crate::model::heartbeat::BeatId;
use crate::watch::heartbeat::registry::{State, View};

#[derive(Serialize)]
struct Answer<'a> {
    worker_id: &'a str,
    state: &'static str,
    last_seen: Option<String>,
    age_ms: Option<u64>,
    late_at: Option<String>,
    offline_at: Option<String>,
    boot_id: Option<&'a str>,
    sequence: u64,
    restarts: u64,
    clock_skew_ms: Option<i64>,
    progress: Progress,
}

#[derive(Serialize)]
struct Progress {
    in_flight: u64,
    processed_total: u64,
    failed_total: u64,
    last_progress_at: Option<String>,
    oldest_in_flight_ms: Option<u64>,
    queue_depth: Option<u64>,
}

/// With `?strict=1`, a worker that is offline or stalled is answered with 503, for those who only look
/// at the status.
pub(super) async fn answer(
    Shared(page): Shared<Arc<Page>>,
    id: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Response {
    let strict = match query::strict(&uri) {
        Ok(strict) => strict,
        Err(faults) => return refuse(StatusCode::BAD_REQUEST, "bad query", faults),
    };
    let reception = &page.reception;
    // What is no id, or no text at all, is nobody's.
    let id = id.ok().and_then(|Path(id)| BeatId::parse(&id));
    let found = id.and_then(|id| reception.roster().view(&id, reception.now()));
    let Some(view) = found else {
        return refuse(StatusCode::NOT_FOUND, "no such worker", Vec::new());
    };
    let bad = matches!(view.state, State::Offline | State::Stalled);
    let status = if strict && bad {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::OK
    };
    json(status, &of(&view))
}

fn of(view: &View) -> Answer<'_> {
    let (row, progress) = (&view.row, &view.row.progress);
    let oldest = progress.oldest_in_flight;
    Answer {
        worker_id: row.id.as_str(),
        state: view.state.as_str(),
        last_seen: row.last_seen.map(written),
        age_ms: view.age_ms(),
        late_at: view.late_at.map(written),
        offline_at: view.offline_at.map(written),
        boot_id: row.boot_id.as_deref(),
        sequence: row.sequence,
        restarts: row.restarts,
        clock_skew_ms: row.clock_skew_ms,
        progress: Progress {
            in_flight: progress.in_flight,
            processed_total: progress.processed_total,
            failed_total: progress.failed_total,
            last_progress_at: progress.last_progress_at.map(written),
            oldest_in_flight_ms: oldest
                .map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
            queue_depth: progress.queue_depth,
        },
    }
}
