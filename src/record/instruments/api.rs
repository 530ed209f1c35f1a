//! HTTP requests: what the middleware records.

mod cache;
mod method;

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use opentelemetry::KeyValue;

pub(crate) use method::Asked;

use self::cache::{Key, Known};
use super::lazy::Live;
use crate::model::catalog::api::{
    ACTIVE, ACTIVE_CONNECTIONS, ACTIVE_REQUESTS, BROKEN, BROKEN_BODIES, REQUEST, REQUEST_DURATION,
    REQUESTS,
};
use crate::model::slo::Kind;
use crate::record::series::{Binder, Counter, Histogram, Instruments, Series, UpDownCounter};
use crate::record::slo_events::{Account, Ledger};
use crate::record::trace::Sampled;

/// The instruments of an HTTP server.
#[derive(Clone, Debug)]
pub(crate) struct Api(Live<Inner>);

#[derive(Debug)]
struct Inner {
    requests: Series<Request, 5>,
    known: Known<Request>,
    active: ActiveRequests,
    broken: Series<Counter, 2>,
    connections: UpDownCounter,
}

/// The gauges of active requests: so few that each has its place.
struct ActiveRequests {
    bind: Binder<UpDownCounter>,
    gauges: [OnceLock<UpDownCounter>; Asked::COUNT],
}

/// The series that one request is recorded in, and the objectives that it counts towards.
#[derive(Debug)]
struct Request {
    count: Counter,
    duration: Histogram,
    /// Counts towards the error rate, and towards the slices of the availability.
    requests: Option<Account>,
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
    pub(crate) asked: Asked,
    pub(crate) route: &'a str,
    pub(crate) ending: Ending,
    pub(crate) elapsed: Duration,
    pub(crate) span: Option<Sampled>,
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

    /// The active requests of a method and scheme.
    pub(crate) fn active(&self, asked: Asked) -> &UpDownCounter {
        self.0.active.of(asked)
    }

    pub(crate) fn answered(&self, answer: &Answer<'_>) {
        let key = Key::of(answer);
        let recorded = self.0.known.with(key, |series| series.record(answer));
        if recorded.is_none() {
            self.answered_anew(key, answer);
        }
    }

    /// Records by the labels: what is new, and what is past the limit of series.
    #[cold]
    fn answered_anew(&self, key: Key<&str>, answer: &Answer<'_>) {
        let (status, error) = answer.ending.labels();
        let values = [
            error,
            answer.asked.method(),
            status.as_ref().map_or("", |status| status.as_str()),
            answer.route,
            answer.asked.scheme(),
        ];
        if let Some(series) = self.0.requests.own(values) {
            series.record(answer);
            self.0.known.keep(key, series);
        } else {
            self.0.requests.with(values, |series| series.record(answer));
        }
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
        let (failures, latency) = (ledger.open_requests(), ledger.open(Kind::Latency));
        let (count, duration) = (
            instruments.binder::<Counter>(&REQUESTS),
            instruments.binder::<Histogram>(&REQUEST_DURATION),
        );
        let bind = move |labels: &[KeyValue]| {
            let route = labels
                .iter()
                .find(|label| label.key.as_str() == "http.route");
            let uncounted =
                route.is_some_and(|route| uncounted.iter().any(|own| *own == route.value.as_str()));
            Request {
                count: count(labels),
                duration: duration(labels),
                requests: failures.clone().filter(|_| !uncounted),
                latency: latency.clone().filter(|_| !uncounted),
            }
        };
        Self {
            known: Known::new(instruments.limit()),
            requests: instruments.group(&[&REQUESTS, &REQUEST_DURATION], &REQUEST, bind),
            active: ActiveRequests {
                bind: instruments.binder(&ACTIVE_REQUESTS),
                gauges: [const { OnceLock::new() }; Asked::COUNT],
            },
            broken: instruments.series(&BROKEN_BODIES, &BROKEN),
            connections: instruments.single(&ACTIVE_CONNECTIONS),
        }
    }
}

impl ActiveRequests {
    fn of(&self, asked: Asked) -> &UpDownCounter {
        self.gauges[usize::from(asked.number())].get_or_init(|| {
            let [method, scheme] = &ACTIVE;
            (self.bind)(&[
                KeyValue::new(method.key, asked.method()),
                KeyValue::new(scheme.key, asked.scheme()),
            ])
        })
    }
}

impl fmt::Debug for ActiveRequests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActiveRequests").finish_non_exhaustive()
    }
}

impl Request {
    fn record(&self, answer: &Answer<'_>) {
        let elapsed = answer.elapsed;
        self.count.add(1);
        self.duration.record_in(answer.span, elapsed.as_secs_f64());
        let cancelled = answer.ending == Ending::Cancelled;
        if let Some(account) = &self.requests
            && !cancelled
        {
            account.count(answer.ending.labels().1.is_empty());
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
    /// Status code and error type, as labels have them.
    pub(crate) fn labels(&self) -> (Option<http::StatusCode>, &str) {
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
