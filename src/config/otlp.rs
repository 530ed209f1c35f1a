//! Configuration of the OTLP export.
//!
//! Why overrides for each signal and not three sections? Because nearly every service sends all
//! signals to one place, and says so once; the exception has the same fields again, all optional.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::checks::{optional, up_to_a_day};
use super::endpoint::Endpoint;
use super::fault::join_path;
use super::field_value::config_enum;
use super::secret::{MASK, Secret};
use super::setting::section;
use super::signal::TelemetrySignal;
use super::tls::TlsConfig;
use super::validator::ConfigValidator;

section! {
    /// The OTLP export, for all signals and, where one differs, for each.
    ///
    /// [`OtlpConfig::signal`] returns the effective settings of one of them.
    ///
    /// ```
    /// use vantage_obs::config::{Environment, Protocol, Secret, TelemetrySignal};
    /// use vantage_obs::{Config, Role};
    ///
    /// let mut config = Config::new("vantage-api", Role::Api);
    /// config.otlp.endpoint = Some("http://collector:4318".parse()?);
    /// config.otlp.protocol = Protocol::HttpProtobuf;
    /// config.otlp.headers.insert("x-tenant".into(), Secret::new("vantage"));
    /// let otlp = config.resolve(&Environment::empty())?.config.otlp;
    /// let traces = otlp.signal(TelemetrySignal::Traces).expect("an endpoint is set");
    /// assert_eq!(traces.endpoint.expose(), "http://collector:4318/v1/traces");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub struct OtlpConfig {
        /// The receiver. Default: none, and nothing is pushed. With `http/protobuf` it is the base to
        /// which `/v1/traces`, `/v1/metrics` and `/v1/logs` are appended.
        pub endpoint: Option<Endpoint>;
        /// Default: gRPC, usually on port 4317; HTTP is usually on 4318.
        pub protocol: Protocol = Protocol::Grpc;
        /// Sent with every export, by lower-case name; usually credentials. Default: none. A later
        /// layer replaces single headers, not the whole map.
        pub headers: BTreeMap<String, Secret>, check_headers;
        /// The time one export may take, connecting included: more than 0, at most a day. Default:
        /// 10 s, as OpenTelemetry has it.
        pub timeout: Duration = Duration::from_secs(10), up_to_a_day;
        /// The time that a flush or a shutdown may take, for all signals together: more than 0, at most
        /// a day. Default: 5 s, well within the 30 s that Kubernetes gives a pod to end.
        pub shutdown_timeout: Duration = Duration::from_secs(5), up_to_a_day;
        /// Default: gzip, which every receiver accepts and which makes spans several times smaller.
        pub compression: Compression = Compression::Gzip;
        /// Certificates for an `https` endpoint. Default: the system's authorities, no client
        /// certificate.
        pub tls: TlsConfig;
        /// Settings for traces alone. Default: none.
        pub traces: OtlpOverride;
        /// Settings for metrics alone. Default: none.
        pub metrics: OtlpOverride;
        /// Settings for logs alone. Default: none.
        pub logs: OtlpOverride;
    }
}

section! {
    /// Settings for one signal, in place of those of [`OtlpConfig`]; a field that is `None` takes the value there.
    pub struct OtlpOverride {
        /// The receiver of this signal, used as it stands: no path is appended.
        pub endpoint: Option<Endpoint>;
        /// The transport of this signal.
        pub protocol: Option<Protocol>;
        /// Headers for this signal alone. They join those for all; one of the same name wins here.
        pub headers: BTreeMap<String, Secret>, check_headers;
        /// The time one export of this signal may take.
        pub timeout: Option<Duration>, optional(up_to_a_day);
        /// The compression of this signal.
        pub compression: Option<Compression>;
        /// Certificates for this signal's receiver.
        pub tls: TlsConfig;
    }
}

/// OTLP's two transports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// OTLP over gRPC.
    Grpc,
    /// OTLP as protobuf over HTTP.
    HttpProtobuf,
}

config_enum!(Protocol {
    Grpc: "grpc",
    HttpProtobuf: "http/protobuf"
});

/// The compression of exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// By gzip.
    Gzip,
    /// Not at all.
    None,
}

config_enum!(Compression {
    Gzip: "gzip",
    None: "none"
});

/// The effective settings of one signal.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SignalOtlp {
    /// The URL to send to, path included.
    pub endpoint: Endpoint,
    /// The transport.
    pub protocol: Protocol,
    /// Every header to send.
    pub headers: BTreeMap<String, Secret>,
    /// The time one export may take.
    pub timeout: Duration,
    /// The compression of exports.
    pub compression: Compression,
    /// Certificates for an `https` endpoint.
    pub tls: TlsConfig,
}

