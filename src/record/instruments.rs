//! Typed handles over the catalog's instruments. Recording never fails, blocks or panics.

mod api;
mod business;
mod database;
mod expected_runs;
mod health;
mod in_flight;
mod lazy;
mod observable;
#[cfg(feature = "axum")]
mod operational;
mod progress;
mod scheduler;
#[cfg(feature = "postgres")]
mod server;
mod slo;
mod store;
mod telemetry;
mod work;
mod worker;
mod worker_keys;

pub(crate) use api::{ApiInstruments, FinishedRequest, MethodScheme, RequestOutcome};
pub use business::{Business, Currency, Engagement};
pub use database::{Database, Pool, Query, SLOW_QUERY, Transaction};
pub(crate) use expected_runs::MissedRuns;
pub(crate) use health::observe_health;
pub(crate) use in_flight::InFlight;
pub(crate) use observable::observe_snapshot;
#[cfg(feature = "axum")]
pub(crate) use operational::OperationalRequests;
pub(crate) use progress::WorkProgress;
pub(crate) use scheduler::ExecutionInstruments;
pub use scheduler::{Execution, Scheduler};
#[cfg(feature = "postgres")]
pub(crate) use server::observe_databases;
pub(crate) use slo::observe_slo;
pub(crate) use store::observe_store;
pub(crate) use telemetry::{SelfTelemetry, observe_log_lines};
pub(crate) use worker::JobInstruments;
pub use worker::{Job, Worker};
pub(crate) use worker_keys::{Slot, WorkerKey, WorkerKeys};

pub use crate::model::schedule::{Schedule, ScheduleError};
