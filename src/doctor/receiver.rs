//! The chain of one receiver: each link is tried when the one before it holds.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant, SystemTime};

use super::clock;
use super::fix::Settings;
use super::judge::{self, Judge};
use super::network::{self, Timed};
use super::probe::{Answer, ask_http, ask_http2};
use super::send::{Outcome, send};
use super::step::Step;
use super::stream::Line;
use super::target::{Target, is_pushed};
use crate::config::Signal;

/// For each question after the first.
const FURTHER: Duration = Duration::from_secs(1);

const CHAIN: [&str; 6] = ["name", "tcp", "tls", "protocol", "auth", "clock"];

/// Tries every link.
pub(super) fn steps(target: &Target, settings: Settings<'_>, deadline: Instant) -> Vec<Step> {
    let mut steps = Vec::new();
    let whole = Receiver {
        target,
        settings,
        deadline,
    }
    .follow(&mut steps);
    if whole.is_none() {
        let rest = CHAIN.iter().skip(steps.len()).copied();
        let signals = target.signals.iter().map(|signal| judge::name(*signal));
        let skipped = |name| Step::skipped(name, "not tried after the failure above");
        steps.extend(rest.chain(signals).map(skipped));
    }
    steps
}

struct Receiver<'a> {
    target: &'a Target,
    settings: Settings<'a>,
    deadline: Instant,
}

