//! The rules by which the state of a component follows from its sources.
//!
//! | what is looked at | operational | degraded performance | partial outage | major outage |
//! |---|---|---|---|---|
//! | checks of a component: `database` (all data stores), and `checks` of the configuration | all pass | one warns | some fail | all fail |
//! | `api`: the health of the service, check by check | it passes | it warns; it fails, and the service goes on | it fails, and takes this instance out of service, with others beside it | it fails, and takes the service out |
//! | workers and schedulers (`workers`, `scheduler`) | all beat and get on | fewer than half are offline or stalled | half or more | all |
//! | alerts of objectives: `api.*`, `workers.*` | – | warning; critical, where time slices say more | critical, without time slices | – |
//! | time slices of an objective: `api.availability` | – | – | a bad one | – |
//! | `web` | this process answers | – | – | – |
//!
//! * The worst of all that is known is the state. Where nothing is known there is no data: a check
//!   without a result, a worker that has not come yet, has stopped or is forgotten, or whose beats come
//!   through a store that can't be read, an objective that is quiet or frozen say nothing.
//! * A burn rate has a memory: its alert outlasts its cause. Where the component has the time slices of
//!   an objective, they say when it was out, and alerts say that it is degraded at most.
//! * In maintenance, declared or announced of the component, neither alerts nor time slices count.
//! * A check that is stale has failed. One that is informational says nothing of the API.
//! * Other instances are beside this one where the store is shared; each says what it sees, and the
//!   worst counts.

use crate::model::slo::report::AlertState;
use crate::model::snapshot::health::{
    CheckScope, CheckState, Criticality, HealthStatus, ResultFreshness,
};
use crate::model::status::ComponentState;
use crate::watch::heartbeat::registry::WorkerState;

use ComponentState::{DegradedPerformance, MajorOutage, NoData, Operational, PartialOutage};

/// Returns the worst state; no data if there is none.
pub(super) fn worst(states: impl IntoIterator<Item = ComponentState>) -> ComponentState {
    states.into_iter().max().unwrap_or(NoData)
}

/// Returns the state of a component of checks.
pub(super) fn checks_state(freshness: impl IntoIterator<Item = ResultFreshness>) -> ComponentState {
    let (mut failed, mut warned, mut all) = (0, 0, 0);
    for freshness in freshness {
        match freshness {
            // Not counted among all, so that a first result of several is not a partial outage.
            ResultFreshness::Pending => continue,
            ResultFreshness::Fresh(HealthStatus::Pass) => {}
            ResultFreshness::Fresh(HealthStatus::Warn) => warned += 1,
            ResultFreshness::Fresh(HealthStatus::Fail) | ResultFreshness::Stale => failed += 1,
        }
        all += 1;
    }
    match (failed, warned) {
        _ if all == 0 => NoData,
        (failed, _) if failed == all => MajorOutage,
        (1.., _) => PartialOutage,
        (_, 1..) => DegradedPerformance,
        _ => Operational,
    }
}

/// Returns the state of the service by one of its checks; `fleet` if other instances serve beside it.
pub(super) fn service_state(check: &CheckInput, fleet: bool) -> ComponentState {
    match check.freshness {
        ResultFreshness::Pending => NoData,
        _ if check.criticality == Criticality::Informational => NoData,
        ResultFreshness::Fresh(HealthStatus::Pass) => Operational,
        ResultFreshness::Fresh(HealthStatus::Warn) => DegradedPerformance,
        ResultFreshness::Fresh(HealthStatus::Fail) | ResultFreshness::Stale
            if !check.takes_out_of_service =>
        {
            DegradedPerformance
        }
        ResultFreshness::Fresh(HealthStatus::Fail) | ResultFreshness::Stale
            if fleet && check.scope == CheckScope::Local =>
        {
            PartialOutage
        }
        ResultFreshness::Fresh(HealthStatus::Fail) | ResultFreshness::Stale => MajorOutage,
    }
}

/// Returns the state of workers or schedulers; `has_unknown` if the state of others is not known.
pub(super) fn workers_state(
    states: impl IntoIterator<Item = WorkerState>,
    has_unknown: bool,
) -> ComponentState {
    let (mut healthy, mut failed) = (0_u64, 0_u64);
    for state in states {
        match state {
            WorkerState::Online | WorkerState::Late => healthy += 1,
            WorkerState::Offline | WorkerState::Stalled => failed += 1,
            WorkerState::New
            | WorkerState::Stopped
            | WorkerState::Forgotten
            | WorkerState::Expired => {}
        }
    }
    match (healthy, failed) {
        (0, 0) => NoData,
        (_, 0) => Operational,
        // Those that are known to have failed may be few of all.
        (0, _) if has_unknown => NoData,
        (0, _) => MajorOutage,
        (healthy, failed) if failed >= healthy => PartialOutage,
        _ => DegradedPerformance,
    }
}

