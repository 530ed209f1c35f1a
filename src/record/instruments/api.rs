//! HTTP requests: what the middleware records.
//!
//! A request is recorded once, when its outcome is known: count, duration, and the objectives that
//! it counts towards stand in one series object, so that one look-up finds all of them.

mod cache;
mod method;

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::KeyValue;

pub(crate) use method::MethodScheme;

use self::cache::{SeriesCache, SeriesKey};
use super::lazy::LazySeries;
use super::rpc::{GRPC, GrpcStatus, RpcMethod, RpcMethods};
use crate::model::catalog::api::{
    ACTIVE, ACTIVE_CONNECTIONS, ACTIVE_REQUESTS, BROKEN, BROKEN_BODIES, REQUEST, REQUEST_DURATION,
    REQUESTS, RPC, RPC_DURATION,
};
use crate::model::slo::ObjectiveKind;
use crate::record::series::{Binder, BoundSeries, Counter, Histogram, Instruments, UpDownCounter};
use crate::record::slo_events::{ObjectiveCounters, SloEvents};
use crate::record::trace::SampledSpan;

/// The error type of what the service's end has cut off.
pub(crate) const SHUTDOWN: &str = "shutdown";

/// The instruments of an HTTP server.
#[derive(Clone, Debug)]
pub(crate) struct ApiInstruments(LazySeries<Inner>);

/// Built with the first request, or with the role.
#[derive(Debug)]
struct Inner {
    /// By labels: the complete index.
    requests: BoundSeries<RequestSeries, 5>,
    /// By a short key: the fast index over the same objects.
    cache: SeriesCache<RequestSeries>,
    active: ActiveRequests,
    broken: BoundSeries<Counter, 2>,
    connections: UpDownCounter,
    rpc_methods: RpcMethods,
    rpc_duration: BoundSeries<Histogram, 4>,
    /// True while the service itself ends what is in flight.
    cutting_off: AtomicBool,
}

/// The gauges of active requests: so few that each has its place.
struct ActiveRequests {
    bind: Binder<UpDownCounter>,
    /// An array and no map: method and scheme are closed sets, and their number is the index.
    gauges: [OnceLock<UpDownCounter>; MethodScheme::COUNT],
}

/// The series that one request is recorded in, and the objectives that it counts towards.
#[derive(Debug)]
struct RequestSeries {
    count: Counter,
    duration: Histogram,
    /// Counts towards the error rate, and towards the slices of the availability.
    requests: Option<ObjectiveCounters>,
    /// `None` where no objective asks about it.
    latency: Option<ObjectiveCounters>,
}

/// The outcome of a request up to the response's head, or up to the status of a gRPC call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestOutcome {
    Responded(http::StatusCode),
    /// The response is a 200 with this gRPC status.
    Grpc(GrpcStatus),
    /// The service gave an error instead of a response, because a time limit ran out.
    TimedOut,
    /// The service gave another error instead of a response.
    Failed,
    Panicked,
    /// The client went away before the response's head.
    /// The service is not to blame, and nothing is known of how it would have answered.
    Cancelled,
    /// The client went away between the response's head and its gRPC status.
    Abandoned,
    /// The service ended while the request was in flight.
    CutOff,
}

/// A finished request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FinishedRequest<'a> {
    pub(crate) method_scheme: MethodScheme,
    pub(crate) route: &'a str,
    pub(crate) outcome: RequestOutcome,
    pub(crate) elapsed: Duration,
    pub(crate) span: Option<SampledSpan>,
}

/// A finished gRPC call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FinishedRpc<'a> {
    pub(crate) method: &'a RpcMethod,
    pub(crate) outcome: RequestOutcome,
    /// The time to the status.
    pub(crate) elapsed: Duration,
    pub(crate) span: Option<SampledSpan>,
}

impl ApiInstruments {
    pub(crate) fn new(instruments: &Instruments, slo_events: &SloEvents) -> Self {
        let (instruments, slo_events) = (instruments.clone(), slo_events.clone());
        Self(LazySeries::new(move || {
            Inner::new(&instruments, &slo_events)
        }))
    }