impl Receiver<'_> {
    /// `None` where a link broke.
    fn follow(&self, steps: &mut Vec<Step>) -> Option<()> {
        let addresses = self.resolve(steps)?;
        let address = self.connect(steps, &addresses)?;
        let line = Line {
            target: self.target,
            address,
            deadline: self.deadline,
            patience: network::PATIENCE,
        };
        self.encrypt(steps, line)?;
        let asked = self.speak(steps, line)?;
        self.deliver(steps, line, &asked)
    }

    fn resolve(&self, steps: &mut Vec<Step>) -> Option<Vec<SocketAddr>> {
        const NAME: &str = "name";
        let (host, port) = (self.target.host(), self.target.port());
        let found = network::resolve(host, port, self.deadline);
        let fail = |finding: String| {
            let fix = format!(
                "set {} to a host that this machine knows{}",
                self.target.paths.endpoint,
                if host.contains('.') {
                    ", or mend its name server"
                } else {
                    ": a name without dots is known only in its own network or namespace"
                }
            );
            Step::fail(NAME, finding, fix)
        };
        let (step, addresses) = match found {
            Ok(addresses) if host.parse::<IpAddr>().is_ok() => (
                Step::ok(NAME, format!("{host} is an address")),
                Some(addresses),
            ),
            Ok(addresses) if !addresses.is_empty() => {
                let ips: Vec<_> = addresses
                    .iter()
                    .map(|found| found.ip().to_string())
                    .collect();
                let step = Step::ok(NAME, format!("{host} is {}", ips.join(", ")));
                (step, Some(addresses))
            }
            Ok(_) => (fail(format!("{host} has no address")), None),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => (
                fail(format!("{host}: the name server doesn't answer")),
                None,
            ),
            Err(error) => {
                let text = error.to_string();
                let reason = text.rsplit(": ").next().unwrap_or_default();
                (fail(format!("{host} is not found ({reason})")), None)
            }
        };
        steps.push(step);
        addresses
    }

    fn connect(&self, steps: &mut Vec<Step>, addresses: &[SocketAddr]) -> Option<SocketAddr> {
        let mut failures = Vec::new();
        for address in addresses {
            let started = Instant::now();
            match Timed::connect(*address, self.deadline) {
                Ok(_) => {
                    let took = started.elapsed().as_secs_f64() * 1000.0;
                    let mut finding = format!("connected to {address} in {took:.1} ms");
                    for (address, error) in &failures {
                        finding.push_str(&format!("; {address} {}", trouble(error)));
                    }
                    steps.push(Step::ok("tcp", finding));
                    return Some(*address);
                }
                Err(error) => failures.push((address, error)),
            }
        }
        let findings = failures
            .iter()
            .map(|(address, error)| format!("{address} {}", trouble(error)));
        let finding = findings.collect::<Vec<_>>().join("; ");
        let refused = failures
            .iter()
            .any(|(_, error)| error.kind() == io::ErrorKind::ConnectionRefused);
        steps.push(Step::fail("tcp", finding, self.reach(addresses, refused)));
        None
    }

    fn reach(&self, addresses: &[SocketAddr], refused: bool) -> String {
        let endpoint = &self.target.paths.endpoint;
        let usual = if self.target.is_grpc() { 4317 } else { 4318 };
        let set = || {
            let url = self.target.endpoint_with(None, Some(usual));
            self.settings.set(endpoint, &url)
        };
        if self.target.port() == 14250 {
            return format!("{}: 14250 was Jaeger's former protocol", set());
        }
        if self.target.otlp.endpoint.port().is_none() {
            return format!("{}: without a port it is {}", set(), self.target.port());
        }
        if !refused {
            return format!(
                "check the host in {endpoint}, then firewalls and network policies on the way to port {}",
                self.target.port()
            );
        }
        let local = addresses.iter().all(|address| address.ip().is_loopback());
        let container = if local {
            "; in a container this is the container itself, so name the receiver's host"
        } else {
            ""
        };
        format!("start the receiver, or set {endpoint} to where it listens{container}")
    }

    #[cfg(feature = "tls")]
    fn encrypt(&self, steps: &mut Vec<Step>, line: Line<'_>) -> Option<()> {
        use super::tls;
        if !self.target.is_https() {
            return self.plain(steps);
        }
        // Both protocols are offered: which one is spoken is the next link.
        let shaken = line
            .connect()
            .and_then(|socket| tls::handshake(self.target, socket, &["h2", "http/1.1"]));
        let step = match &shaken {
            Ok(session) => tls::agreed(session),
            Err(error) => tls::refused(error, self.target, self.settings),
        };
        steps.push(step);
        shaken.ok().map(drop)
    }

    #[cfg(not(feature = "tls"))]
    fn encrypt(&self, steps: &mut Vec<Step>, _: Line<'_>) -> Option<()> {
        self.plain(steps)
    }

    #[expect(clippy::unnecessary_wraps, reason = "as the encrypted one")]
    fn plain(&self, steps: &mut Vec<Step>) -> Option<()> {
        let scheme = &self.target.paths.endpoint;
        steps.push(Step::skipped(
            "tls",
            format!("{scheme} is http: not encrypted"),
        ));
        Some(())
    }

    /// Asks in the configured protocol, and in the other one where the answer doesn't fit.
    fn speak(&self, steps: &mut Vec<Step>, line: Line<'_>) -> Option<Answer> {
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
        let refused = super::tls::is_refusal(error);
        if refused {
            steps.pop();
            steps.push(super::tls::refused(error, self.target, self.settings));
        }
        refused
    }

    #[cfg(not(feature = "tls"))]
    #[expect(clippy::unused_self, reason = "as the encrypted one")]
    fn refused_in_tls(&self, _: &mut [Step], _: &Answer) -> bool {
        false
    }

    fn misunderstood(&self, answer: &Answer) -> Step {
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

    fn deliver(&self, steps: &mut Vec<Step>, line: Line<'_>, asked: &Answer) -> Option<()> {
        let config = &self.settings.0.config;
        let (date, location) = match asked {
            Answer::Http1(head) => (head.date.as_deref(), head.location.as_deref()),
            _ => (None, None),
        };
        let clock = clock::judge(date, SystemTime::now());
        if config.disabled {
            let skipped = |name| Step::skipped(name, "nothing is sent, because disabled is true");
            steps.extend([skipped("auth"), clock]);
            let signals = self.target.signals.iter();
            steps.extend(signals.map(|signal| skipped(judge::name(*signal))));
            return Some(());
        }
        let outcomes = match send(self.settings.0, self.target, self.deadline) {
            Ok(outcomes) => outcomes,
            Err(error) => {
                let fix = format!(
                    "correct what {} and {} say",
                    self.target.paths.headers, self.target.paths.tls
                );
                steps.push(Step::fail("auth", error, fix));
                steps.push(clock);
                return None;
            }
        };
        if self.target.is_grpc() && outcomes.iter().all(Outcome::is_odd) && takes_http(line) {
            // HTTP/2 was spoken, but not gRPC.
            steps.pop();
            steps.push(self.misunderstood(&in_http(line)));
            return None;
        }
        let judge = Judge {
            target: self.target,
            settings: self.settings,
            location,
        };
        steps.push(judge.auth(&outcomes));
        steps.push(clock);
        for signal in &self.target.signals {
            let outcome = outcomes.iter().find(|outcome| outcome.signal == *signal);
            steps.push(match outcome {
                Some(outcome) => judge.signal(outcome, &outcomes),
                None if is_pushed(config, *signal) => {
                    Step::skipped(judge::name(*signal), "not sent")
                }
                None => Step::skipped(judge::name(*signal), off(*signal)),
            });
        }
        Some(())
    }
}

type Ask = fn(Line<'_>) -> Answer;

fn in_http(line: Line<'_>) -> Answer {
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
    use super::tls;
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
fn takes_http(line: Line<'_>) -> bool {
    matches!(in_http(line), Answer::Http1(head) if !matches!(head.status, 404 | 405))
}

const fn off(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "traces.enabled is false: spans are not sent",
        Signal::Metrics => "metrics.otlp.enabled is false: metrics are scraped, not sent",
        Signal::Logs => "logs.otlp is false: log records are not sent",
    }
}

fn trouble(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "refuses: nothing listens there".into(),
        io::ErrorKind::TimedOut => "doesn't answer in time".into(),
        io::ErrorKind::HostUnreachable => "can't be reached: no route to the host".into(),
        io::ErrorKind::NetworkUnreachable => "can't be reached: no route to its network".into(),
        io::ErrorKind::PermissionDenied => "is forbidden by this machine's firewall".into(),
        _ => format!("fails: {error}"),
    }
}
