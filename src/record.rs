//! Typed handles that never fail, block or panic.
//!
//! | what is recorded | ends in | read by |
//! |---|---|---|
//! | measurements | a bound series of the SDK ([`series`]) | scrape, OTLP |
//! | events that count towards objectives | two atomics each ([`slo_events`]) | the tracker, scrape |
//! | a sampled measurement | the exemplar of its bucket ([`exemplars`]) | OpenMetrics scrape |
//! | business events | a total of the day ([`business_totals`]) | the store |
//! | spans | the SDK's tracer ([`trace`]) | OTLP |
//!
//! The rule for every function below that a service calls while it works: no lock that another
//! thread may hold for longer than a short loop, no allocation once a series is known, no panic,
//! and no error to handle. What can't be recorded is dropped and counted.
//!
//! Locks nest one way only: the lock under which a cache grows may take those of the SDK and of the
//! totals, to which the new series is bound. No lock is held while code of a service runs.

pub(crate) mod sync;

pub(crate) mod clock;

pub mod trace;

pub(crate) mod slo_events;

pub(crate) mod business_totals;

pub(crate) mod error_reasons;

pub(crate) mod exemplars;

pub(crate) mod series;

pub(crate) mod error_class;

pub(crate) mod library_errors;

pub mod instruments;

pub mod middleware;