    /// Shows the family before anything happens.
    pub(crate) fn initialize(&self) {
        self.0.initialize();
    }

    /// The active requests of a method and scheme.
    pub(crate) fn active(&self, method_scheme: MethodScheme) -> &UpDownCounter {
        self.0.active.gauge(method_scheme)
    }

    pub(crate) fn record_request(&self, request: &FinishedRequest<'_>) {
        // The hot path: a short hash, and no labels are made.
        let key = SeriesKey::new(request);
        let recorded = self.0.cache.with(key, |series| series.record(request));
        if recorded.is_none() {
            self.record_uncached(key, request);
        }
    }

    /// Records by the labels: what is new, and what is past the limit of series.
    #[cold]
    fn record_uncached(&self, key: SeriesKey<&str>, request: &FinishedRequest<'_>) {
        let (status, error) = request.outcome.labels();
        let values = [
            error,
            request.method_scheme.method(),
            status.as_ref().map_or("", |status| status.as_str()),
            request.route,
            request.method_scheme.scheme(),
        ];
        if let Some(series) = self.0.requests.try_get(values) {
            series.record(request);
            // Only series below the limit are cached; past it each request must be counted as
            // overflow.
            self.0.cache.insert(key, series);
        } else {
            self.0
                .requests
                .with(values, |series| series.record(request));
        }
    }

    pub(crate) fn record_broken_body(&self, route: &str, reason: &'static str) {
        self.0.broken.with([route, reason], |series| series.add(1));
    }

    /// Returns the methods of gRPC calls.
    pub(crate) fn rpc_methods(&self) -> &RpcMethods {
        &self.0.rpc_methods
    }

    /// Takes note of a gRPC call's method where its outcome shows that there is one.
    pub(crate) fn confirm_method(&self, method: &mut RpcMethod, outcome: RequestOutcome) {
        if outcome.is_of_a_method() {
            self.0.rpc_methods.add(method);
        }
    }

    /// Records a gRPC call, which is recorded as a request too.
    pub(crate) fn record_rpc(&self, call: &FinishedRpc<'_>) {
        let (status, error) = call.outcome.rpc_labels();
        let status = status.map_or("", GrpcStatus::name);
        let values = [error, call.method.label(), status, GRPC];
        self.0.rpc_duration.with(values, |series| {
            series.record_in(call.span, call.elapsed.as_secs_f64());
        });
    }

    /// The flag of a service that ends: what is dropped unanswered is cut off by it, and no client went away.
    pub(crate) fn cutting_off(&self) -> &AtomicBool {
        &self.0.cutting_off
    }

    /// Returns the outcome of what is dropped before its head, or before its gRPC status.
    pub(crate) fn drop_outcome(&self, has_head: bool) -> RequestOutcome {
        if self.cutting_off().load(Ordering::Relaxed) {
            RequestOutcome::CutOff
        } else if has_head {
            RequestOutcome::Abandoned
        } else {
            RequestOutcome::Cancelled
        }
    }

    pub(crate) fn connections(&self) -> &UpDownCounter {
        &self.0.connections
    }
}

impl Inner {
    fn new(instruments: &Instruments, slo_events: &SloEvents) -> Self {
        let (failures, latency) = (
            slo_events.activate_requests(),
            slo_events.activate(ObjectiveKind::Latency),
        );
        let (count, duration) = (
            instruments.binder::<Counter>(&REQUESTS),
            instruments.binder::<Histogram>(&REQUEST_DURATION),
        );
        let bind = move |labels: &[KeyValue]| RequestSeries {
            count: count(labels),
            duration: duration(labels),
            requests: failures.clone(),
            latency: latency.clone(),
        };
        Self {
            cache: SeriesCache::new(instruments.limit()),
            requests: instruments.group(&[&REQUESTS, &REQUEST_DURATION], &REQUEST, bind),
            active: ActiveRequests {
                bind: instruments.binder(&ACTIVE_REQUESTS),
                gauges: [const { OnceLock::new() }; MethodScheme::COUNT],
            },
            broken: instruments.series(&BROKEN_BODIES, &BROKEN),
            connections: instruments.single(&ACTIVE_CONNECTIONS),
            rpc_methods: RpcMethods::default(),
            rpc_duration: instruments.series(&RPC_DURATION, &RPC),
            cutting_off: AtomicBool::new(false),
        }
    }
}

