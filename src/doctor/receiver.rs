//! The chain of one receiver: each link is tried when the one before it holds.

mod protocol;
mod reach;

use std::time::{Instant, SystemTime};

use super::clock;
use super::diagnose::{self, Judge};
use super::fix::Settings;
use super::network;
use super::probe::Answer;
use super::send::{Outcome, send};
use super::step::Step;
use super::stream::Line;
use super::target::{Target, is_pushed};
use crate::config::Signal;
use protocol::{in_http, takes_http};

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
        let signals = target.signals.iter().map(|signal| diagnose::name(*signal));
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
            steps.extend(signals.map(|signal| skipped(diagnose::name(*signal))));
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
                    Step::skipped(diagnose::name(*signal), "not sent")
                }
                None => Step::skipped(diagnose::name(*signal), off(*signal)),
            });
        }
        Some(())
    }
}

const fn off(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "traces.enabled is false: spans are not sent",
        Signal::Metrics => "metrics.otlp.enabled is false: metrics are scraped, not sent",
        Signal::Logs => "logs.otlp is false: log records are not sent",
    }
}
