//! Weighs what is held, where somebody asks.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicI64, Ordering};

static HELD: AtomicI64 = AtomicI64::new(0);

struct Weighing;

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Weighing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        weigh(layout.size() as i64);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        weigh(layout.size() as i64);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        weigh(-(layout.size() as i64));
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn weigh(bytes: i64) {
    HELD.fetch_add(bytes, Ordering::Relaxed);
}

#[global_allocator]
static WEIGHING: Weighing = Weighing;

/// By how many bytes the memory that is held grew during a call.
pub(crate) fn held(call: impl FnOnce()) -> i64 {
    let before = HELD.load(Ordering::Relaxed);
    call();
    HELD.load(Ordering::Relaxed) - before
}
