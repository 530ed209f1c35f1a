//! What a receiver's refusal means, and what to set so that it doesn't refuse.

use super::fix::Settings;
use super::send::Outcome;
use super::step::Step;
use super::target::{Target, overrides};
use crate::config::Signal;

/// The kinds of refusals that have different remedies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Credentials,
    /// Nothing is at this path, or the service of this signal isn't there.
    NoPlace,
    Redirect,
    Busy,
    Silent,
    Connection,
    Other,
}

impl Outcome {
    pub(super) fn refusal(&self) -> Option<Refusal> {
        Some(match self.error.as_deref()? {
            "401" | "403" | "407" | "UNAUTHENTICATED" | "PERMISSION_DENIED" => Refusal::Credentials,
            "404" | "405" | "UNIMPLEMENTED" => Refusal::NoPlace,
            "301" | "302" | "303" | "307" | "308" => Refusal::Redirect,
            "429" | "502" | "503" | "504" | "RESOURCE_EXHAUSTED" | "UNAVAILABLE" => Refusal::Busy,
            "timeout" => Refusal::Silent,
            "connection" => Refusal::Connection,
            _ => Refusal::Other,
        })
    }

    /// Whether it is what a gRPC client makes of an answer that isn't gRPC's.
    pub(super) fn is_odd(&self) -> bool {
        let error = self.error.as_deref();
        matches!(error, Some("UNIMPLEMENTED" | "INTERNAL" | "UNKNOWN"))
    }
}

pub(super) const fn name(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "span",
        Signal::Metrics => "metric",
        Signal::Logs => "log",
    }
}

/// What the judgement needs to know beside the outcomes.
#[derive(Clone, Copy)]
pub(super) struct Judge<'a> {
    pub(super) target: &'a Target,
    pub(super) settings: Settings<'a>,
    /// Where an unauthenticated question was sent on to.
    pub(super) location: Option<&'a str>,
}

impl Judge<'_> {
    /// Whether the receiver knows us.
    pub(super) fn auth(self, outcomes: &[Outcome]) -> Step {
        const NAME: &str = "auth";
        let names = self.target.header_names();
        let sent = if names.is_empty() {
            "no headers are sent".into()
        } else {
            format!("sent: {}", names.join(", "))
        };
        let refused = outcomes
            .iter()
            .find(|outcome| outcome.refusal() == Some(Refusal::Credentials));
        match refused {
            Some(outcome) => {
                let finding = format!("{}; {sent}", self.cause(outcome));
                Step::fail(NAME, finding, self.credentials())
            }
            None if outcomes.iter().any(|outcome| outcome.error.is_none()) => {
                let finding = if names.is_empty() {
                    "no headers are sent, and none are missed".into()
                } else {
                    format!("accepted; {sent}")
                };
                Step::ok(NAME, finding)
            }
            None => Step::skipped(NAME, "not told by the receiver"),
        }
    }

    fn credentials(self) -> String {
        let own = &self.target.otlp;
        let path = |name: &str| format!("{}.{name}", self.target.paths.headers);
        let Some(value) = own
            .headers
            .get("authorization")
            .and_then(|value| value.expose())
        else {
            let set = self.settings.set(&path("authorization"), "Bearer TOKEN");
            let user = own.endpoint.user().is_some();
            let sent = !own.headers.is_empty() || user;
            return match own.headers.keys().next().filter(|_| sent) {
                Some(name) => {
                    let own = self.settings.set(&path(name), "VALUE");
                    format!("{own} with a value that the receiver takes, or {set}")
                }
                None if user => format!(
                    "correct the user and password in {}",
                    self.target.paths.endpoint
                ),
                None => set,
            };
        };
        let set = self.settings.set(&path("authorization"), "Bearer TOKEN");
        if value.contains(' ') {
            format!("{set} with a token that the receiver takes")
        } else {
            format!("{set}: its value has no scheme such as Bearer now")
        }
    }

    /// Whether one signal was taken.
    pub(super) fn signal(self, outcome: &Outcome, others: &[Outcome]) -> Step {
        let (signal, cause) = (outcome.signal, self.cause(outcome));
        let name = name(signal);
        let paths = &self.target.paths;
        let Some(refusal) = outcome.refusal() else {
            return Step::ok(name, "one sent, and taken");
        };
        let fix = match refusal {
            Refusal::Credentials => return Step::skipped(name, "refused: see auth"),
            Refusal::NoPlace => self.no_place(signal, others),
            Refusal::Redirect => match self.location {
                Some(to) => self.settings.set(&paths.endpoint, &self.without_signal(to)),
                None => format!("set {} to where the receiver redirects to", paths.endpoint),
            },
            Refusal::Busy => {
                "wait, or give the receiver more room: its own log says what it lacks".into()
            }
            Refusal::Silent => {
                format!(
                    "look at the receiver that {} names: it takes the connection and then is silent",
                    paths.endpoint
                )
            }
            Refusal::Connection => {
                format!(
                    "look at the log of the receiver that {} names, and at proxies before it",
                    paths.endpoint
                )
            }
            Refusal::Other => {
                format!(
                    "look at the log of the receiver that {} names",
                    paths.endpoint
                )
            }
        };
        Step::fail(name, cause, fix)
    }

    fn no_place(self, signal: Signal, others: &[Outcome]) -> String {
        let endpoint = &self.target.paths.endpoint;
        // Other signals are taken at the same place: this one is not wanted there.
        if others.iter().any(|other| other.error.is_none()) {
            return self.not_wanted(signal);
        }
        if self.target.port() == 14250 {
            let url = self.target.endpoint_with(None, Some(4317));
            return self.settings.set(endpoint, &url);
        }
        if self.target.is_grpc() {
            return format!("set {endpoint} to an OTLP receiver with a pipeline for {signal}");
        }
        let own = overrides(&self.settings.0.config.otlp, signal)
            .endpoint
            .is_some();
        let (path, twice) = (self.target.path(), format!("/v1/{signal}"));
        let origin = self.target.origin_with(None, None);
        if own {
            let set = self.settings.set(
                &format!("otlp.{signal}.endpoint"),
                &format!("{origin}{twice}"),
            );
            return format!("{set}: nothing is appended to a signal's own endpoint");
        }
        let base = self.target.base();
        if let Some(root) = Signal::ALL.iter().find_map(|signal| {
            base.trim_end_matches('/')
                .strip_suffix(&format!("/v1/{signal}"))
        }) {
            let set = self.settings.set(endpoint, &format!("{origin}{root}"));
            return format!("{set}: {twice} is appended to it");
        }
        let root = self.settings.set(endpoint, &origin);
        if base.trim_matches('/').is_empty() {
            format!("set {endpoint} to an OTLP receiver: nothing takes {path} there")
        } else {
            format!("{root}, unless the receiver's manual has a path: {path} is tried now")
        }
    }

    fn not_wanted(self, signal: Signal) -> String {
        let switch = match signal {
            Signal::Traces => "traces.enabled",
            Signal::Metrics => "metrics.otlp.enabled",
            Signal::Logs => "logs.otlp",
        };
        let off = self.settings.set(switch, "false");
        format!("{off}, or set otlp.{signal}.endpoint to a receiver that takes {signal}")
    }

    fn without_signal(self, location: &str) -> String {
        if self.target.has_own_endpoint() {
            return location.into();
        }
        let appended = format!("/v1/{}", self.target.signals[0]);
        location.strip_suffix(&appended).unwrap_or(location).into()
    }

    /// What the receiver said, without what it may have repeated of our credentials.
    fn cause(self, outcome: &Outcome) -> String {
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
