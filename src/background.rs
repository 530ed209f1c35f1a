//! Threads with loops under one supervisor, and what they tell: callbacks on a change, log lines written
//! off-thread, outages, backoff; and threads for the service's own functions, which may block.
//!
//! | need | use |
//! |---|---|
//! | something every so often, a loop that awaits, a thread at all | `supervisor` |
//! | a log line that must not block | `log_queue` |
//! | callbacks on a change | `notify` |
//! | functions of the service, within a deadline | `user_code` |
//! | futures of the service that have no runtime | `fallback_runtime` |
//! | two lines for a night's outage | `outage` |
//! | delays between tries | `backoff` |
//!
//! Threads of the crate and not tasks of the service's runtime: a runtime that is blocked must
//! still be reported, and a process may have none.

pub(crate) mod backoff;

pub(crate) mod outage;

pub(crate) mod panic;

mod stderr;

pub(crate) mod log_queue;

pub(crate) mod thread;

mod thread_status;

pub(crate) mod supervisor;

pub(crate) mod notify;

pub(crate) mod fallback_runtime;

pub(crate) mod user_code;

pub(crate) use backoff::Backoff;
pub(crate) use supervisor::Supervisor;
pub(crate) use thread_status::{ThreadFailure, ThreadStatus};
