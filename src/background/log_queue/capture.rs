//! Log lines that are written at once, for tests, which have no thread for them.

use std::sync::{Arc, OnceLock};

use tracing::dispatcher::{self, Dispatch, WeakDispatch};
use tracing_subscriber::Layer;

/// The subscriber of a test, which gets lines from whichever thread. A cheap clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct CaptureQueue(Arc<OnceLock<WeakDispatch>>);

/// Tells the subscriber of a test from one that a test has set itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CaptureMarker;

impl<S: tracing::Subscriber> Layer<S> for CaptureMarker {}

impl CaptureQueue {
    /// Sets the subscriber; the first one stays.
    #[cfg(feature = "testing")]
    pub(crate) fn set(&self, dispatch: &Dispatch) {
        let _ = self.0.set(dispatch.downgrade());
    }

    /// Writes a line: where the thread has a subscriber that was set by the test itself, to that one.
    pub(super) fn write(&self, line: impl FnOnce()) {
        let is_free = dispatcher::get_default(|current| {
            current.is::<tracing::subscriber::NoSubscriber>() || current.is::<CaptureMarker>()
        });
        let own = self.0.get().and_then(WeakDispatch::upgrade);
        match own.filter(|_| is_free) {
            Some(own) => dispatcher::with_default(&own, line),
            None => line(),
        }
    }
}
