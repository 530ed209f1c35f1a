//! `POST /api/v1/workers/{worker_id}/heartbeat`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;

use super::{Fault, Page, json, refuse};
use crate::model::heartbeat::{Beat, BeatId};
use crate::serve::routes::answer::{later, read_json, unauthorized};
use crate::serve::routes::headers::bearer;
use crate::watch::heartbeat::registry::Refusal;

/// A beat has a few hundred bytes.
const MOST: usize = 16 * 1024;

#[derive(Serialize)]
struct Answer<'a> {
    worker_id: &'a str,
    result: &'static str,
    state: &'static str,
}

pub(super) async fn answer(
    Shared(page): Shared<Arc<Page>>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    // What is no text is no id either, and refused as such.
    let id = id.map(|Path(id)| id).unwrap_or_default();
    let refused = match read(&page, &id, &headers, body).await {
        Ok((id, beat, unknown)) => {
            page.reception.roster().found_unknown(unknown);
            return take(&page, &id, beat);
        }
        Err(refused) => refused,
    };
    page.reception.roster().refused();
    refused
}

fn take(page: &Page, id: &BeatId, beat: Beat) -> Response {
    match page.reception.take(id, beat) {
        Ok(receipt) => json(
            StatusCode::ACCEPTED,
            &Answer {
                worker_id: id.as_str(),
                result: receipt.reception.as_str(),
                state: receipt.state.as_str(),
            },
        ),
        Err(Refusal::Full) => too_many("there are as many workers as can be kept", 60),
        Err(Refusal::TooFast) => too_many("this worker beats too often", 1),
    }
}

async fn read(
    page: &Page,
    id: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<(BeatId, Beat, u64), Response> {
    if page.token.is_some() && bearer(headers, page.token.as_ref()).is_none() {
        return Err(unauthorized(r#"Bearer realm="heartbeat""#));
    }
    let body = read_json(headers, body, MOST).await?;
    let parsed = (BeatId::parse(id), Beat::parse(&body));
    if let (Some(id), Ok((beat, unknown))) = parsed {
        return Ok((id, beat, unknown));
    }
    Err(refuse(
        StatusCode::BAD_REQUEST,
        "bad beat",
        faults(id, parsed),
    ))
}

type Parsed = (
    Option<BeatId>,
    Result<(Beat, u64), crate::model::heartbeat::BeatFault>,
);

/// Everything that is wrong, with the id and with the body.
fn faults(found: &str, (id, beat): Parsed) -> Vec<Fault> {
    let bad_id = Fault {
        path: "worker_id".into(),
        found: found.chars().take(64).collect(),
        allowed: BeatId::ALLOWED.into(),
    };
    let mut faults: Vec<_> = id.is_none().then_some(bad_id).into_iter().collect();
    if let Err(fault) = beat {
        faults.extend(fault.misfits().iter().map(|misfit| Fault {
            path: misfit.path.clone(),
            found: misfit.found.clone(),
            allowed: misfit.allowed.clone(),
        }));
    }
    faults
}

fn too_many(error: &str, seconds: u64) -> Response {
    later(StatusCode::TOO_MANY_REQUESTS, error, seconds)
}
