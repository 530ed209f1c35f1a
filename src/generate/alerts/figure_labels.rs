//! The labels of a figure, and its name, in what is recorded and drawn of it.

use crate::model::catalog::MetricSpec;
use crate::model::figure::{Figure, FigureLabel};

/// The label of amounts of money, which are never added up over its values.
pub(in crate::generate) const CURRENCY: &str = "currency";
/// The most values of a label that are drawn on top of each other, so that they add up to the total.
const MAX_STACKED: usize = 20;

/// Returns the name of a figure in what is recorded of it: that in the scrape, of which no two figures have the
/// same.
pub(super) fn series_name(metric: &MetricSpec) -> String {
    let name = metric.prometheus_name();
    let name = name.strip_suffix("_total").unwrap_or(&name);
    name.to_owned()
}

/// Returns the labels by which bars are told apart: the currency, and the only other one where that is
/// short.
pub(in crate::generate) fn few_labels(
    figure: &Figure,
    metric: &'static MetricSpec,
) -> Vec<&'static str> {
    let labels = metric.attributes.iter().map(|label| label.key);
    let (mut by, others): (Vec<_>, Vec<_>) = labels.partition(|label| *label == CURRENCY);
    if let [only] = others[..]
        && is_short(figure, only)
    {
        by.push(only);
    }
    by
}

/// Returns true if all values of a label can be drawn.
pub(in crate::generate) fn is_short(figure: &Figure, label: &str) -> bool {
    match figure.labels.get(label) {
        Some(FigureLabel::AtMost(limit)) => *limit <= MAX_STACKED,
        Some(FigureLabel::OneOf(values)) => values.len() <= MAX_STACKED,
        _ => false,
    }
}
