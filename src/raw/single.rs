//! The single consumer: no other thread moves the head, so a pop needs no compare-and-swap. For unbounded
//! queues, where no push waits for the head to move.
//!
//! Knows the ends and the segments. Does not know how the consumer waits. The consumer may read the head's
//! segment without a ticket, because no other thread can retire that segment. So it reads the slot first.
//! Only if the slot is empty does it read the tail's word, which the producers write.

use super::cursor::Cursor;
use super::points::point;
use super::segment::Segment;
use super::slot::Found;
use super::span::Span;
use super::{PopError, RawQueue};
use crate::sync::{next_id, Ordering};
use std::marker::PhantomData;

/// The right to pop as the single consumer. It belongs to the queue that returned it, and a queue checks this
/// at run time.
pub struct SingleConsumer<T> {
    /// The id that is also stored in the queue.
    id: u64,
    value: PhantomData<fn() -> T>,
}

/// The value at the head, which is published.
#[must_use]
#[allow(missing_debug_implementations)]
pub struct Ready<'a, T> {
    queue: &'a RawQueue<T>,
    single: PhantomData<&'a mut SingleConsumer<T>>,
    /// The head's cursor.
    seen: Cursor,
}

/// The id of a single consumer that has ended. No queue has it.
const ENDED: u64 = u64::MAX;

impl<T> std::fmt::Debug for SingleConsumer<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SingleConsumer { .. }")
    }
}

impl<T> RawQueue<T> {
    /// Makes the caller the single consumer, until [`RawQueue::end_single_consumer`].
    ///
    /// # Panics
    /// If the queue already has a single consumer, or its head has left the sentinel segment.
    pub fn single_consumer(&mut self) -> SingleConsumer<T> {
        assert!(self.head.cursor() == Cursor::sentinel(Self::LEN), "the queue is already in use");
        let cursor = Cursor::sentinel(Self::LEN).closed();
        self.head.store(cursor);
        let id = next_id();
        // Ordering: Relaxed, R1. The queue is not shared yet.
        self.single.store(id, Ordering::Relaxed);
        SingleConsumer { id, value: PhantomData }
    }

    /// Ends the single consumer. From now on any thread may pop.
    pub fn end_single_consumer(&self, single: &mut SingleConsumer<T>) {
        self.check(single);
        single.id = ENDED;
        point!(SingleEnded);
        self.head.store(self.head.cursor().opened());
    }

    /// Whether the queue has a single consumer.
    #[inline]
    pub fn has_single_consumer(&self) -> bool {
        self.head.cursor().is_closed()
    }

    /// The value at the head, if it is published and its slot is not the last of the segment, which is not short.
    /// Taking it is linearized at the store that advances the head.
    #[inline]
    pub fn peek_ready<'a>(&'a self, single: &'a mut SingleConsumer<T>) -> Option<Ready<'a, T>> {
        self.check(single);
        let seen = self.head.cursor();
        if seen.long_ticket() + 1 >= Self::LEN {
            return None;
        }
        // SAFETY: a cursor below the length is not at the sentinel, and the segment is not short. Only this consumer
        // moves the head out of the segment, so the segment is not retired.
        let full = unsafe { Segment::<T>::of_cursor(seen).long_slot(seen.long_ticket()).is_full() };
        full.then_some(Ready { queue: self, single: PhantomData, seen })
    }

    /// Takes the value at the head where that may be a hole, in a short segment, the last slot of its segment, or
    /// unpublished. If the result is an error, the pop is linearized at the load of the tail's word.
    #[cold]
    pub fn pop_single_slow(&self, single: &mut SingleConsumer<T>) -> Result<T, PopError> {
        self.check(single);
        loop {
            let seen = self.head.cursor();
            let index = seen.ticket();
            if index >= Self::LEN {
                self.leave_segment()?;
                continue;
            }
            // SAFETY: a cursor below the length is not at the sentinel.
            let segment = unsafe { Segment::of_cursor(seen) };
            // SAFETY: the head is at this slot, and only this consumer moves the head. So the segment is not
            // retired, and the pop ticket of the slot is this consumer's.
            let found = unsafe {
                match segment.slot(index).take_if_published() {
                    Some(found) => found,
                    None => self.take_unpublished(segment, seen)?,
                }
            };
            point!(SingleTaken);
            self.head.store(seen.advanced(1));
            if index + 1 == Self::LEN {
                // At once, so that an empty queue does not keep the segment.
                let _ = self.leave_segment();
            }
            if let Found::Value(value) = found {
                return Ok(value);
            }
        }
    }

