//! Labels, by their OpenTelemetry keys, as Prometheus knows them.

use std::collections::BTreeSet;

use crate::model::catalog::MetricSpec;

/// What Prometheus's configuration gives every series: where it was scraped.
pub const TARGET: [&str; 3] = ["environment", "instance", "job"];

/// The labels that a vector can have, in Prometheus's notation.
pub(super) type Labels = BTreeSet<String>;

/// All labels of a metric.
pub(super) fn of(spec: &MetricSpec) -> Labels {
    let own = spec.attributes.iter().map(|attribute| attribute.label());
    own.chain(TARGET.map(str::to_owned)).collect()
}

/// These keys in Prometheus's notation; each must be among what there is.
#[track_caller]
pub(super) fn among(labels: &Labels, keys: &[&str]) -> Vec<String> {
    let named = keys.iter().map(|key| key.replace('.', "_"));
    named
        .inspect(|label| assert!(labels.contains(label), "no label {label} among {labels:?}"))
        .collect()
}
