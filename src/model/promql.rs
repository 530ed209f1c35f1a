//! PromQL that can only name what is declared.
//!
//! A query starts at a [`MetricSpec`](crate::model::catalog::MetricSpec) and knows which labels are left after
//! each step. A metric that isn't declared doesn't compile, nor does the rate of a gauge; a label, a
//! label's value or a bucket that isn't declared panics when the text is made, and all texts are made in
//! the tests.
//!
//! ```
//! use vantage_obs::catalog::worker;
//! use vantage_obs::generate::promql::{CounterQuery, QueryWindow, Select};
//!
//! let failed = CounterQuery::new(&worker::JOBS).with("outcome").is_not("succeeded");
//! let rate = failed.rate(QueryWindow::RATE_INTERVAL).sum_by(&["job", "job.kind"]);
//! assert_eq!(
//!     rate.to_string(),
//!     r#"sum by (job, job_kind) (rate(vantage_worker_jobs_total{outcome!="succeeded"}[$__rate_interval]))"#,
//! );
//! ```
//!
//! ```compile_fail
//! # use vantage_obs::catalog::worker;
//! # use vantage_obs::generate::promql::{GaugeQuery, QueryWindow};
//! GaugeQuery::new(&worker::QUEUE_DEPTH).rate(QueryWindow::RATE_INTERVAL);
//! ```

mod instant_vector;
mod instruments;
mod labels;
mod query_number;
mod query_window;
mod recorded_series;
mod selector;
mod step;

pub use instant_vector::InstantVector;
pub use instruments::{CounterQuery, GaugeQuery, HistogramQuery};
pub use labels::TARGET_LABELS;
pub use query_number::QueryNumber;
pub use query_window::QueryWindow;
pub use recorded_series::RecordedSeries;
pub use selector::{LabelCondition, Select};

#[cfg(test)]
mod tests;
