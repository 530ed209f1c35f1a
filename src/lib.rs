//! Observability for a Rust service from one config struct.

pub mod units;

pub mod catalog;

pub mod slo;

mod snapshot;

mod clock;
mod ledger;
mod series;
pub mod instruments;

mod sampler;

pub mod exposition;

pub mod config;
