//! The distinct receivers among the signals.

use std::fmt;
use std::sync::Arc;

use http::Uri;

use super::fix::SettingFixes;
use crate::config::{
    Config, EffectiveConfig, OtlpConfig, Protocol, SignalOtlp, TelemetrySignal, TlsConfig,
};

/// One receiver, as one set of credentials sees it. Signals that differ only in their path share it.
#[derive(Debug)]
pub(super) struct OtlpTarget {
    pub(super) effective: Arc<EffectiveConfig>,
    /// The OTLP configuration of the first of its signals.
    pub(super) otlp: SignalOtlp,
    pub(super) signals: Vec<TelemetrySignal>,
    /// The paths of the settings of the first signal.
    pub(super) paths: SettingPaths,
    /// The endpoint of the first signal, without user and password.
    pub(super) uri: Uri,
}

/// The paths of the settings that decide a receiver.
#[derive(Debug)]
pub(super) struct SettingPaths {
    pub(super) endpoint: String,
    pub(super) protocol: String,
    pub(super) headers: String,
    pub(super) tls: String,
}

/// Returns every distinct receiver, in the order of the signals that are pushed to it; one that nothing is
/// pushed to isn't there.
pub(super) fn targets(effective: &Arc<EffectiveConfig>) -> Vec<OtlpTarget> {
    let config = &effective.config;
    let mut targets: Vec<OtlpTarget> = Vec::new();
    for signal in TelemetrySignal::ALL {
        let Some(otlp) = config.otlp.signal(signal) else {
            continue;
        };
        match targets
            .iter_mut()
            .find(|target| target.is_same_receiver(&otlp))
        {
            Some(target) => target.signals.push(signal),
            None => targets.push(OtlpTarget {
                effective: Arc::clone(effective),
                uri: otlp.endpoint.without_user().parse().unwrap_or_default(),
                otlp,
                signals: vec![signal],
                paths: SettingPaths::for_signal(&config.otlp, signal),
            }),
        }
    }
    targets.retain(|target| {
        target
            .signals
            .iter()
            .any(|signal| is_pushed(config, *signal))
    });
    targets
}

/// Returns true if the signal is pushed by OTLP.
pub(super) const fn is_pushed(config: &Config, signal: TelemetrySignal) -> bool {
    match signal {
        TelemetrySignal::Traces => config.traces.enabled,
        TelemetrySignal::Metrics => config.metrics.otlp.enabled,
        TelemetrySignal::Logs => config.logs.otlp,
    }
}

/// The terms of a signal in a diagnosis.
pub(super) struct SignalTerms {
    /// The name of the step about it.
    pub(super) step_name: &'static str,
    /// The path of the setting that turns its push on.
    pub(super) switch: &'static str,
    /// The consequence of turning it off.
    pub(super) when_off: &'static str,
}

impl SignalTerms {
    pub(super) const fn of(signal: TelemetrySignal) -> Self {
        match signal {
            TelemetrySignal::Traces => Self {
                step_name: "span",
                switch: "traces.enabled",
                when_off: "spans are not sent",
            },
            TelemetrySignal::Metrics => Self {
                step_name: "metric",
                switch: "metrics.otlp.enabled",
                when_off: "metrics are scraped, not sent",
            },
            TelemetrySignal::Logs => Self {
                step_name: "log",
                switch: "logs.otlp",
                when_off: "log records are not sent",
            },
        }
    }
}

impl OtlpTarget {
    fn is_same_receiver(&self, other: &SignalOtlp) -> bool {
        fn headers(otlp: &SignalOtlp) -> impl Iterator<Item = (&String, Option<&str>)> {
            let headers = otlp.headers.iter();
            headers.map(|(name, value)| (name, value.expose()))
        }
        let otlp = &self.otlp;
        origin(otlp.endpoint.expose()) == origin(other.endpoint.expose())
            && otlp.protocol == other.protocol
            && otlp.tls == other.tls
            && headers(otlp).eq(headers(other))
    }

