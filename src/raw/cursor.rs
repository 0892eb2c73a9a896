//! A cursor: a segment and the next ticket in it, packed into one word.
//!
//! Knows bits and arithmetic. Does not know memory. One word holds the segment, the number of claimed slots,
//! and whether the list is closed. So a single compare-and-swap claims a slot, proves which segment the slot
//! is in, and keeps that segment alive (the idea of the LOO queue by Giersch and Nolte).
//!
//! ```text
//!  63                              23 22      15  14  13  12        0
//! +----------------------------------+----------+---+---+------------+
//! |  address of the segment / 128    | sequence | C | S |   ticket   |
//! +----------------------------------+----------+---+---+------------+
//! ```
//!
//! * *ticket*: the next one to hand out. A ticket below the segment's length is a slot index. A ticket from
//!   there on is a helper ticket: it only keeps the segment alive while its owner moves the word to the next
//!   segment.
//! * *C*: closed. In the tail's word: no push is accepted any more. In the head's word: the queue has a
//!   single consumer.
//! * *S*: the segment is short, see `span.rs`. No fast path claims a slot there.
//! * *sequence*: the low bits of the segment's number. Its parity selects one of the two bases of an end.

/// The alignment of segments. The word does not hold the low seven bits of the address.
pub(crate) const SEGMENT_ALIGN: usize = 128;

const TICKET_BITS: u32 = 13;
const SHORT: u64 = 1 << TICKET_BITS;
const CLOSED: u64 = 1 << (TICKET_BITS + 1);
const SEQUENCE_SHIFT: u32 = TICKET_BITS + 2;
const SEQUENCE_MASK: u64 = 0xff;
const ADDRESS_SHIFT: u32 = 23;
const ALIGN_SHIFT: u32 = SEGMENT_ALIGN.trailing_zeros();

/// The highest ticket. It is not handed out: a thread that finds it waits until the word moves to the next
/// segment.
pub(crate) const MAX_TICKET: u64 = (1 << TICKET_BITS) - 1;

/// The value of an end's word: a segment, its sequence number, the bits C and S, and the next ticket.
///
/// Invariant: `sequence` and S are those of the segment at `address`; address 0 is the sentinel segment 0, all of
/// whose slots are used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor(u64);

impl Cursor {
    /// The cursor of both ends of a new queue: after the sentinel segment 0, all of whose `len` slots are
    /// used up.
    #[inline]
    pub(crate) const fn sentinel(len: u64) -> Self {
        Cursor(len)
    }

    #[inline]
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Cursor(bits)
    }

    #[inline]
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    /// The cursor after the swing to the segment at `address`, which is not short; `ticket` is the next one there.
    #[inline]
    pub(crate) fn swung(self, address: usize, ticket: u64) -> Self {
        let sequence = (self.sequence() + 1) & sequence_mask();
        debug_assert!(fits(address));
        Cursor((address as u64 >> ALIGN_SHIFT << ADDRESS_SHIFT) | sequence << SEQUENCE_SHIFT | ticket)
    }

    /// With bit S: the segment is short.
    #[inline]
    pub(crate) fn short(self) -> Self {
        Cursor(self.0 | SHORT)
    }

    #[inline]
    pub(crate) fn is_short(self) -> bool {
        self.0 & SHORT != 0
    }

    /// The cursor after `tickets` more tickets were handed out.
    #[inline]
    pub(crate) fn advanced(self, tickets: u64) -> Self {
        debug_assert!(self.ticket() + tickets <= MAX_TICKET);
        Cursor(self.0 + tickets)
    }

    /// The cursor before the last ticket was handed out.
    pub(crate) fn receded(self) -> Self {
        debug_assert!(self.ticket() > 0);
        Cursor(self.0 - 1)
    }

    /// The cursor at slot `index` of the same segment, open.
    #[inline]
    pub(crate) fn at(self, index: u64) -> Self {
        Cursor((self.0 & !(CLOSED | MAX_TICKET)) | index)
    }

    /// Whether this cursor is open and before `claim_limit`, the bits of a cursor of the same segment.
    #[inline]
    pub(crate) fn is_before(self, claim_limit: u64, len: u64) -> bool {
        claim_limit.wrapping_sub(self.0).wrapping_sub(1) < len
    }

    /// With bit C, which means *closed* at the tail and *single consumer* at the head.
    #[inline]
    pub(crate) fn closed(self) -> Self {
        Cursor(self.0 | CLOSED)
    }

    /// Without bit C.
    #[inline]
    pub(crate) fn opened(self) -> Self {
        Cursor(self.0 & !CLOSED)
    }

    #[inline]
    pub(crate) fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    #[inline]
    pub(crate) fn ticket(self) -> u64 {
        self.0 & MAX_TICKET
    }

    /// The ticket if the cursor is open and its segment is not short. Otherwise a number above the length of every
    /// segment.
    #[inline]
    pub(crate) fn open_ticket(self) -> u64 {
        self.0 & (CLOSED | SHORT | MAX_TICKET)
    }

    /// The ticket if the segment is not short. Otherwise a number above the length of every segment.
    #[inline]
    pub(crate) fn long_ticket(self) -> u64 {
        self.0 & (SHORT | MAX_TICKET)
    }

    /// The address of the segment; 0 for the sentinel.
    #[inline]
    pub(crate) fn address(self) -> usize {
        (self.0 >> ADDRESS_SHIFT << ALIGN_SHIFT) as usize
    }

    /// The index of this segment's base in an end.
    #[inline]
    pub(crate) fn parity(self) -> usize {
        (self.sequence() & 1) as usize
    }

    #[inline]
    fn sequence(self) -> u64 {
        self.0 >> SEQUENCE_SHIFT & SEQUENCE_MASK
    }
}

