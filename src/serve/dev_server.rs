//! The development page of several processes, for the command: each is asked when the page is, and none before.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::dev_guard::{page_response, refuse};
use super::pages::{DevQuery, DevSource, render_dev};
use crate::config::Endpoint;
use crate::model::dev::DevProcess;
use crate::watch::slo::fleet::PrometheusReporter;

/// The time that a process has to answer.
const DEADLINE: Duration = Duration::from_secs(2);

/// Serves the page about the processes at these bases, until the process ends. `on_bound` is called with the
/// address of the page; port 0 is any free one.
///
/// # Errors
///
/// Where the address is not one of loopback, or can't be listened on.
pub fn serve_blocking(
    bases: Vec<Endpoint>,
    address: SocketAddr,
    on_bound: impl FnOnce(SocketAddr) -> io::Result<()>,
) -> io::Result<()> {
    if !address.ip().is_loopback() {
        let error = "the page shows spans and log lines: it is served on loopback alone";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, error));
    }
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build()?.block_on(async {
        let listener = TcpListener::bind(address).await?;
        on_bound(listener.local_addr()?)?;
        let app = dev_router(bases).into_make_service_with_connect_info::<SocketAddr>();
        axum::serve(listener, app).await
    })
}

fn dev_router(bases: Vec<Endpoint>) -> Router {
    Router::new()
        .route("/", get(respond))
        .with_state(Arc::new(bases))
}

async fn respond(State(bases): State<Arc<Vec<Endpoint>>>, request: Request) -> Response {
    if let Some(refusal) = refuse(request.extensions(), request.uri(), request.headers()) {
        return refusal;
    }
    let mut asked = JoinSet::new();
    for (index, base) in bases.iter().enumerate() {
        let base = base.clone();
        // The client has a runtime of its own.
        asked.spawn_blocking(move || (index, ask(&base)));
    }
    let mut sources = Vec::with_capacity(bases.len());
    while let Some(source) = asked.join_next().await {
        // The hook of panics tells one.
        sources.extend(source.ok());
    }
    sources.sort_by_key(|(index, _)| *index);
    let sources: Vec<_> = sources.into_iter().map(|(_, source)| source).collect();
    let parameters = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(request.uri());
    let parameters = parameters
        .map(|parameters| parameters.0)
        .unwrap_or_default();
    let pairs = parameters
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    page_response(render_dev(&sources, DevQuery::parse(pairs)))
}

/// Asks a process for what its own page shows.
fn ask(base: &Endpoint) -> DevSource {
    let mut client = PrometheusReporter::new(base.clone());
    client.deadline = DEADLINE;
    let answer = client.get_blocking("/dev.json");
    let process = answer
        .map_err(|error| format!("{error}: {HINT}"))
        .and_then(|text| {
            let process = serde_json::from_str::<DevProcess>(&text);
            process.map_err(|error| format!("{base}/dev.json is not that of a service: {error}"))
        });
    DevSource {
        url: Some(format!("{}/dev", base.to_string().trim_end_matches('/'))),
        process,
    }
}

const HINT: &str = "start it with VANTAGE_OBS_DEV_ENABLED=true, and where it serves nothing itself with \
    VANTAGE_OBS_LISTEN=127.0.0.1:9464";
