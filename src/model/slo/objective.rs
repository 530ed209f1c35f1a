//! One objective, and the arithmetic that needs nothing but its declaration.

use std::time::Duration;

use super::kind::ThresholdUnit;
use super::{
    BudgetingMethod, Indicator, ObjectiveKind, ObjectiveThreshold, ServiceKey, SloWarning,
    SloWindow,
};
use crate::model::units::{Percent, Ratio};

/// A service level objective as declared: consistent, because only the files' reader makes one.
///
/// The target is above 0 and below 100, the window is longer than zero, the threshold has the type
/// of the kind, and that of an error rate is 100 − target.
///
/// ```
/// use vantage_obs::slo::{BudgetingMethod, Objectives};
///
/// let file = r#"{"api": {"latency": {"target": 95, "threshold": 2000, "window": "30d"}}}"#;
/// let objectives = Objectives::parse(&[("api.json", file)])?;
/// let latency = objectives.get("api.latency").expect("declared");
/// assert_eq!((latency.name(), latency.method()), ("latency", BudgetingMethod::Occurrences));
/// assert_eq!(latency.threshold_unit(), Some("ms"));
/// assert_eq!(latency.permitted_bad().to_f64(), 0.05);
/// assert_eq!(latency.time_budget().as_secs(), 36 * 3_600);
/// # Ok::<(), vantage_obs::slo::SloError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objective {
    pub(super) id: String,
    /// The file that declares it.
    pub(super) file: String,
    pub(super) service: ServiceKey,
    pub(super) kind: ObjectiveKind,
    pub(super) method: BudgetingMethod,
    pub(super) target: Percent,
    /// `None` of availabilities, and of custom objectives on counters.
    pub(super) threshold: Option<ObjectiveThreshold>,
    /// As the file writes it, for pages.
    pub(super) unit: Option<ThresholdUnit>,
    pub(super) indicator: Option<Indicator>,
    pub(super) window: SloWindow,
    pub(super) description: Option<String>,
    pub(super) warnings: Vec<SloWarning>,
}

impl Objective {
    /// Returns service and name, `api.latency`: unique among all [`Objectives`](super::Objectives).
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the top-level key that the objective stands under.
    #[must_use]
    pub fn service(&self) -> &ServiceKey {
        &self.service
    }

    /// Returns the key of the objective within its service, such as `latency`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.id
            .split_once('.')
            .map_or(self.id.as_str(), |(_, name)| name)
    }

    /// Returns the kind of measurement.
    #[must_use]
    pub fn kind(&self) -> ObjectiveKind {
        self.kind
    }

    /// Returns the method by which good and bad are counted.
    #[must_use]
    pub fn method(&self) -> BudgetingMethod {
        self.method
    }

    /// Returns the share that must be good.
    #[must_use]
    pub fn target(&self) -> Percent {
        self.target
    }

    /// Returns the limit between good and bad; `None` for an availability, whose limits are fixed.
    #[must_use]
    pub fn threshold(&self) -> Option<ObjectiveThreshold> {
        self.threshold
    }

    /// Returns the unit in which the file writes the threshold: `ms`, `s` or `percent`.
    #[must_use]
    pub fn threshold_unit(&self) -> Option<&'static str> {
        self.unit.map(ThresholdUnit::as_str)
    }

    /// Returns the indicator of a [custom](ObjectiveKind::Custom) objective; `None` where the kind says it.
    #[must_use]
    pub fn indicator(&self) -> Option<&Indicator> {
        self.indicator.as_ref()
    }

    /// Returns the time over which the target is to be met.
    #[must_use]
    pub fn window(&self) -> &SloWindow {
        &self.window
    }

    /// Returns the file's description of the objective.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// Returns warnings about a legal but suspicious declaration.
    #[must_use]
    pub fn warnings(&self) -> &[SloWarning] {
        &self.warnings
    }

    /// Returns the share that may be bad: (100 − target) / 100, above 0 and below 1.
    ///
    /// The platform's document calls it the SLO threshold; a burn rate is the current share of bad
    /// over this one.
    #[must_use]
    pub fn permitted_bad(&self) -> Ratio {
        self.target.complement().to_ratio()
    }

    /// Returns `true` if its events are the time slices of one service, one after the other: how many a
    /// window holds follows from its length. Those of workers are as many as there are workers.
    #[must_use]
    pub fn is_one_slice_at_a_time(&self) -> bool {
        self.service == ServiceKey::Api
            && self.kind == ObjectiveKind::Availability
            && self.method == BudgetingMethod::Timeslices
    }

    /// Returns the error budget as time: (100 − target) / 100 × window, whole nanoseconds.
    ///
    /// 99.9 over 30 days permits 43 min 12 s.
    #[must_use]
    pub fn time_budget(&self) -> Duration {
        self.permitted_bad().mul_duration(self.window.duration())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::slo::Objectives;

    fn availability(target: &str, window: &str) -> Objective {
        let text =
            format!(r#"{{"api":{{"availability":{{"target":{target},"window":"{window}"}}}}}}"#);
        let objectives = Objectives::parse(&[("api.json", &text)]).unwrap();
        objectives.get("api.availability").unwrap().clone()
    }

    fn budget(target: &str) -> Duration {
        availability(target, "30d").time_budget()
    }

    const fn minutes(count: u64) -> Duration {
        Duration::from_secs(60 * count)
    }

    #[test]
    fn budget_of_99_9_over_30_days_is_43m12s() {
        assert_eq!(budget("99.9"), minutes(43) + Duration::from_secs(12));
    }

    #[test]
    fn budget_of_99_5_over_30_days_is_3h36m() {
        assert_eq!(budget("99.5"), minutes(3 * 60 + 36));
    }

    #[test]
    fn budget_of_99_over_30_days_is_7h12m() {
        assert_eq!(budget("99"), minutes(7 * 60 + 12));
    }

    #[test]
    fn budget_of_95_over_30_days_is_36h() {
        assert_eq!(budget("95"), minutes(36 * 60));
    }

    #[test]
    fn budget_of_twelve_nines_is_exact_to_the_nanosecond() {
        assert_eq!(budget("99.999999999999"), Duration::from_nanos(25));
    }

    #[test]
    fn permitted_bad_is_exact() {
        let bad = availability("99.9", "7d").permitted_bad();
        assert_eq!(bad.lowest_terms(), (1, 1_000));
    }

    #[test]
    fn an_id_is_service_and_name() {
        let objective = availability("99.9", "30d");
        assert_eq!(objective.id(), "api.availability");
        assert_eq!(
            (objective.service().as_str(), objective.name()),
            ("api", "availability")
        );
    }
}
