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

mod dashboard_id;
mod levels;
mod severity;
mod table;
mod threshold;
mod thresholds;

pub use dashboard_id::DashboardId;
pub use levels::{AlertLevels, ThresholdComparison};
pub use severity::Severity;
pub(crate) use table::ALL;
pub use table::{AlertSignal, AlertSpec};
pub use threshold::{AlertThreshold, ThresholdQuantity};
pub use thresholds::Thresholds;

/// Returns all alerts, in the order of the reference table.
pub fn all() -> impl Iterator<Item = &'static AlertSpec> {
    ALL.iter().copied()
}

#[cfg(test)]
mod tests;
