//! Peak of the heap, counted by the allocator.
//!
//! Counting costs a few nanoseconds for each allocation, which would be in every time. So it is off
//! while times are measured, and on in a run of its own.

#![expect(
    unsafe_code,
    reason = "an allocator cannot be implemented without; each call goes unchanged to the system's"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

/// The system's allocator, which can count what is in use.
#[derive(Debug)]
pub(crate) struct Counting;

static ON: AtomicBool = AtomicBool::new(false);
static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static CALLS: AtomicUsize = AtomicUsize::new(0);

fn grow(bytes: usize) {
    if ON.load(Relaxed) {
        let now = NOW.fetch_add(bytes, Relaxed).wrapping_add(bytes);
        CALLS.fetch_add(1, Relaxed);
        // What was allocated before counting began may be freed meanwhile: below zero is not a peak.
        if now < usize::MAX / 2 {
            PEAK.fetch_max(now, Relaxed);
        }
    }
}

fn shrink(bytes: usize) {
    if ON.load(Relaxed) {
        NOW.fetch_sub(bytes, Relaxed);
    }
}

// SAFETY: every method passes its arguments to `System` and returns what that returned.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        shrink(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        shrink(layout.size());
        grow(size);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// What a piece of work allocated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heap {
    /// Most bytes in use at one moment, beyond what was in use before.
    pub(crate) peak: usize,
    /// Number of allocations.
    pub(crate) calls: usize,
}

/// Runs `work` with counting on. Not reentrant.
pub(crate) fn counted<T>(work: impl FnOnce() -> T) -> (T, Heap) {
    for counter in [&NOW, &PEAK, &CALLS] {
        counter.store(0, Relaxed);
    }
    ON.store(true, Relaxed);
    let out = work();
    ON.store(false, Relaxed);
    let heap = Heap {
        peak: PEAK.load(Relaxed),
        calls: CALLS.load(Relaxed),
    };
    (out, heap)
}
