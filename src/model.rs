//! Declarations and messages as plain values: no clock, and no I/O but the reading of declarations.
//!
//! Everything here is what other wings agree on: units and exact numbers, the catalog of metrics,
//! objectives and alerts as they are declared, the heartbeat message, the snapshots that samplers
//! write and routes read, the table of routes, the public status. A type stands here, and not
//! beside the code that fills it, as soon as two wings need it: wings import earlier ones only.
//!
//! Time is an argument of every function that needs it. So all of this wing is tested without
//! waiting, and a wall clock that jumps can be played through.

pub mod units;

pub(crate) mod input_file;

pub(crate) mod json_value;

pub(crate) mod string_enum;

pub(crate) mod fault;

#[cfg(feature = "axum")]
pub(crate) mod json_object;

pub(crate) mod causes;

pub(crate) mod random;

pub(crate) mod suggest;

#[cfg(feature = "otlp")]
pub(crate) mod promql_literal;

pub mod catalog;

pub mod figure;

pub mod slo;

pub mod alerts;

#[cfg(feature = "cli")]
pub(crate) mod promql;

pub(crate) mod schedule;

pub(crate) mod heartbeat;

pub(crate) mod snapshot;

#[cfg(feature = "axum")]
pub(crate) mod dev;

pub(crate) mod routes;

pub(crate) mod url_parts;

pub mod status;
