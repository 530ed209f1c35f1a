//! Counts allocations, and the bytes that are held, where somebody asks.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
/// Off while times are taken: a further atomic would weigh on each allocation.
static WEIGHING: AtomicBool = AtomicBool::new(false);
static HELD: AtomicI64 = AtomicI64::new(0);

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        weigh(layout.size() as i64);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        weigh(-(layout.size() as i64));
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn weigh(bytes: i64) {
    if WEIGHING.load(Ordering::Relaxed) {
        HELD.fetch_add(bytes, Ordering::Relaxed);
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

pub(crate) fn count() -> u64 {
    ALLOCATIONS.load(Ordering::Relaxed)
}

/// By how many bytes the memory that is held grew during a call.
pub(crate) fn held(call: impl FnOnce()) -> i64 {
    let before = HELD.load(Ordering::Relaxed);
    WEIGHING.store(true, Ordering::Relaxed);
    call();
    WEIGHING.store(false, Ordering::Relaxed);
    HELD.load(Ordering::Relaxed) - before
}
