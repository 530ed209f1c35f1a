//! Writing an event with three fields inside a span with one, as JSON, to a writer that drops it.

use std::io;

use tracing_subscriber::layer::SubscriberExt;
use vantage_obs::{config::LogsConfig, logs};

use crate::{measure, row};

const CALLS: u64 = 200_000;

fn event() {
    tracing::info!(post = 7, user = "ada", slow = false, "published");
}

fn disabled_event() {
    tracing::debug!(post = 7, user = "ada", slow = false, "published");
}

fn in_span(call: impl Fn()) -> (f64, f64) {
    let _span = tracing::info_span!("request", route = "/posts/{id}").entered();
    measure(CALLS, &call)
}

fn whole_span() -> (f64, f64) {
    measure(CALLS, || {
        let _span = tracing::info_span!("request", route = "/posts/{id}").entered();
    })
}

pub(crate) fn run() {
    println!("-- a log line, JSON, three fields");
    // Everything as ours has it: a time stamp, the level, the target, the fields, the spans.
    let json = tracing_subscriber::fmt::layer()
        .json()
        .with_writer(io::sink);
    let peer = tracing_subscriber::registry()
        .with(json)
        .with(tracing_subscriber::filter::LevelFilter::INFO);
    let (peer, peer_in_span, peer_span) = tracing::subscriber::with_default(peer, || {
        (measure(CALLS, event), in_span(event), whole_span())
    });
    let (layer, _levels) = logs::layer(
        &LogsConfig::default(),
        "bench",
        logs::LogWriter::from_writer(io::sink()),
    );
    let ours = tracing_subscriber::registry().with(layer);
    let (ours, ours_in_span, ours_span, ours_off) = tracing::subscriber::with_default(ours, || {
        (
            measure(CALLS, event),
            in_span(event),
            whole_span(),
            measure(CALLS, disabled_event),
        )
    });
    row("tracing-subscriber fmt json", peer, peer);
    row("ours", ours, peer);
    row(
        "tracing-subscriber fmt json, inside a span",
        peer_in_span,
        peer,
    );
    row("ours, inside a span", ours_in_span, peer);
    row("tracing-subscriber fmt json, a span", peer_span, peer);
    row("ours, a span", ours_span, peer);
    row("ours, below the level", ours_off, peer);
}
