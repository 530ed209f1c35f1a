//! Labels, by their OpenTelemetry keys, as Prometheus knows them.

use std::collections::BTreeSet;

use crate::model::catalog::MetricSpec;

/// The target labels: what Prometheus's configuration gives every series.
///
/// `job` and `instance` are Prometheus's own; `environment` is in the scrape configuration that is
/// generated beside the rules.
pub(crate) const TARGET_LABELS: [&str; 3] = ["environment", "instance", "job"];

/// The labels that a vector can have, in Prometheus's notation.
pub(super) type Labels = BTreeSet<String>;

/// Returns all labels of a metric.
pub(super) fn metric_labels(spec: &MetricSpec) -> Labels {
    let own = spec.attributes.iter().map(|attribute| attribute.label());
    own.chain(TARGET_LABELS.map(str::to_owned)).collect()
}

/// Converts keys to Prometheus's notation; each must be among the labels.
///
/// A label that is not there is a mistake of the generator and not of its user, so that a panic, in
/// the test that generates everything, is the right answer.
#[track_caller]
pub(super) fn resolve_labels(labels: &Labels, keys: &[&str]) -> Vec<String> {
    let named = keys.iter().map(|key| key.replace('.', "_"));
    named
        .inspect(|label| assert!(labels.contains(label), "no label {label} among {labels:?}"))
        .collect()
}