    /// Returns the names of the steps about its signals.
    pub(super) fn step_names(&self) -> impl Iterator<Item = &'static str> {
        let signals = self.signals.iter();
        signals.map(|signal| SignalTerms::of(*signal).step_name)
    }

    /// Returns the instruction to set this path to this value.
    pub(super) fn suggest(&self, path: &str, value: &str) -> String {
        SettingFixes(&self.effective).suggest(path, value)
    }

    /// Returns the instruction to give the endpoint another scheme or port.
    pub(super) fn suggest_endpoint(&self, scheme: Option<&str>, port: Option<u16>) -> String {
        self.suggest(&self.paths.endpoint, &self.endpoint_with(scheme, port))
    }

    /// Returns the host without the brackets of an IPv6 address.
    pub(super) fn host(&self) -> &str {
        let host = self.otlp.endpoint.host();
        host.trim_matches(['[', ']'])
    }

    /// Returns the port of the URL, or that of its scheme, which is what HTTP's clients take.
    pub(super) fn port(&self) -> u16 {
        let default = if self.is_https() { 443 } else { 80 };
        self.otlp.endpoint.port().unwrap_or(default)
    }

    /// Returns host and port, as requests and proxies name the receiver.
    pub(super) fn authority(&self) -> String {
        format!("{}:{}", self.otlp.endpoint.host(), self.port())
    }

    fn scheme(&self) -> &str {
        self.uri.scheme_str().unwrap_or_default()
    }

    pub(super) fn is_https(&self) -> bool {
        self.otlp.endpoint.is_https()
    }

    pub(super) fn is_grpc(&self) -> bool {
        self.otlp.protocol == Protocol::Grpc
    }

    /// Returns scheme, host and port, with other ones where they are given.
    pub(super) fn origin_with(&self, scheme: Option<&str>, port: Option<u16>) -> String {
        let scheme = scheme.unwrap_or_else(|| self.scheme());
        let port = port.unwrap_or_else(|| self.port());
        format!("{scheme}://{}:{port}", self.otlp.endpoint.host())
    }

    /// Returns the URL to set as the endpoint so that it has another scheme or port and keeps its path.
    pub(super) fn endpoint_with(&self, scheme: Option<&str>, port: Option<u16>) -> String {
        let path = match self.has_own_endpoint() {
            true => self.path(),
            false => self.base(),
        };
        let origin = self.origin_with(scheme, port);
        format!("{origin}{}", path.trim_end_matches('/'))
    }

    /// Returns the path that the first signal is sent to over HTTP.
    pub(super) fn path(&self) -> &str {
        self.uri.path()
    }

    /// Returns the path without what is appended for the signal.
    pub(super) fn base(&self) -> &str {
        let signal_path = format!("/v1/{}", self.signals[0]);
        let path = self.path();
        path.strip_suffix(&signal_path).unwrap_or(path)
    }

    /// Returns true if the signal's endpoint is its own, which is used as it stands.
    pub(super) fn has_own_endpoint(&self) -> bool {
        self.paths.endpoint != "otlp.endpoint"
    }

    /// Returns the names of the headers that are sent; a user in the URL becomes one.
    pub(super) fn header_names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.otlp.headers.keys().map(String::as_str).collect();
        if self.otlp.endpoint.user().is_some() && !names.contains(&"authorization") {
            names.push("authorization (from the user in the URL)");
        }
        names
    }
}

impl SettingPaths {
    fn for_signal(otlp: &OtlpConfig, signal: TelemetrySignal) -> Self {
        let own = otlp.overrides(signal);
        let path = |is_own: bool, key: &str| {
            if is_own || own.endpoint.is_some() {
                format!("otlp.{signal}.{key}")
            } else {
                format!("otlp.{key}")
            }
        };
        Self {
            endpoint: path(false, "endpoint"),
            protocol: path(own.protocol.is_some(), "protocol"),
            headers: path(!own.headers.is_empty(), "headers"),
            tls: path(own.tls != TlsConfig::default(), "tls"),
        }
    }
}

impl fmt::Display for OtlpTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.otlp.endpoint.user().map_or("", |_| "***@");
        let (scheme, authority) = (self.scheme(), self.authority());
        let signals: Vec<_> = self.signals.iter().map(|signal| signal.as_str()).collect();
        let (protocol, signals) = (self.otlp.protocol, signals.join(", "));
        write!(f, "{scheme}://{user}{authority} {protocol} ({signals})")
    }
}

/// Returns scheme, user, host and port of a URL.
fn origin(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find('/').map_or(url.len(), |at| start + at);
    &url[..end]
}
