//! Steps that are being tried on a thread, up to the deadline of the whole.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::step::DiagnosisStep;
use crate::model::units::format_duration;

/// The time that is kept for steps to be reported: what runs ends so much before the deadline.
const REPORT_TIME: Duration = Duration::from_millis(300);

/// Steps that are being tried.
#[derive(Debug)]
pub(super) struct PendingSteps {
    /// The name of the step if they aren't finished in time.
    name: &'static str,
    fix: String,
    started: Instant,
    deadline: Instant,
    receiver: Result<mpsc::Receiver<Vec<DiagnosisStep>>, String>,
}

impl PendingSteps {
    /// Starts a check on a thread of its own. `fix` is for one that doesn't end in time.
    pub(super) fn start(
        name: &'static str,
        fix: String,
        deadline: Instant,
        check: impl FnOnce(Instant) -> Vec<DiagnosisStep> + Send + 'static,
    ) -> Self {
        let (sender, receiver) = mpsc::channel();
        // Not joined: a thread that hangs in the system's resolver would hold the whole up.
        let spawned = thread::Builder::new().spawn(move || {
            let deadline = deadline.checked_sub(REPORT_TIME).unwrap_or(deadline);
            // The receiver is gone if the deadline has passed.
            let _ = sender.send(check(deadline));
        });
        Self {
            name,
            fix,
            started: Instant::now(),
            deadline,
            receiver: spawned.map(|_| receiver).map_err(|error| error.to_string()),
        }
    }

    /// Returns the steps, or that they were not finished by the deadline.
    pub(super) fn finish(self) -> Vec<DiagnosisStep> {
        let remaining = self.deadline.saturating_duration_since(Instant::now());
        let receiver = match self.receiver {
            Ok(receiver) => receiver,
            Err(error) => {
                let fix = "free some memory, or let this user have more threads";
                return vec![DiagnosisStep::fail(self.name, error, fix)];
            }
        };
        receiver.recv_timeout(remaining).unwrap_or_else(|_| {
            let limit = self.deadline.saturating_duration_since(self.started);
            let limit = Duration::from_secs(limit.as_secs_f64().round() as u64);
            let finding = format!("not finished within {}", format_duration(limit));
            vec![DiagnosisStep::fail(self.name, finding, self.fix)]
        })
    }
}