/// Returns the state of an objective's alert; `has_slices` if time slices tell the outages of the component.
pub(super) const fn alert_state(alert: AlertState, has_slices: bool) -> ComponentState {
    match alert {
        AlertState::None | AlertState::Frozen => NoData,
        AlertState::Warning => DegradedPerformance,
        // It fires for minutes after its cause has ended.
        AlertState::Critical if has_slices => DegradedPerformance,
        AlertState::Critical => PartialOutage,
    }
}

/// The properties of a check that the rules depend on.
#[derive(Clone, Copy, Debug)]
pub(super) struct CheckInput {
    pub(super) freshness: ResultFreshness,
    pub(super) criticality: Criticality,
    pub(super) scope: CheckScope,
    /// `true` if its failure makes the instance unfit to serve.
    pub(super) takes_out_of_service: bool,
}

impl CheckInput {
    pub(super) fn from_check(check: &CheckState, now: std::time::Instant) -> Self {
        Self {
            freshness: check.freshness(now),
            criticality: check.criticality,
            scope: check.scope,
            takes_out_of_service: check.effect(now).status == HealthStatus::Fail,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use HealthStatus::{Fail, Pass, Warn};
    use ResultFreshness::{Fresh, Pending, Stale};

    #[test]
    fn a_component_of_checks_is_down_when_all_of_them_are() {
        for (freshness, expected) in [
            (&[][..], NoData),
            (&[Pending], NoData),
            (&[Pending, Fresh(Pass)], Operational),
            (&[Fresh(Warn), Fresh(Pass)], DegradedPerformance),
            (&[Fresh(Fail), Fresh(Pass)], PartialOutage),
            (&[Fresh(Fail), Fresh(Warn)], PartialOutage),
            (&[Fresh(Fail), Stale], MajorOutage),
            (&[Stale, Pending], MajorOutage),
        ] {
            assert_eq!(
                checks_state(freshness.iter().copied()),
                expected,
                "{freshness:?}"
            );
        }
    }

    #[test]
    fn a_service_is_down_when_it_is_taken_out_and_partly_where_others_are_left() {
        use CheckScope::{Local, Shared};
        use Criticality::{Critical, Degrading, Informational};
        for (freshness, criticality, scope, takes_out_of_service, alone, in_fleet) in [
            (
                Fresh(Pass),
                Critical,
                Local,
                false,
                Operational,
                Operational,
            ),
            (
                Fresh(Warn),
                Critical,
                Local,
                false,
                DegradedPerformance,
                DegradedPerformance,
            ),
            (
                Fresh(Fail),
                Critical,
                Local,
                true,
                MajorOutage,
                PartialOutage,
            ),
            (Stale, Critical, Local, true, MajorOutage, PartialOutage),
            (
                Fresh(Fail),
                Critical,
                Shared,
                false,
                DegradedPerformance,
                DegradedPerformance,
            ),
            (
                Fresh(Fail),
                Critical,
                Shared,
                true,
                MajorOutage,
                MajorOutage,
            ),
            (
                Fresh(Fail),
                Degrading,
                Local,
                false,
                DegradedPerformance,
                DegradedPerformance,
            ),
            (Fresh(Fail), Informational, Local, false, NoData, NoData),
            (Pending, Critical, Local, false, NoData, NoData),
        ] {
            let check = CheckInput {
                freshness,
                criticality,
                scope,
                takes_out_of_service,
            };
            assert_eq!(service_state(&check, false), alone, "{check:?}");
            assert_eq!(service_state(&check, true), in_fleet, "{check:?}");
        }
    }

    #[test]
    fn workers_are_down_by_the_share_of_those_expected() {
        use WorkerState::{Expired, Forgotten, Late, New, Offline, Online, Stalled, Stopped};
        for (states, expected) in [
            (&[][..], NoData),
            (&[New, Stopped, Forgotten, Expired], NoData),
            (&[Online, Forgotten, Forgotten], Operational),
            (&[Online, Late, Stopped], Operational),
            (&[Online, Online, Offline], DegradedPerformance),
            (&[Online, Stalled], PartialOutage),
            (&[Offline, Stalled, New], MajorOutage),
        ] {
            assert_eq!(
                workers_state(states.iter().copied(), false),
                expected,
                "{states:?}"
            );
        }
    }

    #[test]
    fn a_quiet_objective_has_no_data_and_the_worst_state_counts() {
        let alerts = [
            AlertState::None,
            AlertState::Frozen,
            AlertState::Warning,
            AlertState::Critical,
        ];
        let states = alerts.map(|alert| alert_state(alert, false));
        assert_eq!(states, [NoData, NoData, DegradedPerformance, PartialOutage]);
        let beside_slices = alerts.map(|alert| alert_state(alert, true));
        assert_eq!(beside_slices[..3], states[..3]);
        assert_eq!(beside_slices[3], DegradedPerformance);
        assert_eq!(worst([Operational, PartialOutage, NoData]), PartialOutage);
        assert_eq!(worst([]), NoData);
    }
}
