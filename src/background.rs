//! Threads with loops, and what they tell: callbacks on a change, log lines written off-thread, outages, backoff.

pub(crate) mod backoff;

pub(crate) mod log_queue;

pub(crate) mod notify;

pub(crate) mod thread;

pub(crate) mod outage;

pub(crate) use backoff::Backoff;
