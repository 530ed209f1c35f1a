//! Heartbeats: who of this process beats, where to, and what is known of everybody who does.
//!
//! Why a thread of its own? Because a runtime that is blocked must be seen and not joined: beats go on
//! while progress stands still, and that is what `stalled` means.

mod desk;
mod emitter;
mod figures;
mod heart;
#[cfg(feature = "otlp")]
mod outbox;
#[cfg(feature = "otlp")]
mod post;
mod reception;
#[cfg(feature = "otlp")]
mod remote;
pub(crate) mod roster;
mod thread;
mod voice;

pub(crate) use emitter::{Emitter, Sources};
pub(crate) use figures::observe;
pub(crate) use heart::Heart;
pub(crate) use reception::Reception;
#[cfg(feature = "otlp")]
pub(crate) use remote::Remote;
pub(crate) use thread::Beating;
#[cfg(feature = "testing")]
pub(crate) use voice::Voice;
