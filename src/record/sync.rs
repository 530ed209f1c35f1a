//! Locks that outlive a panic.
//!
//! In the earliest wing that holds state: everything below it locks the same way.
//!
//! Why ignore poisoning? A panic in one recording would make every later one of the process panic
//! or fail, which is worse than a count that is off by one.

// `fuzz/loom` includes files that import atomics from here, with its own in this place.
pub(crate) use std::sync::atomic;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex, also after a panic of its last holder: telemetry goes on with what is there, and each
/// critical section leaves its data whole.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
