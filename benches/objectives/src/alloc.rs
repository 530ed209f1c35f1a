//! An allocator that counts the bytes that are held.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicI64, Ordering};

static HELD_BYTES: AtomicI64 = AtomicI64::new(0);

struct TrackingAllocator;

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for TrackingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        track(layout.size() as i64);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        track(layout.size() as i64);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        track(-(layout.size() as i64));
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn track(bytes: i64) {
    HELD_BYTES.fetch_add(bytes, Ordering::Relaxed);
}

#[global_allocator]
static ALLOCATOR: TrackingAllocator = TrackingAllocator;

/// Returns the growth of held memory during a call, in bytes.
pub(crate) fn held_growth(call: impl FnOnce()) -> i64 {
    let before = HELD_BYTES.load(Ordering::Relaxed);
    call();
    HELD_BYTES.load(Ordering::Relaxed) - before
}
