//! Credit: room that can be kept ahead, for queues made with [`Queue::with_permits`](super::Queue::with_permits).
//!
//! Knows one word. Does not know items.
//!
//! ```text
//!  63 62 61                  31 30                      0
//! +--+--+----------------------+-------------------------+
//! |C |A |         held         |          free           |     C: closing, A: abandoned
//! +--+--+----------------------+-------------------------+
//! ```
//!
//! Invariant: `free` + `held` + items inside = the credit at the start, as soon as no operation is between two steps.
//! An acquire moves from free to held, a put from held to inside, a get from inside to free.
//!
//! *Abandoned* means that nobody will get: what is put by a permit is dropped.
//!
//! The queue itself is closed only when it is *closing* and nothing is held: who holds a permit can still put.

use crate::sync::{meet, AtomicU64, Ordering};

const FREE_BITS: u32 = 31;
const FREE: u64 = (1 << FREE_BITS) - 1;
const ONE_HELD: u64 = 1 << FREE_BITS;
const ABANDONED: u64 = 1 << 62;
const CLOSING: u64 = 1 << 63;

/// The most permits there can be, about a thousand millions; as many again can be held beside them for a moment.
pub(crate) const MOST: usize = FREE as usize / 2;

pub(crate) struct Credit {
    word: AtomicU64,
}

/// Why there is no permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    TooFew,
    Closing,
}

/// What is left to do for who gave the last permit away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    Nothing,
    /// The queue is closing and nothing is held any more.
    Close,
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

    pub(crate) fn is_closing(&self) -> bool {
        self.load() & CLOSING != 0
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.load() & ABANDONED != 0
    }

    /// Nobody will get any more.
    pub(crate) fn abandon(&self) {
        // Ordering: AcqRel, K3. A put by a permit that is spent later sees it.
        self.word.fetch_or(ABANDONED, Ordering::AcqRel);
    }

    /// Moves up to `most`, at least `least`, from free to held, and says how many.
    pub(crate) fn acquire(&self, least: u64, most: u64) -> Result<u64, Denied> {
        let mut word = self.load();
        loop {
            if word & CLOSING != 0 {
                return Err(Denied::Closing);
            }
            let count = most.min(word & FREE);
            if count < least {
                return Err(Denied::TooFew);
            }
            let held = word + count * ONE_HELD - count;
            // Ordering: AcqRel, K2. Acquire: the get that gave the room (K3). Release: before a close that finds it held.
            match self.word.compare_exchange(word, held, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Ok(count),
                Err(now) => word = now,
            }
        }
    }

    /// Holds one permit more than there are, unless the queue is closing; to be spent at once, on nothing or against an
    /// item that is taken out and not refunded.
    pub(crate) fn overdraw(&self) -> Result<(), Denied> {
        let mut word = self.load();
        while word & CLOSING == 0 {
            // Ordering: AcqRel, K2. As in `acquire`.
            match self.word.compare_exchange(word, word + ONE_HELD, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Ok(()),
                Err(now) => word = now,
            }
        }
        Err(Denied::Closing)
    }

    /// `count` permits were used: what was held is inside.
    pub(crate) fn spend(&self, count: u64) -> After {
        // Ordering: AcqRel, K3. Release: the put comes before a close by whoever returns the last permit.
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

    /// Nothing more is acquired. True for the first call.
    pub(crate) fn close(&self) -> (bool, After) {
        // Ordering: AcqRel, K3. Acquire: what was put by permits that are spent.
        let before = self.word.fetch_or(CLOSING, Ordering::AcqRel);
        (before & CLOSING == 0, after(before | CLOSING))
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
    if word & CLOSING != 0 && word & (ABANDONED - ONE_HELD) == 0 {
        After::Close
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
        assert_eq!(credit.acquire(1, 9), Ok(3));
        assert_eq!(credit.free(), 0);
        assert_eq!(credit.spend(1), After::Nothing);
        assert_eq!(credit.give_back(1), After::Nothing);
        credit.refund(1);
        assert_eq!(credit.free(), 2);
        assert_eq!(credit.close(), (true, After::Nothing));
        assert_eq!(credit.acquire(1, 1), Err(Denied::Closing));
        assert_eq!(credit.spend(2), After::Nothing);
        assert_eq!(credit.give_back(1), After::Close);
        assert_eq!((credit.close(), credit.free()), ((false, After::Close), 3));
        credit.abandon();
        assert!(credit.is_abandoned() && credit.close() == (false, After::Close));
    }

    #[test]
    fn the_most_credit_fits() {
        let credit = Credit::new(MOST as u64);
        assert_eq!(credit.acquire(MOST as u64, MOST as u64), Ok(MOST as u64));
        assert_eq!((credit.free(), credit.is_closing()), (0, false));
        assert_eq!(credit.give_back(MOST as u64), After::Nothing);
        assert_eq!(credit.free(), MOST as u64);
    }
}