    /// Appends up to `limit` values to `values` and returns their number, which is 0 only if `limit` is 0.
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
            // The reservation may panic, so it comes before any value is taken.
            values.reserve(1);
            match self.pop_single_slow(single) {
                Ok(value) => values.push(value),
                Err(error) if values.len() == before => return Err(error),
                Err(_) => break,
            }
        }
        Ok(values.len() - before)
    }

    /// Takes up to `limit` consecutive published values, but not the last of the segment and none of a short
    /// segment, and advances the head once.
    fn take_run(&self, single: &mut SingleConsumer<T>, values: &mut Vec<T>, limit: usize) -> usize {
        self.check(single);
        let seen = self.head.cursor();
        let first = seen.long_ticket();
        let most = (Self::LEN - 1).saturating_sub(first).min(limit as u64);
        if most == 0 {
            return 0;
        }
        // SAFETY: as in `peek_ready`.
        let segment = unsafe { Segment::<T>::of_cursor(seen) };
        // SAFETY: as above.
        let run = (first..first + most).take_while(|&index| unsafe { segment.long_slot(index).is_full() }).count();
        if run == 0 {
            return 0;
        }
        // The reservation may panic, so it comes before any value is taken.
        values.reserve(run);
        for index in first..first + run as u64 {
            // SAFETY: no other thread pops, so the pop tickets from the head on are this consumer's. The slot
            // was seen full, in a segment that is not short.
            values.push(unsafe { segment.long_slot(index).take_full(|value| value) });
        }
        point!(SingleTaken);
        self.head.store(seen.advanced(run as u64));
        run
    }

    /// Whether a value may be available. For a spin loop: this loads from one cache line, that of the slot's
    /// state, which only the producers of neighbouring slots write.
    pub fn may_pop_single(&self, single: &SingleConsumer<T>) -> bool {
        self.check(single);
        let seen = self.head.cursor();
        // SAFETY: as in `peek_ready`. While the consumer is borrowed, it does not move the head either.
        seen.ticket() >= Self::LEN || unsafe { Segment::<T>::slot_of_cursor(seen).is_published() }
    }

    /// Takes from a slot in which nothing is published: either no push has claimed it, or its producer has not
    /// finished.
    ///
    /// # Safety
    /// The head is at the slot of `seen`, which is in `segment`, and only the caller moves the head.
    unsafe fn take_unpublished(&self, segment: Segment<T>, seen: Cursor) -> Result<Found<T>, PopError> {
        let tail = self.tail.cursor();
        // The segment is not retired, so its address identifies it.
        if tail.address() == segment.address() && tail.ticket() <= seen.ticket() {
            return Err(pop_error(tail));
        }
        // Before the slot may be poisoned: its producer then claims another slot, and must see the head beyond
        // this one (S8, S9). Otherwise `len` would count both after that push.
        self.head.store(seen.advanced(1));
        point!(SingleAdvanced);
        // SAFETY: as demanded.
        unsafe { Ok(segment.slot(seen.ticket()).take(segment.handshake())) }
    }

    /// Moves the head out of a used-up segment, if the tail has left it.
    #[cold]
    fn leave_segment(&self) -> Result<(), PopError> {
        let (seen, tail) = (self.head.cursor(), self.tail.cursor());
        if tail.address() == seen.address() {
            return Err(pop_error(tail));
        }
        let left = Segment::<T>::at(seen.address());
        // The tail has left the segment, so the link is set.
        let (link, span) = match left {
            None => (&self.first, Span::SENTINEL),
            // SAFETY: the head is still in this segment.
            Some(segment) => unsafe { (&segment.header().next, segment.span()) },
        };
        // Ordering: Acquire, L3. Pairs with the link (L2).
        let next = link.load(Ordering::Acquire);
        point!(NextRead);
        self.head.raise(seen, span, Self::LEN);
        point!(BaseRaised);
        self.head.store(span.next(Self::LEN).enter(seen, next, 0).closed());
        point!(EndSwung);
        if let Some(left) = left {
            // SAFETY: this consumer has moved the head out of the segment, and no other thread does that. So the
            // segment is not reclaimed before `leave`, though no ticket pins it, and this thread alone retires it. The
            // head handed out no helper ticket.
            unsafe {
                left.leave(0);
                point!(EndLeft);
                self.cold.pool.retire(left);
            }
        }
        Ok(())
    }

    #[inline]
    fn check(&self, single: &SingleConsumer<T>) {
        // Ordering: Relaxed, R1. The id changes only before the queue is shared.
        assert_eq!(
            self.single.load(Ordering::Relaxed),
            single.id,
            "the single consumer of another queue, or one that has ended"
        );
    }
}

impl<T> Ready<'_, T> {
    /// Takes the value and advances the head. `wrap` converts the value in place, so that a large one is copied
    /// only once.
    #[inline]
    pub fn take<R>(self, wrap: impl FnOnce(T) -> R) -> R {
        let Ready { queue, seen, .. } = self;
        // First, so that the value is not taken again if `wrap` unwinds. The slot's done flag is not set and
        // the slot is not the last one, so the segment is kept.
        queue.head.store(seen.advanced(1));
        point!(SingleAdvanced);
        // SAFETY: as in `pop_single_slow`; the slot was seen full, in a segment that is not short.
        unsafe { Segment::of_cursor(seen).long_slot(seen.long_ticket()).take_full(wrap) }
    }
}

fn pop_error(tail: Cursor) -> PopError {
    if tail.is_closed() {
        PopError::Closed
    } else {
        PopError::Empty
    }
}
