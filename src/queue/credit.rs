//! Credit: room that can be kept ahead, for queues made with [`Queue::with_permits`](super::Queue::with_permits).
//!
//! Knows one word. Does not know items.
//!
//! ```text
//!  63 62 61                  31 30                      0
//! +--+--+----------------------+-------------------------+
//! |C |- |         held         |          free           |     C: closed
//! +--+--+----------------------+-------------------------+
//! ```
//!
//! Invariant: `free` + `held` + items in the queue = the credit at the start, as soon as no operation is between two steps.
//! A put takes a free permit before it claims a slot, and a get gives one back after it took an item. A reservation moves
//! permits from free to held, and its holder consumes one after each item that was put by it.
//!
//! The holder of a permit can put after a close as well, so that the end of the queue is reached when it is *closed* and
//! nothing is held.

use crate::sync::{meet, AtomicU64, Ordering};

const FREE_BITS: u32 = 31;
const FREE: u64 = (1 << FREE_BITS) - 1;
const ONE_HELD: u64 = 1 << FREE_BITS;
const HELD: u64 = FREE << FREE_BITS;
const CLOSED: u64 = 1 << 63;

/// The most permits there can be, about a thousand millions. A permit that was spent and whose item was got is free again
/// before it is no longer held, so that there is space for as many again.
pub(crate) const MOST: usize = FREE as usize / 2;

pub(crate) struct Credit {
    word: AtomicU64,
}

/// Why there is no permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    TooFew,
    Closed,
}

/// What the last change of the held permits came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    Nothing,
    /// The queue is closed and nothing is held any more: no item will be put.
    End,
}

impl Credit {
    crate::sync::const_fn! {
        pub(crate) const fn new(permits: u64) -> Self {
            Credit { word: AtomicU64::new(permits) }
        }
    }

    pub(crate) fn free(&self) -> u64 {
        self.load() & FREE
    }

    /// Whether a permit is held, by whose holder an item can be put.
    pub(crate) fn is_held(&self) -> bool {
        self.load() & HELD != 0
    }

    /// Takes up to `most`, at least `least`, free permits for items that are put at once, and says how many.
    pub(crate) fn admit(&self, least: u64, most: u64) -> Result<u64, Denied> {
        self.take(least, most, 0)
    }

    /// Moves up to `most`, at least `least`, from free to held, and says how many.
    pub(crate) fn acquire(&self, least: u64, most: u64) -> Result<u64, Denied> {
        self.take(least, most, ONE_HELD)
    }

    /// Takes free permits; `held` is added for each.
    fn take(&self, least: u64, most: u64, held: u64) -> Result<u64, Denied> {
        let mut word = self.load();
        loop {
            if word & CLOSED != 0 {
                return Err(Denied::Closed);
            }
            let count = most.min(word & FREE);
            if count < least {
                return Err(Denied::TooFew);
            }
            let taken = word + count * held - count;
            // Ordering: AcqRel, K2. Acquire: the get that gave the permit back (K3). Release: before a close that finds it held.
            match self.word.compare_exchange(word, taken, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Ok(count),
                Err(now) => word = now,
            }
        }
    }

    /// `count` held permits were used: their items are in the queue.
    pub(crate) fn spend(&self, count: u64) -> After {
        // Ordering: AcqRel, K3. Release: the put comes before the end, which the last one to return a permit finds.
        after(self.word.fetch_sub(count * ONE_HELD, Ordering::AcqRel) - count * ONE_HELD)
    }

    /// `count` permits were not used.
    pub(crate) fn give_back(&self, count: u64) -> After {
        let change = count * ONE_HELD - count;
        // Ordering: AcqRel, K3. As above, and for who acquires next (K2) or waits for it (M1).
        after(self.word.fetch_sub(change, Ordering::AcqRel) - change)
    }

    /// `count` items came out.
    pub(crate) fn refund(&self, count: u64) {
        // Ordering: AcqRel, K3. For who acquires next (K2) or waits for it (M1).
        self.word.fetch_add(count, Ordering::AcqRel);
    }

    /// Nothing more is taken.
    pub(crate) fn close(&self) -> After {
        // Ordering: AcqRel, K3. Acquire: what was put by permits that are spent. Release: the close of the core, for the holder
        // who spends the last permit.
        after(self.word.fetch_or(CLOSED, Ordering::AcqRel) | CLOSED)
    }

    /// See [`crate::sync::meet`].
    pub(crate) fn meet(&self) {
        meet(&self.word);
    }

    fn load(&self) -> u64 {
        // Ordering: Acquire, K1. Pairs with each change (K2, K3).
        self.word.load(Ordering::Acquire)
    }
}

fn after(word: u64) -> After {
    if word & CLOSED != 0 && word & HELD == 0 {
        After::End
    } else {
        After::Nothing
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn credit_moves_and_is_not_lost() {
        let credit = Credit::new(5);
        assert_eq!(credit.acquire(2, 2), Ok(2));
        assert_eq!(credit.acquire(4, 4), Err(Denied::TooFew));
        assert_eq!(credit.acquire(1, 2), Ok(2));
        assert_eq!(credit.admit(1, 9), Ok(1));
        assert_eq!(credit.admit(1, 1), Err(Denied::TooFew));
        assert_eq!(credit.spend(1), After::Nothing);
        assert_eq!(credit.give_back(1), After::Nothing);
        credit.refund(2);
        assert_eq!(credit.free(), 3);
        assert_eq!(credit.close(), After::Nothing);
        assert_eq!((credit.acquire(1, 1), credit.admit(1, 1)), (Err(Denied::Closed), Err(Denied::Closed)));
        assert_eq!((credit.spend(1), credit.is_held()), (After::Nothing, true));
        assert_eq!((credit.give_back(1), credit.is_held()), (After::End, false));
        assert_eq!((credit.close(), credit.free()), (After::End, 4));
    }

    #[test]
    fn the_most_credit_fits() {
        let credit = Credit::new(MOST as u64);
        assert_eq!(credit.acquire(MOST as u64, MOST as u64), Ok(MOST as u64));
        assert_eq!((credit.free(), credit.is_held()), (0, true));
        assert_eq!(credit.give_back(MOST as u64), After::Nothing);
        assert_eq!(credit.free(), MOST as u64);
    }
}
