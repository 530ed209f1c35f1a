//! Good and bad events of each objective, counted where they happen.
//!
//! Two counters for each objective: of its events, or of its time slices where it counts those. The
//! scrape exports them as `vantage.slo.events`; error budgets, the fleet's report and the generated
//! rules all read that one stream, so that they cannot disagree and do not depend on histogram buckets.
//!
//! An account is opened by the instruments that count into it, which come to life with the process's
//! role or their first use. Until then it isn't exported: a worker that said 0 bad requests would be
//! added to the API's budget as one that was never slow.
//!
//! The accounts of custom objectives are opened by the metric that they name. Which of its series count
//! is decided when a series is bound, so that a series that no objective asks about pays for one look at
//! an empty option.

mod rule;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::model::catalog::{self, Instrument, MetricSpec};
use crate::model::slo::{Indicator, Kind, Method, Objective, Objectives, Service, Threshold};

pub(crate) use rule::{Tallies, Tally};

/// Every objective's account, opened or not. Cheap to clone; clones share the counters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    accounts: Arc<[Account]>,
    /// Routes that count towards no objective that doesn't name them.
    uncounted: Arc<[String]>,
    /// Requests by whether the service itself failed them: the slices of an API's availability are
    /// judged by these. The account of the error rate, where there is one, because it counts the same.
    requests: Option<Account>,
}

/// Good and bad events of one objective since the process started.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    objective: Arc<str>,
    service: Service,
    kind: Kind,
    method: Method,
    threshold: Option<Duration>,
    indicator: Option<Arc<Indicator>>,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    opened: AtomicBool,
    good: AtomicU64,
    bad: AtomicU64,
}

impl Ledger {
    /// Keeps an account for each objective.
    #[must_use]
    pub(crate) fn of(objectives: &Objectives) -> Self {
        let mut accounts: Vec<_> = objectives.iter().map(Account::new).collect();
        share_requests(&mut accounts);
        let accounts: Arc<[Account]> = accounts.into();
        let requests = accounts
            .iter()
            .find(|account| account.is(&Service::Api, Kind::ErrorRate, Method::Occurrences))
            .or_else(|| {
                let available = |account: &&Account| {
                    account.service == Service::Api && account.kind == Kind::Availability
                };
                accounts.iter().find(available)
            })
            .map(Account::requests);
        Self {
            accounts,
            uncounted: Arc::default(),
            requests,
        }
    }

    /// The same, where these routes (health, scrape) count towards no objective that doesn't name
    /// them.
    #[must_use]
    pub(crate) fn without(self, uncounted: Vec<String>) -> Self {
        Self {
            uncounted: uncounted.into(),
            ..self
        }
    }

    /// All accounts, in the order of the objectives.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.iter()
    }

    /// The accounts that something counts into.
    pub(crate) fn opened(&self) -> impl Iterator<Item = &Account> {
        self.accounts().filter(|account| account.is_open())
    }

    /// The bounds of a histogram's buckets: the catalog's, and the thresholds of the objectives that
    /// the metric is about, so that a panel can draw them.
    pub(crate) fn bounds(&self, spec: &MetricSpec) -> Vec<f64> {
        let Instrument::Histogram(bounds) = spec.instrument else {
            return Vec::new();
        };
        let thresholds = self
            .accounts()
            .filter(|account| account.metric() == Some(spec.name))
            .filter_map(|account| account.threshold());
        let mut bounds: Vec<f64> = bounds
            .iter()
            .copied()
            .chain(thresholds.map(|threshold| threshold.as_secs_f64()))
            .collect();
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        bounds
    }

    /// Opens the account of a kind that counts occurrences, to count into it.
    pub(crate) fn open(&self, kind: Kind) -> Option<Account> {
        let account = self
            .accounts()
            .find(|account| account.kind == kind && account.method == Method::Occurrences)?;
        Some(account.opened())
    }

    /// Opens the account of a service's availability, to count time slices into it.
    pub(crate) fn open_slices(&self, service: &Service) -> Option<Account> {
        let account = self
            .accounts()
            .find(|account| account.is(service, Kind::Availability, Method::Timeslices))?;
        Some(account.opened())
    }

    /// Opens the count of requests by whether the service itself failed them.
    pub(crate) fn open_requests(&self) -> Option<Account> {
        self.requests.as_ref().map(Account::opened)
    }

    /// The same, if something counts into it.
    pub(crate) fn requests(&self) -> Option<&Account> {
        self.requests.as_ref().filter(|account| account.is_open())
    }

    /// The same, where the slices of an API's availability are judged by them.
    pub(crate) fn judging(&self) -> Option<&Account> {
        let slices = self.accounts().any(Account::is_sliced_api);
        self.requests().filter(|_| slices)
    }

    /// Opens the accounts of all custom objectives that name this metric.
    pub(crate) fn watch(&self, spec: &MetricSpec) -> Tallies {
        let named = self.accounts().filter(|account| {
            let indicator = account.indicator.as_ref();
            indicator.is_some_and(|indicator| indicator.metric.name == spec.name)
        });
        let accounts = named.inspect(|account| account.open()).cloned().collect();
        Tallies::new(accounts, Arc::clone(&self.uncounted))
    }
}

