//! The fleet's objectives, from any Prometheus-compatible API.
//!
//! All figures are of one moment, and of one service: an objective has an entry for each `environment` and
//! `job` that counts its events, because two services in one Prometheus have two budgets. One query counts a
//! window of all objectives, one more says how much of it has samples; the part that a shorter window has is
//! not looked at twice:
//!
//! ```text
//! sum by (environment, job, objective, result) (increase(vantage_slo_events_total[W]))
//! count_over_time(max by (environment, job, objective) (vantage_slo_events_total)[W - S:step] offset S)
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
//! Declared maintenance is left out, because the processes and the rules count its events and slices apart;
//! what was declared when it was over already is not known here.
//!
//! How exact is that? `increase` extrapolates to the ends of a window: by half a scrape interval of each
//! series at each end, and it doesn't see what a series counted before its first sample. Slices begin
//! when the rule is evaluated, and not with the minute of the clock, so that what falls on a border may
//! be in the next one. Coverage is looked up at up to 1,000 steps of each part of a window, at least a second
//! apart; it is off by a step for each gap, and by the API's look-back (5 min) for a gap that the API
//! itself didn't notice, such as its own outage. The slices of workers are added up, because each worker
//! has its own. There is no memory of earlier looks: an alert is what holds at this moment or fires by the
//! generated rules, which remember the calm before it clears; `recovers_at` is not known.

#[cfg(feature = "cli")]
mod alert_history;
mod burn_down;
mod client;
mod evaluate;
mod plan;
mod query;
pub(crate) mod refresh;
pub(crate) mod response;
mod results;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

#[cfg(feature = "cli")]
pub use self::alert_history::{AlertEpisode, AlertHistory};
use self::client::PrometheusClient;
use self::evaluate::ObjectiveQuery;
use self::plan::QueryPlan;
use self::query::QueryRequest;
use self::results::QueryResults;
use crate::config::{Config, Endpoint, Secret, TlsConfig};
use crate::model::causes::debug_as_text;
use crate::model::slo::Objectives;
use crate::model::slo::policy::BurnRatePolicy;
use crate::model::slo::report::{ReportSource, SloReport};

/// The number of concurrent queries: an API that dashboards use has other work.
const MAX_CONCURRENT_QUERIES: usize = 4;

/// A reporter of a fleet's objectives, from a Prometheus-compatible API.
///
/// ```
/// use std::time::Duration;
/// use vantage_obs::fleet::PrometheusReporter;
/// use vantage_obs::{Config, Role};
///
/// let config = Config::new("vantage-api", Role::Api);
/// let reporter = PrometheusReporter::with_config("http://prometheus:9090".parse()?, &config);
/// assert_eq!(reporter.scrape_interval, Duration::from_secs(15)); // as the service says
/// assert_eq!(reporter.deadline, Duration::from_secs(30));
/// # Ok::<(), vantage_obs::config::EndpointError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PrometheusReporter {
    /// The base of the API, to which `/api/v1/query` is appended.
    pub url: Endpoint,
    /// The bearer token that is sent along. Default: none.
    pub token: Option<Secret>,
    /// Headers that are sent along, such as `X-Scope-OrgID` for the tenant; one named `authorization`
    /// replaces the token. Default: none.
    pub headers: BTreeMap<String, Secret>,
    /// Certificates for `https`. Default: the system's.
    pub tls: TlsConfig,
    /// The scrape interval of the API; the newest sample of an objective is stale after three. Default: 1 min.
    pub scrape_interval: Duration,
    /// The longest time that all queries together may take. Default: 30 s.
    pub deadline: Duration,
    /// The burn-rate policy of alerts. Default: [`BurnRatePolicy::platform`].
    pub policy: BurnRatePolicy,
    /// The length of a time slice that is evaluated over all replicas. Default: 1 min.
    pub slice: Duration,
    /// Turns on the query for the burn-down of budgets over their windows, for
    /// [`ObjectiveReport::burn_down`](crate::model::slo::report::ObjectiveReport::burn_down): one more query for
    /// each length of window, as dear as the one for its events. Default: no.
    pub burn_down: bool,
}

/// The report of a fleet, with the failures and warnings of its queries.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FleetReport {
    /// The objectives; those whose data is missing say so.
    pub report: SloReport,
    /// The failed queries with their causes.
    pub failures: Vec<String>,
    /// The warnings of the API, such as responses of a part of its stores.
    pub warnings: Vec<String>,
}

/// The error of a report that failed as a whole.
///
/// The URL, the token or the network are at fault, or whoever runs the API.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{url} can't be queried: {cause}")]
pub struct FleetError {
    url: String,
    cause: String,
}
debug_as_text!(FleetError);

