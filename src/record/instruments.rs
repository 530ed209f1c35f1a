//! Typed handles over the catalog's instruments. Recording never fails, blocks or panics.
//!
//! # The end of a handle
//!
//! A handle of something under way ends once: by a method that takes it, or by being dropped. Dropping it is the end that
//! nobody wrote down: an error that left the function by `?`, a time limit that dropped the future, a panic.
//! The meaning of each:
//!
//! | handle | well | badly | dropped | dropped by a panic |
//! |---|---|---|---|---|
//! | [`Job`], [`Execution`] | `succeed` | `fail(reason)` | outcome `aborted` | outcome `panicked` |
//! | [`Query`] | `succeed` | `fail(error_type)` | `error_type` is `cancelled` | `error_type` is `panic` |
//! | [`Transaction`] | `commit` | `roll_back` | outcome `aborted` | outcome `aborted` |
//! | [`HttpCall`] | `complete(status)` | `complete(status)` from 400 on, `fail(error_type)` | `cancelled` | `panic` |
//!
//! Why is a drop not a failure? Because nothing is known of the work itself: it may be done, and only its handle was
//! lost. So it has a word of its own, which an alert on failures can count or leave out.
//!
//! # Bounded cardinality
//!
//! Each combination of label values is a series that Prometheus keeps for weeks, in memory for hours; a label that holds an
//! id grows until the monitoring fails, on the day when it is needed. So names that callers give (kinds,
//! reasons, operations, queues) are labels, and ids, paths and messages never are; an instrument has at most
//! `metrics.cardinality_limit` series (2,000), and what comes later is added up in one series with
//! `otel_metric_overflow="true"`, which a metric and an alert tell of. No worker's id is a label here: figures of
//! single workers come with their heartbeats.
//!
//! | handle | made by | ends by |
//! |---|---|---|
//! | `Job`, `Execution` | `start` | `succeed`, `fail`, or drop: aborted |
//! | `Query`, `Transaction` | `query`, `transaction` | their verdict, or drop: cancelled, aborted |
//! | any of them | `run`, around a future | the future's `Result`: see [`RunOutput`] |
//! | counters and gauges | the family's handle | – |
//!
//! Dropping is always an outcome: a future that is cancelled and a panic run destructors, and
//! nothing else.
//!
//! # Figures of the service's own
//!
//! [`FigureCounter`], [`FigureGauge`] and [`FigureHistogram`] record what the configuration's `figures` declare. What
//! does not fit the declaration is kept where that is possible, counted in
//! `vantage.telemetry.figure_mismatches`, and told in one log line for each figure and reason:
//!
//! | recorded | kept as |
//! |---|---|
//! | a name that is not declared | a figure with the labels of its first recording, at most 100 values each |
//! | a label that is not declared | the series without it |
//! | a value beyond a label's limit or list | the figure's overflow series |
//! | a figure of another kind, or a name that no exporter takes | the count of mismatches alone |
//! | a number that is none, or a negative one in a histogram | the count of mismatches alone |

mod api;
mod business;
mod client;
mod database;
mod expected_runs;
mod figures;
mod health;
mod in_flight;
mod lazy;
mod observable;
#[cfg(feature = "axum")]
mod operational;
mod progress;
mod rpc;
pub(crate) mod run;
mod scheduler;
#[cfg(feature = "postgres")]
mod server;
mod slo;
mod store;
mod telemetry;
mod work;
mod worker;
mod worker_keys;

pub(crate) use api::{
    ApiInstruments, FinishedRequest, FinishedRpc, MethodScheme, RequestOutcome, SHUTDOWN,
};
pub use business::{Business, Currency, Engagement};
#[cfg(feature = "reqwest")]
pub(crate) use client::ResentCall;
pub(crate) use client::{CallTarget, ClientInstruments, GrpcCall};
pub use client::{HttpCall, MAX_SERVERS, ServerName};
pub use database::{Database, Pool, Query, SLOW_QUERY, Transaction};
pub(crate) use expected_runs::MissedRuns;
pub use figures::{FigureCounter, FigureGauge, FigureHistogram, FigureValue, LabelledFigure};
pub(crate) use figures::{FigureInstruments, FigureMetrics};
pub(crate) use health::observe_health;
pub(crate) use in_flight::InFlight;
pub(crate) use lazy::LazySeries;
pub(crate) use observable::{observe_build, observe_snapshot};
#[cfg(feature = "axum")]
pub(crate) use operational::{EndedConnections, OperationalRequests, RefusedTokens};
pub(crate) use progress::WorkProgress;
pub(crate) use rpc::{GrpcStatus, RpcMethod, rpc_attributes};
pub use run::{Run, RunOutput};
pub(crate) use scheduler::ExecutionInstruments;
pub use scheduler::{Execution, Scheduler};
#[cfg(feature = "postgres")]
pub(crate) use server::observe_databases;
pub(crate) use slo::observe_slo;
pub(crate) use store::observe_store;
pub(crate) use telemetry::{
    SelfTelemetry, observe_hanging_callbacks, observe_log_lines, observe_threads,
};
pub(crate) use worker::JobInstruments;
pub use worker::{Job, Worker};
pub(crate) use worker_keys::{Slot, WorkerKey, WorkerKeys};

pub use crate::model::schedule::{Schedule, ScheduleError};
