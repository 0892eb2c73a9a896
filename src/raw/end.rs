//! One end of the list: its cursor, and its position, which never decreases.
//!
//! Knows cursors. Does not know whether it is the head or the tail.

use super::cursor::Cursor;
use super::points::point;
use super::span::Span;
use crate::sync::{AtomicU64, Ordering};

/// The head, where pops claim slots, or the tail, where pushes do. It is at the beginning of a cache line.
pub(crate) struct End {
    /// The cursor, whose ticket is the next one to hand out.
    word: AtomicU64,
    /// The bases of the segment in `word` and of one neighbour, by the parity of their sequence numbers. A base is the
    /// position of slot 0.
    ///
    /// Invariant: the base of a segment is stored here before `word` swings to it, and each of the two only
    /// grows.
    base: [AtomicU64; 2],
    /// The *claim limit*: a cursor of the word's segment, as bits. Operations may claim the slots before it
    /// without a look at the other end. [`NO_CLAIM_LIMIT`] or [`NEVER`] if they must look.
    ///
    /// Invariant: a thread that stores a cursor pins its segment, and the claim limit is taken back before
    /// `word` swings. So a claim limit in the segment of a cursor that was read *before* is of the same
    /// generation of that segment, or the word has left this generation since. The segment is not short.
    claim_limit: AtomicU64,
}

/// No operation may claim without a look at the other end. Not in the segment of any cursor.
const NO_CLAIM_LIMIT: u64 = 0;
/// The same, for ever.
const NEVER: u64 = 1;

/// The cursor and the position of an end at one moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) cursor: Cursor,
    pub(crate) position: u64,
}

impl End {
    crate::sync::const_fn! {
        /// An end after the sentinel segment 0, whose base is 0 and which has `len` slots. The base of
        /// segment 1 is already stored.
        pub(crate) const fn new(len: u64) -> Self {
            End {
                word: AtomicU64::new(Cursor::sentinel(len).bits()),
                base: [AtomicU64::new(Span::SENTINEL.base), AtomicU64::new(Span::SENTINEL.next(len).base)],
                claim_limit: AtomicU64::new(NO_CLAIM_LIMIT),
            }
        }
    }

    #[inline]
    pub(crate) fn cursor(&self) -> Cursor {
        // Ordering: Acquire, E1. Pairs with the swing (E2): the base is seen with the cursor that it belongs
        // to.
        Cursor::from_bits(self.word.load(Ordering::Acquire))
    }

    /// Moves the word from `from` to `to`, or returns its current value.
    #[inline]
    pub(crate) fn advance(&self, from: Cursor, to: Cursor) -> Result<(), Cursor> {
        // Ordering: AcqRel, E2. Acquire: the segment as its appender made it, and the waiter counts of each
        // waiter whose RMW fence on this word came before (M1). Release: the base raised before a swing, the
        // close before a result.
        match self.word.compare_exchange(from.bits(), to.bits(), Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Ok(()),
            Err(now) => Err(Cursor::from_bits(now)),
        }
    }

    /// Moves the word to `to`. Only for the single thread that moves this end.
    #[inline]
    pub(crate) fn store(&self, to: Cursor) {
        // Ordering: Release, E7. As E2: the base raised before a swing; for the last store, all that this thread did
        // as the single one. No thread waits for a change of this word by an RMW fence (M1).
        self.word.store(to.bits(), Ordering::Release);
    }

    /// The position of `cursor`, which is at a slot, if the word still has this value. If the word has moved,
    /// the result may be too high but never too low, and a later load of the word sees that it has moved.
    #[inline]
    pub(crate) fn position_of(&self, cursor: Cursor) -> u64 {
        self.base_of(cursor) + cursor.ticket()
    }

