//! The scrape route.

mod rendering;
mod shared_text;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get};
use tokio::sync::watch;

use super::headers::join_values;
use crate::background::user_code::CALL_TIMEOUT;
use crate::export::prometheus::ScrapeHandler;
use crate::export::prometheus::text::{ExpositionFormat, accepts_gzip};
use rendering::ScrapeRenderer;
use shared_text::SharedText;

/// Returns the route of a scrape.
pub(super) fn route(scrape: Arc<ScrapeHandler>, activity: ScrapeActivity) -> MethodRouter {
    let scraper = ScrapeState {
        renderer: Arc::new(ScrapeRenderer::new(scrape)),
        activity,
    };
    get(respond).with_state(scraper)
}

/// The time limit of a scrape in seconds, which Prometheus and its kin send.
const SCRAPE_TIMEOUT: &str = "x-prometheus-scrape-timeout-seconds";

/// The state of the route.
#[derive(Clone, Debug)]
struct ScrapeState {
    renderer: Arc<ScrapeRenderer>,
    activity: ScrapeActivity,
}

/// The time of the last scrape by HTTP, on whichever listener. A cheap clone; all clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct ScrapeActivity(Arc<watch::Sender<Option<Instant>>>);

/// Marks the answer of a scrape, as an extension of the response: whatever path it has, below whichever router.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScrapeAnswer;

impl Default for ScrapeActivity {
    fn default() -> Self {
        // tokio's sender has no default before 1.44.
        ScrapeActivity(Arc::new(watch::Sender::new(None)))
    }
}

impl ScrapeActivity {
    /// Notes a scrape that was answered, and that began to collect then.
    fn note(&self, began: Instant) {
        self.0.send_replace(Some(began));
    }

    /// Returns whether one began within this time.
    pub(crate) fn is_recent(&self, within: Duration) -> bool {
        let last = *self.0.borrow();
        last.is_some_and(|began| began.elapsed() <= within)
    }

    /// Resolves when one that began after this time is answered.
    pub(crate) async fn after(&self, time: Instant) {
        let mut last = self.0.subscribe();
        // The sender is here, so that it can't be gone.
        let _ = last
            .wait_for(|last| last.is_some_and(|began| began > time))
            .await;
    }
}

async fn respond(State(scraper): State<ScrapeState>, headers: HeaderMap) -> Response<Body> {
    let ScrapeState { renderer, activity } = scraper;
    let format = ExpositionFormat::negotiate(join_values(&headers, &header::ACCEPT).as_deref());
    let gzip = accepts_gzip(join_values(&headers, &header::ACCEPT_ENCODING).as_deref());
    // A rendering begins when or after its request arrives.
    let began = Instant::now();
    match renderer
        .render(format, gzip, callback_timeout(&headers))
        .await
    {
        Ok(text) => {
            activity.note(began);
            let mut response = exposition_response(format, gzip, text);
            response.extensions_mut().insert(ScrapeAnswer);
            response
        }
        Err(reason) => unavailable(&reason),
    }
}

fn exposition_response(
    format: ExpositionFormat,
    gzip: bool,
    text: Arc<SharedText>,
) -> Response<Body> {
    let mut response = Response::new(text.body());
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(format.content_type()),
    );
    headers.insert(
        header::VARY,
        HeaderValue::from_static("accept, accept-encoding"),
    );
    if gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// The least time that a request may give the service's callbacks.
///
/// One rendering is for all who wait, so that one scraper's limit must not take another's figures.
const MIN_CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// Returns the time that the service's callbacks have: half of the scraper's time limit, from 2 s to 5 s; 5 s where
/// the request names none.
fn callback_timeout(headers: &HeaderMap) -> Duration {
    let limit = headers.get(SCRAPE_TIMEOUT);
    let seconds = limit.and_then(|value| value.to_str().ok()?.trim().parse::<f64>().ok());
    match seconds {
        // NaN is no number of seconds.
        Some(seconds) if seconds >= 0.0 => {
            let bounds = (MIN_CALL_TIMEOUT.as_secs_f64(), CALL_TIMEOUT.as_secs_f64());
            Duration::from_secs_f64((seconds / 2.0).clamp(bounds.0, bounds.1))
        }
        _ => CALL_TIMEOUT,
    }
}

/// Returns 503 with the reason, which a scraper shows beside its target.
fn unavailable(reason: &str) -> Response<Body> {
    (
        StatusCode::SERVICE_UNAVAILABLE,
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
        format!("{reason}\n"),
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;
    use crate::background::Supervisor;
    use crate::config::{Config, Role};
    use crate::export::providers::MetricProvider;
    use crate::record::clock::Clock;
    use crate::record::exemplars::Exemplars;
    use crate::record::instruments::{FigureMetrics, SelfTelemetry};
    use crate::record::series::Instruments;
    use crate::record::slo_events::SloEvents;

    #[tokio::test]
    async fn a_scrape_that_is_refused_a_thread_answers_503_with_the_limits() {
        let (config, events) = (Config::new("test", Role::Api), SloEvents::default());
        let catalog =
            MetricProvider::for_catalog(&config, &events, &FigureMetrics::default()).unwrap();
        let user = MetricProvider::for_user(&config).unwrap();
        let exemplars = Exemplars::new(Clock::system(), events);
        let instruments = Instruments::new(catalog.meter(), 10, exemplars.clone());
        let scrape = ScrapeHandler::new(
            catalog,
            user,
            exemplars,
            SelfTelemetry::new(&instruments),
            false,
            Supervisor::refused_while(|name| name == "vantage-scrape"),
        );
        let route = route(Arc::new(scrape), ScrapeActivity::default());
        let request = Request::get("/").body(Body::empty()).unwrap();
        let response = route.oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        let body = axum::body::to_bytes(response.into_body(), 4096).await;
        let text = String::from_utf8(body.unwrap().to_vec()).unwrap();
        let start = "the scrape could not run: the system refused a thread: ";
        assert!(
            text.starts_with(start) && text.contains("pids.max"),
            "{text}"
        );
    }

    #[test]
    fn callbacks_have_half_of_the_scrapers_time() {
        let timeout = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(SCRAPE_TIMEOUT, HeaderValue::from_str(value).unwrap());
            callback_timeout(&headers).as_millis()
        };
        assert_eq!(callback_timeout(&HeaderMap::new()), CALL_TIMEOUT);
        for (value, millis) in [
            ("10", 5_000),
            ("7.5", 3_750),
            // Neither so little that the callbacks of others' scrapes are given up, nor so much that others wait.
            ("60.000000", 5_000),
            ("3", 2_000),
            ("0", 2_000),
            ("0.001", 2_000),
            ("1e300", 5_000),
            ("inf", 5_000),
            // No number of seconds.
            ("-1", 5_000),
            ("NaN", 5_000),
            ("", 5_000),
            ("ten", 5_000),
        ] {
            assert_eq!(timeout(value), millis, "{value}");
        }
    }
}
