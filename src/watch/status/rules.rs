//! The table by which the state of a component follows from what is known.
//!
//! | what is looked at | operational | degraded performance | partial outage | major outage |
//! |---|---|---|---|---|
//! | checks of a component: `database` (all data stores), and `checks` of the configuration | all pass | one warns | some fail | all fail |
//! | `api`: the health of the service, check by check | it passes | it warns; it fails, and the service goes on | it fails, and takes this instance out of service, with others beside it | it fails, and takes the service out |
//! | workers and schedulers (`workers`, `scheduler`) | all beat and get on | fewer than half are offline or stalled | half or more | all |
//! | alerts of objectives: `api.*`, `workers.*` | – | warning | critical | – |
//! | `web` | this process answers | – | – | – |
//!
//! * The worst of all that is known is the state. Where nothing is known there is no data: a check
//!   without a result, a worker that has not come yet, has stopped or is forgotten, an objective that
//!   is quiet or frozen say nothing.
//! * A check that is stale has failed. One that is informational says nothing of the API.
//! * Other instances are beside this one where the store is shared; each says what it sees, and the
//!   worst counts.

use crate::model::slo::report::Alert;
use crate::model::snapshot::health::{CheckState, Criticality, Known, Scope, Status};
use crate::model::status::ComponentState;
use crate::watch::heartbeat::registry::State as Beating;

use ComponentState::{DegradedPerformance, MajorOutage, NoData, Operational, PartialOutage};

/// The worst of everything; no data where there is nothing.
pub(super) fn worst(states: impl IntoIterator<Item = ComponentState>) -> ComponentState {
    states.into_iter().max().unwrap_or(NoData)
}

/// Checks that together are the component.
pub(super) fn of_checks(known: impl IntoIterator<Item = Known>) -> ComponentState {
    let (mut failed, mut warned, mut all) = (0, 0, 0);
    for known in known {
        match known {
            Known::Pending => continue,
            Known::Fresh(Status::Pass) => {}
            Known::Fresh(Status::Warn) => warned += 1,
            Known::Fresh(Status::Fail) | Known::Stale => failed += 1,
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

/// What one check says of the service that it belongs to; `fleet` where others serve beside it.
pub(super) fn of_service(check: &Check, fleet: bool) -> ComponentState {
    match check.known {
        Known::Pending => NoData,
        _ if check.criticality == Criticality::Informational => NoData,
        Known::Fresh(Status::Pass) => Operational,
        Known::Fresh(Status::Warn) => DegradedPerformance,
        Known::Fresh(Status::Fail) | Known::Stale if !check.takes_out => DegradedPerformance,
        Known::Fresh(Status::Fail) | Known::Stale if fleet && check.scope == Scope::Local => {
            PartialOutage
        }
        Known::Fresh(Status::Fail) | Known::Stale => MajorOutage,
    }
}

/// Workers or schedulers by their states.
pub(super) fn of_crew(states: impl IntoIterator<Item = Beating>) -> ComponentState {
    let (mut well, mut ill) = (0_u64, 0_u64);
    for state in states {
        match state {
            Beating::Online | Beating::Late => well += 1,
            Beating::Offline | Beating::Stalled => ill += 1,
            Beating::New | Beating::Stopped | Beating::Expired => {}
        }
    }
    match (well, ill) {
        (0, 0) => NoData,
        (_, 0) => Operational,
        (0, _) => MajorOutage,
        (well, ill) if ill >= well => PartialOutage,
        _ => DegradedPerformance,
    }
}

/// An objective's alert.
pub(super) const fn of_alert(alert: Alert) -> ComponentState {
    match alert {
        Alert::None | Alert::Frozen => NoData,
        Alert::Warning => DegradedPerformance,
        Alert::Critical => PartialOutage,
    }
}

/// Of a check, what the table looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Check {
    pub(super) known: Known,
    pub(super) criticality: Criticality,
    pub(super) scope: Scope,
    /// Whether its failure makes the instance unfit to serve.
    pub(super) takes_out: bool,
}

impl Check {
    pub(super) fn of(check: &CheckState, now: std::time::Instant) -> Self {
        Self {
            known: check.known(now),
            criticality: check.criticality,
            scope: check.scope,
            takes_out: check.effect(now).status == Status::Fail,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use Known::{Fresh, Pending, Stale};
    use Status::{Fail, Pass, Warn};

    #[test]
    fn a_component_of_checks_is_down_when_all_of_them_are() {
        for (known, expected) in [
            (&[][..], NoData),
            (&[Pending], NoData),
            (&[Pending, Fresh(Pass)], Operational),
            (&[Fresh(Warn), Fresh(Pass)], DegradedPerformance),
            (&[Fresh(Fail), Fresh(Pass)], PartialOutage),
            (&[Fresh(Fail), Fresh(Warn)], PartialOutage),
            (&[Fresh(Fail), Stale], MajorOutage),
            (&[Stale, Pending], MajorOutage),
        ] {
            assert_eq!(of_checks(known.iter().copied()), expected, "{known:?}");
        }
    }

    #[test]
    fn a_service_is_down_when_it_is_taken_out_and_partly_where_others_are_left() {
        use Criticality::{Critical, Degrading, Informational};
        use Scope::{Local, Shared};
        for (known, criticality, scope, takes_out, alone, in_fleet) in [
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
            let check = Check {
                known,
                criticality,
                scope,
                takes_out,
            };
            assert_eq!(of_service(&check, false), alone, "{check:?}");
            assert_eq!(of_service(&check, true), in_fleet, "{check:?}");
        }
    }

    #[test]
    fn a_crew_is_down_by_its_share_of_those_who_should_be_there() {
        use Beating::{Expired, Late, New, Offline, Online, Stalled, Stopped};
        for (states, expected) in [
            (&[][..], NoData),
            (&[New, Stopped, Expired], NoData),
            (&[Online, Late, Stopped], Operational),
            (&[Online, Online, Offline], DegradedPerformance),
            (&[Online, Stalled], PartialOutage),
            (&[Offline, Stalled, New], MajorOutage),
        ] {
            assert_eq!(of_crew(states.iter().copied()), expected, "{states:?}");
        }
    }

    #[test]
    fn a_quiet_objective_says_nothing_and_the_worst_of_all_counts() {
        let alerts = [Alert::None, Alert::Frozen, Alert::Warning, Alert::Critical];
        let states = alerts.map(of_alert);
        assert_eq!(states, [NoData, NoData, DegradedPerformance, PartialOutage]);
        assert_eq!(worst([Operational, PartialOutage, NoData]), PartialOutage);
        assert_eq!(worst([]), NoData);
    }
}
