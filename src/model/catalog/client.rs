//! Calls to other services, as the caller sees them.
//!
//! Labels follow <https://opentelemetry.io/docs/specs/semconv/http/http-metrics/#http-client> (1.45): never the
//! path, and the names of the first 100 servers. Those of gRPC follow
//! <https://opentelemetry.io/docs/specs/semconv/rpc/rpc-metrics/> (1.45).

use super::api::{METHOD, RPC_METHOD, RPC_STATUS, RPC_SYSTEM};
use super::{Attribute, Instrument, MetricFamily, MetricSpec, family};
use crate::model::units::Unit;

/// The labels of one call.
pub(crate) const HTTP_CALL: [Attribute; 5] = [
    Attribute::open(
        "error.type",
        "the status code from 400 on, `timeout`, `connection_refused` and other classes of errors, `cancelled`, `panic`, `_OTHER`; absent on success",
    ),
    METHOD,
    Attribute::integer(
        "http.response.status_code",
        "status code; absent when no response came",
    ),
    ADDRESS,
    PORT,
];
const ADDRESS: Attribute = Attribute::open(
    "server.address",
    "host of the URL, or the name that the caller gives; `_OTHER` for those past the first 100",
);
const PORT: Attribute = Attribute::integer(
    "server.port",
    "port of the URL; absent where the caller names the server",
);
/// The labels of one call by gRPC.
pub(crate) const RPC_CALL: [Attribute; 6] = [
    Attribute::open(
        "error.type",
        "the name of every status but `OK`; without a status `timeout`, `connection_refused` and other classes of errors, `cancelled`, `panic`, `_OTHER`; absent on success",
    )
    .or_absent("no error"),
    RPC_METHOD,
    RPC_STATUS,
    RPC_SYSTEM,
    ADDRESS,
    PORT,
];

family! {
    /// Time from the call to the response's head, or to its end without one.
    pub(crate) const HTTP_CALL_DURATION: MetricSpec = MetricSpec::new(
        MetricFamily::Client,
        "http.client.request.duration",
        Instrument::Histogram(&[
            0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
        ]),
        Unit::Seconds,
        "Time of HTTP calls to other services, to the head of the response or to their end without one",
        &HTTP_CALL,
    );

    /// Time from a call by gRPC to its status.
    pub(crate) const RPC_CALL_DURATION: MetricSpec = MetricSpec::new(
        MetricFamily::Client,
        "rpc.client.call.duration",
        Instrument::Histogram(&[
            0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
        ]),
        Unit::Seconds,
        "Time of gRPC calls to other services, to their status or to their end without one",
        &RPC_CALL,
    );
}
