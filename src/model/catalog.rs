//! Every metric of the crate, declared once.
//!
//! An instrument can only be built from a [`MetricSpec`], and everything else that names a metric
//! (the reference table, dashboards, rules) reads the same declaration: a name that nobody records
//! cannot appear anywhere. A declaration that breaks a rule below does not compile.
//!
//! * Names are OpenTelemetry semantic conventions where one exists, `vantage.<family>.<thing>`
//!   otherwise; they carry neither unit nor type, because exporters append those.
//! * Attributes stand in key order: the SDK stores a series twice otherwise.
//! * Units are base units; [`Unit::Ratio`](crate::model::units::Unit::Ratio) is for gauges only.

pub(crate) mod api;
pub(crate) mod business;
pub(crate) mod client;
pub(crate) mod database;
pub(crate) mod health;
pub(crate) mod process;
pub(crate) mod scheduler;
mod spec;
pub(crate) mod store;
pub(crate) mod telemetry;
pub(crate) mod worker;

pub(crate) use spec::broken_name_rule;
use spec::family;
pub use spec::{Attribute, AttributeValues, Instrument, MetricFamily, MetricSpec};

/// All metrics, by families and parts of them, in the order of the reference table.
pub(crate) const ALL: &[&[&MetricSpec]] = &[
    api::ALL,
    client::ALL,
    worker::ALL,
    scheduler::ALL,
    database::ALL,
    database::server::ALL,
    business::ALL,
    process::ALL,
    health::ALL,
    store::ALL,
    telemetry::ALL,
];

/// Returns all metrics, family by family, in the order of the reference table.
///
/// ```
/// use vantage_obs::catalog::{self, MetricFamily};
///
/// let workers = catalog::all().filter(|spec| spec.family == MetricFamily::Worker);
/// assert!(workers.map(|spec| spec.name).all(|name| name.starts_with("vantage.worker.")));
/// ```
pub fn all() -> impl Iterator<Item = &'static MetricSpec> {
    ALL.iter().flat_map(|family| family.iter().copied())
}

/// Returns the declaration of the metric with this OpenTelemetry name; `None` for any other name, that of Prometheus
/// included.
///
/// ```
/// use vantage_obs::catalog::{self, Instrument};
///
/// let requests = catalog::find("vantage.api.requests").expect("declared");
/// assert_eq!(requests.prometheus_name(), "vantage_api_requests_total");
/// assert_eq!(requests.instrument, Instrument::Counter);
/// assert!(catalog::find("vantage_api_requests_total").is_none());
/// ```
#[must_use]
pub fn find(name: &str) -> Option<&'static MetricSpec> {
    all().find(|spec| spec.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_in_both_notations() {
        let names: HashSet<_> = all().map(|spec| spec.name).collect();
        let prometheus: HashSet<_> = all().map(MetricSpec::prometheus_name).collect();
        assert_eq!(names.len(), all().count());
        assert_eq!(prometheus.len(), all().count());
    }

    #[test]
    fn metrics_of_a_family_stand_together() {
        let mut families: Vec<_> = all().map(|spec| spec.family).collect();
        families.dedup();
        let different: HashSet<_> = families.iter().collect();
        assert_eq!(different.len(), families.len(), "{families:?}");
        for part in ALL {
            assert!(part.iter().all(|spec| spec.family == part[0].family));
        }
    }
}
