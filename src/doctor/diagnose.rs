//! The diagnosis of a receiver's rejection: its meaning, and the setting to change.

use super::fix::SettingFixes;
use super::step::DiagnosisStep;
use super::target::{OtlpTarget, overrides};
use super::test_signals::SignalOutcome;
use crate::config::TelemetrySignal;

/// The kinds of rejections that have different fixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RejectionKind {
    Credentials,
    /// Nothing is at this path, or the service of this signal isn't there.
    NotFound,
    Redirect,
    Overloaded,
    Timeout,
    Connection,
    Other,
}

impl SignalOutcome {
    pub(super) fn rejection(&self) -> Option<RejectionKind> {
        Some(match self.error.as_deref()? {
            "401" | "403" | "407" | "UNAUTHENTICATED" | "PERMISSION_DENIED" => {
                RejectionKind::Credentials
            }
            "404" | "405" | "UNIMPLEMENTED" => RejectionKind::NotFound,
            "301" | "302" | "303" | "307" | "308" => RejectionKind::Redirect,
            "429" | "502" | "503" | "504" | "RESOURCE_EXHAUSTED" | "UNAVAILABLE" => {
                RejectionKind::Overloaded
            }
            "timeout" => RejectionKind::Timeout,
            "connection" => RejectionKind::Connection,
            _ => RejectionKind::Other,
        })
    }

    /// Returns true for the errors that a gRPC client makes of an answer that isn't gRPC's.
    pub(super) fn is_non_grpc_answer(&self) -> bool {
        let error = self.error.as_deref();
        matches!(error, Some("UNIMPLEMENTED" | "INTERNAL" | "UNKNOWN"))
    }
}

pub(super) const fn signal_step_name(signal: TelemetrySignal) -> &'static str {
    match signal {
        TelemetrySignal::Traces => "span",
        TelemetrySignal::Metrics => "metric",
        TelemetrySignal::Logs => "log",
    }
}

/// The context of a diagnosis beside the outcomes.
#[derive(Clone, Copy)]
pub(super) struct ReceiverDiagnosis<'a> {
    pub(super) target: &'a OtlpTarget,
    pub(super) settings: SettingFixes<'a>,
    /// The location to which an unauthenticated request was redirected.
    pub(super) location: Option<&'a str>,
}

