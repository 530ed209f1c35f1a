//! Heartbeats: who of this process beats, where to, and what is known of everybody who does.
//!
//! Why a thread of its own? Because a runtime that is blocked must be seen and not joined: beats go on
//! while progress stands still, and that is what `stalled` means.

mod emitter;
#[cfg(feature = "otlp")]
mod http_request;
#[cfg(feature = "otlp")]
mod http_sink;
mod metrics;
#[cfg(feature = "otlp")]
mod queue;
mod receiver;
pub(crate) mod registry;
mod service;
mod sink;
mod thread;

#[cfg(feature = "testing")]
pub(crate) use crate::background::log_sink::Voice;
pub(crate) use emitter::{Emitter, Sources};
#[cfg(feature = "otlp")]
pub(crate) use http_sink::Remote;
pub(crate) use metrics::observe;
pub(crate) use receiver::Reception;
pub(crate) use service::Heart;
pub(crate) use thread::Beating;
