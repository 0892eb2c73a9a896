//! The permits of a queue that was created by [`Queue::with_permits`](super::Queue::with_permits): a
//! semaphore in one word.
//!
//! Knows one word. Does not know items or waiters.
//!
//! ```text
//!  63 62                     32 31                      0
//! +--+-------------------------+-------------------------+
//! |C |          held           |       2^31 + free       |     C: closed
//! +--+-------------------------+-------------------------+
//! ```
//!
//! Invariant: `free` + `held` + items in the queue = the number of permits, whenever no operation is between
//! two steps. `free` is negative while subtasks are in the queue beyond the capacity. A put takes a free
//! permit before it claims a slot, and a get releases one after it has taken an item. A reservation moves
//! permits from free to held, and its holder consumes one after each item that it puts.
//!
//! The holder of a permit can put after a close as well: the end of the queue is reached when it is *closed*
//! and no permit is held.

use crate::sync::{rmw_fence, AtomicU64, Ordering};

const FREE_BITS: u32 = 32;
const FREE: u64 = (1 << FREE_BITS) - 1;
/// The lower field while no permit is free. A lower number is a debt, which the next releases pay.
const NONE_FREE: u64 = 1 << (FREE_BITS - 1);
const ONE_HELD: u64 = 1 << FREE_BITS;
const HELD: u64 = CLOSED - ONE_HELD;
const CLOSED: u64 = 1 << 63;

/// The largest number of permits, about 10^9. A get may release a permit before its holder consumes it, so each
/// field can count twice as many.
pub(crate) const MOST: usize = NONE_FREE as usize / 2 - 1;

pub(crate) struct PermitPool {
    word: AtomicU64,
}

/// Why there is no permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoPermit {
    TooFew,
    Closed,
}

/// Whether items can still be put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MoreItems {
    Possible,
    /// The queue is closed and no permit is held: no item will be put.
    Impossible,
}

impl PermitPool {
    crate::sync::const_fn! {
        pub(crate) const fn new(permits: u64) -> Self {
            PermitPool { word: AtomicU64::new(NONE_FREE + permits) }
        }
    }

    pub(crate) fn free(&self) -> u64 {
        free(self.load())
    }

    /// Whether a permit is held, so that its holder can put an item. For a caller that has seen the core
    /// closed: by the RMW fence a reservation that takes a permit later sees that as well, and returns the
    /// permit.
    pub(crate) fn is_held(&self) -> bool {
        rmw_fence(&self.word) & HELD != 0
    }

    /// Takes between 1 and `most` free permits for items that are put at once, and returns how many.
    pub(crate) fn admit(&self, most: u64) -> Result<u64, NoPermit> {
        self.take(1, most, 0)
    }

    /// Moves between `least` and `most` permits from free to held, and returns how many.
    pub(crate) fn acquire(&self, least: u64, most: u64) -> Result<u64, NoPermit> {
        self.take(least, most, ONE_HELD)
    }

    /// Takes free permits; `held` is added to the word for each.
    fn take(&self, least: u64, most: u64, held: u64) -> Result<u64, NoPermit> {
        let mut word = self.load();
        loop {
            if word & CLOSED != 0 {
                return Err(NoPermit::Closed);
            }
            let field = word & FREE;
            if field < NONE_FREE + least {
                return Err(NoPermit::TooFew);
            }
            let count = most.min(field - NONE_FREE);
            let taken = word + count * held - count;
            // Ordering: Acquire, K2. The get that released the permit (K3), and the close that a get has found which
            // sees no permit held. The RMW goes on with the release sequences of others.
            match self.word.compare_exchange(word, taken, Ordering::Acquire, Ordering::Acquire) {
                Ok(_) => return Ok(count),
                Err(now) => word = now,
            }
        }
    }

