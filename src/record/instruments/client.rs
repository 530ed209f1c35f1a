//! Calls to other services.

mod call;
mod grpc_call;
mod open_call;
mod servers;
mod target;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use call::HttpCall;
#[cfg(feature = "reqwest")]
pub(crate) use call::ResentCall;
pub(crate) use grpc_call::GrpcCall;
pub use servers::{MAX_SERVERS, ServerName};
pub(crate) use target::CallTarget;

use self::servers::{Server, Servers};
use super::SelfTelemetry;
use super::rpc::{GRPC, GrpcStatus, RpcMethod, RpcMethods};
use crate::model::catalog::MetricSpec;
use crate::model::catalog::client::{HTTP_CALL, HTTP_CALL_DURATION, RPC_CALL, RPC_CALL_DURATION};
use crate::record::clock::Clock;
use crate::record::series::{BoundSeries, Histogram, Instruments};
use crate::record::trace::{SampledSpan, Tracer};

/// The instruments of calls to other services. A cheap clone.
#[derive(Clone, Debug)]
pub(crate) struct ClientInstruments(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    tracer: Tracer,
    servers: Servers,
    duration: BoundSeries<Histogram, 5>,
    rpc_methods: RpcMethods,
    rpc_duration: BoundSeries<Histogram, 6>,
    self_telemetry: SelfTelemetry,
}

/// A call that has ended, as its labels have it. Empty texts are absent labels.
struct FinishedCall<'a> {
    method: &'static str,
    server: &'a Server,
    status: &'a str,
    error: &'a str,
    elapsed: Duration,
    span: Option<SampledSpan>,
}

/// The same of a call by gRPC.
struct FinishedRpcCall<'a> {
    method: &'a RpcMethod,
    server: &'a Server,
    status: Option<GrpcStatus>,
    error: &'a str,
    elapsed: Duration,
    span: Option<SampledSpan>,
}

impl ClientInstruments {
    pub(crate) fn new(
        instruments: &Instruments,
        self_telemetry: SelfTelemetry,
        clock: Clock,
        tracer: Tracer,
    ) -> Self {
        Self(Arc::new(Inner {
            clock,
            tracer,
            servers: Servers::default(),
            duration: instruments.series(&HTTP_CALL_DURATION, &HTTP_CALL),
            rpc_methods: RpcMethods::default(),
            rpc_duration: instruments.series(&RPC_CALL_DURATION, &RPC_CALL),
            self_telemetry,
        }))
    }

    fn tracer(&self) -> &Tracer {
        &self.0.tracer
    }

    fn now(&self) -> Instant {
        self.0.clock.now()
    }

    fn servers(&self) -> &Servers {
        &self.0.servers
    }

    fn record(&self, call: &FinishedCall<'_>) {
        let server = call.server;
        self.count_overflow(server, &HTTP_CALL_DURATION);
        let values = [
            call.error,
            call.method,
            call.status,
            &server.address,
            &server.port,
        ];
        self.0.duration.with(values, |series| {
            series.record_in(call.span, call.elapsed.as_secs_f64());
        });
    }

    fn rpc_methods(&self) -> &RpcMethods {
        &self.0.rpc_methods
    }

    fn record_rpc(&self, call: &FinishedRpcCall<'_>) {
        let server = call.server;
        self.count_overflow(server, &RPC_CALL_DURATION);
        let values = [
            call.error,
            call.method.label(),
            call.status.map_or("", GrpcStatus::name),
            GRPC,
            &server.address,
            &server.port,
        ];
        self.0.rpc_duration.with(values, |series| {
            series.record_in(call.span, call.elapsed.as_secs_f64());
        });
    }

    /// Counts a call whose server's name is lost.
    fn count_overflow(&self, server: &Server, duration: &MetricSpec) {
        if server.is_other() {
            self.0.self_telemetry.record_overflow(duration.name, 1);
        }
    }
}