    /// The base that belongs to `cursor`, as far as the word still has this value: see [`End::position_of`].
    #[inline]
    pub(crate) fn base_of(&self, cursor: Cursor) -> u64 {
        // Ordering: Acquire, E3. The cursor was loaded with Acquire (E1, E2), so the base is not older. Pairs
        // with a raise (E5) of a later segment: a thread that reads it sees the words at least where the
        // raising thread saw them.
        self.base[cursor.parity()].load(Ordering::Acquire)
    }

    /// A consistent read of cursor and position. The position lies between those at the call and at the
    /// return.
    ///
    /// If the word is the same before and after the load of the base, there are two cases. Either the word
    /// did not move and the sum is exact. Or the word has returned to the same bits, after a whole number of
    /// wrap-arounds of the sequence. Then the base is that of a segment which this end passed in between, so
    /// this end has reached the sum or, within a batch, moved past it.
    #[inline]
    pub(crate) fn snapshot(&self, len: u64) -> Snapshot {
        let mut cursor = self.cursor();
        loop {
            // Ordering: Acquire, E4. The second load of the word comes after this one. Pairs with a raise
            // (E5): a thread that reads a base raised since sees the word at least where the raising thread
            // saw it, not an earlier value.
            let base = self.base[cursor.parity()].load(Ordering::Acquire);
            let again = self.cursor();
            if again == cursor {
                return Snapshot { cursor, position: base + cursor.ticket().min(len) };
            }
            cursor = again;
        }
    }

    /// Stores the base of the next segment, before the swing to it. `from` is the span of the segment of `cursor`.
    #[inline]
    pub(crate) fn raise(&self, cursor: Cursor, from: Span, len: u64) {
        // The field held the base of the segment before `from`. A late helper finds it already raised.
        let _ = self.base[1 - cursor.parity()].compare_exchange(
            from.base_before(len),
            from.next(len).base,
            // Ordering: Release and Relaxed, E5. Pairs with E3 and E4: where this thread saw the word. A thread whose
            // raise lost has read the other one, and its swing (E2) keeps that order for the readers of the word.
            Ordering::Release,
            Ordering::Relaxed,
        );
    }

    #[inline]
    pub(crate) fn claim_limit(&self) -> u64 {
        // Ordering: Acquire, E6. Pairs with E8: a thread that claims before the claim limit sees the other
        // end at least where the thread that stored it saw it. And the load comes after that of the cursor
        // (E1).
        self.claim_limit.load(Ordering::Acquire)
    }

    /// Lets operations claim the slots before slot `until` of a segment that the caller pins, if the word is
    /// there. Not in a short segment, where no fast path may claim.
    #[inline]
    pub(crate) fn set_claim_limit(&self, segment: usize, until: u64) {
        let now = self.cursor();
        // The segment is pinned, so the address identifies it.
        if now.address() == segment && !now.is_short() {
            point!(ClaimLimitUnset);
            self.change_claim_limit(now.at(until).bits());
        }
    }

    /// Takes the claim limit back, before a swing of the word.
    pub(crate) fn clear_claim_limit(&self) {
        self.change_claim_limit(NO_CLAIM_LIMIT);
    }

    /// Takes the claim limit back for ever.
    pub(crate) fn never_set_claim_limit(&self) {
        // Ordering: AcqRel, E8. Of this and each change one comes first: a change that comes first is
        // overwritten, and one that comes later fails.
        self.claim_limit.swap(NEVER, Ordering::AcqRel);
    }

    #[inline]
    fn change_claim_limit(&self, to: u64) {
        // Ordering: Relaxed, E8. A guess; the CAS confirms it. If the load is stale and finds `to`, a later swing takes
        // the claim limit back that it has missed.
        let mut now = self.claim_limit.load(Ordering::Relaxed);
        while now != NEVER && now != to {
            // Ordering: Release, E8. Pairs with E6.
            match self.claim_limit.compare_exchange(now, to, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(other) => now = other,
            }
        }
    }

    /// See [`crate::sync::rmw_fence`].
    #[inline]
    pub(crate) fn rmw_fence(&self) -> Cursor {
        Cursor::from_bits(crate::sync::rmw_fence(&self.word))
    }
}
