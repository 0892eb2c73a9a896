//! Late items: those that holders of permits put after the close. They are behind all items that were put
//! before it.
//!
//! Knows two numbers, for operations that take no lock. Does not know the items, which the mutex of the
//! waiters guards.

use crate::sync::{AtomicU64, Ordering};

/// The numbers of late items that were put and got, each in half of a word: at most as many as there are
/// permits.
pub(super) struct Late(AtomicU64);

const ONE_PUT: u64 = 1 << 32;

impl Late {
    crate::sync::const_fn! {
        pub(super) const fn new() -> Self {
            Late(AtomicU64::new(0))
        }
    }

    /// Late items that were put. Only grows.
    pub(super) fn total_put(&self) -> u64 {
        self.load() / ONE_PUT
    }

    /// Late items that are in the queue.
    pub(super) fn len(&self) -> u64 {
        let word = self.load();
        word / ONE_PUT - word % ONE_PUT
    }

    /// Counts an item that was put; under the mutex, as [`Late::count_got`].
    pub(super) fn count_put(&self) {
        // Ordering: AcqRel, P1. Pairs with P2.
        self.0.fetch_add(ONE_PUT, Ordering::AcqRel);
    }

    pub(super) fn count_got(&self, items: usize) {
        // Ordering: AcqRel, P1. As above.
        self.0.fetch_add(items as u64, Ordering::AcqRel);
    }

    fn load(&self) -> u64 {
        // Ordering: Acquire, P2. Pairs with P1: an item that was got was put.
        self.0.load(Ordering::Acquire)
    }
}
