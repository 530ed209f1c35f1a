//! HTTP requests, their bodies and connections, and the gRPC calls among them.
//!
//! Labels here follow the OpenTelemetry conventions for HTTP servers,
//! <https://opentelemetry.io/docs/specs/semconv/http/http-metrics/>: the route template and never
//! the path, known methods only, `error.type` where the request failed. Those of gRPC calls follow
//! <https://opentelemetry.io/docs/specs/semconv/rpc/rpc-metrics/> (1.45).

use super::{Attribute, Instrument, MetricFamily, MetricSpec, family};
use crate::model::units::Unit;

/// The methods of RFC 9110 and RFC 5789; every other one is `_OTHER`, as the conventions say.
///
/// A client chooses the method freely, so that each unknown one would be a new series.
pub(crate) const METHODS: &[&str] = &[
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "_OTHER",
];

/// The names of gRPC's statuses, each at the place of its number.
pub(crate) const GRPC_STATUSES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

pub(super) const METHOD: Attribute = Attribute::one_of("http.request.method", METHODS);
// Absent and not "/": requests that no route matched are mostly scanners, and a series for each of
// their paths is the classic way to run out of memory.
const ROUTE: Attribute = Attribute::open(
    "http.route",
    "route template, never the path; absent where no route matched",
)
.or_absent("no route");
// Closed, because a client or a proxy writes it: whatever else arrives is left out.
const SCHEME: Attribute = Attribute::one_of("url.scheme", &["http", "https"]);

/// The labels of one answered request.
///
/// The status code stands beside `error.type`, because a failed request may have no status (the
/// client went away) and a 5xx may have a cause of its own (a timeout).
pub(crate) const REQUEST: [Attribute; 5] = [
    Attribute::open(
        "error.type",
        "`cancelled`, `shutdown`, `panic`, `timeout`, `_OTHER`, the status code of a 5xx, or the name of a gRPC status that is a server's error; absent on success",
    )
    .or_absent("no error"),
    METHOD,
    Attribute::integer(
        "http.response.status_code",
        "status code; absent when no answer was given",
    )
    .or_absent("no status"),
    ROUTE,
    SCHEME,
];
/// The labels of a request in progress. No route: it is not known yet when the request arrives, and
/// the decrement must name the same series as the increment.
pub(crate) const ACTIVE: [Attribute; 2] = [METHOD, SCHEME];
// Open only before it is known to exist: a client writes it.
pub(super) const RPC_METHOD: Attribute = Attribute::open(
    "rpc.method",
    "service and method, such as `shop.Orders/Get`; `_OTHER` for those that are not known to exist, and past the first 1000",
);
pub(super) const RPC_STATUS: Attribute =
    Attribute::one_of("rpc.response.status_code", &GRPC_STATUSES).or_absent("no status");
pub(super) const RPC_SYSTEM: Attribute = Attribute::one_of("rpc.system.name", &["grpc"]);

/// The labels of one gRPC call.
pub(crate) const RPC: [Attribute; 4] = [
    Attribute::open(
        "error.type",
        "the name of a status that is a server's error, `cancelled`, `shutdown`, `panic`, `timeout`, `_OTHER`; absent otherwise",
    )
    .or_absent("no error"),
    RPC_METHOD,
    RPC_STATUS,
    RPC_SYSTEM,
];
/// The labels of a response that broke off.
pub(crate) const BROKEN: [Attribute; 2] = [
    ROUTE,
    Attribute::one_of("reason", &["client_gone", "shutdown", "body_error"]),
];

family! {
    /// Requests, counted once each when the outcome is known: at the response's head, of a gRPC call with its
    /// status.
    pub(crate) const REQUESTS: MetricSpec = MetricSpec::new(
        MetricFamily::Api,
        "vantage.api.requests",
        Instrument::Counter,
        Unit::Count("{request}"),
        "HTTP requests by route and outcome; the error rate is the share with an error_type other than cancelled",
        &REQUEST,
    );

    /// Time from the request's head to the response's head.
    pub(crate) const REQUEST_DURATION: MetricSpec = MetricSpec::new(
        MetricFamily::Api,
        "http.server.request.duration",
        Instrument::Histogram(&[
            // The bounds that the conventions advise; those of the objectives in force are added
            // when instruments are built, so that a threshold is always a bucket's bound.
            0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
        ]),
        Unit::Seconds,
        "Time from the head of the request to the head of the response",
        &REQUEST,
    );

    /// Time of a gRPC call, which is one of the requests too.
    pub(crate) const RPC_DURATION: MetricSpec = MetricSpec::new(
        MetricFamily::Api,
        "rpc.server.call.duration",
        Instrument::Histogram(&[
            0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
        ]),
        Unit::Seconds,
        "Time of gRPC calls, from the head of the request to the status at the end of the response",
        &RPC,
    );

    /// Requests whose response body has not ended.
    pub(crate) const ACTIVE_REQUESTS: MetricSpec = MetricSpec::new(
        MetricFamily::Api,
        "http.server.active_requests",
        Instrument::UpDownCounter,
        Unit::Count("{request}"),
        "Requests in progress, until the last byte of the response body",
        &ACTIVE,
    );

    /// Responses that ended before their body did.
    pub(crate) const BROKEN_BODIES: MetricSpec = MetricSpec::new(
        MetricFamily::Api,
        "vantage.api.broken_responses",
        Instrument::Counter,
        Unit::Count("{response}"),
        "Responses whose body broke off: the client went away, or the body failed",
        &BROKEN,
    );

    /// Open client connections.
    pub(crate) const ACTIVE_CONNECTIONS: MetricSpec = MetricSpec::new(
        MetricFamily::Api,
        "vantage.api.active_connections",
        Instrument::UpDownCounter,
        Unit::Count("{connection}"),
        "Open client connections",
        &[],
    );
}
