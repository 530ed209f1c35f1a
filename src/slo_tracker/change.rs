//! What is told when an objective raises something else: a log line and whoever asked to be called.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::{fmt, io, thread};

use crate::slo::report::Alert;

/// Changes that may wait to be told; what is beyond is not told.
const WAITING: usize = 256;

/// An objective raises something else than before.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SloAlertChange {
    /// Its id, such as `api.latency`.
    pub objective: Arc<str>,
    /// What it raised.
    pub from: Alert,
    /// What it raises.
    pub to: Alert,
}

type Callback = Arc<dyn Fn(&SloAlertChange) + Send + Sync>;

/// Tells changes. Clones tell together.
#[derive(Clone, Default)]
pub(super) struct News(Arc<Inner>);

#[derive(Default)]
struct Inner {
    callbacks: Mutex<Vec<Callback>>,
    thread: OnceLock<SyncSender<SloAlertChange>>,
}

impl fmt::Debug for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("News").finish_non_exhaustive()
    }
}

impl News {
    /// Tells on a thread of its own from now on, which a callback may block. It ends with the last
    /// clone.
    pub(super) fn start(&self) -> io::Result<()> {
        let (changes, told) = sync_channel(WAITING);
        let inner = Arc::downgrade(&self.0);
        thread::Builder::new()
            .name("vantage-slo-news".into())
            .spawn(move || {
                for change in told {
                    let Some(inner) = inner.upgrade() else {
                        break;
                    };
                    inner.tell(&change);
                }
            })?;
        let _ = self.0.thread.set(changes);
        Ok(())
    }

    pub(super) fn subscribe(&self, callback: Callback) {
        self.0.callbacks().push(callback);
    }

    /// Hands a change to the thread; tells it here and now where there is none.
    pub(super) fn post(&self, change: SloAlertChange) {
        match self.0.thread.get() {
            Some(thread) => {
                let _ = thread.try_send(change);
            }
            None => self.0.tell(&change),
        }
    }
}

impl Inner {
    fn callbacks(&self) -> std::sync::MutexGuard<'_, Vec<Callback>> {
        self.callbacks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, change: &SloAlertChange) {
        log(change);
        // A copy, so that a callback may itself subscribe.
        let callbacks = self.callbacks().clone();
        for callback in callbacks {
            if catch_unwind(AssertUnwindSafe(|| callback(change))).is_err() {
                tracing::error!("a callback on a change of an SLO alert panicked");
            }
        }
    }
}

fn log(change: &SloAlertChange) {
    let SloAlertChange {
        objective,
        from,
        to,
    } = change;
    let (objective, from, alert) = (&**objective, from.as_str(), to.as_str());
    match to {
        Alert::Critical => tracing::error!(objective, from, alert, "an error budget burns fast"),
        Alert::Warning => tracing::warn!(objective, from, alert, "an error budget burns"),
        Alert::Frozen | Alert::None => {
            tracing::info!(objective, from, alert, "an SLO alert has changed");
        }
    }
}
