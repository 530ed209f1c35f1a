//! A figure as recorders take it: its metric, and the name of its daily total.

use super::Figure;
use crate::model::catalog::MetricSpec;

/// A metric that is recorded as a figure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FigureSpec {
    pub(crate) metric: &'static MetricSpec,
    /// The name under which the store keeps its daily total; `None` where it keeps none.
    pub(crate) daily_total: Option<&'static str>,
}

impl Figure {
    /// Returns the figure for a recorder; `None` where its declaration breaks a rule.
    pub(crate) fn spec(&self) -> Option<FigureSpec> {
        let metric = self.metric()?;
        Some(FigureSpec {
            metric,
            daily_total: self.daily_total.then_some(metric.name),
        })
    }
}
