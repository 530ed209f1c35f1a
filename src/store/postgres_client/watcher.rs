//! The thread that reads a server's figures. It is its own, so that a server that hangs stops
//! nothing but its figures.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};
use std::{fmt, io, thread};

use arc_swap::ArcSwapOption;

use super::address::Address;
use super::error::PostgresError;
use super::figures::Figures;
use super::pool::Pool;
use crate::model::snapshot::database::Database;

/// The shortest and the longest time between two samples. In between, reading takes a hundredth of
/// the time.
const PAUSE: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(60));

/// The latest figures; `None` while the server does not answer.
pub(crate) type Latest = Arc<ArcSwapOption<Database>>;

/// Reads figures until it is dropped.
pub(crate) struct Watcher {
    _stop: SyncSender<()>,
}

impl Watcher {
    /// Starts reading at once; `told` hears after each sample whether the server answered.
    pub(crate) fn start(
        address: Address,
        latest: Latest,
        told: impl Fn(bool) + Send + 'static,
    ) -> io::Result<Self> {
        let (stop, stopped) = sync_channel::<()>(0);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        thread::Builder::new()
            .name("vantage-postgres".into())
            .spawn(move || {
                let mut figures = Figures::new(Pool::new(address, 1));
                let (mut pause, mut up) = (Duration::ZERO, true);
                while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                    let started = Instant::now();
                    let sample = runtime.block_on(figures.sample());
                    told(sample.is_ok());
                    up = publish(&latest, sample, up);
                    pause = pause_after(started.elapsed());
                }
                latest.store(None);
                // A name that is being resolved must not keep the thread.
                runtime.shutdown_background();
            })?;
        Ok(Self { _stop: stop })
    }
}

/// What is gone takes its figures with it; that is said once. Answers whether the server is there.
fn publish(latest: &Latest, sample: Result<Database, PostgresError>, was_up: bool) -> bool {
    match sample {
        Ok(sample) => {
            latest.store(Some(Arc::new(sample)));
            true
        }
        Err(error) => {
            latest.store(None);
            if was_up {
                tracing::warn!(target: "vantage_obs", error = error.told(), "PostgreSQL does not answer: its figures are gone until it does");
            }
            false
        }
    }
}

fn pause_after(elapsed: Duration) -> Duration {
    elapsed.saturating_mul(100).clamp(PAUSE.0, PAUSE.1)
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watcher")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_takes_a_hundredth_of_the_time_within_its_bounds() {
        for (milliseconds, seconds) in [(5, 15), (200, 20), (10_000, 60)] {
            let pause = pause_after(Duration::from_millis(milliseconds));
            assert_eq!(pause, Duration::from_secs(seconds));
        }
    }
}
