//! The thread that samples a server's statistics. It is its own, so that a server that hangs stops
//! nothing but its figures.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use tokio::time::sleep;

use super::address::PostgresAddress;
use super::pool::PostgresPool;
use super::statistics::DatabaseStatistics;
use crate::background::thread::{DEFAULT_BLOCKING_THREADS, RuntimeGuard, Stopped};
use crate::background::{Supervisor, ThreadStatus};
use crate::model::snapshot::database::DatabaseFigures;

/// The shortest and the longest time between two samples. In between, reading takes a hundredth of
/// the time.
// A hundredth, so that reading statistics never becomes a load of its own, however slow the server
// is.
const SAMPLE_INTERVAL: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(60));

/// The latest figures; `None` while the server does not answer.
pub(crate) type LatestDatabase = Arc<ArcSwapOption<DatabaseFigures>>;

/// The handle of the sampling thread, which ends when it is dropped.
#[derive(Debug)]
pub(crate) struct DatabaseSampler {
    _guard: RuntimeGuard,
}

impl DatabaseSampler {
    /// Starts sampling at once; `on_sample` is called after each sample with true if the server answered.
    pub(crate) fn start(
        address: PostgresAddress,
        latest: LatestDatabase,
        on_sample: impl Fn(bool) + Send + 'static,
        supervisor: &Supervisor,
    ) -> io::Result<Self> {
        let sample = async move |stopped: &Stopped, thread: &ThreadStatus| {
            // Made anew after a panic, with its connection, in whatever state that was.
            let pool = PostgresPool::new(address.clone(), 1);
            let mut statistics = DatabaseStatistics::new(pool);
            let sampling = run(&mut statistics, &latest, &on_sample, thread);
            // Whichever ends first; the loop itself never does.
            stopped.or(sampling).await;
            // A database that is no longer watched has no series.
            latest.store(None);
        };
        let guard = supervisor.run("vantage-postgres", DEFAULT_BLOCKING_THREADS, sample)?;
        Ok(Self { _guard: guard })
    }
}

async fn run(
    statistics: &mut DatabaseStatistics,
    latest: &LatestDatabase,
    on_sample: &impl Fn(bool),
    thread: &ThreadStatus,
) {
    // `true` at the start, so that a server that is away from the beginning is told as well.
    let mut up = true;
    loop {
        let started = Instant::now();
        let sample = statistics.sample().await;
        on_sample(sample.is_ok());
        // Logged once per outage.
        if up && let Err(error) = &sample {
            tracing::warn!(target: "vantage_obs", error = error.with_causes(), "PostgreSQL does not answer: its metrics are absent until it does");
        }
        up = sample.is_ok();
        latest.store(sample.ok().map(Arc::new));
        thread.record_round();
        sleep(interval_after(started.elapsed())).await;
    }
}

/// Returns the pause after a sample that took so long.
fn interval_after(elapsed: Duration) -> Duration {
    elapsed
        .saturating_mul(100)
        .clamp(SAMPLE_INTERVAL.0, SAMPLE_INTERVAL.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_takes_a_hundredth_of_the_time_within_its_bounds() {
        for (milliseconds, seconds) in [(5, 15), (200, 20), (10_000, 60)] {
            let interval = interval_after(Duration::from_millis(milliseconds));
            assert_eq!(interval, Duration::from_secs(seconds));
        }
    }
}
