//! The check of the protocol, the link that is wrong most often: the port's and the configured one.

use std::time::Duration;

use super::ReceiverChain;
use crate::doctor::probe::{ProbeAnswer, probe_http, probe_http2};
use crate::doctor::step::DiagnosisStep;
use crate::doctor::stream::Connection;
use crate::doctor::tls;

/// The time limit of each request after the first.
/// The chain has to end within the time limit of the whole, and up to two more tries follow.
const FOLLOW_UP_TIMEOUT: Duration = Duration::from_secs(1);

impl ReceiverChain<'_> {
    /// Probes the configured protocol, and the other one if the answer doesn't fit.
    pub(super) fn check_protocol(
        &self,
        steps: &mut Vec<DiagnosisStep>,
        connection: Connection<'_>,
    ) -> Option<ProbeAnswer> {
        let (configured, other): (ProbeFn, ProbeFn) = match self.target.is_grpc() {
            true => (probe_http2, probe_configured_path),
            false => (probe_configured_path, probe_http2),
        };
        let answer = configured(connection);
        if let ProbeAnswer::Http1(head) = &answer
            && !self.target.is_grpc()
            && head.is_html()
        {
            steps.push(self.web_page_step());
            return None;
        }
        if self.is_configured_protocol(&answer) {
            let finding = match &answer {
                ProbeAnswer::Http2 => "answers HTTP/2, as gRPC needs",
                _ => "answers HTTP/1.1",
            };
            steps.push(DiagnosisStep::ok("protocol", finding));
            return Some(answer);
        }
        if self.check_tls_rejection(steps, &answer) {
            return None;
        }
        if connection.forwarding_proxy().is_some() {
            // Only HTTP/1.1 is forwarded: nothing else can be tried.
            steps.push(self.mismatch_step(&answer));
            return None;
        }
        // What else may be spoken is answered at once, or is not spoken.
        let connection = connection.with_timeout(FOLLOW_UP_TIMEOUT);
        let other = match answer {
            // These say already what is spoken.
            ProbeAnswer::Http1(_) | ProbeAnswer::Http2 | ProbeAnswer::Tls => answer,
            ProbeAnswer::Closed
            | ProbeAnswer::TimedOut
            | ProbeAnswer::Unknown
            | ProbeAnswer::Failed(_) => match other(connection) {
                found @ (ProbeAnswer::Http1(_) | ProbeAnswer::Http2 | ProbeAnswer::Tls) => found,
                _ => answer,
            },
        };
        let other = match other {
            ProbeAnswer::Closed | ProbeAnswer::TimedOut | ProbeAnswer::Unknown
                if speaks_tls(connection) =>
            {
                ProbeAnswer::Tls
            }
            other => other,
        };
        steps.push(self.mismatch_step(&other));
        None
    }

    fn web_page_step(&self) -> DiagnosisStep {
        let (port, path) = (self.target.url.port(), self.target.url.path());
        let finding =
            format!("port {port} answers {path} with a web page and does not accept OTLP");
        let fix = if port == 4318 {
            format!("set {} to an OTLP receiver", self.target.paths.endpoint)
        } else {
            let set = self.target.url.suggest_endpoint(None, Some(4318));
            format!("{set}, where OTLP over HTTP usually is")
        };
        DiagnosisStep::fail("protocol", finding, fix)
    }

    fn is_configured_protocol(&self, answer: &ProbeAnswer) -> bool {
        match answer {
            ProbeAnswer::Http1(_) => !self.target.is_grpc(),
            ProbeAnswer::Http2 => self.target.is_grpc(),
            _ => false,
        }
    }

    /// Replaces the TLS step if the handshake was rejected after it: TLS 1.3 requests a client
    /// certificate only then.
    fn check_tls_rejection(&self, steps: &mut Vec<DiagnosisStep>, answer: &ProbeAnswer) -> bool {
        let ProbeAnswer::Failed(error) = answer else {
            return false;
        };
        let refused = tls::is_rejection(error);
        if refused {
            // The handshake that passed did not show that the certificate would be asked for.
            steps.pop();
            steps.push(tls::failure_step(error, &self.target.url));
        }
        refused
    }

    /// Returns the failure of a port that speaks something else, with the setting that fits it.
    pub(super) fn mismatch_step(&self, answer: &ProbeAnswer) -> DiagnosisStep {
        let endpoint = &self.target.paths.endpoint;
        let port = self.target.url.port();
        let other_port = || format!("set {endpoint} to an OTLP receiver's port");
        let (finding, fix) = match answer {
            ProbeAnswer::Http2 => (
                "speaks gRPC, but the configuration says http/protobuf".into(),
                self.other_protocol_fix("grpc", 4318),
            ),
            ProbeAnswer::Http1(_) => (
                "speaks HTTP/1.1, but the configuration says grpc".into(),
                self.other_protocol_fix("http/protobuf", 4317),
            ),
            ProbeAnswer::Tls => {
                let build = match cfg!(feature = "tls") {
                    true => "",
                    false => ", and build with the crate's `tls` feature",
                };
                let fix = self.target.url.suggest_endpoint(Some("https"), None);
                (
                    format!("speaks TLS, but {endpoint} is http"),
                    format!("{fix}{build}"),
                )
            }
            ProbeAnswer::TimedOut => (
                "accepts the connection but does not answer".into(),
                other_port(),
            ),
            ProbeAnswer::Closed => (
                "closes the connection without an answer".into(),
                other_port(),
            ),
            ProbeAnswer::Unknown => ("speaks neither HTTP/1.1 nor HTTP/2".into(), other_port()),
            ProbeAnswer::Failed(error) => {
                let finding = format!("port {port}: the connection broke ({error})");
                return DiagnosisStep::fail("protocol", finding, other_port());
            }
        };
        DiagnosisStep::fail("protocol", format!("port {port} {finding}"), fix)
    }

    /// Returns the fix: the other protocol, or the other one's default port.
    fn other_protocol_fix(&self, protocol: &str, default_port: u16) -> String {
        let set = self
            .target
            .url
            .suggest(&self.target.paths.protocol, protocol);
        if !matches!(self.target.url.port(), 4317 | 4318) || self.target.url.port() == default_port
        {
            return set;
        }
        let other = self.target.url.suggest_endpoint(None, Some(default_port));
        format!("{set}, or {other}")
    }
}

type ProbeFn = fn(Connection<'_>) -> ProbeAnswer;

pub(super) fn probe_configured_path(connection: Connection<'_>) -> ProbeAnswer {
    let path = match connection.target.settings.is_grpc {
        true => "/v1/traces",
        false => connection.target.path(),
    };
    probe_http(connection, path)
}

/// Returns true if a port that is silent in plain text completes a TLS handshake, trusted or not.
fn speaks_tls(connection: Connection<'_>) -> bool {
    let handshake = connection
        .connect()
        .and_then(|socket| tls::handshake(connection.target, socket, &["h2", "http/1.1"]));
    !connection.target.is_https()
        && handshake.map_or_else(|error| tls::is_tls_answer(&error), |_| true)
}

/// Returns true if OTLP's HTTP path is known there.
pub(super) fn accepts_otlp_http(connection: Connection<'_>) -> bool {
    matches!(probe_configured_path(connection), ProbeAnswer::Http1(head) if !matches!(head.status, 404 | 405))
}
