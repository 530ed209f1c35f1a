//! Health checks, and what they make of the service.

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
        "1 for the status that the service has, 0 for the others",
        &[STATUS],
    );

    /// 1 while the service may be sent requests.
    pub(crate) const READY: MetricSpec = MetricSpec::new(
        MetricFamily::Health,
        "vantage.health.ready",
        Instrument::ObservableGauge,
        Unit::Count("{service}"),
        "1 when the service may be sent requests, 0 when not",
        &[],
    );

    /// 1 for the state that a check is in.
    pub(crate) const CHECK_STATUS: MetricSpec = MetricSpec::new(
        MetricFamily::Health,
        "vantage.health.check.status",
        Instrument::ObservableGauge,
        Unit::Count("{check}"),
        "1 for the status that a check has after damping, 0 for the others; a stale check fails, and one without a result has none",
        &[CHECK, CRITICALITY, SCOPE, STATUS],
    );

    /// The duration of the latest run.
    pub(crate) const CHECK_DURATION: MetricSpec = MetricSpec::new(
        MetricFamily::Health,
        "vantage.health.check.duration",
        Instrument::ObservableGauge,
        Unit::Seconds,
        "Time that the latest run of a check took; its deadline when it was given up",
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