impl ActiveRequests {
    /// Returns the gauge of a method and scheme, bound on first use.
    fn gauge(&self, method_scheme: MethodScheme) -> &UpDownCounter {
        self.gauges[usize::from(method_scheme.index())].get_or_init(|| {
            let [method, scheme] = &ACTIVE;
            (self.bind)(&[
                KeyValue::new(method.key, method_scheme.method()),
                KeyValue::new(scheme.key, method_scheme.scheme()),
            ])
        })
    }
}

impl fmt::Debug for ActiveRequests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActiveRequests").finish_non_exhaustive()
    }
}

impl RequestSeries {
    fn record(&self, request: &FinishedRequest<'_>) {
        let elapsed = request.elapsed;
        self.count.add(1);
        self.duration.record_in(request.span, elapsed.as_secs_f64());
        // A client that goes away is no failure of the service: neither good nor bad for the error
        // rate.
        let cancelled = request.outcome == RequestOutcome::Cancelled;
        if let Some(counters) = &self.requests
            && !cancelled
            && request.outcome != RequestOutcome::Abandoned
        {
            counters.record_event(request.outcome.labels().1.is_empty());
        }
        if let Some(counters) = &self.latency {
            // What was dropped in time says nothing of how fast the answer would have been.
            let in_time = counters
                .threshold()
                .is_none_or(|threshold| elapsed <= threshold);
            let unanswered = cancelled || request.outcome == RequestOutcome::CutOff;
            if !(unanswered && in_time) {
                counters.record_event(in_time);
            }
        }
    }
}

impl RequestOutcome {
    /// Status code and error type, as labels have them.
    // A panic has a status although no response was sent: the layers further out answer 500.
    pub(crate) fn labels(&self) -> (Option<http::StatusCode>, &str) {
        use http::StatusCode;
        match self {
            Self::Responded(status) => (Some(*status), error_type(status)),
            Self::Grpc(status) => (Some(StatusCode::OK), status.server_error()),
            Self::TimedOut => (None, "timeout"),
            Self::Failed => (None, "_OTHER"),
            Self::Panicked => (Some(StatusCode::INTERNAL_SERVER_ERROR), "panic"),
            Self::Cancelled | Self::Abandoned => (None, "cancelled"),
            Self::CutOff => (None, SHUTDOWN),
        }
    }

    /// The status of a gRPC call and its error type, as labels have them.
    pub(crate) fn rpc_labels(&self) -> (Option<GrpcStatus>, &str) {
        let status = match self {
            Self::Grpc(status) => *status,
            Self::Responded(status) => GrpcStatus::from_http(*status),
            _ => return (None, self.labels().1),
        };
        (Some(status), status.server_error())
    }

    /// Returns `true` if nothing but the method of a gRPC call can have had this outcome: not what routers,
    /// authentication and limits say before it, to whatever a client has invented.
    pub(crate) const fn is_of_a_method(&self) -> bool {
        match self {
            Self::Grpc(status) => !matches!(
                *status,
                GrpcStatus::UNIMPLEMENTED
                    | GrpcStatus::UNAUTHENTICATED
                    | GrpcStatus::PERMISSION_DENIED
                    | GrpcStatus::RESOURCE_EXHAUSTED
                    | GrpcStatus::UNAVAILABLE
            ),
            // A head without a status, before messages.
            Self::Abandoned | Self::Panicked => true,
            Self::Responded(_) | Self::TimedOut | Self::Failed | Self::Cancelled | Self::CutOff => {
                false
            }
        }
    }
}

/// Returns the error type of a response; empty where the service did not fail.
fn error_type(status: &http::StatusCode) -> &str {
    match *status {
        // 408 is a 4xx, but from inside the service it means that its own time limit ran out.
        http::StatusCode::REQUEST_TIMEOUT | http::StatusCode::GATEWAY_TIMEOUT => "timeout",
        server_error if server_error.is_server_error() => status.as_str(),
        _ => "",
    }
}
