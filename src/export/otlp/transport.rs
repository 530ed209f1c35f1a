//! A request to a receiver: gRPC or HTTP, one way of failing.
//!
//! | failure | class | retry |
//! |---|---|---|
//! | no connection, or it broke, or its answer can't be read | `connection` | yes |
//! | no answer in time | `timeout` | yes, over a new connection |
//! | a status that OTLP lists as retryable | the status | yes, when the receiver says |
//! | any other status | the status | no |
//! | a web page | `web_page` | no |
//! | a part was rejected | `rejected` | no |
//!
//! See <https://opentelemetry.io/docs/specs/otlp/#failures>.

pub(crate) mod grpc;
pub(crate) mod http;

use std::borrow::Cow;
use std::error::Error;
use std::time::Duration;

use bytes::Bytes;

use crate::config::{Protocol, SignalOtlp, TelemetrySignal};
use crate::model::causes::debug_as_text;
use crate::net::{basic_credentials, explain, one_line};

/// The failure of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExportFailure {
    /// Its class, as a label: a status, `timeout`, `connection` or `encoding`.
    pub(crate) error_type: Cow<'static, str>,
    /// The message in one line.
    pub(crate) message: String,
    pub(crate) retry: RetryHint,
}

/// The hint whether and when the same request may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RetryHint {
    Never,
    Whenever,
    /// The receiver says when.
    After(Duration),
}

/// The error of a transport that could not be set up.
#[derive(thiserror::Error)]
#[error("the OTLP exporter of {signal} could not be set up: {reason}")]
pub struct ExportError {
    signal: TelemetrySignal,
    reason: String,
}
debug_as_text!(ExportError);

impl ExportError {
    pub(super) fn new(signal: TelemetrySignal, reason: &impl ToString) -> Self {
        let reason = reason.to_string();
        Self { signal, reason }
    }
}

/// Sends requests to one receiver.
///
/// Two kinds and no trait object: both are here, and calls stay plain futures.
#[derive(Debug)]
pub(super) struct Transport(TransportKind);

#[derive(Debug)]
enum TransportKind {
    Grpc(Box<grpc::GrpcTransport>),
    Http(Box<http::HttpTransport>),
}

impl Transport {
    /// Connects lazily; needs a tokio runtime around it.
    pub(super) fn new(signal: TelemetrySignal, otlp: &SignalOtlp) -> Result<Self, ExportError> {
        let made = match otlp.protocol {
            Protocol::Grpc => {
                grpc::GrpcTransport::new(signal, otlp).map(|grpc| TransportKind::Grpc(grpc.into()))
            }
            Protocol::HttpProtobuf => {
                http::HttpTransport::new(otlp).map(|http| TransportKind::Http(http.into()))
            }
        };
        made.map(Self)
            .map_err(|reason| ExportError::new(signal, &reason))
    }

    /// Drops a connection that may be dead. gRPC would send over it for as long as the system takes
    /// it for alive, which is a quarter of an hour; HTTP drops it with the request.
    pub(super) fn reconnect(&mut self) {
        if let TransportKind::Grpc(grpc) = &mut self.0 {
            grpc.reconnect();
        }
    }

    /// Sends one encoded message; the answer's body, or why it wasn't taken.
    pub(super) async fn send(&self, message: Bytes) -> Result<Bytes, ExportFailure> {
        match &self.0 {
            TransportKind::Grpc(grpc) => grpc.send(message).await,
            TransportKind::Http(http) => http.send(message).await,
        }
    }
}

impl ExportFailure {
    /// Retryable: the receiver may have taken it, and OTLP accepts that a retry delivers twice.
    pub(super) fn timed_out(after: Duration) -> Self {
        Self {
            error_type: "timeout".into(),
            message: format!(
                "no answer within {}",
                crate::model::units::format_duration(after)
            ),
            retry: RetryHint::Whenever,
        }
    }

    pub(crate) fn rejected(count: u64, reason: &str) -> Self {
        let message = match one_line(reason).as_str() {
            "" => format!("the receiver rejected {count}"),
            reason => format!("the receiver rejected {count}: {reason}"),
        };
        Self {
            error_type: "rejected".into(),
            message,
            retry: RetryHint::Never,
        }
    }

    pub(super) fn unencoded(reason: &str) -> Self {
        Self {
            error_type: "encoding".into(),
            message: format!("the message could not be encoded: {}", one_line(reason)),
            retry: RetryHint::Never,
        }
    }

    fn connection(error: &(dyn Error + 'static)) -> Self {
        Self {
            error_type: "connection".into(),
            message: explain(error),
            retry: RetryHint::Whenever,
        }
    }
}

/// The exporter that writes the messages beside the one that sends them, as the specification asks of
/// what is built on another.
pub(super) const USER_AGENT: &str = concat!(
    "vantage-obs/",
    env!("CARGO_PKG_VERSION"),
    " OTel-OTLP-Exporter-Rust/0.33.1"
);

/// The time to connect in, a little less than that for all: so a connection that is not made is told
/// from an answer that doesn't come.
// Nine tenths: connecting ends first and leaves its own message.
fn connect_timeout(otlp: &SignalOtlp) -> Duration {
    otlp.timeout * 9 / 10
}

/// Every header to send: those of the configuration, and the endpoint's user and password as one.
fn headers(otlp: &SignalOtlp) -> Vec<(String, String)> {
    let configured = otlp.headers.iter();
    let mut headers: Vec<_> = configured
        .filter_map(|(name, secret)| Some((name.clone(), secret.expose()?.to_owned())))
        .collect();
    // A header that is configured says more than the URL.
    if !otlp.headers.contains_key("authorization") {
        let credentials = basic_credentials(&otlp.endpoint);
        headers.extend(credentials.map(|value| ("authorization".into(), value)));
    }
    headers
}
