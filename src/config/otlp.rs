//! Where telemetry is pushed to.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use serde::Serialize;

use super::check::Check;
use super::endpoint::{Endpoint, check_features};
use super::reader::{Section, member};
use super::secret::{MASK, Secret};
use super::setting::{duration, optional_duration, words};
use super::signal::Signal;
use super::tls::Tls;

/// How OTLP is spoken, for all signals and, where one differs, for each.
///
/// [`Otlp::signal`] answers what holds for one of them.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Otlp {
    /// The receiver. Default: none, and nothing is pushed. With `http/protobuf` it is the base to
    /// which `/v1/traces`, `/v1/metrics` and `/v1/logs` are appended.
    pub endpoint: Option<Endpoint>,
    /// Default: gRPC, usually on port 4317; HTTP is usually on 4318.
    pub protocol: Protocol,
    /// Sent with every export, by lower-case name; usually credentials. Default: none. A later
    /// layer replaces single headers, not the whole map.
    pub headers: BTreeMap<String, Secret>,
    /// The time one export may take, connecting included: more than 0, at most a day. Default:
    /// 10 s, as OpenTelemetry has it.
    #[serde(serialize_with = "duration")]
    pub timeout: Duration,
    /// The time that a flush or a shutdown may take, for all signals together: more than 0, at most
    /// a day. Default: 5 s, well within the 30 s that Kubernetes gives a pod to end.
    #[serde(serialize_with = "duration")]
    pub shutdown_timeout: Duration,
    /// Default: gzip, which every receiver takes and which makes spans several times smaller.
    pub compression: Compression,
    /// Certificates for an `https` endpoint. Default: the system's authorities, no client
    /// certificate.
    pub tls: Tls,
    /// What differs for traces. Default: nothing.
    pub traces: OtlpOverride,
    /// What differs for metrics. Default: nothing.
    pub metrics: OtlpOverride,
    /// What differs for logs. Default: nothing.
    pub logs: OtlpOverride,
}

/// What differs for one signal. An absent field means: as for all.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct OtlpOverride {
    /// The receiver of this signal, used as it stands: no path is appended.
    pub endpoint: Option<Endpoint>,
    /// How this receiver is spoken to.
    pub protocol: Option<Protocol>,
    /// Headers for this signal alone. They join those for all; one of the same name wins here.
    pub headers: BTreeMap<String, Secret>,
    /// The time one export of this signal may take.
    #[serde(serialize_with = "optional_duration")]
    pub timeout: Option<Duration>,
    /// How this signal is compressed.
    pub compression: Option<Compression>,
    /// Certificates for this signal's receiver.
    pub tls: Tls,
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

words!(Protocol {
    Grpc: "grpc",
    HttpProtobuf: "http/protobuf"
});

/// How exports are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// By gzip.
    Gzip,
    /// Not at all.
    None,
}

words!(Compression {
    Gzip: "gzip",
    None: "none"
});

/// What holds for one signal, with nothing left to look up.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SignalOtlp {
    /// The URL to send to, path included.
    pub endpoint: Endpoint,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// Every header to send.
    pub headers: BTreeMap<String, Secret>,
    /// The time one export may take.
    pub timeout: Duration,
    /// How exports are compressed.
    pub compression: Compression,
    /// Certificates for an `https` endpoint.
    pub tls: Tls,
}

impl Default for Otlp {
    fn default() -> Self {
        Self {
            endpoint: None,
            protocol: Protocol::Grpc,
            headers: BTreeMap::new(),
            timeout: Duration::from_secs(10),
            shutdown_timeout: Duration::from_secs(5),
            compression: Compression::Gzip,
            tls: Tls::default(),
            traces: OtlpOverride::default(),
            metrics: OtlpOverride::default(),
            logs: OtlpOverride::default(),
        }
    }
}

impl Otlp {
    /// What holds for this signal; `None` when it has no endpoint and isn't pushed.
    ///
    /// ```
    /// use vantage_obs::config::{Otlp, Protocol, Signal};
    ///
    /// let mut otlp = Otlp::default();
    /// otlp.protocol = Protocol::HttpProtobuf;
    /// otlp.endpoint = Some("http://collector:4318".parse()?);
    /// otlp.logs.endpoint = Some("http://loki:3100/otlp/v1/logs".parse()?);
    ///
    /// let endpoint = |signal| otlp.signal(signal).unwrap().endpoint.to_string();
    /// assert_eq!(endpoint(Signal::Traces), "http://collector:4318/v1/traces");
    /// assert_eq!(endpoint(Signal::Logs), "http://loki:3100/otlp/v1/logs");
    /// # Ok::<(), vantage_obs::config::EndpointError>(())
    /// ```
    #[must_use]
    pub fn signal(&self, signal: Signal) -> Option<SignalOtlp> {
        let own = self.overrides(signal);
        let protocol = own.protocol.unwrap_or(self.protocol);
        let endpoint = match (&own.endpoint, &self.endpoint, protocol) {
            (Some(endpoint), _, _) => endpoint.clone(),
            (None, Some(base), Protocol::HttpProtobuf) => base.below(&format!("v1/{signal}")),
            (None, Some(endpoint), Protocol::Grpc) => endpoint.clone(),
            (None, None, _) => return None,
        };
        let mut headers = self.headers.clone();
        headers.extend(own.headers.clone());
        Some(SignalOtlp {
            endpoint,
            protocol,
            headers,
            timeout: own.timeout.unwrap_or(self.timeout),
            compression: own.compression.unwrap_or(self.compression),
            tls: own.tls.over(&self.tls),
        })
    }

