//! Typed handles that never fail, block or panic.

pub(crate) mod sync;

pub(crate) mod clock;

pub mod trace;

pub(crate) mod slo_events;

pub(crate) mod business_totals;

pub(crate) mod exemplars;

pub(crate) mod series;

pub mod instruments;

pub mod middleware;
