//! The capacity of a queue as a number, which may change while the queue is used.
//!
//! Knows numbers. Does not know waiters: see [`super::set_capacity`].

use super::BoundKind;
use crate::raw::UNBOUNDED;
use crate::sync::{AtomicU64, AtomicUsize, Ordering};

/// The capacity that a queue has, and the largest that it ever had. They change under the mutex of the waiters.
pub(super) struct Capacity {
    now: AtomicUsize,
    most: AtomicUsize,
}

/// The limit that the core keeps, by the capacity. It is apart from that because each put reads it.
pub(super) struct Limit(AtomicU64);

impl Capacity {
    crate::sync::const_fn! {
        pub(super) const fn new(capacity: usize) -> Self {
            Capacity { now: AtomicUsize::new(capacity), most: AtomicUsize::new(capacity) }
        }
    }

    /// The capacity, old or new: to choose how to spin, and under the mutex.
    #[inline]
    pub(super) fn hint(&self) -> usize {
        // Ordering: Relaxed, Q1. Either value is right. Under the mutex it is exact.
        self.now.load(Ordering::Relaxed)
    }

    #[inline]
    pub(super) fn get(&self) -> usize {
        // Ordering: Acquire, Q2. Pairs with Q3: the largest capacity is not older than this one.
        self.now.load(Ordering::Acquire)
    }

    /// The largest capacity that the queue ever had.
    #[inline]
    pub(super) fn most(&self) -> usize {
        // Ordering: Relaxed, Q4. Q2 and Q3 order it for a thread that has read the capacity.
        self.most.load(Ordering::Relaxed)
    }

    /// Under the mutex of the waiters.
    pub(super) fn set(&self, capacity: usize, kind: BoundKind, limit: &Limit) {
        if capacity > self.most() {
            // Ordering: Relaxed, Q4. As above.
            self.most.store(capacity, Ordering::Relaxed);
        }
        // Ordering: Release, Q3. Pairs with Q2.
        self.now.store(capacity, Ordering::Release);
        if kind == BoundKind::Limit {
            // Ordering: Release, Q5. The RMW fence that follows (M1) releases it to each later get. The store of
            // the largest capacity comes before it.
            limit.0.store(as_limit(capacity), Ordering::Release);
        }
    }
}

impl Limit {
    crate::sync::const_fn! {
        pub(super) const fn new(kind: BoundKind, capacity: usize) -> Self {
            Limit(AtomicU64::new(match kind {
                BoundKind::Unbounded | BoundKind::Permits => UNBOUNDED,
                BoundKind::Limit | BoundKind::Rendezvous => as_limit(capacity),
            }))
        }
    }

    /// The limit for an operation that may be judged by it or by the next one.
    #[inline]
    pub(super) fn get(&self) -> u64 {
        // Ordering: Relaxed, Q1. A get that frees a slot after the RMW fence of a raise (M1) sees the raised
        // limit. Under the mutex the value is exact.
        self.0.load(Ordering::Relaxed)
    }
}

/// A capacity as a limit of the core.
const fn as_limit(capacity: usize) -> u64 {
    let most = UNBOUNDED - 1;
    if capacity as u64 > most {
        most
    } else {
        capacity as u64
    }
}
