//! Loops that turn signals into snapshots.
//!
//! | loop | reads | publishes |
//! |---|---|---|
//! | `sampler` | the system, queues, pools | figures of the process |
//! | `health` | checks | status, readiness |
//! | `heartbeat` | workers of this process, beats of others | states of workers, beats to another process |
//! | `slo` | counters, health | reports, burn-rate alerts |
//! | `status` | all of the above | the public page, incidents |
//!
//! Each has a thread of its own and keeps its last result where readers take it without waiting. A
//! loop that is stuck makes its own figures old, and nothing else.

#[cfg(feature = "cli")]
mod store_access;

pub(crate) mod sampler;

pub mod health;

pub(crate) mod heartbeat;

pub(crate) mod slo;

pub mod status;
