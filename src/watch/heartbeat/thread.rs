use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use super::service::Heart;
use crate::background::log_queue::LogQueue;
use crate::background::log_sink::Voice;

/// How many threads may resolve names or write log lines beside the one.
const HELPERS: usize = 3;
/// After a panic, which is a bug of ours.
const REST: Duration = Duration::from_secs(1);
/// How long the last log lines may take.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// The heartbeat's thread runs until this is dropped.
#[derive(Debug)]
pub(crate) struct Beating {
    heart: Heart,
    stopped: Arc<AtomicBool>,
}

impl Drop for Beating {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.heart.wake();
    }
}

impl Heart {
    /// Starts the thread `vantage-heartbeat`.
    pub(crate) fn start(&self) -> io::Result<Beating> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(HELPERS)
            .build()?;
        let stopped = Arc::new(AtomicBool::new(false));
        let (heart, stop) = (self.clone(), Arc::clone(&stopped));
        thread::Builder::new()
            .name("vantage-heartbeat".into())
            .spawn(move || run(runtime, &heart, &stop))?;
        Ok(Beating {
            heart: self.clone(),
            stopped,
        })
    }
}

fn run(runtime: Runtime, heart: &Heart, stopped: &AtomicBool) {
    runtime.block_on(async {
        let (herald, speaking) = LogQueue::start();
        let voice = Voice::Aside(herald);
        while !stopped.load(Ordering::Relaxed) {
            let next = guarded(heart, &voice);
            let wait = next.saturating_duration_since(heart.now());
            // Nothing wakes for the time being: it is looked at anyway.
            let _ = timeout(wait, heart.woken()).await;
        }
        drop(voice);
        let _ = timeout(LAST_WORDS, speaking).await;
    });
    // A name that is being resolved is not waited for.
    runtime.shutdown_background();
}

/// A panic costs one round, and not the heartbeat.
fn guarded(heart: &Heart, voice: &Voice) -> Instant {
    let round = AssertUnwindSafe(|| heart.round(voice));
    catch_unwind(round).unwrap_or_else(|_| {
        voice.say(|| tracing::error!("a round of heartbeats panicked; the next one follows"));
        heart.now() + REST
    })
}
