//! Labels, by their OpenTelemetry keys, as Prometheus knows them.

use std::collections::BTreeMap;

use crate::model::catalog::{self, MetricSpec};

/// The target labels: what Prometheus's configuration gives every series.
///
/// `job` and `instance` are Prometheus's own; `environment` is in the scrape configuration that is
/// generated beside the rules.
pub(crate) const TARGET_LABELS: [&str; 3] = ["environment", "instance", "job"];

/// The label that a scrape configuration of one's own may leave out, and the name of its absence.
const ENVIRONMENT: (&str, &str) = ("environment", "(no environment)");

/// The labels that a vector can have, in Prometheus's notation, each with the name of series that lack
/// it; `None` where each series has it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Labels(BTreeMap<String, Option<String>>);

// Vectors match by their labels, whatever the names of what lacks one.
impl PartialEq for Labels {
    fn eq(&self, other: &Self) -> bool {
        self.0.keys().eq(other.0.keys())
    }
}

impl Labels {
    /// Returns all labels of a metric; `present` are those that each selected series has.
    pub(super) fn of_metric(spec: &MetricSpec, present: &[String]) -> Self {
        let own = spec.attributes.iter().map(|attribute| {
            let label = attribute.label();
            let absent = spec.absent_name(attribute);
            let absent = absent.filter(|_| !present.contains(&label));
            (label, absent)
        });
        let target = TARGET_LABELS.map(|label| (label.to_owned(), absent_target(label)));
        Self(own.chain(target).collect())
    }

    /// Returns labels by their names alone; what is absent on any metric of the catalog may be absent here.
    pub(super) fn by_name<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let named = names.into_iter().map(|name| {
            let label = name.replace('.', "_");
            let absent = absent_target(&label).or_else(|| absent_anywhere(&label));
            (label, absent)
        });
        Self(named.collect())
    }

    /// Returns the labels, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Returns true if a label is among them.
    pub(crate) fn contains(&self, label: &str) -> bool {
        self.0.contains_key(label)
    }

    /// Returns the name of series that lack a label; `None` where each has it.
    pub(super) fn absent_name(&self, label: &str) -> Option<&str> {
        self.0.get(label)?.as_deref()
    }

    /// Adds a label that each series has.
    pub(super) fn insert(&mut self, label: &str) {
        self.0.insert(label.to_owned(), None);
    }

    /// Returns them without one.
    pub(super) fn without(&self, label: &str) -> Self {
        let mut labels = self.clone();
        labels.0.remove(label);
        labels
    }

    /// Returns those of them that are listed.
    pub(super) fn only(&self, labels: &[String]) -> Self {
        let mut only = self.clone();
        only.0.retain(|label, _| labels.contains(label));
        only
    }

    /// Returns them, with the names of what may be absent on either side.
    pub(super) fn merged(&self, other: &Self) -> Self {
        let mut merged = self.clone();
        for (label, absent) in &mut merged.0 {
            let name = || other.absent_name(label).map(str::to_owned);
            *absent = absent.take().or_else(name);
        }
        merged
    }

    /// Converts keys to Prometheus's notation; each must be among the labels.
    ///
    /// A label that is not there is a mistake of the generator and not of its user, so that a panic, in
    /// the test that generates everything, is the right answer.
    #[track_caller]
    pub(super) fn resolve(&self, keys: &[&str]) -> Vec<String> {
        let named = keys.iter().map(|key| key.replace('.', "_"));
        let all = || self.iter().collect::<Vec<_>>();
        named
            .inspect(|label| assert!(self.contains(label), "no label {label} among {:?}", all()))
            .collect()
    }
}

fn absent_target(label: &str) -> Option<String> {
    (label == ENVIRONMENT.0).then(|| ENVIRONMENT.1.to_owned())
}

fn absent_anywhere(label: &str) -> Option<String> {
    let attributes = |spec: &'static MetricSpec| {
        let attributes = spec.attributes.iter();
        attributes.map(move |attribute| (spec, attribute))
    };
    let mut all = catalog::all().flat_map(attributes);
    all.find_map(|(spec, attribute)| {
        let absent = spec.absent_name(attribute);
        absent.filter(|_| attribute.label() == label)
    })
}
