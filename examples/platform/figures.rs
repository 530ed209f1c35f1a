//! What clients and workers saw, for the lines on the terminal: the metrics are the SDK's.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How a request ended for the client that sent it.
#[derive(Clone, Copy)]
pub(crate) enum Request {
    Answered,
    /// 4xx.
    Refused,
    /// 5xx, or no answer.
    Failed,
    /// The client's patience was at its end.
    GaveUp,
}

/// How a job ended.
#[derive(Clone, Copy)]
pub(crate) enum Job {
    Done,
    Failed,
    Panicked,
}

impl Request {
    pub(crate) const ALL: [(Self, &'static str); 4] = [
        (Self::Answered, "requests answered"),
        (Self::Refused, "  refused (4xx)"),
        (Self::Failed, "  failed (5xx)"),
        (Self::GaveUp, "  given up by clients"),
    ];
}

impl Job {
    pub(crate) const ALL: [(Self, &'static str); 3] = [
        (Self::Done, "jobs done"),
        (Self::Failed, "  failed"),
        (Self::Panicked, "  panicked"),
    ];
}

/// The figures of one phase of a run: with or without the incident.
pub(crate) struct Figures {
    requests: [AtomicU64; Request::ALL.len()],
    jobs: [AtomicU64; Job::ALL.len()],
    /// Answers by whole milliseconds; the last place is for all that took longer.
    latencies: Box<[AtomicU64]>,
}

impl Default for Figures {
    fn default() -> Self {
        Self {
            requests: Default::default(),
            jobs: Default::default(),
            latencies: (0..10_000).map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

impl Figures {
    pub(crate) fn request(&self, request: Request, elapsed: Duration) {
        add(&self.requests[request as usize]);
        if !matches!(request, Request::GaveUp) {
            let longest = self.latencies.len() - 1;
            let place = usize::try_from(elapsed.as_millis()).unwrap_or(longest);
            add(&self.latencies[place.min(longest)]);
        }
    }

    pub(crate) fn job(&self, job: Job) {
        add(&self.jobs[job as usize]);
    }

    pub(crate) fn requests(&self, request: Request) -> u64 {
        read(&self.requests[request as usize])
    }

    pub(crate) fn jobs(&self, job: Job) -> u64 {
        read(&self.jobs[job as usize])
    }

    /// The time in which 95 of 100 were answered; `None` without any answer.
    pub(crate) fn p95(&self) -> Option<Duration> {
        let all: u64 = self.latencies.iter().map(read).sum();
        let mut seen = 0;
        let place = self.latencies.iter().position(|place| {
            seen += read(place);
            seen * 100 >= all * 95
        })?;
        (all > 0).then(|| Duration::from_millis(place as u64))
    }
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
