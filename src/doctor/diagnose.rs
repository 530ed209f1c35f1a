//! The diagnosis of a receiver's rejection: its meaning, and the setting to change.
//!
//! | the receiver answers | kind | the fix names |
//! |---|---|---|
//! | 401, 403, 407, `UNAUTHENTICATED`, `PERMISSION_DENIED` | credentials | the header that decides |
//! | 404, 405, `UNIMPLEMENTED` | not found | the path, or the signal's switch |
//! | 3xx | redirect | the endpoint, at the new place |
//! | 429, 502 to 504, `RESOURCE_EXHAUSTED`, `UNAVAILABLE` | overloaded | the receiver's log |
//!
//! Redirects are not followed, as the service does not: a token must not go where nobody sent it.

use super::mask::mask_secrets;
use super::step::DiagnosisStep;
use super::target::{OtlpTarget, SignalTerms};
use super::test_signals::SignalOutcome;
use crate::config::{Compression, TelemetrySignal};
use crate::net::ProxyRoute;

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
    /// Returns the kind of the rejection; `None` where the signal was accepted.
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

    /// Returns true if a receiver that can't read gzip may have answered so: most say so by a status that
    /// means something else, or close the connection.
    pub(super) fn may_be_compression(&self) -> bool {
        matches!(
            self.rejection(),
            Some(RejectionKind::NotFound | RejectionKind::Connection | RejectionKind::Other)
        )
    }

    /// Returns true for the errors that a gRPC client makes of an answer that isn't gRPC's.
    pub(super) fn is_non_grpc_answer(&self) -> bool {
        let error = self.error.as_deref();
        matches!(error, Some("UNIMPLEMENTED" | "INTERNAL" | "UNKNOWN"))
    }
}

/// The name of the step about compression.
pub(super) const GZIP: &str = "gzip";

/// The context of a diagnosis beside the outcomes.
#[derive(Clone, Copy)]
pub(super) struct ReceiverDiagnosis<'a> {
    pub(super) target: &'a OtlpTarget,
    /// The proxy that reads the requests, and may be the one that refuses them.
    pub(super) forwarding_proxy: Option<&'a ProxyRoute>,
    /// The location to which an unauthenticated request was redirected.
    pub(super) location: Option<&'a str>,
}

