//! HTTP requests: what the middleware records.

use std::sync::Arc;
use std::time::Duration;

use super::live::Live;
use crate::catalog::api::{
    ACTIVE, ACTIVE_CONNECTIONS, ACTIVE_REQUESTS, BROKEN, BROKEN_BODIES, METHODS, REQUEST,
    REQUEST_DURATION, REQUESTS,
};
use crate::ledger::{Account, Ledger};
use crate::series::{Counter, Histogram, Instruments, Series, UpDownCounter};
use crate::slo::Kind;

/// The instruments of an HTTP server.
#[derive(Clone, Debug)]
pub(crate) struct Api(Live<Inner>);

#[derive(Debug)]
struct Inner {
    requests: Series<Request, 5>,
    active: Series<UpDownCounter, 2>,
    broken: Series<Counter, 2>,
    connections: UpDownCounter,
}

/// The series that one request is recorded in, and the objectives that it counts towards.
#[derive(Debug)]
struct Request {
    count: Counter,
    duration: Histogram,
    error_rate: Option<Account>,
    latency: Option<Account>,
}

/// How a request ended, as far as its head goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Answered(http::StatusCode),
    /// The service gave an error instead of a response, because a time limit ran out.
    TimedOut,
    /// The service gave another error instead of a response.
    Failed,
    Panicked,
    /// The client went away before the response's head.
    Cancelled,
}

/// One finished request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) method: &'static str,
    pub(crate) route: &'a str,
    pub(crate) scheme: &'static str,
    pub(crate) ending: Ending,
    pub(crate) elapsed: Duration,
}

impl Api {
    /// `uncounted` routes (health, scrape) are measured, but count towards no objective.
    pub(crate) fn new(instruments: &Instruments, ledger: &Ledger, uncounted: Vec<String>) -> Self {
        let (instruments, ledger) = (instruments.clone(), ledger.clone());
        Self(Live::new(move || {
            Inner::new(&instruments, &ledger, uncounted)
        }))
    }

    /// Shows the family before anything happens.
    pub(crate) fn announce(&self) {
        self.0.announce();
    }

    /// The active-requests series of a method and scheme, for as long as a request lasts.
    pub(crate) fn active(&self, method: &'static str, scheme: &'static str) -> Arc<UpDownCounter> {
        self.0.active.get([method, scheme])
    }

    pub(crate) fn answered(&self, answer: Answer<'_>) {
        let (status, error) = answer.ending.labels();
        let values = [
            error,
            answer.method,
            status.as_ref().map_or("", |status| status.as_str()),
            answer.route,
            answer.scheme,
        ];
        self.0
            .requests
            .with(values, |series| series.record(answer.elapsed, error));
    }

    pub(crate) fn broken(&self, route: &str, reason: &'static str) {
        self.0.broken.with([route, reason], |series| series.add(1));
    }

    pub(crate) fn connections(&self) -> &UpDownCounter {
        &self.0.connections
    }
}

impl Inner {
    fn new(instruments: &Instruments, ledger: &Ledger, uncounted: Vec<String>) -> Self {
        let (error_rate, latency) = (ledger.open(Kind::ErrorRate), ledger.open(Kind::Latency));
        let (count, duration) = (
            instruments.binder::<Counter>(&REQUESTS),
            instruments.binder::<Histogram>(&REQUEST_DURATION),
        );
        let bind = move |labels: &[opentelemetry::KeyValue]| {
            let route = labels
                .iter()
                .find(|label| label.key.as_str() == "http.route");
            let uncounted =
                route.is_some_and(|route| uncounted.iter().any(|own| *own == route.value.as_str()));
            Request {
                count: count(labels),
                duration: duration(labels),
                error_rate: error_rate.clone().filter(|_| !uncounted),
                latency: latency.clone().filter(|_| !uncounted),
            }
        };
        Self {
            requests: instruments.group(&[&REQUESTS, &REQUEST_DURATION], &REQUEST, bind),
            active: instruments.series(&ACTIVE_REQUESTS, &ACTIVE),
            broken: instruments.series(&BROKEN_BODIES, &BROKEN),
            connections: instruments.single(&ACTIVE_CONNECTIONS),
        }
    }
}

impl Request {
    fn record(&self, elapsed: Duration, error: &str) {
        self.count.add(1);
        self.duration.record(elapsed.as_secs_f64());
        let cancelled = error == "cancelled";
        if let Some(account) = &self.error_rate
            && !cancelled
        {
            account.count(error.is_empty());
        }
        if let Some(account) = &self.latency {
            // A client that went away in time says nothing of how fast the answer would have been.
            let in_time = account
                .threshold()
                .is_none_or(|threshold| elapsed <= threshold);
            if !(cancelled && in_time) {
                account.count(in_time);
            }
        }
    }
}

impl Ending {
    fn labels(&self) -> (Option<http::StatusCode>, &str) {
        use http::StatusCode;
        match self {
            Self::Answered(status) => (Some(*status), error_type(status)),
            Self::TimedOut => (None, "timeout"),
            Self::Failed => (None, "_OTHER"),
            Self::Panicked => (Some(StatusCode::INTERNAL_SERVER_ERROR), "panic"),
            Self::Cancelled => (None, "cancelled"),
        }
    }
}

fn error_type(status: &http::StatusCode) -> &str {
    match *status {
        http::StatusCode::REQUEST_TIMEOUT | http::StatusCode::GATEWAY_TIMEOUT => "timeout",
        server_error if server_error.is_server_error() => status.as_str(),
        _ => "",
    }
}

/// The method as a label: one of the known ones, or `_OTHER`.
pub(crate) fn method_label(method: &http::Method) -> &'static str {
    METHODS
        .iter()
        .find(|known| **known == method.as_str())
        .unwrap_or(&"_OTHER")
}
