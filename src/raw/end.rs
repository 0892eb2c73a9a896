//! One end of the list: where it is, as a cursor and as a position that never goes back.
//!
//! Knows cursors. Does not know which end it is.

use super::cursor::Cursor;
use crate::sync::{AtomicU64, Ordering};

/// The head, from which getters claim, or the tail, from which putters do.
pub(crate) struct End {
    /// The cursor: where the next ticket is.
    word: AtomicU64,
    /// The positions of slot 0 of the segment in `word` and of one neighbour, by the parity of their sequence.
    /// Invariant: the base of a segment is here before `word` swings to it, and each of the two only grows.
    base: [AtomicU64; 2],
    /// A position the *other* end has reached; it may be long past. Spares this end a look at the other's lines.
    cached_peer: AtomicU64,
}

/// An end at one moment: the cursor and the position that belong together.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) cursor: Cursor,
    pub(crate) position: u64,
}

impl End {
    crate::sync::const_fn! {
        /// An end behind the imaginary segment 0 of `len` slots, whose base is 0; that of segment 1 is known already.
        pub(crate) const fn new(len: u64) -> Self {
            End {
                word: AtomicU64::new(Cursor::sentinel(len).bits()),
                base: [AtomicU64::new(0), AtomicU64::new(len)],
                cached_peer: AtomicU64::new(len),
            }
        }
    }

    #[inline]
    pub(crate) fn cursor(&self) -> Cursor {
        // Ordering: Acquire, E1. Pairs with the swing (E2): the base is seen with the cursor it belongs to.
        Cursor::from_bits(self.word.load(Ordering::Acquire))
    }

    /// Moves the word from `from` to `to`, or says where it is instead.
    #[inline]
    pub(crate) fn advance(&self, from: Cursor, to: Cursor) -> Result<(), Cursor> {
        // Ordering: AcqRel, E2. Acquire: the segment as its appender made it, and the waiter counts of whoever met
        // this word before (M1). Release: the base raised before a swing, the close before the verdict.
        match self.word.compare_exchange(from.bits(), to.bits(), Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Ok(()),
            Err(now) => Err(Cursor::from_bits(now)),
        }
    }

    /// Moves the word on, for the only one who does.
    #[inline]
    pub(crate) fn store(&self, to: Cursor) {
        // Ordering: Release, E7. As E2: the base raised before a swing, and for who finds room there.
        self.word.store(to.bits(), Ordering::Release);
    }

    /// As [`End::place`], and whoever has met this word is seen.
    #[inline]
    pub(crate) fn swap(&self, to: Cursor) {
        // Ordering: AcqRel, E7. As above. Acquire: the waiter counts of whoever met this word before (M1).
        self.word.swap(to.bits(), Ordering::AcqRel);
    }

    /// The position that `cursor` stands for, if the word is still there; if it has gone on the position may be too
    /// high, never too low, and then the word is seen to have gone on by who looks again.
    #[inline]
    pub(crate) fn position_of(&self, cursor: Cursor, len: u64) -> u64 {
        // Ordering: Acquire, E3. The cursor was loaded with Acquire (E1, E2), so the base is not older. Pairs with a
        // raise (E5) of a later segment: who reads that sees the words at least where the raiser saw them.
        self.base[cursor.parity()].load(Ordering::Acquire) + cursor.ticket().min(len)
    }

    /// As [`End::position_of`], for a cursor that is at a slot.
    #[inline]
    pub(crate) fn position_of_slot(&self, cursor: Cursor) -> u64 {
        // Ordering: Acquire, E3. As above.
        self.base[cursor.parity()].load(Ordering::Acquire) + cursor.ticket()
    }

    /// Where this end is: a position between those at the call and at the return.
    ///
    /// If the word is the same before and after the base was read, then either nothing happened in between and the sum is
    /// exact, or the word came back to the same bits after a whole number of turns. The base that was read is then that of
    /// a segment passed meanwhile: the sum is one that this end reached or, within a batch, went past in between.
    #[inline]
    pub(crate) fn snapshot(&self, len: u64) -> Snapshot {
        let mut cursor = self.cursor();
        loop {
            // Ordering: Acquire, E4. The second look at the word comes after this one. Pairs with a raise (E5): who reads a
            // base raised since sees the word at least where the raiser saw it, and not what it was before.
            let base = self.base[cursor.parity()].load(Ordering::Acquire);
            let again = self.cursor();
            if again == cursor {
                return Snapshot { cursor, position: base + cursor.ticket().min(len) };
            }
            cursor = again;
        }
    }

    /// Makes the base of the next segment known, before the swing to it: the segment after `cursor`'s is at `base`.
    #[inline]
    pub(crate) fn raise(&self, cursor: Cursor, base: u64, len: u64) {
        // Two segments back the same place held `base - 2 * len`. A helper who comes late finds it raised already.
        let _ = self.base[1 - cursor.parity()].compare_exchange(
            base.wrapping_sub(2 * len),
            base,
            // Ordering: AcqRel, E5. The swing after it (E2) releases it too; a raise that lost saw the other's.
            Ordering::AcqRel,
            Ordering::Acquire,
        );
    }

    #[inline]
    pub(crate) fn cached_peer(&self) -> u64 {
        // Ordering: Acquire, E6. Pairs with `cache_peer`: who trusts the horizon sees the other end at least there.
        self.cached_peer.load(Ordering::Acquire)
    }

    /// Notes that the other end was seen at `position`.
    #[inline]
    pub(crate) fn cache_peer(&self, position: u64) {
        // Ordering: Release, E6. As above. An older horizon may overwrite a newer one: it only costs a look.
        self.cached_peer.store(position, Ordering::Release);
    }

    /// See [`crate::sync::rmw_fence`].
    #[inline]
    pub(crate) fn rmw_fence(&self) -> Cursor {
        Cursor::from_bits(crate::sync::rmw_fence(&self.word))
    }
}