/// The bits of a segment's number that a word holds.
#[cfg(not(loom))]
#[inline]
fn sequence_mask() -> u64 {
    SEQUENCE_MASK
}
#[cfg(loom)]
use short::sequence_mask;

/// For models: fewer bits of the sequence, so that a word wraps around to the same bits after few segments.
#[cfg(loom)]
pub(crate) mod short {
    use super::SEQUENCE_MASK;
    use std::cell::Cell;

    thread_local! {
        static MASK: Cell<u64> = const { Cell::new(SEQUENCE_MASK) };
    }

    /// From now on the sequence numbers of this thread wrap around after `1 << bits` segments. (In a model
    /// all threads run in one thread.)
    pub fn fix_sequence_bits(bits: u32) {
        MASK.with(|mask| mask.set((1 << bits) - 1));
    }

    pub(super) fn sequence_mask() -> u64 {
        MASK.with(Cell::get)
    }
}

/// Whether an address can be packed: it is aligned and below 2^48.
#[inline]
pub(crate) fn fits(address: usize) -> bool {
    address % SEGMENT_ALIGN == 0 && (address as u64) < 1 << 48
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn unpacking_returns_what_was_packed() {
        let address = 0x7fff_ffff_ff80_u64 as usize;
        let cursor = Cursor::sentinel(256).swung(address, 1);
        assert_eq!((cursor.address(), cursor.ticket(), cursor.parity()), (address, 1, 1));
        let last = cursor.advanced(MAX_TICKET - 1);
        assert_eq!((last.address(), last.ticket(), last.parity()), (address, MAX_TICKET, 1));
        assert!(!last.is_closed() && last.closed().is_closed());
        assert_eq!(last.closed().ticket(), MAX_TICKET);
    }

    #[test]
    fn the_sequence_wraps_around_without_changing_the_address() {
        let mut cursor = Cursor::sentinel(2);
        for n in 1..=600u64 {
            cursor = cursor.swung(0x1000, 0);
            assert_eq!((cursor.address(), cursor.parity() as u64), (0x1000, n & 1));
        }
    }

    #[test]
    fn an_open_cursor_is_before_no_claim_limit_but_that_of_its_segment() {
        const LEN: u64 = 256;
        // No segment ends at the highest address: it has more than 128 bytes.
        for address in [0x80, 0x1000, 0x7fff_ffff_ff80, 0xffff_ffff_fe00_u64].map(|address| address as usize) {
            let mut long = Cursor::sentinel(LEN);
            for _ in 0..600 {
                long = long.swung(address, 0);
                let limits = [1, 2, LEN - 1, LEN].map(|until| long.at(until).bits());
                for ticket in [0, 1, LEN - 1, LEN, MAX_TICKET] {
                    let before = |cursor: Cursor, limit| cursor.advanced(ticket).is_before(limit, LEN);
                    for (limit, until) in limits.into_iter().zip([1, 2, LEN - 1, LEN]) {
                        assert_eq!(before(long, limit), ticket < until, "{ticket} {until}");
                        // The generation before and after, another segment, and a short one at the same address.
                        let next = long.swung(address, 0);
                        assert!(!before(next, limit) && !before(next.short(), limit) && !before(long.short(), limit));
                        assert!(!before(long.closed(), limit) && !before(long, next.at(until).bits()));
                        assert!(!before(long.short(), next.at(until).bits()));
                        assert!(!before(long.swung(address ^ 0x80, 0), limit));
                    }
                    assert!(![0, 1].into_iter().any(|none| before(long, none) || before(long.short().closed(), none)));
                }
            }
        }
        for sentinel in [Cursor::sentinel(LEN), Cursor::sentinel(LEN).closed()] {
            assert!(!sentinel.is_before(0, LEN) && !sentinel.is_before(1, LEN));
        }
    }

    #[test]
    fn addresses_that_do_not_fit_are_rejected() {
        assert!(fits(0x80) && !fits(0x81));
        #[cfg(target_pointer_width = "64")]
        assert!(!fits(1 << 48));
    }
}
