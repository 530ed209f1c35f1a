//! The fleet's objectives, from any Prometheus-compatible API.
//!
//! All figures are of one moment. One query counts a window of all objectives, one more says how much
//! of it has samples:
//!
//! ```text
//! sum by (objective, result) (increase(vantage_slo_events_total[W]))
//! count_over_time(max by (objective) (vantage_slo_events_total)[W:step])
//! ```
//!
//! Why events, and not the ratios that the processes export? Because an average of ratios gives an idle
//! replica the weight of a busy one.
//!
//! The time slices of `api.availability` are judged over all replicas together: a slice is bad when none
//! of them was ready for most of it, or more than a tenth of all their requests was failed by the
//! service. The generated rules record that as it happens, in `vantage:slo_slices`, and the report adds
//! up what they recorded. Where they have recorded less than there are samples, because they were loaded
//! later or not at all, the same slices are judged from the raw samples, which costs the API a second or
//! two for 30 days; a replica that the service discovery has forgotten is then no replica that is down.
//!
//! How exact is that? `increase` extrapolates to the ends of a window: by half a scrape interval of each
//! series at each end, and it doesn't see what a series counted before its first sample. Slices begin
//! when the rule is evaluated, and not with the minute of the clock, so that what falls on a border may
//! be in the next one. Coverage is looked up at up to 1,000 steps of its window, at least a second
//! apart; it is off by a step for each gap, and by the API's look-back (5 min) for a gap that the API
//! itself didn't notice, such as its own outage. The slices of workers are added up, because each worker
//! has its own. There is no memory of earlier looks: an alert is what holds at this moment, without the
//! calm before it clears, and `recovers_at` is not known.

#[cfg(feature = "cli")]
mod alert_history;
mod answer;
mod api;
mod burn_down;
mod evaluate;
mod plan;
mod query;
pub(crate) mod refresh;
mod results;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

#[cfg(feature = "cli")]
pub use self::alert_history::{AlertEpisode, AlertHistory};
use self::api::Api;
use self::plan::Plan;
use self::query::Question;
use self::results::Figures;
use crate::config::{Config, Endpoint, Secret, Tls};
use crate::model::slo::Objectives;
use crate::model::slo::policy::Policy;
use crate::model::slo::report::{Report, Source};

/// How many queries run at once: an API that people look at has other work.
const AT_ONCE: usize = 4;

/// Where figures come from, and how long they may take.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Fleet {
    /// The base of the API, to which `/api/v1/query` is appended.
    pub url: Endpoint,
    /// The bearer token that is sent along. Default: none.
    pub token: Option<Secret>,
    /// Certificates for `https`. Default: the system's.
    pub tls: Tls,
    /// How often the API takes a sample; the newest of an objective is stale after three. Default: 1 min.
    pub scrape_interval: Duration,
    /// How long all queries together may take. Default: 30 s.
    pub deadline: Duration,
    /// What is an alert. Default: [`Policy::platform`].
    pub policy: Policy,
    /// How long a time slice is that is judged over all replicas. Default: 1 min.
    pub slice: Duration,
    /// Whether it is also asked how budgets were spent over their windows, for
    /// [`ObjectiveReport::burn_down`](crate::model::slo::report::ObjectiveReport::burn_down): one more query for
    /// each length of window, as dear as the one for its events. Default: no.
    pub courses: bool,
}

/// What the API said.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FleetReport {
    /// The objectives; those whose figures are missing say so.
    pub report: Report,
    /// The queries that failed, and why.
    pub failures: Vec<String>,
    /// What the API warned of, such as answers of a part of its stores.
    pub warnings: Vec<String>,
}

/// Why there is no report at all.
///
/// The URL, the token or the network are at fault, or whoever runs the API.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{url} can't be asked: {cause}")]
pub struct FleetError {
    url: String,
    cause: String,
}

impl Fleet {
    /// The API at this base.
    #[must_use]
    pub fn new(url: Endpoint) -> Fleet {
        Fleet {
            url,
            token: None,
            tls: Tls::default(),
            scrape_interval: Duration::from_secs(60),
            deadline: Duration::from_secs(30),
            policy: Policy::platform(),
            slice: Duration::from_secs(60),
            courses: false,
        }
    }

