//! Requests that are sent again.

use http::{HeaderMap, Method};
use opentelemetry::trace::{SpanContext, TraceContextExt as _};
use opentelemetry::{Context, KeyValue};

use super::super::{CallTarget, ClientInstruments, ServerName};
use super::HttpCall;

/// The calls before, of a request that may be sent again.
#[derive(Clone, Debug)]
pub(crate) struct ResentCall {
    /// The first call's span.
    first: SpanContext,
    /// The number of calls.
    count: u32,
}

impl ClientInstruments {
    /// Starts the next call of a request. Where nothing around the calls holds them together, further ones are below
    /// the first one's span, so that all are one trace.
    pub(crate) fn start_again(
        &self,
        method: &Method,
        target: CallTarget<'_>,
        name: Option<&ServerName>,
        headers: &mut HeaderMap,
        before: Option<&ResentCall>,
    ) -> HttpCall {
        let Some(before) = before else {
            return self.start(method, target, name, headers);
        };
        let mut parent = Context::current();
        if !parent.span().span_context().is_valid() {
            parent = parent.with_remote_span_context(before.first.clone());
        }
        let call = self.start_below(parent, method, target, name, headers);
        let count = i64::from(before.count);
        call.call
            .span
            .set_attributes(|| [KeyValue::new("http.request.resend_count", count)]);
        call
    }
}

impl ResentCall {
    /// Adds a call to those before.
    pub(crate) fn after(call: &HttpCall, before: Option<&Self>) -> Self {
        let own = || call.context().span().span_context().clone();
        Self {
            first: before.map_or_else(own, |before| before.first.clone()),
            count: before.map_or(0, |before| before.count).saturating_add(1),
        }
    }
}
