//! OTLP over gRPC.

use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes};
use http::uri::PathAndQuery;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue, MetadataMap};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use super::{ExportFailure, RetryHint, USER_AGENT, connect_timeout, headers};
use crate::background::panic::catch_panic;
use crate::config::{Compression, SignalOtlp, TelemetrySignal};
use crate::net::tls::RefusalProbe;
use crate::net::{grpc_connector, innermost, one_line};

#[derive(Clone, Debug)]
pub(super) struct GrpcTransport {
    /// Clones share one HTTP/2 connection.
    client: tonic::client::Grpc<Channel>,
    endpoint: Endpoint,
    connect_timeout: Duration,
    compression: Compression,
    path: PathAndQuery,
    /// Made once, with values marked as sensitive so that no debug output shows them.
    metadata: MetadataMap,
    /// Present if the connection is encrypted and shows no client certificate.
    refusal_probe: Option<RefusalProbe>,
}

impl GrpcTransport {
    pub(super) fn new(signal: TelemetrySignal, otlp: &SignalOtlp) -> Result<Self, String> {
        let endpoint = Endpoint::from_shared(otlp.endpoint.without_user())
            .and_then(|endpoint| endpoint.user_agent(USER_AGENT))
            .map_err(|error| innermost(&error))?
            .connect_timeout(connect_timeout(otlp))
            .tcp_nodelay(true);
        #[cfg(feature = "tls")]
        let endpoint = if otlp.endpoint.is_https() {
            let tls = crate::net::tls::for_grpc(&otlp.tls, otlp.timeout)?;
            endpoint
                .tls_config(tls)
                .map_err(|error| innermost(&error))?
        } else {
            endpoint
        };
        Ok(Self {
            client: client(&endpoint, connect_timeout(otlp), otlp.compression),
            connect_timeout: connect_timeout(otlp),
            endpoint,
            compression: otlp.compression,
            path: PathAndQuery::from_static(export_path(signal)),
            metadata: metadata(otlp)?,
            refusal_probe: RefusalProbe::new(&otlp.endpoint, &otlp.tls)?,
        })
    }

    /// Connects anew for the next request.
    pub(super) fn reconnect(&mut self) {
        self.client = client(&self.endpoint, self.connect_timeout, self.compression);
    }

    pub(super) async fn send(&self, message: Bytes) -> Result<Bytes, ExportFailure> {
        // `ready` takes the client mutably; a clone is a handle of the same channel.
        let mut client = self.client.clone();
        client
            .ready()
            .await
            .map_err(|error| ExportFailure::connection(&error))?;
        let mut request = Request::new(message);
        *request.metadata_mut() = self.metadata.clone();
        // tonic takes a status whose `grpc-status-details-bin` is not base64 for impossible, and panics: any
        // receiver, and any proxy before it, could end the export of a signal.
        match catch_panic(client.unary(request, self.path.clone(), RawCodec)).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(self.with_certificate_advice(failure(&status)).await),
            Err(_) => Err(unreadable()),
        }
    }

    /// A receiver that wants a certificate says so after the handshake, when the request may only have
    /// learnt that its connection is gone.
    async fn with_certificate_advice(&self, mut failure: ExportFailure) -> ExportFailure {
        // Their texts, because hyper, h2 and the system each have an error of their own for it.
        let gone = ["closed", "broken pipe", "reset"];
        let is_gone = gone.iter().any(|word| failure.message.contains(word));
        if let Some(probe) = &self.refusal_probe
            && failure.error_type == "connection"
            && is_gone
        {
            match probe.advice().await {
                Some(advice) => advice.clone_into(&mut failure.message),
                None => failure.message.push_str(
                    "; perhaps it requires a client certificate (otlp.tls.client_certificate)",
                ),
            }
        }
        failure
    }
}

/// Returns the failure of an answer that the client can't read. Whether the data was taken is not known.
fn unreadable() -> ExportFailure {
    ExportFailure {
        error_type: "connection".into(),
        message: "the receiver's status can't be read".into(),
        retry: RetryHint::Whenever,
    }
}

/// Connects with the first request.
fn client(
    endpoint: &Endpoint,
    connect_timeout: Duration,
    compression: Compression,
) -> tonic::client::Grpc<Channel> {
    let connector = grpc_connector(connect_timeout);
    let client = tonic::client::Grpc::new(endpoint.connect_with_connector_lazy(connector));
    match compression {
        Compression::Gzip => client
            .send_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Gzip),
        Compression::None => client,
    }
}

/// The method's path, from the protocol's definition.
const fn export_path(signal: TelemetrySignal) -> &'static str {
    match signal {
        TelemetrySignal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        TelemetrySignal::Metrics => {
            "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
        }
        TelemetrySignal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    }
}

fn metadata(otlp: &SignalOtlp) -> Result<MetadataMap, String> {
    let mut metadata = MetadataMap::new();
    for (name, value) in headers(otlp) {
        let key: AsciiMetadataKey = name
            .parse()
            .map_err(|_| format!("{name:?} is not a valid name of gRPC metadata"))?;
        let mut value: AsciiMetadataValue = value
            .parse()
            .map_err(|_| format!("the value of {name} is not valid gRPC metadata"))?;
        value.set_sensitive(true);
        metadata.insert(key, value);
    }
    Ok(metadata)
}

/// Converts a status; OTLP's own table says which may be tried again, exhaustion only where the
/// receiver says when. A status without an answer behind it is a connection that broke.
pub(crate) fn failure(status: &Status) -> ExportFailure {
    // tonic turns a broken connection into a status of its own; only such a status has a source.
    if let Some(cause) = std::error::Error::source(status) {
        return ExportFailure::connection(cause);
    }
    let retry_delay = status
        .get_details_retry_info()
        .and_then(|info| info.retry_delay);
    let retry = match (status.code(), retry_delay) {
        (
            Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::DataLoss,
            retry_delay,
        ) => retry_delay.map_or(RetryHint::Whenever, RetryHint::After),
        // Without a delay it is a limit that retrying only makes worse:
        // <https://opentelemetry.io/docs/specs/otlp/#failures>.
        (Code::ResourceExhausted, Some(delay)) => RetryHint::After(delay),
        _ => RetryHint::Never,
    };
    let name = code_name(status.code());
    let message = match status.message() {
        "" => name.to_owned(),
        text => format!("{name}: {}", one_line(text)),
    };
    ExportFailure {
        error_type: name.into(),
        message,
        retry,
    }
}

/// The names of the protocol, which labels and messages show.
const fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// Messages that are encoded already, once for all tries.
#[derive(Clone, Copy, Debug)]
struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.reserve(message.len());
        into.put(message);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
