//! Loops that turn signals into snapshots.

#[cfg(feature = "cli")]
mod store_access;

pub(crate) mod sampler;

pub mod health;

pub(crate) mod heartbeat;

pub(crate) mod slo;

pub mod status;
