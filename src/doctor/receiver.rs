//! The chain of one receiver: the links to it, the protocol, and the delivery of test signals.

mod protocol;

use std::time::{Instant, SystemTime};

use super::clock;
use super::diagnose::{GZIP, ReceiverDiagnosis};
use super::links::check_links;
use super::probe::ProbeAnswer;
use super::step::DiagnosisStep;
use super::stream::Connection;
use super::target::{OtlpTarget, SignalTerms, is_pushed};
use super::test_signals::{SignalOutcome, send_test_signals};
use crate::config::Compression;
use protocol::{accepts_otlp_http, probe_configured_path};

/// Checks every link.
pub(super) fn receiver_steps(target: &OtlpTarget, deadline: Instant) -> Vec<DiagnosisStep> {
    // In the order in which one depends on the other; `clock` stands before the signals because it explains
    // some of their failures.
    let mut names = vec!["protocol", "auth", GZIP, "clock"];
    names.extend(target.step_names());
    let chain = ReceiverChain { target, deadline };
    check_links(&target.url, deadline, &names, |connection, steps| {
        let answer = chain.check_protocol(steps, connection)?;
        chain.check_delivery(steps, connection, &answer)
    })
}

struct ReceiverChain<'a> {
    target: &'a OtlpTarget,
    deadline: Instant,
}

impl ReceiverChain<'_> {
    /// Sends the test signals and adds the steps about credentials, clock and each signal.
    fn check_delivery(
        &self,
        steps: &mut Vec<DiagnosisStep>,
        connection: Connection<'_>,
        answer: &ProbeAnswer,
    ) -> Option<()> {
        let config = &self.target.url.effective.config;
        let (date, location) = match answer {
            ProbeAnswer::Http1(head) => (head.date.as_deref(), head.location.as_deref()),
            _ => (None, None),
        };
        let clock = clock::clock_step(date, SystemTime::now());
        if config.disabled {
            let skipped =
                |name| DiagnosisStep::skipped(name, "nothing is sent, because disabled is true");
            steps.extend([skipped("auth"), skipped(GZIP), clock]);
            steps.extend(self.target.step_names().map(skipped));
            return Some(());
        }
        let configured = self.target.otlp.compression;
        let sent = send_test_signals(self.target, configured, self.deadline);
        let outcomes = match sent {
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
        // A receiver of gRPC refuses gzip with the code of one that isn't there.
        let without = self.send_uncompressed(&outcomes);
        let refuses_gzip = without.is_some();
        let outcomes = without.unwrap_or(outcomes);
        if self.target.is_grpc()
            && !refuses_gzip
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
        steps.push(diagnosis.gzip_step(refuses_gzip, &outcomes));
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

    /// Sends the signals once more without compression, where gzip may be the reason that they were refused;
    /// `None` if it isn't.
    fn send_uncompressed(&self, outcomes: &[SignalOutcome]) -> Option<Vec<SignalOutcome>> {
        let is_gzip = self.target.otlp.compression == Compression::Gzip;
        if !is_gzip || !outcomes.iter().any(SignalOutcome::may_be_compression) {
            return None;
        }
        let again = send_test_signals(self.target, Compression::None, self.deadline).ok()?;
        let is_mended = |outcome: &SignalOutcome| {
            let refused = |other: &SignalOutcome| {
                other.signal == outcome.signal && other.may_be_compression()
            };
            outcome.error.is_none() && outcomes.iter().any(refused)
        };
        again.iter().any(is_mended).then_some(again)
    }
}
