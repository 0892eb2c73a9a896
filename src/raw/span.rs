//! The span of a segment: which positions its slots have.
//!
//! Knows numbers. Does not know memory.
//!
//! The first segments of a queue are *short*, so that a queue with few items takes little memory. A short
//! segment has the last slots of a long one: those with the indices from `start` on.
//!
//! ```text
//!              index 0                         start               LEN
//!  long        |  slot  slot  slot  slot  ...  slot  slot  slot  slot |    start = 0
//!  short                                     |  slot  slot  slot  slot |    len = LEN - start
//!              base                           base + start        base + LEN
//! ```
//!
//! Invariants, for each segment in the list and the one before it:
//!
//! - *Positions.* The slot with index `i` has the position `base + i`, and `start <= i < LEN`. The first position
//!   of a segment follows the last one of the segment before: `base + start = base before + LEN`. So no position is
//!   missing, and bases grow.
//! - *Agreement.* The span follows from the base of the segment before alone. So all threads at an edge have the
//!   same one, whichever of them appends the segment.
//! - *Memory.* The allocation has the slots `start <= i < LEN` and no others. `start` is in the header and never
//!   changes.
//! - *Tickets.* A word enters the segment with the ticket `start`, or `start + 1` if the move claims the first slot.
//!   The ticket of a word only grows while the word is in the segment; a helper ticket may be handed back, which
//!   leaves the word at `LEN` or above. So each slot ticket is the index of a slot of the segment.
//! - *The bit S.* A cursor has it if and only if its segment is short. Fast paths use only cursors without the
//!   bit, and compute addresses with `start = 0`. All others read `start` from the header of a segment that they
//!   own or pin.
//! - *Reuse.* A short segment is used once. Spares are long.

use super::cursor::Cursor;

/// The positions of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// The position of slot 0. In a short segment there is no such slot; its position belongs to an earlier segment.
    pub(crate) base: u64,
    /// The index of the first slot. 0 in a long segment.
    pub(crate) start: u64,
}

/// The slots of the first segment of a queue, if it is short.
#[cfg(not(loom))]
const FIRST: u64 = 8;

impl Span {
    /// The span of the sentinel segment 0.
    pub(crate) const SENTINEL: Self = Span::long(0);

    /// A long segment.
    pub(crate) const fn long(base: u64) -> Self {
        Span { base, start: 0 }
    }

    crate::sync::const_fn! {
        /// The span of the next segment. `len` is that of a long one.
        pub(crate) const fn next(self, len: u64) -> Self {
            let slots = next_len(self.base, len);
            Span { base: self.base + slots, start: len - slots }
        }
    }

    /// The position of the first slot.
    pub(crate) const fn first(self) -> u64 {
        self.base + self.start
    }

    /// The base of the segment before. For the sentinel a number that is no base.
    pub(crate) const fn base_before(self, len: u64) -> u64 {
        self.base.wrapping_sub(len - self.start)
    }

    pub(crate) const fn is_short(self) -> bool {
        self.start > 0
    }

    /// The cursor after the swing of `now` to a segment with this span, in which `claimed` slots are claimed.
    #[inline]
    pub(crate) fn enter(self, now: Cursor, address: usize, claimed: u64) -> Cursor {
        let cursor = now.swung(address, self.start + claimed);
        if self.is_short() {
            cursor.short()
        } else {
            cursor
        }
    }
}

/// The number of slots of the segment behind the one with this base: as many as the queue had so far, and 8 more,
/// up to a quarter of a long segment; then segments are long. All segments of a type of more than 64 bytes are long.
#[cfg(not(loom))]
const fn next_len(base: u64, len: u64) -> u64 {
    let slots = base + FIRST;
    if len == 256 && slots <= len / 4 {
        slots
    } else {
        len
    }
}

#[cfg(loom)]
use small::next_len;

/// For models: long segments alone, or short ones of 1 slot, and of 2 if a long one has 4.
#[cfg(loom)]
pub(crate) mod small {
    use std::cell::Cell;

    thread_local! {
        static SHORT: Cell<bool> = const { Cell::new(false) };
    }

    /// From now on the queues of this thread begin with short segments. (In a model all threads run in one
    /// thread.)
    pub fn fix_short_segments() {
        SHORT.with(|short| short.set(true));
    }

    pub(super) fn next_len(base: u64, len: u64) -> u64 {
        let slots = base + 1;
        if SHORT.with(Cell::get) && slots < len {
            slots
        } else {
            len
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn segments_grow_to_the_length_of_a_long_one_and_no_position_is_missing() {
        for (len, lengths) in [(256, &[8, 16, 32, 64, 256, 256][..]), (252, &[252, 252]), (8, &[8, 8])] {
            let mut span = Span::SENTINEL;
            for &slots in lengths {
                let next = span.next(len);
                assert_eq!((next.first(), len - next.start), (span.base + len, slots));
                assert_eq!((next.base_before(len), next.is_short()), (span.base, slots < len));
                span = next;
            }
        }
    }

    #[test]
    fn a_cursor_knows_that_its_segment_is_short() {
        let short = Span { base: 8, start: 248 }.enter(Cursor::sentinel(256), 0x1000, 1);
        assert_eq!((short.ticket(), short.address(), short.is_short()), (249, 0x1000, true));
        assert!(short.open_ticket() >= 256 && !short.is_closed());
        let long = Span::long(376).enter(short, 0x1000, 1);
        assert_eq!((long.open_ticket(), long.is_short()), (1, false));
    }
}
