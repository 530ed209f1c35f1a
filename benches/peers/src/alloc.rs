//! An allocator that counts allocations, and on request the bytes that are held.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
/// Off while times are taken: a further atomic would weigh on each allocation.
static TRACKING: AtomicBool = AtomicBool::new(false);
static HELD_BYTES: AtomicI64 = AtomicI64::new(0);

struct TrackingAllocator;

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for TrackingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        track(layout.size() as i64);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        track(-(layout.size() as i64));
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn track(bytes: i64) {
    if TRACKING.load(Ordering::Relaxed) {
        HELD_BYTES.fetch_add(bytes, Ordering::Relaxed);
    }
}

#[global_allocator]
static ALLOCATOR: TrackingAllocator = TrackingAllocator;

pub(crate) fn allocations() -> u64 {
    ALLOCATIONS.load(Ordering::Relaxed)
}

/// Returns the growth of held memory during a call, in bytes.
pub(crate) fn held_growth(call: impl FnOnce()) -> i64 {
    let before = HELD_BYTES.load(Ordering::Relaxed);
    TRACKING.store(true, Ordering::Relaxed);
    call();
    TRACKING.store(false, Ordering::Relaxed);
    HELD_BYTES.load(Ordering::Relaxed) - before
}
