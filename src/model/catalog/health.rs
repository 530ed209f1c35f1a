//! Health checks, and what they make of the service.
//!
//! A status is one series per value, 1 or 0, and not a number: 0.5 for "warn" could neither be
//! summed nor read. OpenMetrics calls this a state set.

use super::{Attribute, Instrument, MetricFamily, MetricSpec, family};
use crate::model::units::Unit;

const CHECK: Attribute = Attribute::open("check", "the id under which the check is registered");
const CRITICALITY: Attribute =
    Attribute::one_of("criticality", &["critical", "degrading", "informational"]);
const SCOPE: Attribute = Attribute::one_of("scope", &["local", "shared"]);
const STATUS: Attribute = Attribute::one_of("status", &["pass", "warn", "fail"]);

family! {
    /// The status of the service, as one series per status.
    pub(crate) const SERVICE_STATUS: MetricSpec = MetricSpec::new(
        MetricFamily::Health,
        "vantage.health.status",
        Instrument::ObservableGauge,
        Unit::Count("{service}"),
        "1 for the current status of the service, 0 for the others",
        &[STATUS],
    );

    /// 1 while the service may be sent requests.
    pub(crate) const READY: MetricSpec = MetricSpec::new(
        MetricFamily::Health,
        "vantage.health.ready",
        Instrument::ObservableGauge,
        Unit::Count("{service}"),
        "1 if the service may be sent requests, 0 if not",
        &[],
    );

    /// 1 for the state that a check is in.
    pub(crate) const CHECK_STATUS: MetricSpec = MetricSpec::new(
        MetricFamily::Health,
        "vantage.health.check.status",
        Instrument::ObservableGauge,
        Unit::Count("{check}"),
        "1 for the current status of a check after damping, 0 for the others; a stale check counts as failed, and a check without a result has no series",
        &[CHECK, CRITICALITY, SCOPE, STATUS],
    );

    /// The duration of the latest run.
    pub(crate) const CHECK_DURATION: MetricSpec = MetricSpec::new(
        MetricFamily::Health,
        "vantage.health.check.duration",
        Instrument::ObservableGauge,
        Unit::Seconds,
        "Duration of the latest run of a check; its timeout if the run was given up",
        &[CHECK],
    );

    /// The age of the latest result.
    pub(crate) const CHECK_AGE: MetricSpec = MetricSpec::new(
        MetricFamily::Health,
        "vantage.health.check.age",
        Instrument::ObservableGauge,
        Unit::Seconds,
        "Age of the latest result of a check",
        &[CHECK],
    );
}
