//! The chain of one receiver: each link is tried when the one before it holds.

mod protocol;
mod reachability;

use std::time::{Instant, SystemTime};

use super::diagnose::{self, ReceiverDiagnosis};
use super::fix::SettingFixes;
use super::probe::ProbeAnswer;
use super::step::DiagnosisStep;
use super::stream::Connection;
use super::target::{OtlpTarget, is_pushed};
use super::test_signals::{SignalOutcome, send_test_signals};
use super::{clock, network, tls};
use crate::config::TelemetrySignal;
use protocol::{accepts_otlp_http, probe_configured_path};

const CHAIN: [&str; 6] = ["name", "tcp", "tls", "protocol", "auth", "clock"];

/// Checks every link.
pub(super) fn receiver_steps(
    target: &OtlpTarget,
    settings: SettingFixes<'_>,
    deadline: Instant,
) -> Vec<DiagnosisStep> {
    let mut steps = Vec::new();
    let outcome = ReceiverChain {
        target,
        settings,
        deadline,
    }
    .run(&mut steps);
    if outcome.is_none() {
        let untried = CHAIN.iter().skip(steps.len()).copied();
        let signals = target
            .signals
            .iter()
            .map(|signal| diagnose::signal_step_name(*signal));
        let skipped = |name| DiagnosisStep::skipped(name, "not tried after the failure above");
        steps.extend(untried.chain(signals).map(skipped));
    }
    steps
}

struct ReceiverChain<'a> {
    target: &'a OtlpTarget,
    settings: SettingFixes<'a>,
    deadline: Instant,
}

impl ReceiverChain<'_> {
    /// Runs the checks in order; `None` if a link broke.
    fn run(&self, steps: &mut Vec<DiagnosisStep>) -> Option<()> {
        let addresses = self.check_name(steps)?;
        let address = self.check_tcp(steps, &addresses)?;
        let connection = Connection {
            target: self.target,
            address,
            deadline: self.deadline,
            timeout: network::IO_TIMEOUT,
        };
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
            Err(error) => tls::failure_step(error, self.target, self.settings),
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
        let config = &self.settings.0.config;
        let (date, location) = match answer {
            ProbeAnswer::Http1(head) => (head.date.as_deref(), head.location.as_deref()),
            _ => (None, None),
        };
        let clock = clock::clock_step(date, SystemTime::now());
        if config.disabled {
            let skipped =
                |name| DiagnosisStep::skipped(name, "nothing is sent, because disabled is true");
            steps.extend([skipped("auth"), clock]);
            let signals = self.target.signals.iter();
            steps.extend(signals.map(|signal| skipped(diagnose::signal_step_name(*signal))));
            return Some(());
        }
        let outcomes = match send_test_signals(self.settings.0, self.target, self.deadline) {
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
            settings: self.settings,
            location,
        };
        steps.push(diagnosis.auth_step(&outcomes));
        steps.push(clock);
        for signal in &self.target.signals {
            let outcome = outcomes.iter().find(|outcome| outcome.signal == *signal);
            steps.push(match outcome {
                Some(outcome) => diagnosis.signal_step(outcome, &outcomes),
                None if is_pushed(config, *signal) => {
                    DiagnosisStep::skipped(diagnose::signal_step_name(*signal), "not sent")
                }
                None => DiagnosisStep::skipped(
                    diagnose::signal_step_name(*signal),
                    disabled_reason(*signal),
                ),
            });
        }
        Some(())
    }
}

const fn disabled_reason(signal: TelemetrySignal) -> &'static str {
    match signal {
        TelemetrySignal::Traces => "traces.enabled is false: spans are not sent",
        TelemetrySignal::Metrics => "metrics.otlp.enabled is false: metrics are scraped, not sent",
        TelemetrySignal::Logs => "logs.otlp is false: log records are not sent",
    }
}
