//! Good and bad events of each objective, counted where they happen.
//!
//! Two counters for each objective: of its events, or of its time slices where it counts those. The
//! scrape exports them as `vantage.slo.events`; error budgets, the fleet's report and the generated
//! rules all read that one stream, so that they cannot disagree and do not depend on histogram buckets.
//!
//! Counters are activated by the instruments that count into them, which come to life with the process's
//! role or their first use. Until then they aren't exported: a worker that said 0 bad requests would be
//! added to the API's budget as one that was never slow.
//!
//! The counters of custom objectives are activated by the metric that they name. Which of its series count
//! is decided when a series is bound, so that a series that no objective asks about pays for one look at
//! an empty option.
//!
//! | state | exported | evaluated |
//! |---|---|---|
//! | declared, not active | no | `absent` |
//! | active, nothing counted | as 0 | `no_data` |
//! | counted | yes | yes |
//!
//! All accesses are relaxed. Good and bad are two counters, so that a reader may see one event in
//! neither for a moment; the next sample has it. What matters is that no event is lost and that
//! each counter only grows.

mod maintenance;
mod rule;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use self::maintenance::MaintenanceEvents;
use crate::model::catalog::{self, Instrument, MetricSpec};
use crate::model::slo::maintenance::SloMaintenance;
use crate::model::slo::{
    BudgetingMethod, Indicator, Objective, ObjectiveKind, ObjectiveThreshold, Objectives,
    ServiceKey,
};

pub(crate) use maintenance::{DeclaredMaintenance, GoodAndBad, MaintenanceStatus};
pub(crate) use rule::{MetricEventRules, SeriesEventRules};

/// The counters of all objectives, active or not. Cheap to clone; clones share the counters.
#[derive(Clone, Debug, Default)]
pub(crate) struct SloEvents {
    /// In the order of the objectives.
    all: Arc<[ObjectiveCounters]>,
    /// Requests by whether the service itself failed them: the slices of an API's availability are
    /// judged by these. Those of the error rate, where there is one, because it counts the same.
    requests: Option<ObjectiveCounters>,
    maintenance: DeclaredMaintenance,
}

/// Good and bad events of one objective since the process started.
///
/// The description is copied beside the counters, so that recording needs no look-up.
#[derive(Clone, Debug)]
pub(crate) struct ObjectiveCounters {
    objective: Arc<str>,
    service: ServiceKey,
    kind: ObjectiveKind,
    method: BudgetingMethod,
    /// `None` where the objective has none, such as an error rate.
    threshold: Option<Duration>,
    /// Of a custom objective: the metric that it is about.
    indicator: Option<Arc<Indicator>>,
    /// Shared by two objectives where both count the same requests.
    counts: Arc<EventCounts>,
}

#[derive(Debug, Default)]
struct EventCounts {
    /// Set by the first instrument that counts here, and never unset.
    active: AtomicBool,
    good: AtomicU64,
    bad: AtomicU64,
    maintenance: MaintenanceEvents,
}

impl SloEvents {
    /// Creates counters for each objective.
    #[must_use]
    pub(crate) fn new(objectives: &Objectives) -> Self {
        let mut all: Vec<_> = objectives.iter().map(ObjectiveCounters::new).collect();
        // Before the list is shared: afterwards it can't be changed.
        share_requests(&mut all);
        let all: Arc<[ObjectiveCounters]> = all.into();
        let requests = all
            .iter()
            .find(|counters| {
                counters.matches(
                    &ServiceKey::Api,
                    ObjectiveKind::ErrorRate,
                    BudgetingMethod::Occurrences,
                )
            })
            .or_else(|| {
                let available = |counters: &&ObjectiveCounters| {
                    counters.service == ServiceKey::Api
                        && counters.kind == ObjectiveKind::Availability
                };
                all.iter().find(available)
            })
            .map(ObjectiveCounters::requests);
        Self {
            all,
            requests,
            maintenance: DeclaredMaintenance::default(),
        }
    }

    /// Returns all counters, in the order of the objectives.
    pub(crate) fn all(&self) -> impl Iterator<Item = &ObjectiveCounters> {
        self.all.iter()
    }

    /// Returns the counters of objectives that an instrument counts into.
    pub(crate) fn active(&self) -> impl Iterator<Item = &ObjectiveCounters> {
        self.all().filter(|counters| counters.is_active())
    }

