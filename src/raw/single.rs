//! The only getter: nobody else moves the head, so that getting is no compare-and-swap. For queues without a bound, as
//! no put waits there for the head to move.
//!
//! It may look into the segment where the head is without a ticket, as nobody else can retire that segment. So it looks
//! at the slot first, and at the tail's word, which the putters write, only if the slot is empty.

use super::cursor::Cursor;
use super::segment::Segment;
use super::slot::Found;
use super::{PopError, RawQueue};
use crate::sync::{next_id, Ordering};
use std::marker::PhantomData;

/// The right to be the only one who gets. It belongs to the queue that it came from, whose head says where the next item is.
pub struct SingleConsumer<T> {
    /// As the queue has it.
    id: usize,
    item: PhantomData<fn() -> T>,
}

/// The item at the head, which is there.
#[must_use]
#[allow(missing_debug_implementations)]
pub struct Ready<'a, T> {
    queue: &'a RawQueue<T>,
    single: PhantomData<&'a mut SingleConsumer<T>>,
    /// The head's.
    seen: Cursor,
}

/// The id of one that has ended; no queue has it.
const NOBODY: usize = usize::MAX;

impl<T> std::fmt::Debug for SingleConsumer<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SingleConsumer { .. }")
    }
}

impl<T> RawQueue<T> {
    /// Makes the caller the only getter, for good or until [`RawQueue::end_single_consumer`].
    ///
    /// # Panics
    /// If there is one already, or somebody got before.
    pub fn single_consumer(&mut self) -> SingleConsumer<T> {
        assert!(self.head.cursor() == Cursor::sentinel(Self::LEN), "the queue is in use");
        let cursor = Cursor::sentinel(Self::LEN).closed();
        self.head.store(cursor);
        let id = next_id();
        // Ordering: Relaxed, R1. The queue is not shared yet.
        self.side.single.store(id, Ordering::Relaxed);
        SingleConsumer { id, item: PhantomData }
    }

    /// From now on anybody may get; who was the only one is no more.
    pub fn end_single_consumer(&self, single: &mut SingleConsumer<T>) {
        self.check(single);
        single.id = NOBODY;
        self.head.swap(self.head.cursor().opened());
    }

    /// Whether there is an only getter.
    #[inline]
    pub fn has_single_consumer(&self) -> bool {
        self.head.cursor().is_closed()
    }

    /// The item at the head, if it is there and not the last of its segment. To take it is linearized at the store that moves
    /// the head on.
    #[inline]
    pub fn peek_ready<'a>(&'a self, single: &'a mut SingleConsumer<T>) -> Option<Ready<'a, T>> {
        self.check(single);
        let seen = self.head.cursor();
        if seen.ticket() + 1 >= Self::LEN {
            return None;
        }
        // SAFETY: a cursor below the length is not the root's. Only this getter moves the head out of the segment, so that
        // it is not retired.
        let full = unsafe { Segment::<T>::of_cursor(seen).slot(seen.ticket()).is_full() };
        full.then_some(Ready { queue: self, single: PhantomData, seen })
    }

    /// Takes the item at the head when that may be a hole, the last of its segment, or not there. If vacant, linearized at the
    /// look at the tail's word.
    #[cold]
    pub fn pop_single_slow(&self, single: &mut SingleConsumer<T>) -> Result<T, PopError> {
        self.check(single);
        loop {
            let seen = self.head.cursor();
            let index = seen.ticket();
            if index >= Self::LEN {
                self.go_on()?;
                continue;
            }
            // SAFETY: a cursor below the length is not the root's.
            let segment = unsafe { Segment::of_cursor(seen) };
            // SAFETY: the head is in this segment and at this slot, and only this getter moves it, so that the segment is
            // not retired, and its get ticket for this slot is this getter's.
            let found = unsafe {
                match segment.slot(index).take_if_published() {
                    Some(found) => found,
                    None => self.take_unpublished(segment, seen)?,
                }
            };
            self.head.store(seen.advanced(1));
            if index + 1 == Self::LEN {
                // At once, so that a drained queue does not keep it.
                let _ = self.go_on();
            }
            if let Found::Value(value) = found {
                return Ok(value);
            }
        }
    }

    /// Appends up to `limit` items to `values` and says how many; never 0 unless `limit` is.
    pub fn pop_many_single(
        &self,
        single: &mut SingleConsumer<T>,
        values: &mut Vec<T>,
        limit: usize,
    ) -> Result<usize, PopError> {
        let before = values.len();
        while values.len() - before < limit {
            if self.take_run(single, values, limit - (values.len() - before)) > 0 {
                continue;
            }
            // What may panic comes before anything is taken.
            values.reserve(1);
            match self.pop_single_slow(single) {
                Ok(value) => values.push(value),
                Err(error) if values.len() == before => return Err(error),
                Err(_) => break,
            }
        }
        Ok(values.len() - before)
    }

