//! PromQL that can only name what is declared.
//!
//! A query starts at a [`MetricSpec`](crate::model::catalog::MetricSpec) and knows which labels are left after
//! each step. A metric that isn't declared doesn't compile, nor does the rate of a gauge; a label, a
//! label's value or a bucket that isn't declared panics when the text is made, and all texts are made in
//! the tests.
//!
//! ```text
//! CounterQuery::new(&worker::JOBS).with("outcome").other_than("succeeded")
//!     .rate(QueryWindow::RATE_INTERVAL).sum_by(&["job", "job.kind"])
//!
//! sum by (job, job_kind) (rate(vantage_worker_jobs_total{outcome!="succeeded"}[$__rate_interval]))
//! ```
//!
//! A `GaugeQuery` has no `rate`.
//!
//! Why not text with placeholders? Because PromQL that names a label or a value that never exists
//! is valid and returns nothing. Such a panel looks like quiet times, and such an alert never
//! fires.

mod instant_vector;
mod instruments;
mod labels;
mod query_number;
mod query_window;
mod recorded_series;
mod selector;
mod step;

pub(crate) use instant_vector::InstantVector;
pub(crate) use instruments::{CounterQuery, GaugeQuery, HistogramQuery};
pub(crate) use labels::TARGET_LABELS;
pub(crate) use query_number::QueryNumber;
pub(crate) use query_window::QueryWindow;
pub(crate) use recorded_series::RecordedSeries;
pub(crate) use selector::Select;

#[cfg(test)]
mod tests;