    fn overrides(&self, signal: Signal) -> &OtlpOverride {
        match signal {
            Signal::Traces => &self.traces,
            Signal::Metrics => &self.metrics,
            Signal::Logs => &self.logs,
        }
    }

    /// Every map of headers, with its path.
    pub(super) fn headers_mut(&mut self) -> [(&'static str, &mut BTreeMap<String, Secret>); 4] {
        [
            ("otlp.headers", &mut self.headers),
            ("otlp.traces.headers", &mut self.traces.headers),
            ("otlp.metrics.headers", &mut self.metrics.headers),
            ("otlp.logs.headers", &mut self.logs.headers),
        ]
    }

    pub(super) fn read(&mut self, section: &mut Section<'_, '_>) {
        section.field("endpoint", &mut self.endpoint);
        section.field("protocol", &mut self.protocol);
        section.map("headers", str::to_ascii_lowercase, &mut self.headers);
        section.field("timeout", &mut self.timeout);
        section.field("shutdown_timeout", &mut self.shutdown_timeout);
        section.field("compression", &mut self.compression);
        section.section("tls", |section| self.tls.read(section));
        section.section("traces", |section| self.traces.read(section));
        section.section("metrics", |section| self.metrics.read(section));
        section.section("logs", |section| self.logs.read(section));
    }

    pub(super) fn check(&self, check: &mut Check<'_>) {
        check_headers(&self.headers, "otlp.headers", check);
        check.duration("otlp.timeout", self.timeout);
        check.duration("otlp.shutdown_timeout", self.shutdown_timeout);
        check_features("otlp.endpoint", self.endpoint.as_ref(), check);
        self.tls.check("otlp.tls", check);
        for signal in Signal::ALL {
            self.overrides(signal)
                .check(&format!("otlp.{signal}"), check);
        }
    }

    /// What will probably not work, though it may: the port says another protocol.
    pub(super) fn warnings(&self) -> Vec<String> {
        let own = Signal::ALL.into_iter().filter_map(|signal| {
            let own = self.overrides(signal);
            let endpoint = own.endpoint.as_ref()?;
            let path = format!("otlp.{signal}.endpoint");
            port_warning(&path, endpoint, own.protocol.unwrap_or(self.protocol))
        });
        let general = self.endpoint.as_ref();
        let general = general.and_then(|at| port_warning("otlp.endpoint", at, self.protocol));
        general.into_iter().chain(own).collect()
    }
}

impl OtlpOverride {
    fn read(&mut self, section: &mut Section<'_, '_>) {
        section.field("endpoint", &mut self.endpoint);
        section.field("protocol", &mut self.protocol);
        section.map("headers", str::to_ascii_lowercase, &mut self.headers);
        section.field("timeout", &mut self.timeout);
        section.field("compression", &mut self.compression);
        section.section("tls", |section| self.tls.read(section));
    }

    fn check(&self, path: &str, check: &mut Check<'_>) {
        check_features(&member(path, "endpoint"), self.endpoint.as_ref(), check);
        check_headers(&self.headers, &member(path, "headers"), check);
        if let Some(timeout) = self.timeout {
            check.duration(&member(path, "timeout"), timeout);
        }
        self.tls.check(&member(path, "tls"), check);
    }
}

fn check_headers(headers: &BTreeMap<String, Secret>, path: &str, check: &mut Check<'_>) {
    for (name, secret) in headers {
        let at = member(path, name);
        // A bad name is often a whole header line in the wrong place, so it isn't shown.
        let good_name = HeaderName::from_bytes(name.as_bytes()).is_ok();
        let allowed = "header names of letters, digits and hyphens";
        check.require_at(
            good_name,
            &at,
            path,
            "a malformed header name (not shown)",
            allowed,
        );
        let good_value = secret
            .expose()
            .is_none_or(|value| !value.trim().is_empty() && HeaderValue::from_str(value).is_ok());
        if good_name {
            let allowed = "visible ASCII text that is not empty";
            check.require(good_value, &at, MASK, allowed);
        }
    }
}

fn port_warning(path: &str, endpoint: &Endpoint, protocol: Protocol) -> Option<String> {
    let problem = match (endpoint.port()?, protocol) {
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