impl ReceiverDiagnosis<'_> {
    /// Returns the step about credentials.
    pub(super) fn auth_step(self, outcomes: &[SignalOutcome]) -> DiagnosisStep {
        const NAME: &str = "auth";
        let names = self.target.header_names();
        let sent = if names.is_empty() {
            "no headers are sent".into()
        } else {
            format!("sent: {}", names.join(", "))
        };
        let refused = outcomes
            .iter()
            .find(|outcome| outcome.rejection() == Some(RejectionKind::Credentials));
        match refused {
            Some(outcome) => {
                let finding = format!("{}; {sent}", self.masked_cause(outcome));
                DiagnosisStep::fail(NAME, finding, self.credentials_fix())
            }
            None if outcomes.iter().any(|outcome| outcome.error.is_none()) => {
                let finding = if names.is_empty() {
                    "no headers are sent, and none are missed".into()
                } else {
                    format!("accepted; {sent}")
                };
                DiagnosisStep::ok(NAME, finding)
            }
            None => DiagnosisStep::skipped(NAME, "not told by the receiver"),
        }
    }

    fn credentials_fix(self) -> String {
        let otlp = &self.target.otlp;
        let path = |name: &str| format!("{}.{name}", self.target.paths.headers);
        let Some(value) = otlp
            .headers
            .get("authorization")
            .and_then(|value| value.expose())
        else {
            let set = self
                .settings
                .suggest(&path("authorization"), "Bearer TOKEN");
            let user = otlp.endpoint.user().is_some();
            let sent = !otlp.headers.is_empty() || user;
            return match otlp.headers.keys().next().filter(|_| sent) {
                Some(name) => {
                    let set_value = self.settings.suggest(&path(name), "VALUE");
                    format!("{set_value} with a value that the receiver takes, or {set}")
                }
                None if user => format!(
                    "correct the user and password in {}",
                    self.target.paths.endpoint
                ),
                None => set,
            };
        };
        let set = self
            .settings
            .suggest(&path("authorization"), "Bearer TOKEN");
        if value.contains(' ') {
            format!("{set} with a token that the receiver takes")
        } else {
            format!("{set}: its value has no scheme such as Bearer now")
        }
    }

    /// Returns the step about one signal.
    pub(super) fn signal_step(
        self,
        outcome: &SignalOutcome,
        others: &[SignalOutcome],
    ) -> DiagnosisStep {
        let (signal, cause) = (outcome.signal, self.masked_cause(outcome));
        let name = signal_step_name(signal);
        let paths = &self.target.paths;
        let Some(refusal) = outcome.rejection() else {
            return DiagnosisStep::ok(name, "one sent, and taken");
        };
        let fix = match refusal {
            RejectionKind::Credentials => return DiagnosisStep::skipped(name, "refused: see auth"),
            RejectionKind::NotFound => self.not_found_fix(signal, others),
            RejectionKind::Redirect => match self.location {
                Some(to) => self
                    .settings
                    .suggest(&paths.endpoint, &self.strip_signal_path(to)),
                None => format!("set {} to where the receiver redirects to", paths.endpoint),
            },
            RejectionKind::Overloaded => {
                "wait, or give the receiver more room: its own log says what it lacks".into()
            }
            RejectionKind::Timeout => {
                format!(
                    "look at the receiver that {} names: it takes the connection and then is silent",
                    paths.endpoint
                )
            }
            RejectionKind::Connection => {
                format!(
                    "look at the log of the receiver that {} names, and at proxies before it",
                    paths.endpoint
                )
            }
            RejectionKind::Other => {
                format!(
                    "look at the log of the receiver that {} names",
                    paths.endpoint
                )
            }
        };
        DiagnosisStep::fail(name, cause, fix)
    }

    fn not_found_fix(self, signal: TelemetrySignal, others: &[SignalOutcome]) -> String {
        let endpoint = &self.target.paths.endpoint;
        // Other signals are taken at the same place: this one is not wanted there.
        if others.iter().any(|other| other.error.is_none()) {
            return self.unwanted_signal_fix(signal);
        }
        if self.target.port() == 14250 {
            let url = self.target.endpoint_with(None, Some(4317));
            return self.settings.suggest(endpoint, &url);
        }
        if self.target.is_grpc() {
            return format!("set {endpoint} to an OTLP receiver with a pipeline for {signal}");
        }
        let has_own_endpoint = overrides(&self.settings.0.config.otlp, signal)
            .endpoint
            .is_some();
        let (path, signal_path) = (self.target.path(), format!("/v1/{signal}"));
        let origin = self.target.origin_with(None, None);
        if has_own_endpoint {
            let set = self.settings.suggest(
                &format!("otlp.{signal}.endpoint"),
                &format!("{origin}{signal_path}"),
            );
            return format!("{set}: nothing is appended to a signal's own endpoint");
        }
        let base = self.target.base();
        if let Some(root) = TelemetrySignal::ALL.iter().find_map(|signal| {
            base.trim_end_matches('/')
                .strip_suffix(&format!("/v1/{signal}"))
        }) {
            let set = self.settings.suggest(endpoint, &format!("{origin}{root}"));
            return format!("{set}: {signal_path} is appended to it");
        }
        let root = self.settings.suggest(endpoint, &origin);
        if base.trim_matches('/').is_empty() {
            format!("set {endpoint} to an OTLP receiver: nothing takes {path} there")
        } else {
            format!("{root}, unless the receiver's manual has a path: {path} is tried now")
        }
    }

    fn unwanted_signal_fix(self, signal: TelemetrySignal) -> String {
        let switch = match signal {
            TelemetrySignal::Traces => "traces.enabled",
            TelemetrySignal::Metrics => "metrics.otlp.enabled",
            TelemetrySignal::Logs => "logs.otlp",
        };
        let off = self.settings.suggest(switch, "false");
        format!("{off}, or set otlp.{signal}.endpoint to a receiver that takes {signal}")
    }

    fn strip_signal_path(self, location: &str) -> String {
        if self.target.has_own_endpoint() {
            return location.into();
        }
        let appended = format!("/v1/{}", self.target.signals[0]);
        location.strip_suffix(&appended).unwrap_or(location).into()
    }

    /// Returns the receiver's message without what it may have repeated of our credentials.
    fn masked_cause(self, outcome: &SignalOutcome) -> String {
        let error = outcome.error.as_deref().unwrap_or_default();
        let mut text = if outcome.cause.is_empty() {
            format!("not taken ({error})")
        } else {
            outcome.cause.clone()
        };
        let headers = self.target.otlp.headers.values();
        let user = self.target.otlp.endpoint.user();
        let secrets = headers
            .filter_map(|secret| secret.expose())
            .chain(user.as_deref());
        for secret in secrets {
            let parts = secret.split([' ', ':']).filter(|part| part.len() > 3);
            for part in std::iter::once(secret).chain(parts) {
                if !matches!(part, "Bearer" | "Basic" | "") {
                    text = text.replace(part, "***");
                }
            }
        }
        // Statuses in protobuf leave gaps.
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}
