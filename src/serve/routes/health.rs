//! Health routes, in several formats. All of them render one evaluation of the latest
//! state; another format is another file beside these, and a variant in [`HealthFormat`].
//!
//! | query or header | format |
//! |---|---|
//! | `?verbose` | Kubernetes' text |
//! | `Accept: application/health+json` | the draft's JSON |
//! | otherwise | small JSON |
//!
//! Ids and codes of checks are details in every format: where those need the token, a probe without it tells of
//! the service as a whole alone.
//!
//! A probe is answered from the latest state and never runs a check, so that it is answered at once
//! whatever hangs. Beside that it has threads started that the system refused: where none lives, a probe
//! may be the only one to come by.

mod draft;
mod kubernetes;
mod plain;
mod query;

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri, header};
use axum::routing::{MethodRouter, get};

use self::query::HealthQuery;
use super::headers::join_values;
use super::response::error_response;
use super::route_parameter::RouteParameter;
use super::token_check::TokenCheck;
use crate::background::Supervisor;
use crate::config::HealthDetails;
use crate::model::routes::HealthProbe;
use crate::model::snapshot::health::{
    CheckState, HealthState, HealthStatus, LatestHealth, OverallHealth,
};
use crate::model::snapshot::private::{Authorized, PrivateText};
use crate::record::clock::Clock;

/// The state of the health routes.
#[derive(Debug)]
pub(crate) struct HealthRoutes {
    pub(crate) latest: LatestHealth,
    pub(crate) clock: Clock,
    pub(crate) supervisor: Supervisor,
    pub(crate) service: String,
    /// Private: a version tells which known holes it has.
    pub(crate) version: Option<PrivateText>,
    pub(crate) started_at: SystemTime,
    pub(crate) details: HealthDetails,
    pub(crate) token: TokenCheck,
    /// Seconds until there may be other results.
    pub(crate) retry_after: u64,
}

/// The format of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HealthFormat {
    Plain,
    Draft,
    Kubernetes,
}

/// The content of a response, for all formats.
struct HealthReport<'a> {
    routes: &'a HealthRoutes,
    probe: HealthProbe,
    health: &'a HealthState,
    query: &'a HealthQuery,
    /// The check of the path, where it names one.
    check: Option<&'a CheckState>,
    now: Instant,
    overall: OverallHealth,
    /// True if ids and codes of checks may be shown.
    shows_checks: bool,
    /// Permission to read private text.
    authorized: Option<Authorized>,
}

/// Returns the route of a probe.
pub(super) fn route(probe: HealthProbe, routes: Arc<HealthRoutes>) -> MethodRouter {
    let handler = move |State(routes): State<Arc<HealthRoutes>>,
                        RouteParameter(id): RouteParameter,
                        uri: Uri,
                        headers: HeaderMap| {
        // Any other parameter is one of the path that the routes are nested below.
        let check = id.filter(|_| probe == HealthProbe::Check);
        async move {
            routes
                .respond(probe, check.as_deref(), &uri, &headers)
                .await
        }
    };
    get(handler).with_state(routes)
}

impl HealthRoutes {
    /// Answers a probe; `check_id` is that of the path, where it has one.
    async fn respond(
        &self,
        probe: HealthProbe,
        check_id: Option<&str>,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Response<Body> {
        self.supervisor.nudge();
        let has_details = matches!(probe, HealthProbe::Detailed | HealthProbe::Check);
        let query = HealthQuery::parse(uri);
        let format = HealthFormat::negotiate(&query, headers);
        let is_open = self.details == HealthDetails::OpenCodes;
        let authorized = match self.details {
            // Nothing is shown that a token could open.
            _ if !has_details && (is_open || format == HealthFormat::Plain) => None,
            // Before anything is looked up, so that an answer says nothing of which checks there are.
            HealthDetails::Token if has_details => match self.token.require(headers).await {
                Ok(authorized) => Some(authorized),
                Err(refusal) => return refusal,
            },
            _ => match self.token.verify(headers).await {
                Ok(authorized) => authorized,
                Err(refusal) => return refusal,
            },
        };
        let health = self.latest.read();
        let mut checks = health.checks.iter();
        let check = checks.find(|check| Some(&*check.id) == check_id);
        if probe == HealthProbe::Check && check.is_none() {
            return error_response(StatusCode::NOT_FOUND, "no such check");
        }
        let now = self.clock.now();
        let report = HealthReport {
            routes: self,
            probe,
            health: &health,
            query: &query,
            check,
            now,
            overall: health.evaluate_excluding(now, |id| query.excludes(id)),
            shows_checks: has_details || is_open || authorized.is_some(),
            // Only there is anything private shown.
            authorized: authorized.filter(|_| has_details),
        };
        let body = match format {
            HealthFormat::Plain => plain::render(&report),
            HealthFormat::Draft => draft::render(&report),
            HealthFormat::Kubernetes => kubernetes::render(&report),
        };
        self.build_response(&report, format, body)
    }

    /// Returns the response of a body: 503 where the probe fails, 200 otherwise.
    fn build_response(
        &self,
        report: &HealthReport<'_>,
        format: HealthFormat,
        body: String,
    ) -> Response<Body> {
        let mut response = Response::new(Body::from(body));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, format.content_type());
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::VARY, HeaderValue::from_static("accept"));
        if format == HealthFormat::Kubernetes {
            let nosniff = HeaderValue::from_static("nosniff");
            headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
        }
        if report.is_failing() {
            if report.probe == HealthProbe::Ready {
                headers.insert(header::RETRY_AFTER, self.retry_after.into());
            }
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        response
    }
}