    /// Updates to this moment what is declared maintenance: its events are exported apart.
    pub(crate) fn update_maintenance(&self, all: &[SloMaintenance], now: Timestamp) {
        let active = self.maintenance.update(all, now);
        for counters in self.all() {
            let read = || counters.read();
            counters.counts.maintenance.set_active(active, read);
        }
    }

    /// Returns the declared maintenance as of its last update.
    pub(crate) const fn maintenance(&self) -> &DeclaredMaintenance {
        &self.maintenance
    }

    /// The bounds of a histogram's buckets: the catalog's, and the thresholds of the objectives that
    /// the metric is about, so that a panel can draw them.
    pub(crate) fn bounds(&self, spec: &MetricSpec) -> Vec<f64> {
        let Instrument::Histogram(bounds) = spec.instrument else {
            return Vec::new();
        };
        let thresholds = self
            .all()
            .filter(|counters| counters.metric() == Some(spec.name))
            .filter_map(|counters| counters.threshold());
        let mut bounds: Vec<f64> = bounds
            .iter()
            .copied()
            .chain(thresholds.map(|threshold| threshold.as_secs_f64()))
            .collect();
        bounds.sort_by(f64::total_cmp);
        // A threshold may be one of the catalog's bounds already.
        bounds.dedup();
        bounds
    }

    /// Activates and returns the counters of a kind that counts occurrences.
    pub(crate) fn activate(&self, kind: ObjectiveKind) -> Option<ObjectiveCounters> {
        // At most one: objectives are unique by service and name, and each kind that is counted
        // here belongs to one service.
        let counters = self.all().find(|counters| {
            counters.kind == kind && counters.method == BudgetingMethod::Occurrences
        })?;
        Some(counters.activated())
    }

    /// Activates and returns the counters of a service's availability, to count time slices.
    pub(crate) fn activate_slices(&self, service: &ServiceKey) -> Option<ObjectiveCounters> {
        let counters = self.all().find(|counters| {
            counters.matches(
                service,
                ObjectiveKind::Availability,
                BudgetingMethod::Timeslices,
            )
        })?;
        Some(counters.activated())
    }

    /// Opens the count of requests by whether the service itself failed them.
    pub(crate) fn activate_requests(&self) -> Option<ObjectiveCounters> {
        self.requests.as_ref().map(ObjectiveCounters::activated)
    }

    /// Returns the counters of requests, if active.
    pub(crate) fn requests(&self) -> Option<&ObjectiveCounters> {
        self.requests
            .as_ref()
            .filter(|counters| counters.is_active())
    }

    /// Returns the counters of requests, if an API's availability counts time slices, which are
    /// derived from them.
    pub(crate) fn slice_requests(&self) -> Option<&ObjectiveCounters> {
        let slices = self.all().any(ObjectiveCounters::is_sliced_api);
        self.requests().filter(|_| slices)
    }

    /// Returns the values of a label on which custom objectives that name one of these metrics depend; `None` where
    /// none depends on it.
    pub(crate) fn asked_values(&self, specs: &[&MetricSpec], label: &str) -> Option<Vec<String>> {
        let indicators = self.all().filter_map(|it| it.indicator.as_deref());
        let named = indicators.filter(|indicator| {
            let names = |spec: &&MetricSpec| spec.name == indicator.metric.name;
            specs.iter().any(names)
        });
        let asked: Vec<_> = named
            .filter_map(|indicator| rule::asked_values(indicator, label))
            .collect();
        (!asked.is_empty()).then(|| asked.concat())
    }

    /// Activates the counters of all custom objectives that name this metric, and returns their
    /// rules.
    pub(crate) fn activate_rules(&self, spec: &MetricSpec) -> MetricEventRules {
        let named = self.all().filter(|counters| {
            let indicator = counters.indicator.as_ref();
            indicator.is_some_and(|indicator| indicator.metric.name == spec.name)
        });
        let all = named
            .inspect(|counters| counters.activate())
            .cloned()
            .collect();
        MetricEventRules::new(all)
    }
}

