//! The only getter: nobody else moves the head, so that getting is no compare-and-swap.
//!
//! It may look into the segment where the head is without a ticket, as nobody else can retire that segment. So it looks
//! at the slot first, and at the tail's word, which the putters write, only if the slot is empty.

use super::cursor::Cursor;
use super::segment::Segment;
use super::slot::Found;
use super::{Observer, RawQueue, Vacant};
use crate::sync::{next_id, Ordering};

/// The right to be the only one who gets, and where the head is. It belongs to the queue that it came from.
pub struct Sole<T> {
    /// As the queue has it.
    id: usize,
    /// Where the head is; `None` before the first segment.
    segment: Option<Segment<T>>,
    index: u64,
    cursor: Cursor,
    announce: Announce,
}

// SAFETY: it only says where in a queue the next value is; the values are sent, hence `T: Send`.
unsafe impl<T: Send> Send for Sole<T> {}
// SAFETY: a shared reference to it does nothing.
unsafe impl<T: Send> Sync for Sole<T> {}

/// How the head's going on is made known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announce {
    /// Nobody waits for room.
    Plainly,
    /// By an RMW, so that it meets those who wait for room.
    ToWaiters,
}

impl<T> std::fmt::Debug for Sole<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sole { .. }")
    }
}

impl<T> RawQueue<T> {
    /// Makes the caller the only getter, for good or until [`RawQueue::end_sole`].
    ///
    /// # Panics
    /// If there is one already, or somebody got before.
    pub fn sole(&mut self, announce: Announce) -> Sole<T> {
        assert!(self.head.cursor() == Cursor::root(Self::LEN), "the queue is in use");
        let cursor = Cursor::root(Self::LEN).closed();
        self.head.place(cursor);
        let id = next_id();
        // Ordering: Relaxed, R1. The queue is not shared yet.
        self.side.sole.store(id, Ordering::Relaxed);
        Sole { id, segment: None, index: Self::LEN, cursor, announce }
    }

    /// From now on anybody may get.
    pub fn end_sole(&self, sole: Sole<T>) {
        self.check(&sole);
        self.head.place_and_meet(sole.cursor.opened());
    }

    /// Whether there is an only getter.
    #[inline]
    pub fn is_sole(&self) -> bool {
        self.head.cursor().is_closed()
    }

    /// Takes the item at the head.
    ///
    /// Linearized at the store that moves the head on; if vacant, at the look at the tail's word.
    #[inline]
    pub fn pop_alone(&self, sole: &mut Sole<T>, observer: &impl Observer) -> Result<T, Vacant> {
        self.check(sole);
        loop {
            let Some(segment) = self.current(sole)? else { continue };
            let slot = segment.slot(sole.index);
            // SAFETY: the head is in this segment and at this slot, and only this getter moves it, so that the segment is
            // not retired, and its get ticket for this slot is this getter's.
            let found = unsafe {
                match slot.take_if_settled() {
                    Some(found) => found,
                    None => self.take_unsettled(sole, segment)?,
                }
            };
            self.step(sole);
            observer.vacated(1);
            if let Found::Value(value) = found {
                return Ok(value);
            }
        }
    }

    /// Appends up to `limit` items to `values` and says how many; never 0 unless `limit` is.
    pub fn pop_many_alone(
        &self,
        sole: &mut Sole<T>,
        values: &mut Vec<T>,
        limit: usize,
        observer: &impl Observer,
    ) -> Result<usize, Vacant> {
        let before = values.len();
        while values.len() - before < limit {
            // What may panic comes before anything is taken.
            values.reserve(1);
            match self.pop_alone(sole, observer) {
                Ok(value) => values.push(value),
                Err(vacant) if values.len() == before => return Err(vacant),
                Err(_) => break,
            }
        }
        Ok(values.len() - before)
    }

    /// Whether an item may be there: a look at a line that getters and putters of one item share, and no other. For who
    /// looks again and again.
    pub fn may_pop_alone(&self, sole: &Sole<T>) -> bool {
        self.check(sole);
        match sole.segment {
            // SAFETY: as in `pop_alone`.
            Some(segment) if sole.index < Self::LEN => unsafe { segment.slot(sole.index).is_settled() },
            _ => true,
        }
    }

    /// The segment with the next slot; `None` after a move to another one.
    #[inline]
    fn current(&self, sole: &mut Sole<T>) -> Result<Option<Segment<T>>, Vacant> {
        match sole.segment {
            Some(segment) if sole.index < Self::LEN => Ok(Some(segment)),
            _ => self.go_on(sole).map(|()| None),
        }
    }

    /// Nothing is published in the slot: either nobody has claimed it, or its putter is at work.
    ///
    /// # Safety
    /// As in `pop_alone`.
    #[cold]
    unsafe fn take_unsettled(&self, sole: &Sole<T>, segment: Segment<T>) -> Result<Found<T>, Vacant> {
        let tail = self.tail.cursor();
        // The segment is not retired, so that its address says which one it is.
        if tail.address() == segment.address() && tail.ticket() <= sole.index {
            return Err(vacant(tail));
        }
        // Before the slot may be poisoned: its putter, who claims anew then, is to see the head beyond it.
        self.place(sole.announce, sole.cursor.advanced(1));
        // SAFETY: as demanded.
        unsafe { Ok(segment.slot(sole.index).take(segment.means())) }
    }

    /// Moves the head off a used-up segment, if the tail has moved off it.
    #[cold]
    fn go_on(&self, sole: &mut Sole<T>) -> Result<(), Vacant> {
        let tail = self.tail.cursor();
        if tail.address() == sole.cursor.address() {
            return Err(vacant(tail));
        }
        // The tail has moved on, so that there is a link.
        let (link, base) = match sole.segment {
            None => (&self.side.first, Self::LEN),
            // SAFETY: the head is in this segment still.
            Some(segment) => unsafe { (&segment.header().next, segment.base() + Self::LEN) },
        };
        // Ordering: Acquire, L3. Pairs with the link (L2).
        let next = link.load(Ordering::Acquire);
        self.head.raise(sole.cursor, base, Self::LEN);
        let left = std::mem::replace(&mut sole.segment, Segment::at(next));
        (sole.index, sole.cursor) = (0, sole.cursor.swung(next, 0).closed());
        self.place(sole.announce, sole.cursor);
        if let Some(left) = left {
            // SAFETY: this getter has moved the head out of the segment, and is the only one to do so. It had handed out no
            // helper's ticket.
            unsafe {
                left.leave(0);
                self.side.depot.retire(left);
            }
        }
        Ok(())
    }

    #[inline]
    fn step(&self, sole: &mut Sole<T>) {
        sole.index += 1;
        sole.cursor = sole.cursor.advanced(1);
        self.place(sole.announce, sole.cursor);
        if sole.index == Self::LEN {
            // At once, so that a drained queue does not keep it.
            let _ = self.go_on(sole);
        }
    }

    #[inline]
    fn place(&self, announce: Announce, cursor: Cursor) {
        match announce {
            Announce::Plainly => self.head.place(cursor),
            Announce::ToWaiters => self.head.place_and_meet(cursor),
        }
    }

    #[inline]
    fn check(&self, sole: &Sole<T>) {
        // Ordering: Relaxed, R1. It changes only before the queue is shared, and when the one with this id ends.
        assert_eq!(self.side.sole.load(Ordering::Relaxed), sole.id, "the only getter of another queue");
    }
}

fn vacant(tail: Cursor) -> Vacant {
    if tail.is_closed() {
        Vacant::Closed
    } else {
        Vacant::Empty
    }
}
