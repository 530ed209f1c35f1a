//! Panics as log lines.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};

use crate::background::panic::panic_text;

/// The target of the lines about panics.
pub(super) const PANIC_TARGET: &str = "panic";

/// Logs every panic as an error with target `panic`, besides what the process does on a panic so far.
///
/// The hook of a process belongs to the service, so that nothing calls this but the service, once, at
/// its start. The hook that was there before is called too: by default it writes the panic to standard
/// error. A backtrace is logged where `RUST_BACKTRACE` asks for one. The panicking thread waits for its line to
/// be written, for at most 100 ms, because the process may be about to end.
pub fn log_panics() {
    let previous_hook = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        // Before the other hook, which may end the process.
        log_panic(panic);
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
