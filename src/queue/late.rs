//! Late items: those that are put after the core was closed, by holders of permits and as subtasks. They are
//! behind all items that were put before.
//!
//! Knows two numbers, for operations that take no lock. Does not know the items, which the mutex of the
//! waiters guards.

use crate::sync::{AtomicU64, Ordering};

/// The numbers of late items that were put and got. Each only grows, under the mutex.
pub(super) struct Late {
    put: AtomicU64,
    got: AtomicU64,
}

impl Late {
    pub(super) fn new() -> Self {
        Late { put: AtomicU64::new(0), got: AtomicU64::new(0) }
    }

    /// Late items that were put. Only grows.
    pub(super) fn total_put(&self) -> u64 {
        // Ordering: Acquire, P2. Pairs with P1: an item that was got was put.
        self.put.load(Ordering::Acquire)
    }

    /// Late items that were got, and those that were put.
    pub(super) fn totals(&self) -> (u64, u64) {
        // Ordering: Acquire, P2. As above.
        let got = self.got.load(Ordering::Acquire);
        (got, self.total_put())
    }

    /// Late items that are in the queue, at one moment.
    pub(super) fn len(&self) -> u64 {
        // Ordering: Acquire, P2. As above.
        let mut got = self.got.load(Ordering::Acquire);
        loop {
            let put = self.total_put();
            // Ordering: Acquire, P2. As above.
            let again = self.got.load(Ordering::Acquire);
            if again == got {
                return put - got;
            }
            got = again;
        }
    }

    /// Counts items that were put; under the mutex, as [`Late::count_got`].
    pub(super) fn count_put(&self, items: usize) {
        // Ordering: Release, P1. Pairs with P2: the items got before.
        self.put.fetch_add(items as u64, Ordering::Release);
    }

    pub(super) fn count_got(&self, items: usize) {
        // Ordering: Release, P1. Pairs with P2: the items put before.
        self.got.fetch_add(items as u64, Ordering::Release);
    }
}
