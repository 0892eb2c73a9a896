//! What operations read without the mutex: how many waiters each wait queue has, and which ones were removed.
//!
//! Knows numbers. Does not know wait queues or wakers.

use super::WaiterKey;
use crate::sync::{AtomicU32, AtomicU64, Ordering};

/// The number of waiters on each side that were not notified. While it is 0, an operation takes no lock for
/// that side.
pub(crate) struct WaiterCounts {
    /// Gets, in operations and in streams.
    getters: AtomicU32,
    putters: AtomicU32,
}

impl WaiterCounts {
    crate::sync::const_fn! {
        pub(crate) const fn new() -> Self {
            WaiterCounts { getters: AtomicU32::new(0), putters: AtomicU32::new(0) }
        }
    }

    /// Whether a get waits, in an operation or in a stream.
    #[inline]
    pub(crate) fn has_getters(&self) -> bool {
        is_positive(&self.getters)
    }

    /// Whether a put or a reservation waits.
    #[inline]
    pub(crate) fn has_putters(&self) -> bool {
        is_positive(&self.putters)
    }

    /// Under the mutex of the wait queues, as the next one.
    #[inline]
    pub(super) fn set_getters(&self, waiting: usize) {
        set(&self.getters, waiting);
    }

    #[inline]
    pub(crate) fn set_putters(&self, waiting: usize) {
        set(&self.putters, waiting);
    }
}

#[inline]
fn is_positive(count: &AtomicU32) -> bool {
    // Ordering: Relaxed, W2. After an RMW of the word on which a waiter made its RMW fence (M1) the count
    // that the waiter set before (W1) is seen.
    count.load(Ordering::Relaxed) != 0
}

#[inline]
fn set(count: &AtomicU32, waiting: usize) {
    let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
    // Ordering: Relaxed, W3. All stores are made under the mutex.
    if count.load(Ordering::Relaxed) != waiting {
        // Ordering: Relaxed, W1. The RMW fence that follows (M1) releases it to each later RMW of that word.
        count.store(waiting, Ordering::Relaxed);
    }
}

/// The sequence number behind the last waiter that was removed by its notifier, for waiters that take no lock.
///
/// Race: a removed waiter has nothing left in the wait queue.
/// 1. The notifier stores the watermark while it holds the mutex, after it has removed the waiter's entry: a
///    get has no entry any more, and the item of a put is in the queue.
/// 2. A waiter that reads a watermark above its own sequence number was removed, and needs no lock.
/// 3. The watermark only grows. A waiter that reads an old one takes the lock and finds its entry gone.
///
/// Reservations and waiters for space keep their entries when they are notified, and do not read the
/// watermark, although it may pass their numbers. After a close has notified the waiting puts, no later put
/// is completed.
pub(super) struct Watermark(AtomicU64);

impl Watermark {
    crate::sync::const_fn! {
        pub(super) const fn new() -> Self {
            Watermark(AtomicU64::new(0))
        }
    }

    /// Under the mutex of the wait queues.
    #[inline]
    pub(super) fn set(&self, removed: u64) {
        // Ordering: Relaxed, W3. All stores are made under the mutex.
        if self.0.load(Ordering::Relaxed) != removed {
            // Ordering: Release, W7. Pairs with W8: the item of which a get is notified, or that of the put.
            self.0.store(removed, Ordering::Release);
        }
    }

    #[inline]
    pub(super) fn is_above(&self, key: &WaiterKey) -> bool {
        // Ordering: Acquire, W8. Pairs with W7: a get that is notified and finds the queue empty has not
        // missed the item that it was notified of, and a put that is completed finds its item in the queue.
        self.0.load(Ordering::Acquire) > key.seq()
    }
}
