//! Observability for a Rust service from one config struct.

pub mod slo;
pub mod units;

mod sampler;
