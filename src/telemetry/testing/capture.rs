//! The log lines and `tracing` spans of a test's thread.
//!
//! A process has one global subscriber, and tests run side by side; a thread may have one of its own. So each
//! telemetry of a test is the subscriber of the thread that made it, for as long as it lives. Where a thread has
//! made several, the latest that still lives is.

use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, LazyLock, Weak};

use tracing::dispatcher::{self, DefaultGuard, Dispatch};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};

use crate::background::log_queue::{CaptureMarker, CaptureQueue};
use crate::export::logs::{CaptureLayer, CapturedLines, LogLine};
use crate::telemetry::{Telemetry, subscriber};

/// Two subscribers that see nothing. While a process has a single one, a thread without it that meets a place in
/// the code first turns that place off for all threads; with several, `tracing` asks each of them.
static OTHERS: LazyLock<[Dispatch; 2]> =
    LazyLock::new(|| std::array::from_fn(|_| Dispatch::new(tracing_subscriber::registry())));

thread_local! {
    static INSTALLED: RefCell<Vec<Installed>> = const { RefCell::new(Vec::new()) };
}

/// A capture that is the subscriber of its thread, or was before a later one.
struct Installed {
    capture: Weak<Dispatch>,
    guard: Option<DefaultGuard>,
}

/// The lines of a telemetry, and the subscriber by which they come.
pub(super) struct Capture {
    lines: CapturedLines,
    dispatch: Arc<Dispatch>,
}

impl Capture {
    /// Makes the telemetry the subscriber of this thread until it is dropped. Its own lines come by the `queue`
    /// from whichever thread.
    pub(super) fn install(telemetry: &Telemetry, queue: &CaptureQueue) -> Self {
        LazyLock::force(&OTHERS);
        let lines = CapturedLines::default();
        let levels = telemetry.log_levels().filter();
        let subscriber = tracing_subscriber::registry()
            .with(subscriber::layers(&telemetry.0, None))
            .with(CaptureLayer(lines.clone()).with_filter(levels))
            .with(CaptureMarker.with_filter(LevelFilter::OFF));
        let dispatch = Arc::new(Dispatch::new(subscriber));
        queue.set(&dispatch);
        change_installed(|installed| {
            installed.push(Installed {
                capture: Arc::downgrade(&dispatch),
                guard: None,
            });
        });
        Self { lines, dispatch }
    }

    pub(super) fn lines(&self) -> Vec<LogLine> {
        self.lines.all()
    }

    /// Makes this the subscriber of the present thread.
    pub(super) fn enter(&self) -> CaptureGuard {
        CaptureGuard {
            _guard: dispatcher::set_default(&self.dispatch),
            _stays: PhantomData,
        }
    }
}

/// Changes the captures of this thread, of which the last one is its subscriber.
fn change_installed(change: impl FnOnce(&mut Vec<Installed>)) {
    // The thread may be about to end.
    let _ = INSTALLED.try_with(|installed| {
        let Ok(mut installed) = installed.try_borrow_mut() else {
            return;
        };
        // Each guard restores what was there before it: so all of them go, the latest first.
        for one in installed.iter_mut().rev() {
            one.guard = None;
        }
        change(&mut installed);
        installed.retain(|one| one.capture.strong_count() > 0);
        for one in installed.iter_mut() {
            let dispatch = one.capture.upgrade();
            one.guard = dispatch.map(|dispatch| dispatcher::set_default(&dispatch));
        }
    });
}

impl Drop for Capture {
    fn drop(&mut self) {
        let own = Arc::downgrade(&self.dispatch);
        change_installed(|installed| installed.retain(|one| !one.capture.ptr_eq(&own)));
        if std::thread::panicking() {
            for line in self.lines.all() {
                // Which the test harness shows of a test that fails, and of no other.
                eprintln!("{line}");
            }
        }
    }
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Capture").field(&self.lines).finish()
    }
}

/// The thread's log lines and `tracing` spans go to a telemetry until this is dropped.
#[must_use = "nothing is captured once it is dropped"]
pub struct CaptureGuard {
    _guard: DefaultGuard,
    /// It belongs to its thread.
    _stays: PhantomData<*const ()>,
}

impl fmt::Debug for CaptureGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CaptureGuard").finish_non_exhaustive()
    }
}
