//! The simplest way in and out: the ticket of one slot by one compare-and-swap, or the reason why that does not do.
//!
//! Nothing is called on these ways but what is called last, so that they need no registers saved: what is rare is told to
//! the caller, who does it in a function of its own. And a value is moved only when there is a slot for it, or a place where
//! it comes out: so a large one is copied once.

use super::cursor::Cursor;
use super::segment::Segment;
use super::slot::Published;
use super::{Claim, RawQueue};
use std::marker::PhantomData;

/// The right and the duty to put into one slot. If it is forgotten its segment is never used again, and a
/// getter of that slot may wait for ever where the kernel refuses the barrier it agreed to.
#[must_use]
#[allow(missing_debug_implementations)]
pub struct PushTicket<'a, T> {
    /// The cursor that was moved on.
    seen: Cursor,
    queue: PhantomData<&'a RawQueue<T>>,
}

/// A value was put, and a getter has asked for it before or gone on without it.
#[must_use]
#[allow(missing_debug_implementations)]
pub struct Contested<'a, T>(PushTicket<'a, T>);

/// Why a value does not go in the simplest way.
#[allow(missing_debug_implementations)]
pub enum PushFallback<'a, T> {
    /// The limit is reached.
    Full,
    /// There may be a slot by the general way.
    General,
    /// The race for the tail was lost.
    Contended,
    /// The slot is not where the limit was tested.
    Misplaced(PushTicket<'a, T>),
}

/// The right and the duty to take the value out of one slot, in which it is. If it is forgotten so is the value.
#[must_use]
#[allow(missing_debug_implementations)]
pub struct PopTicket<'a, T> {
    /// The cursor that was moved on.
    seen: Cursor,
    queue: PhantomData<&'a RawQueue<T>>,
}

/// The right and the duty to get from one slot, in which there was no value.
#[must_use]
#[allow(missing_debug_implementations)]
pub struct Unpublished<'a, T>(PopTicket<'a, T>);

/// Why a value does not come out the simplest way.
#[allow(missing_debug_implementations)]
pub enum PopFallback<'a, T> {
    /// There may be one by the general way.
    General,
    /// The race for the head was lost.
    Contended,
    /// The slot is claimed, and its value is not there yet, or never will be.
    Unpublished(Unpublished<'a, T>),
}

/// The slot at a cursor of which a ticket was got.
#[inline]
fn place<T>(seen: Cursor) -> (Segment<T>, u64) {
    // SAFETY: there was a slot at the cursor, so that it is not the root's.
    (unsafe { Segment::of_cursor(seen) }, seen.slot())
}

fn claim<T>(seen: Cursor) -> Claim<T> {
    let (segment, index) = place(seen);
    Claim { segment, index, count: 1 }
}

impl<'a, T> PushTicket<'a, T> {
    /// Writes the value and publishes it. In vain, it may be, if a getter has asked for it.
    #[inline]
    pub fn publish(self, value: T) -> Result<(), Contested<'a, T>> {
        let (segment, index) = place(self.seen);
        // SAFETY: the claim's ticket is used once; until then it pins the segment.
        match unsafe { segment.slot(index).publish(value, segment.handshake()) } {
            Published::Done => Ok(()),
            Published::Contested => Err(Contested(self)),
        }
    }

    pub(super) fn claim(&self) -> Claim<T> {
        claim(self.seen)
    }
}

impl<T> Contested<'_, T> {
    /// The value, if the getter has gone on without it.
    pub(super) fn resolve(self) -> Option<T> {
        let (segment, index) = place(self.0.seen);
        // SAFETY: the value was just put by this ticket, which is used up by this.
        unsafe { segment.slot(index).resolve() }
    }
}

impl<T> PopTicket<'_, T> {
    /// The value, in the shape in which it is wanted: so a large one is copied once.
    #[inline]
    pub fn take<R>(self, wrap: impl FnOnce(T) -> R) -> R {
        let (segment, index) = place(self.seen);
        // SAFETY: the claim's ticket is used once; until then it pins the segment. The slot was seen to be full.
        unsafe { segment.slot(index).take_full(wrap) }
    }
}

impl<T> Unpublished<'_, T> {
    pub(super) fn claim(&self) -> Claim<T> {
        claim(self.0.seen)
    }
}

