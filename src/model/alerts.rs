//! Every alert of the platform, declared once: what it looks at, from which value on, how urgent it
//! is then, and what it tells whoever is woken.
//!
//! Rules, panels' lines, stats' colours, runbooks and the configuration read this declaration, so that
//! a threshold is one constant. `Config.alerts` overrides the levels; [`Thresholds`] holds what is in
//! force.
//!
//! ```
//! use vantage_obs::alerts::{Severity, Signal, Thresholds};
//!
//! let thresholds = Thresholds::default();
//! let high = thresholds.get(Signal::ApiErrorRatio, Severity::High).unwrap();
//! assert_eq!((high.to_string().as_str(), high.low()), ("5%", 0.05));
//! assert_eq!(Signal::ApiErrorRatio.spec().runbook(), "api-error-ratio-high");
//! ```
//!
//! Why levels of one alert and not an alert for each? Because they are one signal at several degrees:
//! the same name, page and panel, and the higher one inhibits the lower.

mod absent;
mod api;
mod budget;
mod business;
mod database;
mod process;
mod scheduler;
mod severity;
mod signal;
mod spec;
mod telemetry;
mod threshold;
mod thresholds;
mod worker;

pub use severity::Severity;
pub use signal::Signal;
pub use spec::{AlertSpec, Comparison, Dashboard, Levels};
pub use threshold::{Quantity, Threshold};
pub use thresholds::Thresholds;

/// Every alert, in the order of pages and rules.
pub const ALL: &[&AlertSpec] = &[
    &api::ERROR_RATIO,
    &api::LATENCY,
    &process::MEMORY,
    &process::CPU,
    &process::DISK_FREE,
    &process::DISK_FULL_IN,
    &worker::OFFLINE,
    &worker::MANY_OFFLINE,
    &worker::QUEUE_DEPTH,
    &worker::FAILURES,
    &worker::OLDEST,
    &scheduler::LAG,
    &scheduler::SUCCESS,
    &scheduler::OFFLINE,
    &database::POOL,
    &database::SLOW_QUERIES,
    &database::GROWTH,
    &database::UNREACHABLE,
    &business::POSTS,
    &business::GENERATIONS,
    &business::REVENUE,
    &budget::BURN,
    &absent::SERVICE,
    &absent::WORKERS,
    &absent::SCHEDULERS,
    &absent::DATABASE,
    &absent::QUEUES,
    &absent::OBJECTIVES,
    &telemetry::TARGET_DOWN,
    &telemetry::NOT_READY,
    &telemetry::EXPORT,
    &telemetry::SCRAPE,
    &telemetry::OVERFLOW,
    &telemetry::STORE,
    &telemetry::WATCHDOG,
];

impl Signal {
    /// Its alert.
    #[must_use]
    pub fn spec(self) -> &'static AlertSpec {
        // Every signal has one, which a test holds; the first stands in for what can't be.
        let found = ALL.iter().find(|spec| spec.signal == self);
        found.copied().unwrap_or(ALL[0])
    }
}

#[cfg(test)]
mod tests;