impl OtlpConfig {
    /// Returns the effective settings of this signal; `None` when it has no endpoint and isn't pushed.
    ///
    /// ```
    /// use vantage_obs::config::{OtlpConfig, Protocol, TelemetrySignal};
    ///
    /// let mut otlp = OtlpConfig::default();
    /// otlp.protocol = Protocol::HttpProtobuf;
    /// otlp.endpoint = Some("http://collector:4318".parse()?);
    /// otlp.logs.endpoint = Some("http://loki:3100/otlp/v1/logs".parse()?);
    ///
    /// let endpoint = |signal| otlp.signal(signal).unwrap().endpoint.to_string();
    /// assert_eq!(endpoint(TelemetrySignal::Traces), "http://collector:4318/v1/traces");
    /// assert_eq!(endpoint(TelemetrySignal::Logs), "http://loki:3100/otlp/v1/logs");
    /// # Ok::<(), vantage_obs::config::EndpointError>(())
    /// ```
    #[must_use]
    pub fn signal(&self, signal: TelemetrySignal) -> Option<SignalOtlp> {
        let overrides = self.overrides(signal);
        let protocol = overrides.protocol.unwrap_or(self.protocol);
        let endpoint = match (&overrides.endpoint, &self.endpoint, protocol) {
            // The specification: a signal's own endpoint is used as it is, the general one gets the
            // signal's path, and gRPC has no paths. See
            // <https://opentelemetry.io/docs/specs/otel/protocol/exporter/#endpoint-urls-for-otlphttp>.
            (Some(endpoint), _, _) => endpoint.clone(),
            (None, Some(base), Protocol::HttpProtobuf) => base.join_path(&format!("v1/{signal}")),
            (None, Some(endpoint), Protocol::Grpc) => endpoint.clone(),
            (None, None, _) => return None,
        };
        let mut headers = self.headers.clone();
        // The signal's headers come second, so that they replace those of the same name.
        headers.extend(overrides.headers.clone());
        Some(SignalOtlp {
            endpoint,
            protocol,
            headers,
            timeout: overrides.timeout.unwrap_or(self.timeout),
            compression: overrides.compression.unwrap_or(self.compression),
            tls: overrides.tls.with_fallback(&self.tls),
        })
    }

    /// Returns the overrides of one signal.
    pub(crate) fn overrides(&self, signal: TelemetrySignal) -> &OtlpOverride {
        match signal {
            TelemetrySignal::Traces => &self.traces,
            TelemetrySignal::Metrics => &self.metrics,
            TelemetrySignal::Logs => &self.logs,
        }
    }

    /// Makes the names of headers lower-case, as files and variables have them.
    pub(super) fn lower_header_names(&mut self) {
        for headers in [
            &mut self.headers,
            &mut self.traces.headers,
            &mut self.metrics.headers,
            &mut self.logs.headers,
        ] {
            lower_names(headers);
        }
    }

    /// Returns a warning for each endpoint whose port is usually that of another protocol.
    pub(super) fn warnings(&self) -> Vec<String> {
        let overrides = TelemetrySignal::ALL.into_iter().filter_map(|signal| {
            let overrides = self.overrides(signal);
            let endpoint = overrides.endpoint.as_ref()?;
            let path = format!("otlp.{signal}.endpoint");
            port_warning(&path, endpoint, overrides.protocol.unwrap_or(self.protocol))
        });
        let general = self.endpoint.as_ref();
        let general = general.and_then(|at| port_warning("otlp.endpoint", at, self.protocol));
        general.into_iter().chain(overrides).collect()
    }
}

/// Requires names and values that HTTP can carry. Values are never shown.
/// Makes the names of headers lower-case.
pub(super) fn lower_names(headers: &mut BTreeMap<String, Secret>) {
    let lower = std::mem::take(headers).into_iter();
    *headers = lower
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect();
}

/// Requires names and values that a header can hold.
pub(super) fn check_headers(
    headers: &BTreeMap<String, Secret>,
    path: &str,
    validator: &mut ConfigValidator<'_>,
) {
    for (name, secret) in headers {
        let at = join_path(path, name);
        // A bad name is often a whole header line in the wrong place, so it isn't shown.
        let good_name = HeaderName::from_bytes(name.as_bytes()).is_ok();
        let allowed = "header names of letters, digits and hyphens";
        validator.require_at(
            good_name,
            &at,
            path,
            "a malformed header name (not shown)",
            allowed,
        );
        // A reference is not resolved yet where only the file is checked; it is looked at later.
        let good_value = secret
            .expose()
            .is_none_or(|value| !value.trim().is_empty() && HeaderValue::from_str(value).is_ok());
        if good_name {
            let allowed = "visible ASCII text that is not empty";
            validator.require(good_value, &at, MASK, allowed);
        }
    }
}

/// Returns a warning where the port belongs to another protocol: the most frequent mistake with
/// OTLP, and one whose symptom (a reset connection) names nothing.
fn port_warning(path: &str, endpoint: &Endpoint, protocol: Protocol) -> Option<String> {
    let problem = match (endpoint.port()?, protocol) {
        // Jaeger's own gRPC protocol, from before it took OTLP.
        (14250, _) => {
            "port 14250 is Jaeger's former protocol; OTLP over grpc is on 4317, over http on 4318"
        }
        (4317, Protocol::HttpProtobuf) => {
            "port 4317 is usually grpc; http/protobuf is on 4318, or set the protocol to grpc"
        }
        (4318, Protocol::Grpc) => {
            "port 4318 is usually http/protobuf; grpc is on 4317, or set the protocol to http/protobuf"
        }
        _ => return None,
    };
    Some(format!("{path}: {endpoint}: {problem}"))
}