impl<T> RawQueue<T> {
    /// Claims one slot at the tail, if that can be done at once. There is no limit.
    #[inline]
    pub fn try_claim_push(&self) -> Result<PushTicket<'_, T>, PushFallback<'_, T>> {
        let seen = self.tail.cursor();
        if seen.slot() >= Self::LEN {
            return Err(PushFallback::General);
        }
        match self.tail.advance(seen, seen.advanced(1)) {
            Ok(()) => Ok(PushTicket { seen, queue: PhantomData }),
            Err(_) => Err(PushFallback::Contended),
        }
    }

    /// The same, unless `limit` items are inside.
    #[inline]
    pub fn try_claim_push_within(&self, limit: u64) -> Result<PushTicket<'_, T>, PushFallback<'_, T>> {
        let seen = self.tail.cursor();
        let index = seen.slot();
        if index >= Self::LEN {
            return Err(PushFallback::General);
        }
        let position = self.tail.position_of(seen);
        let mut head = None;
        if position.saturating_sub(self.tail.cached_peer()) >= limit {
            // The horizon is old.
            head = Some(self.head_within(seen, position, limit)?);
        }
        #[cfg(all(test, not(loom)))]
        super::hooks::before_the_claim();
        if self.tail.advance(seen, seen.advanced(1)).is_err() {
            return Err(PushFallback::Contended);
        }
        let ticket = PushTicket { seen, queue: PhantomData };
        let (segment, _) = place::<T>(seen);
        // SAFETY: the claim pins the segment.
        let base = unsafe { segment.base() };
        if base + index != position {
            // The word had come back to the same bits, whole turns of the list later, between the test and the claim.
            return Err(PushFallback::Misplaced(ticket));
        }
        if let Some(head) = head {
            // Only now: the word has not come back meanwhile, so that both were in this life of the segment.
            self.tail.cache_peer(base + head);
        }
        Ok(ticket)
    }

    /// The head's ticket, if it is in the segment of the tail's cursor `seen` and fewer than `limit` slots behind; `position` is
    /// what was read as that of `seen`, and need not be. The head may be in another life of the segment.
    #[inline]
    pub(super) fn head_within(&self, seen: Cursor, position: u64, limit: u64) -> Result<u64, PushFallback<'_, T>> {
        // Was the base that of `seen`? If the word is there now then it is not younger, and if it is the same below, not older:
        // it is raised for a later life of the segment only when the tail has left this one.
        if self.tail.cursor() != seen {
            return Err(PushFallback::General);
        }
        let now = self.head.cursor();
        if now.address() != seen.address() {
            return Err(PushFallback::General);
        }
        if seen.ticket().saturating_sub(now.ticket()) >= limit {
            // As long as the base is the same the tail has not been through another life of the segment, so that both
            // words were in this one: it was full when the head's was read.
            let same = self.tail.position_of(seen) == position;
            return Err(if same { PushFallback::Full } else { PushFallback::General });
        }
        Ok(now.ticket().min(seen.ticket()))
    }

    /// Claims the slot at the head, if that can be done at once, the slot is not the last of its segment, and its value is
    /// there.
    #[inline]
    pub fn try_claim_pop(&self) -> Result<PopTicket<'_, T>, PopFallback<'_, T>> {
        let seen = self.head.cursor();
        let index = seen.slot();
        if index + 1 >= Self::LEN {
            return Err(PopFallback::General);
        }
        let position = self.head.position_of(seen);
        if position >= self.head.cached_peer() {
            let there = self.available_hint(seen);
            if there == 0 {
                return Err(PopFallback::General);
            }
            self.head.cache_peer(position + there);
        }
        #[cfg(all(test, not(loom)))]
        super::hooks::before_the_claim();
        if self.head.advance(seen, seen.advanced(1)).is_err() {
            return Err(PopFallback::Contended);
        }
        let ticket = PopTicket { seen, queue: PhantomData };
        let (segment, _) = place::<T>(seen);
        // SAFETY: the claim pins the segment.
        match unsafe { segment.slot(index).is_full() } {
            true => Ok(ticket),
            false => Err(PopFallback::Unpublished(Unpublished(ticket))),
        }
    }
}