    /// The API at this base, with everything else as a service is configured.
    #[must_use]
    pub fn of(url: Endpoint, config: &Config) -> Fleet {
        let mut fleet = Fleet::new(url);
        fleet.token.clone_from(&config.slo.prometheus.token);
        fleet.tls.ca.clone_from(&config.slo.prometheus.ca);
        fleet.scrape_interval = config.metrics.prometheus.scrape_interval;
        fleet.policy = config.slo.alert_policy();
        fleet.slice = config.slo.slice;
        fleet
    }

    /// The objectives of the fleet at this moment; `progress` hears how many of how many queries are
    /// done, of which there may be more in the end. Takes [`deadline`](Self::deadline) at the most.
    ///
    /// # Errors
    ///
    /// [`FleetError`] where no query was answered. One that fails leaves the others' figures alone.
    pub async fn report(
        &self,
        objectives: &Objectives,
        at: Timestamp,
        mut progress: impl FnMut(usize, usize),
    ) -> Result<FleetReport, FleetError> {
        let api = self.api()?;
        let plan = Plan::new(objectives, self, at);
        let first = plan.first();
        let all = first.len();
        let mut answers = ask(&api, first, at, |done| progress(done, all)).await;
        // What is asked next follows from what was answered; twice at the most.
        for _ in 0..2 {
            let next = plan.next(&Figures::of(&answers));
            let (done, all) = (answers.len(), answers.len() + next.len());
            answers.extend(ask(&api, next, at, |more| progress(done + more, all)).await);
        }
        let figures = Figures::of(&answers);
        if let Some(cause) = figures.nothing_was_answered() {
            return Err(self.error(cause));
        }
        let mut report = Report::new(at, Source::Prometheus);
        let judged = objectives
            .iter()
            .map(|objective| evaluate::judge(objective, &figures, self, at));
        report.objectives = judged.collect();
        let mut failures = figures.failures;
        if self.courses {
            failures.extend(burn_down::add(&api, &mut report, objectives, at).await);
        }
        Ok(FleetReport {
            report,
            failures,
            warnings: figures.warnings,
        })
    }

    /// [`report`](Self::report) for a program without an async runtime; it blocks, and must not be
    /// called in one.
    ///
    /// # Errors
    ///
    /// As [`report`](Self::report).
    pub fn report_blocking(
        &self,
        objectives: &Objectives,
        at: Timestamp,
        progress: impl FnMut(usize, usize),
    ) -> Result<FleetReport, FleetError> {
        self.runtime()?
            .block_on(self.report(objectives, at, progress))
    }

    /// The answer of a service to `GET` of a path below the base, such as its own report. Blocks, and
    /// must not be called in a runtime.
    ///
    /// # Errors
    ///
    /// [`FleetError`] where it doesn't answer with success in time.
    pub fn get_blocking(&self, path: &str) -> Result<String, FleetError> {
        let api = self.api()?;
        let body = self.runtime()?.block_on(api.get(path));
        let body = body.map_err(|cause| self.error(cause))?;
        String::from_utf8(body.into()).map_err(|_| self.error("its answer is no text".into()))
    }

    fn runtime(&self) -> Result<tokio::runtime::Runtime, FleetError> {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build();
        runtime.map_err(|error| self.error(error.to_string()))
    }

    fn api(&self) -> Result<Api, FleetError> {
        Api::new(self).map_err(|cause| self.error(cause))
    }

    fn error(&self, cause: String) -> FleetError {
        let url = self.url.to_string();
        FleetError { url, cause }
    }
}

/// A query, and the body or the reason why there is none.
type Answer = (query::Query, Result<bytes::Bytes, String>);

async fn ask(
    api: &Api,
    questions: Vec<Question>,
    at: Timestamp,
    mut progress: impl FnMut(usize),
) -> Vec<Answer> {
    let mut answers = Vec::new();
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    // Dropped, as at the end of a process, it takes what is running with it.
    let mut running = JoinSet::new();
    for question in questions {
        let (api, turns) = (api.clone(), Arc::clone(&turns));
        running.spawn(async move {
            // It is never closed.
            let _turn = turns.acquire().await;
            let body = api.get(&question.path(at)).await;
            (question.query, body)
        });
    }
    while let Some(answer) = running.join_next().await {
        answers.extend(answer);
        progress(answers.len());
    }
    answers
}

fn deadline_of(fleet: &Fleet) -> Instant {
    // Longer ones are as good as a day, and could not be added to the time.
    Instant::now() + fleet.deadline.min(Duration::from_secs(86_400))
}

#[cfg(test)]
mod tests;