impl HealthReport<'_> {
    /// Returns the status of the probe: of readiness, the worse of health and being ready.
    fn status(&self) -> HealthStatus {
        let OverallHealth {
            status,
            ready,
            live,
            started,
        } = self.overall;
        let fine = |fine: bool| {
            if fine {
                HealthStatus::Pass
            } else {
                HealthStatus::Fail
            }
        };
        match self.probe {
            HealthProbe::Health if self.is_draining() => HealthStatus::Fail,
            HealthProbe::Health | HealthProbe::Detailed => status,
            HealthProbe::Check => {
                let check = self.check.and_then(|check| check.status(self.now));
                check.unwrap_or(HealthStatus::Warn)
            }
            HealthProbe::Live => fine(live),
            HealthProbe::Startup => fine(started),
            HealthProbe::Ready => status.max(fine(ready)),
        }
    }

    fn is_failing(&self) -> bool {
        self.status() == HealthStatus::Fail
    }

    /// Returns whether shutdown has begun, and the request doesn't exclude that.
    fn is_draining(&self) -> bool {
        self.health.drains_excluding(|id| self.query.excludes(id))
    }

    /// Returns the checks of the probe, as far as they may be shown.
    fn checks(&self) -> impl Iterator<Item = &CheckState> {
        let checks = self.health.checks.iter();
        let checks = checks.filter(|_| self.shows_checks);
        checks.filter(|check| match self.probe {
            HealthProbe::Live => check.watchdog,
            HealthProbe::Startup => false,
            HealthProbe::Health | HealthProbe::Ready | HealthProbe::Detailed => true,
            HealthProbe::Check => self.check.is_some_and(|one| one.id == check.id),
        })
    }

    /// Returns private text if the request is authorized.
    fn reveal<'p>(&self, private: Option<&'p PrivateText>) -> Option<&'p str> {
        Some(private?.reveal(self.authorized.as_ref()?))
    }
}

impl HealthFormat {
    /// Chooses the format by query and header.
    fn negotiate(query: &HealthQuery, headers: &HeaderMap) -> Self {
        if query.verbose {
            Self::Kubernetes
        } else if draft::is_accepted(join_values(headers, &header::ACCEPT).as_deref()) {
            Self::Draft
        } else {
            Self::Plain
        }
    }

    const fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Plain => "application/json",
            Self::Draft => "application/health+json",
            Self::Kubernetes => "text/plain; charset=utf-8",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::super::token_check::{TokenRealm, TokenRefusals};
    use super::*;
    use crate::record::instruments::RefusedTokens;
    use crate::record::series::Instruments;

    #[tokio::test]
    async fn a_probe_starts_threads_that_were_refused() {
        let is_refused = Arc::new(AtomicBool::new(true));
        let refuses = Arc::clone(&is_refused);
        let supervisor = Supervisor::refused_while(move |_| refuses.load(Ordering::SeqCst));
        let clock = Clock::system();
        let refusals = RefusedTokens::new(&Instruments::noop());
        let refusals = Arc::new(TokenRefusals::new(refusals, clock.clone()));
        let routes = Arc::new(HealthRoutes {
            latest: LatestHealth::default(),
            clock,
            supervisor: supervisor.clone(),
            service: "shop".into(),
            version: None,
            started_at: SystemTime::UNIX_EPOCH,
            details: HealthDetails::OpenCodes,
            token: TokenCheck::new(TokenRealm::Health, None, refusals),
            retry_after: 1,
        });
        for probe in [HealthProbe::Live, HealthProbe::Ready] {
            is_refused.store(true, Ordering::SeqCst);
            supervisor.spawn("vantage-test", |_| {});
            assert_eq!(supervisor.down().len(), 1);
            is_refused.store(false, Ordering::SeqCst);
            supervisor.make_due();
            let request = Request::get("/").body(Body::empty()).unwrap();
            let routes = route(probe, Arc::clone(&routes));
            routes.oneshot(request).await.unwrap();
            assert!(supervisor.down().is_empty());
        }
    }
}
