//! Health, in the dialects in which it is asked for. All of them render one judgement of the latest
//! state; another dialect is another file beside these, and a variant in [`Dialect`].

mod draft;
mod kubernetes;
mod plain;
mod query;

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::routing::get;

use self::query::Query;
use super::headers::{bearer, joined};
use crate::config::{Details, HEALTH_PATHS, Secret};
use crate::model::snapshot::health::{CheckState, Health, Judgement, LatestHealth, Status};
use crate::model::snapshot::private::{Authorized, Private};
use crate::record::clock::Clock;

/// What the routes of health need to answer.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) latest: LatestHealth,
    pub(crate) clock: Clock,
    pub(crate) service: String,
    pub(crate) version: Option<Private>,
    pub(crate) started_at: SystemTime,
    pub(crate) details: Details,
    pub(crate) token: Option<Secret>,
    /// In seconds: then there may be other results.
    pub(crate) retry_after: u64,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Probe {
    Health,
    Live,
    Startup,
    Ready,
    Detailed,
}

/// How the answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    Plain,
    Draft,
    Kubernetes,
}

/// Everything that a dialect may render.
struct View<'a> {
    page: &'a Page,
    probe: Probe,
    health: &'a Health,
    query: &'a Query,
    now: Instant,
    judgement: Judgement,
    /// Whoever asks may read what is private.
    authorized: Option<Authorized>,
}

/// Adds the routes.
pub(super) fn add(router: Router, page: Page) -> Router {
    let page = Arc::new(page);
    let probes = [
        Probe::Health,
        Probe::Live,
        Probe::Startup,
        Probe::Ready,
        Probe::Detailed,
    ];
    let routes = HEALTH_PATHS.into_iter().zip(probes);
    routes.fold(router, |router, (path, probe)| {
        let answer = move |State(page): State<Arc<Page>>, query: RawQuery, headers: HeaderMap| {
            std::future::ready(page.answer(probe, query.0.as_deref(), &headers))
        };
        router.route(path, get(answer).with_state(Arc::clone(&page)))
    })
}

impl Page {
    fn answer(&self, probe: Probe, query: Option<&str>, headers: &HeaderMap) -> Response<Body> {
        let authorized = bearer(headers, self.token.as_ref());
        let closed = probe == Probe::Detailed && self.details == Details::Token;
        if closed && authorized.is_none() {
            return unauthorized();
        }
        let (health, query) = (self.latest.read(), Query::of(query.unwrap_or_default()));
        let now = self.clock.now();
        let view = View {
            page: self,
            probe,
            health: &health,
            query: &query,
            now,
            judgement: health.judge_without(now, |check| query.excludes(&check.id)),
            // Only there is anything private shown.
            authorized: authorized.filter(|_| probe == Probe::Detailed),
        };
        let dialect = Dialect::of(&query, headers);
        let body = match dialect {
            Dialect::Plain => plain::render(&view),
            Dialect::Draft => draft::render(&view),
            Dialect::Kubernetes => kubernetes::render(&view),
        };
        self.respond(&view, dialect, body)
    }

    fn respond(&self, view: &View<'_>, dialect: Dialect, body: String) -> Response<Body> {
        let mut response = Response::new(Body::from(body));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, dialect.content_type());
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::VARY, HeaderValue::from_static("accept"));
        if dialect == Dialect::Kubernetes {
            let nosniff = HeaderValue::from_static("nosniff");
            headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
        }
        if view.fails() {
            if view.probe == Probe::Ready {
                headers.insert(header::RETRY_AFTER, self.retry_after.into());
            }
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        }
        response
    }
}

impl View<'_> {
    fn status(&self) -> Status {
        let Judgement {
            status,
            ready,
            live,
            started,
        } = self.judgement;
        let fine = |fine: bool| if fine { Status::Pass } else { Status::Fail };
        match self.probe {
            Probe::Health | Probe::Detailed => status,
            Probe::Live => fine(live),
            Probe::Startup => fine(started),
            Probe::Ready => status.max(fine(ready)),
        }
    }

    fn fails(&self) -> bool {
        self.status() == Status::Fail
    }

    /// The checks that the answer is made of.
    fn checks(&self) -> impl Iterator<Item = &CheckState> {
        let probe = self.probe;
        self.health.checks.iter().filter(move |check| match probe {
            Probe::Live => check.watchdog,
            Probe::Startup => false,
            Probe::Health | Probe::Ready | Probe::Detailed => true,
        })
    }

    /// What is private, for those who may read it.
    fn reveal<'p>(&self, private: Option<&'p Private>) -> Option<&'p str> {
        Some(private?.reveal(self.authorized.as_ref()?))
    }
}

impl Dialect {
    fn of(query: &Query, headers: &HeaderMap) -> Self {
        if query.verbose {
            Self::Kubernetes
        } else if draft::is_accepted(joined(headers, &header::ACCEPT).as_deref()) {
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

fn unauthorized() -> Response<Body> {
    let mut response = Response::new(Body::from(r#"{"error":"unauthorized"}"#));
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
        (header::WWW_AUTHENTICATE, r#"Bearer realm="health""#),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
