//! Heartbeats: the beats of this process, their sink, and the registry of all workers.
//!
//! Why a thread of its own? Because a runtime that is blocked must be seen and not joined: beats go on
//! while progress stands still, and that is what `stalled` means.

mod emitter;
#[cfg(feature = "otlp")]
mod http_request;
#[cfg(feature = "otlp")]
mod http_sink;
#[cfg(not(feature = "otlp"))]
#[path = "heartbeat/http_sink/disabled.rs"]
mod http_sink;
mod metrics;
#[cfg(feature = "otlp")]
mod queue;
mod receiver;
#[cfg_attr(
    not(feature = "axum"),
    expect(dead_code, reason = "the routes read the rest")
)]
pub(crate) mod registry;
mod service;
mod thread;

#[cfg(feature = "cli")]
pub mod known_workers;

pub(crate) use emitter::{HeartbeatEmitter, HeartbeatSources};
pub(crate) use http_sink::HttpSink;
pub(crate) use metrics::register_heartbeat_metrics;
pub(crate) use receiver::{ForgetOutcome, HeartbeatReceiver};
pub(crate) use service::HeartbeatService;
