use std::borrow::Cow;

use http::HeaderMap;
use opentelemetry::trace::SpanKind;
use opentelemetry::{Context, KeyValue};

use super::open_call::OpenCall;
use super::{CallTarget, ClientInstruments, FinishedRpcCall, ServerName};
use crate::record::instruments::rpc::{GrpcStatus, RpcMethod, rpc_attributes};

/// A gRPC call to another service: a client span, and its duration in `rpc.client.call.duration`, to its status or to
/// an end without one. Dropped without either it was cancelled, or broken off by a panic.
#[derive(Debug)]
pub(crate) struct GrpcCall {
    call: OpenCall,
    method: RpcMethod,
    status: Option<GrpcStatus>,
}

impl ClientInstruments {
    /// Starts a call of the method that the target's path names, and writes its trace into the headers of its request.
    pub(crate) fn start_grpc(
        &self,
        target: CallTarget<'_>,
        name: Option<&ServerName>,
        headers: &mut HeaderMap,
    ) -> GrpcCall {
        let methods = self.rpc_methods();
        let mut method = methods.find(target.path);
        // The service's own code names it, and no client of its.
        methods.add(&mut method);
        let span_name = method.span_name().to_owned();
        let span = self
            .tracer()
            .start(Context::current(), SpanKind::Client, span_name, Vec::new());
        span.set_attributes(|| rpc_attributes(&method));
        if target.host.is_empty() {
            let name = name.map(|name| KeyValue::new("server.address", name.as_str().to_owned()));
            span.set_attributes(|| name);
        }
        GrpcCall {
            call: OpenCall::new(self, span, target, name, headers),
            method,
            status: None,
        }
    }
}

impl GrpcCall {
    /// The context for what happens inside.
    pub(crate) const fn context(&self) -> &Context {
        self.call.span.context()
    }

    /// Ends the call with its status; every one but `OK` is an error to a client.
    pub(crate) fn complete(mut self, status: GrpcStatus) {
        self.status = Some(status);
        self.call.error = Cow::Borrowed(status.client_error());
    }

    /// Ends the call without a status, with a class of a fixed set.
    pub(crate) fn fail_as(mut self, error_type: &'static str) {
        self.call.error = Cow::Borrowed(error_type);
    }
}

impl Drop for GrpcCall {
    fn drop(&mut self) {
        let elapsed = self.call.elapsed();
        if let Some(status) = self.status {
            self.call.span.set_attributes(|| [status.attribute()]);
        }
        self.call.end_span(&self.call.error);
        self.call.instruments.record_rpc(&FinishedRpcCall {
            method: &self.method,
            server: &self.call.server(),
            status: self.status,
            error: &self.call.error,
            elapsed,
            span: self.call.span.sampled(),
        });
    }
}
