//! The check of the protocol, the link that is wrong most often: the port's and the configured one.

use std::time::Duration;

use super::ReceiverChain;
use crate::doctor::probe::{ProbeAnswer, probe_http, probe_http2};
use crate::doctor::step::DiagnosisStep;
use crate::doctor::stream::Connection;

/// The time limit of each request after the first.
const FOLLOW_UP_TIMEOUT: Duration = Duration::from_secs(1);

impl ReceiverChain<'_> {
    /// Probes the configured protocol, and the other one if the answer doesn't fit.
    pub(super) fn check_protocol(
        &self,
        steps: &mut Vec<DiagnosisStep>,
        connection: Connection<'_>,
    ) -> Option<ProbeAnswer> {
        let (configured, other): (ProbeFn, ProbeFn) = if self.target.is_grpc() {
            (probe_http2, probe_configured_path)
        } else {
            (probe_configured_path, probe_http2)
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
        // What else may be spoken is answered at once, or is not spoken.
        let connection = connection.with_timeout(FOLLOW_UP_TIMEOUT);
        let other = match answer {
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
        let (port, path) = (self.target.port(), self.target.path());
        let finding = format!("port {port} answers {path} with a web page, and takes no OTLP");
        let fix = if port == 4318 {
            format!("set {} to an OTLP receiver", self.target.paths.endpoint)
        } else {
            let url = self.target.endpoint_with(None, Some(4318));
            let set = self.settings.suggest(&self.target.paths.endpoint, &url);
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
        let refused = crate::doctor::tls::is_rejection(error);
        if refused {
            steps.pop();
            steps.push(crate::doctor::tls::failure_step(
                error,
                self.target,
                self.settings,
            ));
        }
        refused
    }

    pub(super) fn mismatch_step(&self, answer: &ProbeAnswer) -> DiagnosisStep {
        const NAME: &str = "protocol";
        let (target, paths) = (self.target, &self.target.paths);
        let port = target.port();
        let endpoint_fix = format!("set {} to an OTLP receiver's port", paths.endpoint);
        match answer {
            ProbeAnswer::Http2 => {
                let finding =
                    format!("port {port} speaks gRPC, and the configuration says http/protobuf");
                DiagnosisStep::fail(NAME, finding, self.other_protocol_fix("grpc", 4318))
            }
            ProbeAnswer::Http1(_) => {
                let finding =
                    format!("port {port} speaks HTTP/1.1, and the configuration says grpc");
                DiagnosisStep::fail(
                    NAME,
                    finding,
                    self.other_protocol_fix("http/protobuf", 4317),
                )
            }
            ProbeAnswer::Tls => {
                let url = target.endpoint_with(Some("https"), None);
                let fix = self.settings.suggest(&paths.endpoint, &url);
                let build = if cfg!(feature = "tls") {
                    ""
                } else {
                    ", and build with the crate's `tls` feature"
                };
                let finding = format!("port {port} speaks TLS, and {} is http", paths.endpoint);
                DiagnosisStep::fail(NAME, finding, format!("{fix}{build}"))
            }
            ProbeAnswer::TimedOut => DiagnosisStep::fail(
                NAME,
                format!("port {port} takes the connection and says nothing"),
                endpoint_fix,
            ),
            ProbeAnswer::Closed => {
                let finding = format!("port {port} closes the connection without an answer");
                DiagnosisStep::fail(NAME, finding, endpoint_fix)
            }
            ProbeAnswer::Unknown => {
                let finding = format!("port {port} speaks neither HTTP/1.1 nor HTTP/2");
                DiagnosisStep::fail(NAME, finding, endpoint_fix)
            }
            ProbeAnswer::Failed(error) => DiagnosisStep::fail(
                NAME,
                format!("port {port}: the connection broke ({error})"),
                endpoint_fix,
            ),
        }
    }

    fn other_protocol_fix(&self, protocol: &str, default_port: u16) -> String {
        let paths = &self.target.paths;
        let set = self.settings.suggest(&paths.protocol, protocol);
        if !matches!(self.target.port(), 4317 | 4318) || self.target.port() == default_port {
            return set;
        }
        let url = self.target.endpoint_with(None, Some(default_port));
        let other = self.settings.suggest(&paths.endpoint, &url);
        format!("{set}, or {other}")
    }
}

type ProbeFn = fn(Connection<'_>) -> ProbeAnswer;

pub(super) fn probe_configured_path(connection: Connection<'_>) -> ProbeAnswer {
    let path = if connection.target.is_grpc() {
        "/v1/traces".into()
    } else {
        connection.target.path()
    };
    probe_http(connection, &path)
}

/// Returns true if a port that is silent in plain text completes a TLS handshake, trusted or not.
fn speaks_tls(connection: Connection<'_>) -> bool {
    use crate::doctor::tls;
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
