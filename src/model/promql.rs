//! PromQL that can only name what is declared.
//!
//! A query starts at a [`MetricSpec`](crate::model::catalog::MetricSpec) and knows which labels are left after
//! each step. A metric that isn't declared doesn't compile, nor does the rate of a gauge; a label, a
//! label's value or a bucket that isn't declared panics when the text is made, and all texts are made in
//! the tests.
//!
//! ```
//! use vantage_obs::catalog::worker;
//! use vantage_obs::generate::promql::{Counter, Select, Window};
//!
//! let failed = Counter::of(&worker::JOBS).with("outcome").is_not("succeeded");
//! let rate = failed.rate(Window::RATE_INTERVAL).sum_by(&["job", "job.kind"]);
//! assert_eq!(
//!     rate.to_string(),
//!     r#"sum by (job, job_kind) (rate(vantage_worker_jobs_total{outcome!="succeeded"}[$__rate_interval]))"#,
//! );
//! ```
//!
//! ```compile_fail
//! # use vantage_obs::catalog::worker;
//! # use vantage_obs::generate::promql::{Gauge, Window};
//! Gauge::of(&worker::QUEUE_DEPTH).rate(Window::RATE_INTERVAL);
//! ```

mod instruments;
mod labels;
mod number;
mod recorded;
mod selector;
mod step;
mod vector;
mod window;

pub use instruments::{Counter, Gauge, Histogram};
pub use labels::TARGET;
pub use number::Number;
pub use recorded::Recorded;
pub use selector::{Select, Where};
pub use vector::Vector;
pub use window::Window;

#[cfg(test)]
mod tests;