/// An availability that counts requests counts the same ones as the error rate, in the same place, so
/// that no request is counted with two additions.
fn share_requests(accounts: &mut [Account]) {
    let failing =
        |account: &&Account| account.is(&Service::Api, Kind::ErrorRate, Method::Occurrences);
    let failing = accounts.iter().find(failing);
    let Some(shared) = failing.map(|account| Arc::clone(&account.counters)) else {
        return;
    };
    for account in accounts {
        if account.is(&Service::Api, Kind::Availability, Method::Occurrences) {
            account.counters = Arc::clone(&shared);
        }
    }
}

impl Account {
    fn new(objective: &Objective) -> Self {
        Self {
            objective: objective.id().into(),
            service: objective.service().clone(),
            kind: objective.kind(),
            method: objective.method(),
            threshold: match objective.threshold() {
                Some(Threshold::Duration(threshold)) => Some(threshold),
                _ => None,
            },
            indicator: objective.indicator().cloned().map(Arc::new),
            counters: Arc::default(),
        }
    }

    /// Itself where it counts requests already, and hidden counters beside it otherwise.
    fn requests(&self) -> Self {
        match self.method {
            Method::Occurrences => self.clone(),
            _ => Self {
                counters: Arc::default(),
                ..self.clone()
            },
        }
    }

    fn is(&self, service: &Service, kind: Kind, method: Method) -> bool {
        self.service == *service && self.kind == kind && self.method == method
    }

    fn is_sliced_api(&self) -> bool {
        self.is(&Service::Api, Kind::Availability, Method::Timeslices)
    }

    fn opened(&self) -> Self {
        self.open();
        self.clone()
    }

    /// Whether something counts into it.
    pub(crate) fn is_open(&self) -> bool {
        self.counters.opened.load(Ordering::Relaxed)
    }

    /// The objective's id, such as `api.latency`.
    #[must_use]
    pub(crate) fn objective(&self) -> &str {
        &self.objective
    }

    /// Events that met the objective.
    #[must_use]
    pub(crate) fn good(&self) -> u64 {
        self.counters.good.load(Ordering::Relaxed)
    }

    /// Events that did not.
    #[must_use]
    pub(crate) fn bad(&self) -> u64 {
        self.counters.bad.load(Ordering::Relaxed)
    }

    pub(crate) const fn threshold(&self) -> Option<Duration> {
        self.threshold
    }

    fn open(&self) {
        self.counters.opened.store(true, Ordering::Relaxed);
    }

    /// The histogram that shows what the objective is about.
    pub(crate) fn metric(&self) -> Option<&'static str> {
        if let Some(indicator) = &self.indicator {
            return Some(indicator.metric.name);
        }
        match self.kind {
            Kind::Latency => Some(catalog::api::REQUEST_DURATION.name),
            Kind::ProcessingTime => Some(catalog::worker::JOB_DURATION.name),
            Kind::QueueLag => Some(catalog::worker::QUEUE_LAG.name),
            _ => None,
        }
    }

    pub(crate) fn count(&self, good: bool) {
        self.add(good, 1);
    }

    /// Counts several events at once.
    pub(crate) fn add(&self, good: bool, events: u64) {
        let counter = if good {
            &self.counters.good
        } else {
            &self.counters.bad
        };
        counter.fetch_add(events, Ordering::Relaxed);
    }

    /// Counts `elapsed` against the threshold: good up to and including it.
    pub(crate) fn count_elapsed(&self, elapsed: Duration) {
        self.count(self.threshold.is_none_or(|threshold| elapsed <= threshold));
    }
}
