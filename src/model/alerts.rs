//! Every alert of the platform, declared once: signal, thresholds by severity, texts for the
//! person on call.
//!
//! Rules, panels' lines, stats' colours, runbooks and the configuration read this declaration, so that
//! a threshold is one constant. `Config.alerts` overrides the levels; [`Thresholds`] holds what is in
//! force.
//!
//! ```
//! use vantage_obs::alerts::{AlertSignal, Severity, Thresholds};
//!
//! let thresholds = Thresholds::default();
//! let high = thresholds.get(AlertSignal::ApiErrorRatio, Severity::High).unwrap();
//! assert_eq!((high.to_string().as_str(), high.lower_bound()), ("5%", 0.05));
//! assert_eq!(AlertSignal::ApiErrorRatio.spec().runbook(), "api-error-ratio-high");
//! ```
//!
//! Why levels of one alert and not an alert for each? Because they are one signal at several degrees:
//! the same name, page and panel, and the higher one inhibits the lower.

mod absence;
mod api;
mod business;
mod database;
mod process;
mod scheduler;
mod severity;
mod signal;
mod slo;
mod spec;
mod telemetry;
mod threshold;
mod thresholds;
mod worker;

pub use severity::Severity;
pub use signal::AlertSignal;
pub use spec::{AlertLevels, AlertSpec, DashboardId, ThresholdComparison};
pub use threshold::{AlertThreshold, ThresholdQuantity};
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
    &slo::BURN,
    &absence::SERVICE,
    &absence::WORKERS,
    &absence::SCHEDULERS,
    &absence::DATABASE,
    &absence::QUEUES,
    &absence::OBJECTIVES,
    &telemetry::TARGET_DOWN,
    &telemetry::NOT_READY,
    &telemetry::EXPORT,
    &telemetry::SCRAPE,
    &telemetry::OVERFLOW,
    &telemetry::STORE,
    &telemetry::WATCHDOG,
];

impl AlertSignal {
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
