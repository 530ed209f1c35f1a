//! Health that can't hurt: checks run in the background, and whoever asks is shown what they found.
//!
//! ```
//! # #[cfg(feature = "testing")] {
//! use std::time::Duration;
//! use vantage_obs::testing::TestTelemetry;
//!
//! # #[derive(Clone)] struct Pool;
//! # impl Pool { async fn ping(&self) -> Result<(), std::io::Error> { Ok(()) } }
//! # let pool = Pool;
//! # let runtime = tokio::runtime::Runtime::new().unwrap();
//! # let _inside = runtime.enter();
//! # let test = TestTelemetry::new();
//! # let telemetry = test.telemetry();
//! telemetry.health_check("database").critical().shared().run(move || {
//!     let pool = pool.clone();
//!     async move { pool.ping().await }
//! });
//! telemetry.health_check("mail").degrading().shared().tcp("mail.internal:25");
//! # }
//! ```
//!
//! Why do probes not run checks? Because then a dependency that hangs makes the probe hang, and the
//! orchestrator restarts a process that was well; and because every prober would be load on what is
//! checked. Here a check has one run under way at most, on the runtime where it was registered (a
//! pool belongs to its runtime), and a thread of the SDK keeps its deadline from outside: a future
//! that never comes back is given up once and dropped; a call that blocks is given up once and not
//! started again before it returns.
//!
//! Why does a shared dependency that fails not make the service unready? Because every instance
//! sees the same, and if all are taken out of rotation nobody is left to answer even what does not
//! need it. Where that is wanted all the same, `health.unready_on` lists the check.
//!
//! The way up is one step. `/startup` and `/ready` answer 503 until registration has ended, the critical
//! checks that were registered by then have their first results, and the conditions that the service names
//! ([`Telemetry::startup_condition`](crate::Telemetry::startup_condition)) are met.
//! [`Telemetry::started`](crate::Telemetry::started) ends registration, which taking or serving the routes
//! implies; without it, it ends 10 s after `init`. A check that comes later counts from its first result on.
//!
//! A result gets old. After three intervals and a deadline it is *stale*, and counts as a failure:
//! a blocked runtime is noticed although it can say nothing itself.
//!
//! The finding of a check has two halves. Id, status and code are public. The detail (error text,
//! address) is of a type that only a caller with the token can read.

mod finding;

mod hysteresis;
mod settings;

mod run;

mod change;

mod condition_entry;
mod entry;

mod watcher;

mod check_handle;
mod startup_condition;

pub(crate) mod builtin;

mod watchdog;

mod builder;

pub use builder::CheckBuilder;
pub(crate) use builtin::FailedSignals;
pub use builtin::{LagLimits, UsageLimits};
pub use change::HealthChange;
pub use check_handle::CheckHandle;
pub use finding::Finding;
pub use startup_condition::StartupCondition;
pub use watchdog::WatchdogHandle;
pub(crate) use watcher::HealthWatcher;

pub use crate::model::snapshot::health::{CheckScope, Criticality, HealthStatus};
