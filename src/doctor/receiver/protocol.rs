//! The link that is wrong most often: which protocol the port speaks, and which the configuration says.

use std::time::Duration;

use super::Receiver;
use crate::doctor::probe::{Answer, ask_http, ask_http2};
use crate::doctor::step::Step;
use crate::doctor::stream::Line;

/// For each question after the first.
const FURTHER: Duration = Duration::from_secs(1);

impl Receiver<'_> {
    /// Asks in the configured protocol, and in the other one where the answer doesn't fit.
    pub(super) fn speak(&self, steps: &mut Vec<Step>, line: Line<'_>) -> Option<Answer> {
        let (wanted, other): (Ask, Ask) = if self.target.is_grpc() {
            (in_http2, in_http)
        } else {
            (in_http, in_http2)
        };
        let answer = wanted(line);
        if let Answer::Http1(head) = &answer
            && !self.target.is_grpc()
            && head.is_page()
        {
            steps.push(self.page());
            return None;
        }
        if self.fits(&answer) {
            let finding = match &answer {
                Answer::Http2 => "answers HTTP/2, as gRPC needs",
                _ => "answers HTTP/1.1",
            };
            steps.push(Step::ok("protocol", finding));
            return Some(answer);
        }
        if self.refused_in_tls(steps, &answer) {
            return None;
        }
        // What else may be spoken is answered at once, or is not spoken.
        let line = line.within(FURTHER);
        let other = match answer {
            Answer::Http1(_) | Answer::Http2 | Answer::Tls => answer,
            Answer::Closed | Answer::Silent | Answer::Strange | Answer::Broken(_) => {
                match other(line) {
                    found @ (Answer::Http1(_) | Answer::Http2 | Answer::Tls) => found,
                    _ => answer,
                }
            }
        };
        let other = match other {
            Answer::Closed | Answer::Silent | Answer::Strange if speaks_tls(line) => Answer::Tls,
            other => other,
        };
        steps.push(self.misunderstood(&other));
        None
    }

    fn page(&self) -> Step {
        let (port, path) = (self.target.port(), self.target.path());
        let finding = format!("port {port} answers {path} with a web page, and takes no OTLP");
        let fix = if port == 4318 {
            format!("set {} to an OTLP receiver", self.target.paths.endpoint)
        } else {
            let url = self.target.endpoint_with(None, Some(4318));
            let set = self.settings.set(&self.target.paths.endpoint, &url);
            format!("{set}, where OTLP over HTTP usually is")
        };
        Step::fail("protocol", finding, fix)
    }

    fn fits(&self, answer: &Answer) -> bool {
        match answer {
            Answer::Http1(_) => !self.target.is_grpc(),
            Answer::Http2 => self.target.is_grpc(),
            _ => false,
        }
    }

    /// A client certificate is missed only after the handshake: then that link did not hold.
    #[cfg(feature = "tls")]
    fn refused_in_tls(&self, steps: &mut Vec<Step>, answer: &Answer) -> bool {
        let Answer::Broken(error) = answer else {
            return false;
        };
        let refused = crate::doctor::tls::is_refusal(error);
        if refused {
            steps.pop();
            steps.push(crate::doctor::tls::refused(
                error,
                self.target,
                self.settings,
            ));
        }
        refused
    }

    #[cfg(not(feature = "tls"))]
    #[expect(clippy::unused_self, reason = "as the encrypted one")]
    fn refused_in_tls(&self, _: &mut [Step], _: &Answer) -> bool {
        false
    }

    pub(super) fn misunderstood(&self, answer: &Answer) -> Step {
        const NAME: &str = "protocol";
        let (target, paths) = (self.target, &self.target.paths);
        let port = target.port();
        let silent = format!("set {} to an OTLP receiver's port", paths.endpoint);
        match answer {
            Answer::Http2 => {
                let finding =
                    format!("port {port} speaks gRPC, and the configuration says http/protobuf");
                Step::fail(NAME, finding, self.other_protocol("grpc", 4318))
            }
            Answer::Http1(_) => {
                let finding =
                    format!("port {port} speaks HTTP/1.1, and the configuration says grpc");
                Step::fail(NAME, finding, self.other_protocol("http/protobuf", 4317))
            }
            Answer::Tls => {
                let url = target.endpoint_with(Some("https"), None);
                let fix = self.settings.set(&paths.endpoint, &url);
                let build = if cfg!(feature = "tls") {
                    ""
                } else {
                    ", and build with the crate's `tls` feature"
                };
                let finding = format!("port {port} speaks TLS, and {} is http", paths.endpoint);
                Step::fail(NAME, finding, format!("{fix}{build}"))
            }
            Answer::Silent => Step::fail(
                NAME,
                format!("port {port} takes the connection and says nothing"),
                silent,
            ),
            Answer::Closed => {
                let finding = format!("port {port} closes the connection without an answer");
                Step::fail(NAME, finding, silent)
            }
            Answer::Strange => {
                let finding = format!("port {port} speaks neither HTTP/1.1 nor HTTP/2");
                Step::fail(NAME, finding, silent)
            }
            Answer::Broken(error) => Step::fail(
                NAME,
                format!("port {port}: the connection broke ({error})"),
                silent,
            ),
        }
    }

    fn other_protocol(&self, protocol: &str, usual: u16) -> String {
        let paths = &self.target.paths;
        let set = self.settings.set(&paths.protocol, protocol);
        if !matches!(self.target.port(), 4317 | 4318) || self.target.port() == usual {
            return set;
        }
        let url = self.target.endpoint_with(None, Some(usual));
        let other = self.settings.set(&paths.endpoint, &url);
        format!("{set}, or {other}")
    }
}

type Ask = fn(Line<'_>) -> Answer;

pub(super) fn in_http(line: Line<'_>) -> Answer {
    let path = if line.target.is_grpc() {
        "/v1/traces".into()
    } else {
        line.target.path()
    };
    ask_http(line, &path)
}

fn in_http2(line: Line<'_>) -> Answer {
    ask_http2(line)
}

/// Whether a port that says nothing in plain text shakes hands, trusted or not.
#[cfg(feature = "tls")]
fn speaks_tls(line: Line<'_>) -> bool {
    use crate::doctor::tls;
    let shaken = line
        .connect()
        .and_then(|socket| tls::handshake(line.target, socket, &["h2", "http/1.1"]));
    !line.target.is_https() && shaken.map_or_else(|error| tls::is_answer(&error), |_| true)
}

/// Without the feature only the complaint in plain text tells.
#[cfg(not(feature = "tls"))]
const fn speaks_tls(_: Line<'_>) -> bool {
    false
}

/// Whether OTLP's HTTP path is known there.
pub(super) fn takes_http(line: Line<'_>) -> bool {
    matches!(in_http(line), Answer::Http1(head) if !matches!(head.status, 404 | 405))
}