    /// Takes up to `limit` items that are there in a row, but not the last of the segment, and moves the head on once.
    fn take_run(&self, single: &mut SingleConsumer<T>, values: &mut Vec<T>, limit: usize) -> usize {
        self.check(single);
        let seen = self.head.cursor();
        let first = seen.ticket();
        let most = (Self::LEN - 1).saturating_sub(first).min(limit as u64);
        if most == 0 {
            return 0;
        }
        // SAFETY: as in `peek_ready`, for each slot that is looked at.
        let segment = unsafe { Segment::<T>::of_cursor(seen) };
        // SAFETY: as above.
        let row = (first..first + most).take_while(|&index| unsafe { segment.slot(index).is_full() }).count();
        if row == 0 {
            return 0;
        }
        // What may panic comes before anything is taken.
        values.reserve(row);
        for index in first..first + row as u64 {
            // SAFETY: nobody else gets, so that the get tickets from the head on are this getter's; the slot was seen to be full.
            values.push(unsafe { segment.slot(index).take_full(|value| value) });
        }
        self.head.store(seen.advanced(row as u64));
        row
    }

    /// Whether an item may be there: a look at a line that getters and putters of one item share, and no other. For who
    /// looks again and again.
    pub fn may_pop_single(&self, single: &SingleConsumer<T>) -> bool {
        self.check(single);
        let seen = self.head.cursor();
        // SAFETY: as in `peek_ready`.
        seen.ticket() >= Self::LEN || unsafe { Segment::<T>::of_cursor(seen).slot(seen.ticket()).is_published() }
    }

    /// Nothing is published in the slot: either nobody has claimed it, or its putter is at work.
    ///
    /// # Safety
    /// As in `pop_single_slow`.
    unsafe fn take_unpublished(&self, segment: Segment<T>, seen: Cursor) -> Result<Found<T>, PopError> {
        let tail = self.tail.cursor();
        // The segment is not retired, so that its address says which one it is.
        if tail.address() == segment.address() && tail.ticket() <= seen.ticket() {
            return Err(pop_error(tail));
        }
        // Before the slot may be poisoned: its putter, who claims anew then, is to see the head beyond it.
        self.head.store(seen.advanced(1));
        // SAFETY: as demanded.
        unsafe { Ok(segment.slot(seen.ticket()).take(segment.handshake())) }
    }

    /// Moves the head off a used-up segment, if the tail has moved off it.
    #[cold]
    fn go_on(&self) -> Result<(), PopError> {
        let (seen, tail) = (self.head.cursor(), self.tail.cursor());
        if tail.address() == seen.address() {
            return Err(pop_error(tail));
        }
        let left = Segment::<T>::at(seen.address());
        // The tail has moved on, so that there is a link.
        let (link, base) = match left {
            None => (&self.side.first, Self::LEN),
            // SAFETY: the head is in this segment still.
            Some(segment) => unsafe { (&segment.header().next, segment.base() + Self::LEN) },
        };
        // Ordering: Acquire, L3. Pairs with the link (L2).
        let next = link.load(Ordering::Acquire);
        self.head.raise(seen, base, Self::LEN);
        self.head.store(seen.swung(next, 0).closed());
        if let Some(left) = left {
            // SAFETY: this getter has moved the head out of the segment, and is the only one to do so. It had handed out no
            // helper's ticket.
            unsafe {
                left.leave(0);
                self.side.pool.retire(left);
            }
        }
        Ok(())
    }

    #[inline]
    fn check(&self, single: &SingleConsumer<T>) {
        // Ordering: Relaxed, R1. It changes only before the queue is shared.
        assert_eq!(self.side.single.load(Ordering::Relaxed), single.id, "the only getter of another queue");
    }
}

impl<T> Ready<'_, T> {
    /// Takes it, in the shape in which it is wanted, and moves the head on.
    #[inline]
    pub fn take<R>(self, wrap: impl FnOnce(T) -> R) -> R {
        let Ready { queue, seen, .. } = self;
        // First, so that the value is not taken again should `wrap` unwind. The slot is neither marked nor the last one, so
        // that the segment stays.
        queue.head.store(seen.advanced(1));
        // SAFETY: as in `pop_single_slow`; the slot was seen to be full.
        unsafe { Segment::of_cursor(seen).slot(seen.ticket()).take_full(wrap) }
    }
}

fn pop_error(tail: Cursor) -> PopError {
    if tail.is_closed() {
        PopError::Closed
    } else {
        PopError::Empty
    }
}
