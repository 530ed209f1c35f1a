use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

#[test]
fn own_lines_are_written_at_once_and_without_a_thread() {
    let test = TestTelemetry::new();
    let supervisor = &test.telemetry.0.recording.supervisor;
    let is_written = Arc::new(AtomicBool::new(false));
    let written = Arc::clone(&is_written);
    supervisor
        .log_queue()
        .write(move || written.store(true, Ordering::SeqCst));
    assert!(is_written.load(Ordering::SeqCst));
    assert!(supervisor.threads().is_empty());
}
