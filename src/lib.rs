//! Observability for a Rust service from one config struct.

pub mod units;

pub mod config;