    /// Takes permits away, for items that are put beyond the capacity or as there are fewer permits: as many as
    /// are missing become a debt.
    ///
    /// # Panics
    /// If the debt would exceed 2^31.
    pub(crate) fn overdraw(&self, count: u64) {
        let mut word = self.load();
        loop {
            assert!(word & FREE >= count, "more than 2^31 items beyond the capacity");
            // Ordering: Relaxed, K2. Nothing is gained by these permits, and no waiter waits for fewer. The RMW goes on
            // with the release sequences of others.
            match self.word.compare_exchange(word, word - count, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
    }

    /// Adds permits, or takes some away, which may leave a debt.
    pub(crate) fn resize(&self, from: u64, to: u64) {
        match to >= from {
            true => self.release(to - from),
            false => self.overdraw(from - to),
        }
    }

    /// Consumes a held permit: its item is in the queue.
    pub(crate) fn consume(&self) -> MoreItems {
        // Ordering: AcqRel, K3. Release: the put comes before the end, which the last holder of a permit finds.
        more_items(self.word.fetch_sub(ONE_HELD, Ordering::AcqRel) - ONE_HELD)
    }

    /// Returns `count` held permits that were not used.
    pub(crate) fn return_unused(&self, count: u64) -> MoreItems {
        let change = count * ONE_HELD - count;
        // Ordering: AcqRel, K3. As above, and for the next reservation (K2) or a waiter for a permit (M1).
        more_items(self.word.fetch_sub(change, Ordering::AcqRel) - change)
    }

    /// Releases the permits of `count` items that were taken.
    pub(crate) fn release(&self, count: u64) {
        // Ordering: AcqRel, K3. For the next put or reservation (K2), or a waiter for a permit (M1).
        self.word.fetch_add(count, Ordering::AcqRel);
    }

    /// Closes the pool: no more permits are taken.
    pub(crate) fn close(&self) -> MoreItems {
        // Ordering: AcqRel, K3. Acquire: the items put by permits that are consumed. Release: the close of
        // the core, for the holder that consumes the last permit.
        more_items(self.word.fetch_or(CLOSED, Ordering::AcqRel) | CLOSED)
    }

    /// See [`crate::sync::rmw_fence`].
    pub(crate) fn rmw_fence(&self) {
        rmw_fence(&self.word);
    }

    fn load(&self) -> u64 {
        // Ordering: Acquire, K1. Pairs with each change (K2, K3).
        self.word.load(Ordering::Acquire)
    }
}

fn free(word: u64) -> u64 {
    (word & FREE).saturating_sub(NONE_FREE)
}

fn more_items(word: u64) -> MoreItems {
    if word & CLOSED != 0 && word & HELD == 0 {
        MoreItems::Impossible
    } else {
        MoreItems::Possible
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn permits_move_and_are_not_lost() {
        let permits = PermitPool::new(5);
        assert_eq!(permits.acquire(2, 2), Ok(2));
        assert_eq!(permits.acquire(4, 4), Err(NoPermit::TooFew));
        assert_eq!(permits.acquire(1, 2), Ok(2));
        assert_eq!(permits.admit(9), Ok(1));
        assert_eq!(permits.admit(1), Err(NoPermit::TooFew));
        assert_eq!(permits.consume(), MoreItems::Possible);
        assert_eq!(permits.return_unused(1), MoreItems::Possible);
        permits.release(2);
        assert_eq!(permits.free(), 3);
        assert_eq!(permits.close(), MoreItems::Possible);
        assert_eq!((permits.acquire(1, 1), permits.admit(1)), (Err(NoPermit::Closed), Err(NoPermit::Closed)));
        assert_eq!((permits.consume(), permits.is_held()), (MoreItems::Possible, true));
        assert_eq!((permits.return_unused(1), permits.is_held()), (MoreItems::Impossible, false));
        assert_eq!((permits.close(), permits.free()), (MoreItems::Impossible, 4));
    }

    #[test]
    fn releases_pay_a_debt_before_a_permit_is_free() {
        let permits = PermitPool::new(2);
        assert_eq!(permits.acquire(1, 1), Ok(1));
        permits.overdraw(3);
        assert_eq!((permits.free(), permits.is_held()), (0, true));
        permits.release(2);
        assert_eq!(permits.admit(1), Err(NoPermit::TooFew));
        assert_eq!(permits.return_unused(1), MoreItems::Possible);
        assert_eq!((permits.free(), permits.is_held()), (1, false));
        permits.release(1);
        assert_eq!(permits.free(), 2);
        assert_eq!(permits.close(), MoreItems::Impossible);
    }

    #[test]
    #[should_panic = "more than 2^31 items beyond the capacity"]
    fn a_debt_that_does_not_fit_is_refused() {
        PermitPool::new(1).overdraw((1 << 31) + 2);
    }

    #[test]
    fn the_largest_number_of_permits_fits() {
        let permits = PermitPool::new(MOST as u64);
        assert_eq!(permits.acquire(MOST as u64, MOST as u64), Ok(MOST as u64));
        assert_eq!((permits.free(), permits.is_held()), (0, true));
        assert_eq!(permits.return_unused(MOST as u64), MoreItems::Possible);
        assert_eq!(permits.free(), MOST as u64);
    }
}
