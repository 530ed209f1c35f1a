//! The distinct receivers among the signals.
//!
//! Two signals with the same origin, protocol, headers and certificates are one receiver, and its
//! chain is tried once.

use std::fmt;
use std::sync::Arc;

use super::url_target::{UrlSettings, UrlTarget};
use crate::config::{
    Config, EffectiveConfig, OtlpConfig, Protocol, SignalOtlp, TelemetrySignal, TlsConfig,
};

/// One receiver, as one set of credentials sees it. Signals that differ only in their path share it.
#[derive(Debug)]
pub(super) struct OtlpTarget {
    /// The endpoint of the first of its signals.
    pub(super) url: UrlTarget,
    /// The OTLP configuration of that signal.
    pub(super) otlp: SignalOtlp,
    pub(super) signals: Vec<TelemetrySignal>,
    /// The paths of the settings of that signal.
    pub(super) paths: SettingPaths,
}

/// The paths of the settings that decide a receiver.
#[derive(Debug)]
pub(super) struct SettingPaths {
    pub(super) endpoint: String,
    pub(super) protocol: String,
    pub(super) headers: String,
    pub(super) tls: String,
    pub(super) compression: String,
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
            None => targets.push(OtlpTarget::new(effective, otlp, signal)),
        }
    }
    targets.retain(|target| {
        target
            .signals
            .iter()
            // Removed after grouping: a signal that is switched off still has a step at the
            // receiver that it shares.
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
    fn new(effective: &Arc<EffectiveConfig>, otlp: SignalOtlp, signal: TelemetrySignal) -> Self {
        let paths = SettingPaths::for_signal(&effective.config.otlp, signal);
        let is_grpc = otlp.protocol == Protocol::Grpc;
        let settings = UrlSettings {
            endpoint: paths.endpoint.clone(),
            tls: paths.tls.clone(),
            noun: "receiver",
            usual_port: if is_grpc { 4317 } else { 4318 },
            path: String::new(),
            is_grpc,
        };
        let mut target = Self {
            url: UrlTarget::new(effective, otlp.endpoint.clone(), otlp.tls.clone(), settings),
            otlp,
            signals: vec![signal],
            paths,
        };
        target.url.settings.path = match target.has_own_endpoint() {
            true => target.url.path().to_owned(),
            false => target.base().to_owned(),
        };
        target
    }

    fn is_same_receiver(&self, other: &SignalOtlp) -> bool {
        fn headers(otlp: &SignalOtlp) -> impl Iterator<Item = (&String, Option<&str>)> {
            let headers = otlp.headers.iter();
            headers.map(|(name, value)| (name, value.expose()))
        }
        let otlp = &self.otlp;
        origin(otlp.endpoint.expose()) == origin(other.endpoint.expose())
            && otlp.protocol == other.protocol
            && otlp.compression == other.compression
            && otlp.tls == other.tls
            && headers(otlp).eq(headers(other))
    }

    /// Returns the names of the steps about its signals.
    pub(super) fn step_names(&self) -> impl Iterator<Item = &'static str> {
        let signals = self.signals.iter();
        signals.map(|signal| SignalTerms::of(*signal).step_name)
    }

    pub(super) fn is_grpc(&self) -> bool {
        self.url.settings.is_grpc
    }

    /// Returns the path without what is appended for the signal.
    pub(super) fn base(&self) -> &str {
        let signal_path = format!("/v1/{}", self.signals[0]);
        let path = self.url.path();
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
            // Set for all, it holds for a signal whose endpoint is its own, too.
            compression: match own.compression {
                Some(_) => format!("otlp.{signal}.compression"),
                None => "otlp.compression".into(),
            },
        }
    }
}

impl fmt::Display for OtlpTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signals: Vec<_> = self.signals.iter().map(|signal| signal.as_str()).collect();
        let (protocol, signals) = (self.otlp.protocol, signals.join(", "));
        write!(f, "{} {protocol} ({signals})", self.url.shown())
    }
}

/// Returns scheme, user, host and port of a URL.
fn origin(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find('/').map_or(url.len(), |at| start + at);
    &url[..end]
}
