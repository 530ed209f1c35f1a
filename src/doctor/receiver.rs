//! The chain of one receiver: each link is tried when the one before it holds.

mod protocol;
mod proxy;
mod reachability;

use std::time::{Instant, SystemTime};

use super::diagnose::ReceiverDiagnosis;
use super::probe::ProbeAnswer;
use super::step::DiagnosisStep;
use super::stream::Connection;
use super::target::{OtlpTarget, SignalTerms, is_pushed};
use super::test_signals::{SignalOutcome, send_test_signals};
use super::{clock, network, tls};
use crate::net::{ProxyMethod, ProxyRoute};
use protocol::{accepts_otlp_http, probe_configured_path};

/// The links of every receiver; one that is reached by a proxy has `proxy` after `tcp`.
const CHAIN: [&str; 6] = ["name", "tcp", "tls", "protocol", "auth", "clock"];

/// Checks every link.
pub(super) fn receiver_steps(target: &OtlpTarget, deadline: Instant) -> Vec<DiagnosisStep> {
    let mut steps = Vec::new();
    let route = ProxyRoute::find(&target.uri, target.is_grpc());
    let (unsupported, proxy) = match route {
        Some(route) if route.method == ProxyMethod::Unsupported => (Some(route), None),
        usable => (None, usable),
    };
    steps.extend(unsupported.as_ref().map(proxy::unsupported_step));
    let chain = ReceiverChain {
        target,
        proxy: proxy.as_ref(),
        deadline,
    };
    if chain.run(&mut steps).is_none() {
        let links = chain.links().chain(target.step_names());
        let untried: Vec<_> = links
            .filter(|name| steps.iter().all(|step| step.name != *name))
            .collect();
        let skipped = |name| DiagnosisStep::skipped(name, "not tried after the failure above");
        steps.extend(untried.into_iter().map(skipped));
    }
    steps
}

struct ReceiverChain<'a> {
    target: &'a OtlpTarget,
    /// The proxy by way of which the receiver is reached.
    proxy: Option<&'a ProxyRoute>,
    deadline: Instant,
}

impl ReceiverChain<'_> {
    /// Returns the names of the links, in order.
    fn links(&self) -> impl Iterator<Item = &'static str> {
        let (to_host, rest) = CHAIN.split_at(2);
        let proxy = self.proxy.map(|_| proxy::NAME);
        to_host
            .iter()
            .copied()
            .chain(proxy)
            .chain(rest.iter().copied())
    }

    /// Runs the checks in order; `None` if a link broke.
    fn run(&self, steps: &mut Vec<DiagnosisStep>) -> Option<()> {
        let addresses = self.check_name(steps)?;
        let address = self.check_tcp(steps, &addresses)?;
        let connection = Connection {
            target: self.target,
            proxy: self.proxy,
            address,
            deadline: self.deadline,
            timeout: network::IO_TIMEOUT,
        };
        self.check_proxy(steps, connection)?;
        self.check_tls(steps, connection)?;
        let answer = self.check_protocol(steps, connection)?;
        self.check_delivery(steps, connection, &answer)
    }

    fn check_tls(&self, steps: &mut Vec<DiagnosisStep>, connection: Connection<'_>) -> Option<()> {
        if !self.target.is_https() {
            let scheme = &self.target.paths.endpoint;
            let finding = format!("{scheme} is http: not encrypted");
            steps.push(DiagnosisStep::skipped("tls", finding));
            return Some(());
        }
        // Both protocols are offered: which one is spoken is the next link.
        let handshake = connection
            .connect()
            .and_then(|socket| tls::handshake(self.target, socket, &["h2", "http/1.1"]));
        let step = match &handshake {
            Ok(session) => tls::success_step(session),
            Err(error) => tls::failure_step(error, self.target),
        };
        steps.push(step);
        handshake.ok().map(drop)
    }

    fn check_delivery(
        &self,
        steps: &mut Vec<DiagnosisStep>,
        connection: Connection<'_>,
        answer: &ProbeAnswer,
    ) -> Option<()> {
        let config = &self.target.effective.config;
        let (date, location) = match answer {
            ProbeAnswer::Http1(head) => (head.date.as_deref(), head.location.as_deref()),
            _ => (None, None),
        };
        let clock = clock::clock_step(date, SystemTime::now());
        if config.disabled {
            let skipped =
                |name| DiagnosisStep::skipped(name, "nothing is sent, because disabled is true");
            steps.extend([skipped("auth"), clock]);
            steps.extend(self.target.step_names().map(skipped));
            return Some(());
        }
        let outcomes = match send_test_signals(self.target, self.deadline) {
            Ok(outcomes) => outcomes,
            Err(error) => {
                let fix = format!(
                    "correct what {} and {} say",
                    self.target.paths.headers, self.target.paths.tls
                );
                steps.push(DiagnosisStep::fail("auth", error, fix));
                steps.push(clock);
                return None;
            }
        };
        if self.target.is_grpc()
            && outcomes.iter().all(SignalOutcome::is_non_grpc_answer)
            && accepts_otlp_http(connection)
        {
            // HTTP/2 was spoken, but not gRPC.
            steps.pop();
            steps.push(self.mismatch_step(&probe_configured_path(connection)));
            return None;
        }
        let diagnosis = ReceiverDiagnosis {
            target: self.target,
            forwarding_proxy: connection.forwarding_proxy(),
            location,
        };
        steps.push(diagnosis.auth_step(&outcomes));
        steps.push(clock);
        for signal in self.target.signals.iter().copied() {
            let outcome = outcomes.iter().find(|outcome| outcome.signal == signal);
            steps.push(match outcome {
                Some(outcome) => diagnosis.signal_step(outcome, &outcomes),
                None => {
                    let terms = SignalTerms::of(signal);
                    let reason = match is_pushed(config, signal) {
                        true => "not sent".into(),
                        false => format!("{} is false: {}", terms.switch, terms.when_off),
                    };
                    DiagnosisStep::skipped(terms.step_name, reason)
                }
            });
        }
        Some(())
    }
}
