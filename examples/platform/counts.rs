//! The counts of requests and jobs, for the lines on the terminal: the metrics are the SDK's.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The outcome of a request for its client.
#[derive(Clone, Copy)]
pub(crate) enum RequestOutcome {
    Answered,
    /// 4xx.
    Refused,
    /// 5xx, or no answer.
    Failed,
    /// The client's timeout was over.
    GaveUp,
}

/// The outcome of a job.
#[derive(Clone, Copy)]
pub(crate) enum JobOutcome {
    Done,
    Failed,
    Panicked,
}

impl RequestOutcome {
    pub(crate) const ALL: [(Self, &'static str); 4] = [
        (Self::Answered, "requests answered"),
        (Self::Refused, "  refused (4xx)"),
        (Self::Failed, "  failed (5xx)"),
        (Self::GaveUp, "  given up by clients"),
    ];
}

impl JobOutcome {
    pub(crate) const ALL: [(Self, &'static str); 3] = [
        (Self::Done, "jobs done"),
        (Self::Failed, "  failed"),
        (Self::Panicked, "  panicked"),
    ];
}

/// The counts of one phase of a run: with or without the incident.
pub(crate) struct PhaseCounts {
    requests: [AtomicU64; RequestOutcome::ALL.len()],
    jobs: [AtomicU64; JobOutcome::ALL.len()],
    /// Answers by whole milliseconds; the last place is for all that took longer.
    latencies: Box<[AtomicU64]>,
}

impl Default for PhaseCounts {
    fn default() -> Self {
        Self {
            requests: Default::default(),
            jobs: Default::default(),
            latencies: (0..10_000).map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

impl PhaseCounts {
    pub(crate) fn count_request(&self, request: RequestOutcome, elapsed: Duration) {
        add(&self.requests[request as usize]);
        if !matches!(request, RequestOutcome::GaveUp) {
            let last_bucket = self.latencies.len() - 1;
            let bucket = usize::try_from(elapsed.as_millis()).unwrap_or(last_bucket);
            add(&self.latencies[bucket.min(last_bucket)]);
        }
    }

    pub(crate) fn count_job(&self, job: JobOutcome) {
        add(&self.jobs[job as usize]);
    }

    pub(crate) fn requests(&self, request: RequestOutcome) -> u64 {
        read(&self.requests[request as usize])
    }

    pub(crate) fn jobs(&self, job: JobOutcome) -> u64 {
        read(&self.jobs[job as usize])
    }

    /// The time in which 95 of 100 were answered; `None` without any answer.
    pub(crate) fn p95(&self) -> Option<Duration> {
        let total: u64 = self.latencies.iter().map(read).sum();
        let mut cumulative = 0;
        let bucket = self.latencies.iter().position(|bucket| {
            cumulative += read(bucket);
            cumulative * 100 >= total * 95
        })?;
        (total > 0).then(|| Duration::from_millis(bucket as u64))
    }
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
