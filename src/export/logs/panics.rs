//! Panics as log lines.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::background::panic::panic_text;

/// The target of the lines about panics.
pub(super) const PANIC_TARGET: &str = "panic";

/// True where the service logs panics itself: then `init` adds no second line.
static BY_SERVICE: AtomicBool = AtomicBool::new(false);

/// Logs every panic as an error with target `panic`, besides what the process does on a panic so far.
///
/// For a service with a `tracing` subscriber of its own: [`init`](crate::init) does the same where it sets the
/// subscriber, unless `logs.panics` is false, until the shutdown. To be called once, at the start.
///
/// The hook that was there before is called too: by default it writes the panic to standard
/// error. A backtrace is logged where `RUST_BACKTRACE` asks for one. The panicking thread waits for its line to
/// be written, for at most 100 ms, because the process may be about to end.
pub fn log_panics() {
    BY_SERVICE.store(true, Ordering::SeqCst);
    chain_hook(|| true);
}

/// The lines about panics that `init` asks for, until they end. Clones are one.
#[derive(Clone, Debug, Default)]
pub(crate) struct PanicLog(Arc<AtomicBool>);

impl PanicLog {
    /// Logs each panic from now on.
    pub(crate) fn start(&self) {
        self.0.store(true, Ordering::SeqCst);
        let is_on = Arc::clone(&self.0);
        chain_hook(move || is_on.load(Ordering::SeqCst) && !BY_SERVICE.load(Ordering::SeqCst));
    }

    /// Leaves panics to the hook that was there before. Ours stays in its place and calls that: another one may have
    /// been put before it since.
    pub(crate) fn end(&self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// Puts a hook before that of the process, which logs while it is on.
///
/// A panic in a hook ends the process, so that it runs nothing but code that doesn't: no code of the service is called,
/// no lock is waited for that this thread may hold, and a line that is being written by the thread is another one.
fn chain_hook(is_on: impl Fn() -> bool + Send + Sync + 'static) {
    // The standard library refuses a change meanwhile, by a panic.
    if std::thread::panicking() {
        return;
    }
    let previous_hook = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        // Before the other hook, which may end the process.
        if is_on() {
            log_panic(panic);
        }
        previous_hook(panic);
    }));
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let backtrace = Backtrace::capture();
    let captured = backtrace.status() == BacktraceStatus::Captured;
    tracing::error!(
        target: PANIC_TARGET,
        location = panic.location().map(tracing::field::display),
        thread = thread.name(),
        backtrace = captured.then(|| tracing::field::display(&backtrace)),
        "{}",
        panic_text(panic.payload())
    );
}