/// Makes an availability that counts requests share the counters of the error rate, so that no
/// request is counted with two additions.
fn share_requests(all: &mut [ObjectiveCounters]) {
    let failing = |counters: &&ObjectiveCounters| {
        counters.matches(
            &ServiceKey::Api,
            ObjectiveKind::ErrorRate,
            BudgetingMethod::Occurrences,
        )
    };
    let failing = all.iter().find(failing);
    let Some(shared) = failing.map(|counters| Arc::clone(&counters.counts)) else {
        return;
    };
    for counters in all {
        if counters.matches(
            &ServiceKey::Api,
            ObjectiveKind::Availability,
            BudgetingMethod::Occurrences,
        ) {
            counters.counts = Arc::clone(&shared);
        }
    }
}

impl ObjectiveCounters {
    fn new(objective: &Objective) -> Self {
        Self {
            objective: objective.id().into(),
            service: objective.service().clone(),
            kind: objective.kind(),
            method: objective.method(),
            threshold: match objective.threshold() {
                Some(ObjectiveThreshold::Duration(threshold)) => Some(threshold),
                _ => None,
            },
            indicator: objective.indicator().cloned().map(Arc::new),
            counts: Arc::default(),
        }
    }

    /// Returns itself where it counts requests already, and hidden counters beside it otherwise.
    // "Hidden": they are in no list, so that the slices' own good and bad stay what is exported.
    fn requests(&self) -> Self {
        match self.method {
            BudgetingMethod::Occurrences => self.clone(),
            _ => Self {
                counts: Arc::default(),
                ..self.clone()
            },
        }
    }

    fn matches(&self, service: &ServiceKey, kind: ObjectiveKind, method: BudgetingMethod) -> bool {
        self.service == *service && self.kind == kind && self.method == method
    }

    fn is_sliced_api(&self) -> bool {
        self.matches(
            &ServiceKey::Api,
            ObjectiveKind::Availability,
            BudgetingMethod::Timeslices,
        )
    }

    fn activated(&self) -> Self {
        self.activate();
        self.clone()
    }

    /// Returns `true` if an instrument counts into it.
    pub(crate) fn is_active(&self) -> bool {
        self.counts.active.load(Ordering::Relaxed)
    }

    /// The objective's id, such as `api.latency`.
    #[must_use]
    pub(crate) fn objective(&self) -> &str {
        &self.objective
    }

    /// Events that met the objective.
    #[must_use]
    pub(crate) fn good(&self) -> u64 {
        self.counts.good.load(Ordering::Relaxed)
    }

    /// Events that did not.
    #[must_use]
    pub(crate) fn bad(&self) -> u64 {
        self.counts.bad.load(Ordering::Relaxed)
    }

    fn read(&self) -> GoodAndBad {
        GoodAndBad {
            good: self.good(),
            bad: self.bad(),
        }
    }

    /// Returns the events that count, and those of declared maintenance, which don't.
    pub(crate) fn split_by_maintenance(&self) -> (GoodAndBad, GoodAndBad) {
        self.counts.maintenance.split(|| self.read())
    }

    pub(crate) const fn threshold(&self) -> Option<Duration> {
        self.threshold
    }

    fn activate(&self) {
        self.counts.active.store(true, Ordering::Relaxed);
    }

    /// The histogram that shows what the objective is about.
    pub(crate) fn metric(&self) -> Option<&'static str> {
        if let Some(indicator) = &self.indicator {
            return Some(indicator.metric.name);
        }
        match self.kind {
            ObjectiveKind::Latency => Some(catalog::api::REQUEST_DURATION.name),
            ObjectiveKind::ProcessingTime => Some(catalog::worker::JOB_DURATION.name),
            ObjectiveKind::QueueLag => Some(catalog::worker::QUEUE_LAG.name),
            _ => None,
        }
    }

    pub(crate) fn record_event(&self, good: bool) {
        self.record_events(good, 1);
    }

    /// Counts several events at once.
    pub(crate) fn record_events(&self, good: bool, events: u64) {
        let counter = if good {
            &self.counts.good
        } else {
            &self.counts.bad
        };
        counter.fetch_add(events, Ordering::Relaxed);
    }

    /// Counts `elapsed` against the threshold: good up to and including it.
    pub(crate) fn record_elapsed(&self, elapsed: Duration) {
        self.record_event(self.threshold.is_none_or(|threshold| elapsed <= threshold));
    }
}