impl ReceiverDiagnosis<'_> {
    /// Returns the step about credentials.
    pub(super) fn auth_step(self, outcomes: &[SignalOutcome]) -> DiagnosisStep {
        const NAME: &str = "auth";
        let names = self.target.header_names();
        let sent = match names.is_empty() {
            true => "no headers are sent".into(),
            false => format!("sent: {}", names.join(", ")),
        };
        let refused = outcomes
            .iter()
            .find(|outcome| outcome.rejection() == Some(RejectionKind::Credentials));
        if let Some(outcome) = refused {
            let finding = format!("{}; {sent}", self.masked_cause(outcome));
            // A proxy that forwards reads the same headers and may refuse with the same status.
            let by_proxy = self.forwarding_proxy.map_or_else(String::new, |proxy| {
                format!(
                    ", unless it is the proxy {} that refuses",
                    proxy.authority()
                )
            });
            let fix = format!("{}{by_proxy}", self.credentials_fix());
            return DiagnosisStep::fail(NAME, finding, fix);
        }
        if outcomes.iter().all(|outcome| outcome.error.is_some()) {
            return DiagnosisStep::skipped(NAME, "not reported by the receiver");
        }
        let finding = match names.is_empty() {
            true => format!("{sent}, and none are required"),
            false => format!("accepted; {sent}"),
        };
        DiagnosisStep::ok(NAME, finding)
    }

    /// Returns the step about compression. `outcomes` are of signals without it where gzip was refused.
    pub(super) fn gzip_step(self, is_refused: bool, outcomes: &[SignalOutcome]) -> DiagnosisStep {
        let path = &self.target.paths.compression;
        if is_refused {
            let finding =
                "the receiver refuses what is compressed, and takes the same without gzip";
            return DiagnosisStep::fail(GZIP, finding, self.target.url.suggest(path, "none"));
        }
        if self.target.otlp.compression == Compression::None {
            return DiagnosisStep::skipped(GZIP, format!("{path} is none: not compressed"));
        }
        match outcomes.iter().any(|outcome| outcome.error.is_none()) {
            true => DiagnosisStep::ok(GZIP, "taken compressed"),
            false => DiagnosisStep::skipped(GZIP, "not told by the receiver"),
        }
    }

    /// Returns the header to set: the one that is sent now, or else `authorization`.
    fn credentials_fix(self) -> String {
        let (otlp, paths) = (&self.target.otlp, &self.target.paths);
        let set = |name: &str, value: &str| {
            self.target
                .url
                .suggest(&format!("{}.{name}", paths.headers), value)
        };
        let set_token = set("authorization", "Bearer TOKEN");
        let authorization = otlp.headers.get("authorization");
        let other = otlp.headers.keys().next();
        match (authorization.and_then(|value| value.expose()), other) {
            (Some(value), _) if value.contains(' ') => {
                format!("{set_token} with a token that the receiver accepts")
            }
            (Some(_), _) => format!("{set_token}: its value has no scheme such as Bearer now"),
            (None, Some(name)) => {
                let set_value = set(name, "VALUE");
                format!("{set_value} with a value that the receiver accepts, or {set_token}")
            }
            (None, None) if otlp.endpoint.user().is_some() => {
                format!("correct the user and password in {}", paths.endpoint)
            }
            (None, None) => set_token,
        }
    }

    /// Returns the step about one signal.
    pub(super) fn signal_step(
        self,
        outcome: &SignalOutcome,
        others: &[SignalOutcome],
    ) -> DiagnosisStep {
        let name = SignalTerms::of(outcome.signal).step_name;
        let endpoint = &self.target.paths.endpoint;
        let fix = match outcome.rejection() {
            None => return DiagnosisStep::ok(name, "one sent and accepted"),
            Some(RejectionKind::Credentials) => {
                return DiagnosisStep::skipped(name, "refused: see auth");
            }
            Some(RejectionKind::NotFound) => self.not_found_fix(outcome.signal, others),
            Some(RejectionKind::Redirect) => match self.location {
                Some(to) => self
                    .target
                    .url
                    .suggest(endpoint, self.strip_signal_path(to)),
                None => format!("set {endpoint} to where the receiver redirects to"),
            },
            Some(RejectionKind::Overloaded) => {
                "wait, or give the receiver more resources: its own log says what it lacks".into()
            }
            Some(RejectionKind::Timeout) => format!(
                "check the receiver that {endpoint} names: it accepts the connection and then stays silent"
            ),
            Some(RejectionKind::Connection) => format!(
                "look at the log of the receiver that {endpoint} names, and at proxies before it"
            ),
            Some(RejectionKind::Other) => {
                format!("look at the log of the receiver that {endpoint} names")
            }
        };
        DiagnosisStep::fail(name, self.masked_cause(outcome), fix)
    }

    /// Returns the fix for a path or service that isn't there: mostly a base URL that has a
    /// signal's path, or the other way round.
    fn not_found_fix(self, signal: TelemetrySignal, others: &[SignalOutcome]) -> String {
        let (target, endpoint) = (self.target, &self.target.paths.endpoint);
        // Other signals are taken at the same place: this one is not wanted there.
        if others.iter().any(|other| other.error.is_none()) {
            return self.unwanted_signal_fix(signal);
        }
        // Jaeger's former gRPC port, which many old manuals name.
        if target.url.port() == 14250 {
            return target.url.suggest_endpoint(None, Some(4317));
        }
        if target.is_grpc() {
            return format!("set {endpoint} to an OTLP receiver with a pipeline for {signal}");
        }
        // As OpenTelemetry has it: a general endpoint is a base to which `/v1/…` is appended, a
        // signal's own is used as it stands.
        let own_endpoint = &target.url.effective.config.otlp.overrides(signal).endpoint;
        let (path, signal_path) = (target.url.path(), format!("/v1/{signal}"));
        let origin = target.url.origin_with(None, None);
        if own_endpoint.is_some() {
            let url = format!("{origin}{signal_path}");
            let set = target.url.suggest(&format!("otlp.{signal}.endpoint"), &url);
            return format!("{set}: nothing is appended to a signal's own endpoint");
        }
        let base = target.base();
        let strip = |signal: &TelemetrySignal| {
            let base = base.trim_end_matches('/');
            base.strip_suffix(&format!("/v1/{signal}"))
        };
        if let Some(root) = TelemetrySignal::ALL.iter().find_map(strip) {
            let set = target.url.suggest(endpoint, &format!("{origin}{root}"));
            return format!("{set}: {signal_path} is appended to it");
        }
        if base.trim_matches('/').is_empty() {
            return format!("set {endpoint} to an OTLP receiver: nothing accepts {path} there");
        }
        let root = target.url.suggest(endpoint, &origin);
        format!("{root}, unless the receiver's manual has a path: {path} is tried now")
    }

    /// Returns the fix where the receiver accepts other signals at the same place.
    fn unwanted_signal_fix(self, signal: TelemetrySignal) -> String {
        let off = self
            .target
            .url
            .suggest(SignalTerms::of(signal).switch, "false");
        format!("{off}, or set otlp.{signal}.endpoint to a receiver that takes {signal}")
    }

    /// Returns a redirect's location without what the exporter appends.
    fn strip_signal_path(self, location: &str) -> &str {
        let appended = format!("/v1/{}", self.target.signals[0]);
        match location.strip_suffix(&appended) {
            Some(base) if !self.target.has_own_endpoint() => base,
            _ => location,
        }
    }

    /// Returns the receiver's message without what it may have repeated of our credentials.
    fn masked_cause(self, outcome: &SignalOutcome) -> String {
        let error = outcome.error.as_deref().unwrap_or_default();
        let mut text = if outcome.cause.is_empty() {
            format!("not accepted ({error})")
        } else {
            outcome.cause.clone()
        };
        let headers = self.target.otlp.headers.values();
        let user = self.target.otlp.endpoint.user();
        let secrets = headers.filter_map(|secret| secret.expose());
        text = mask_secrets(text, secrets.chain(user.as_deref()));
        // Statuses in protobuf leave gaps.
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}