impl PrometheusReporter {
    /// Returns a reporter from the API at this base.
    #[must_use]
    pub fn new(url: Endpoint) -> PrometheusReporter {
        PrometheusReporter {
            url,
            token: None,
            headers: BTreeMap::new(),
            tls: TlsConfig::default(),
            scrape_interval: Duration::from_secs(60),
            deadline: Duration::from_secs(30),
            policy: BurnRatePolicy::platform(),
            slice: Duration::from_secs(60),
            burn_down: false,
        }
    }

    /// Returns a reporter from the API at this base, with everything else as a service is configured.
    #[must_use]
    pub fn with_config(url: Endpoint, config: &Config) -> PrometheusReporter {
        let mut reporter = PrometheusReporter::new(url);
        reporter.token.clone_from(&config.slo.prometheus.token);
        reporter.headers.clone_from(&config.slo.prometheus.headers);
        reporter.tls.ca.clone_from(&config.slo.prometheus.ca);
        reporter.scrape_interval = config.metrics.prometheus.scrape_interval;
        reporter.policy = config.slo.alert_policy();
        reporter.slice = config.slo.slice;
        reporter
    }

    /// Returns the report of the fleet at a moment. `progress` receives how many of how many queries are
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
        let client = self.client()?;
        let plan = QueryPlan::new(objectives, self, at);
        let first = plan.initial_requests();
        let all = first.len();
        let mut responses = send_queries(&client, first, at, |done| progress(done, all)).await;
        // Follow-up queries depend on the responses; twice at the most.
        for _ in 0..2 {
            let next = plan.follow_up_requests(&QueryResults::from_responses(&responses));
            let (done, all) = (responses.len(), responses.len() + next.len());
            responses
                .extend(send_queries(&client, next, at, |more| progress(done + more, all)).await);
        }
        let results = QueryResults::from_responses(&responses);
        if let Some(cause) = results.total_failure() {
            return Err(self.error(cause));
        }
        let mut report = SloReport::new(at, ReportSource::Prometheus);
        for objective in objectives {
            for service in &results.services(objective.id()) {
                let query = ObjectiveQuery {
                    objective,
                    service,
                    results: &results,
                    reporter: self,
                    at,
                };
                report.objectives.push(query.report());
            }
        }
        let mut failures = results.failures;
        if self.burn_down {
            failures.extend(burn_down::add_burn_downs(&client, &mut report, objectives, at).await);
        }
        Ok(FleetReport {
            report,
            failures,
            warnings: results.warnings,
        })
    }

    /// Returns [`report`](Self::report) for a program without an async runtime; blocks, and must not be
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

    /// Returns the body of `GET` of a path below the base, such as a service's own report. For the
    /// command alone. Blocks, and must not be called in a runtime.
    ///
    /// # Errors
    ///
    /// [`FleetError`] where it doesn't answer with success in time.
    #[cfg(feature = "cli")]
    #[doc(hidden)]
    pub fn get_blocking(&self, path: &str) -> Result<String, FleetError> {
        let client = self.client()?;
        let body = self.runtime()?.block_on(client.get(path));
        let body = body.map_err(|cause| self.error(cause))?;
        String::from_utf8(body.into()).map_err(|_| self.error("its answer is not text".into()))
    }

    fn runtime(&self) -> Result<tokio::runtime::Runtime, FleetError> {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build();
        runtime.map_err(|error| self.error(error.to_string()))
    }

    fn client(&self) -> Result<PrometheusClient, FleetError> {
        PrometheusClient::new(self).map_err(|cause| self.error(cause))
    }

    fn error(&self, cause: String) -> FleetError {
        let url = self.url.to_string();
        FleetError { url, cause }
    }
}

/// A query, and the body of its response or the error.
type QueryResponse = (query::ReportQuery, Result<bytes::Bytes, String>);

/// Sends the requests, some at a time, and returns the responses as they come; one that panicked is
/// missing.
async fn send_queries(
    client: &PrometheusClient,
    requests: Vec<QueryRequest>,
    at: Timestamp,
    mut progress: impl FnMut(usize),
) -> Vec<QueryResponse> {
    let mut responses = Vec::new();
    let permits = Arc::new(Semaphore::new(MAX_CONCURRENT_QUERIES));
    // Dropped, as at the end of a process, it takes what is running with it.
    let mut running = JoinSet::new();
    for request in requests {
        let (client, permits) = (client.clone(), Arc::clone(&permits));
        running.spawn(async move {
            // It is never closed.
            let _permit = permits.acquire().await;
            let body = client.get(&request.path(at)).await;
            (request.query, body)
        });
    }
    while let Some(response) = running.join_next().await {
        responses.extend(response);
        progress(responses.len());
    }
    responses
}

/// Returns the deadline of all queries from now on.
fn deadline_instant(reporter: &PrometheusReporter) -> Instant {
    // Longer ones are as good as a day, and could not be added to the time.
    Instant::now() + reporter.deadline.min(Duration::from_secs(86_400))
}

#[cfg(test)]
mod tests;
