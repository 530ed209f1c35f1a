//! `POST /api/v1/workers/{worker_id}/heartbeat`.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State as Shared};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use http_body::Body as _;
use serde::Serialize;

use super::{Fault, Page, json, refuse};
use crate::beat::{Beat, BeatId};
use crate::heartbeat::roster::Refusal;
use crate::routes::headers::bearer;

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
        Err(Refusal::Full) => later("there are as many workers as can be kept", 60),
        Err(Refusal::TooFast) => later("this worker beats too often", 1),
    }
}

async fn read(
    page: &Page,
    id: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<(BeatId, Beat, u64), Response> {
    if page.token.is_some() && bearer(headers, page.token.as_ref()).is_none() {
        let mut refused = refuse(StatusCode::UNAUTHORIZED, "unauthorized", Vec::new());
        let realm = HeaderValue::from_static(r#"Bearer realm="heartbeat""#);
        refused
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, realm);
        return Err(refused);
    }
    if !is_json(headers) {
        let allowed = "application/json is expected, and no content-encoding";
        return Err(refuse(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            allowed,
            Vec::new(),
        ));
    }
    let body = collect(body).await?;
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

/// Reads a body, whatever it says of its length, and no more of it than may be.
async fn collect(mut body: Body) -> Result<Vec<u8>, Response> {
    let too_large = || refuse(StatusCode::PAYLOAD_TOO_LARGE, "at most 16 KiB", Vec::new());
    if body.size_hint().lower() > MOST as u64 {
        return Err(too_large());
    }
    let mut read = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let broke_off = |_| refuse(StatusCode::BAD_REQUEST, "the body broke off", Vec::new());
        let Ok(data) = frame.map_err(broke_off)?.into_data() else {
            continue;
        };
        if read.len() + data.len() > MOST {
            return Err(too_large());
        }
        read.extend_from_slice(&data);
    }
    Ok(read)
}

type Parsed = (Option<BeatId>, Result<(Beat, u64), crate::beat::BeatFault>);

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

/// Who says nothing means JSON. What is compressed is none.
fn is_json(headers: &HeaderMap) -> bool {
    let encoding = headers.get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return false;
    }
    let Some(kind) = headers.get(header::CONTENT_TYPE) else {
        return true;
    };
    let kind = kind.to_str().unwrap_or_default().to_ascii_lowercase();
    kind.split(';')
        .next()
        .is_some_and(|kind| kind.trim().ends_with("json"))
}

fn later(error: &str, seconds: u64) -> Response {
    let mut refused = refuse(StatusCode::TOO_MANY_REQUESTS, error, Vec::new());
    refused
        .headers_mut()
        .insert(header::RETRY_AFTER, seconds.into());
    refused
}
