//! The fast paths: claim one slot by one compare-and-swap, or return the reason why the slow path is needed.
//!
//! Knows the ends, the segments and the slots. Does not know the slow paths: a fast path returns a reason
//! instead of calling the slow path, so it contains no calls and saves no registers. A value is moved only
//! when there is a slot for it, or a destination for it. So a large value is copied only once.

use super::cursor::Cursor;
use super::points::point;
use super::segment::Segment;
use super::slot::Published;
use super::{Claim, PopError, RawQueue};
use std::marker::PhantomData;

/// The right and the duty to publish into one slot. If the ticket is forgotten, its segment is never reused,
/// and the slot's consumer may wait forever if the kernel refuses the `membarrier` for which the process has
/// registered.
#[must_use]
#[allow(missing_debug_implementations)]
pub struct PushTicket<'a, T> {
    /// The cursor before the claim.
    ///
    /// Invariant: it is at a slot of a segment that is not short.
    seen: Cursor,
    queue: PhantomData<&'a RawQueue<T>>,
}

/// A push whose value is published, but whose slot the consumer has contested and may have poisoned.
#[must_use]
#[allow(missing_debug_implementations)]
pub struct Contested<'a, T>(PushTicket<'a, T>);

/// Why the fast path of a push failed.
#[allow(missing_debug_implementations)]
pub enum PushFallback<'a, T> {
    /// The words say that the limit is reached; holes ahead of the head may leave a free slot.
    MaybeFull,
    /// The slow path may find a slot.
    General,
    /// Another thread moved the tail first.
    Contended,
    /// A slot is claimed, and the limit must be checked for its position: the claim limit was taken back, or
    /// the word wrapped around.
    Misplaced(PushTicket<'a, T>),
}

/// The right and the duty to take the value of one full slot. If the ticket is forgotten, so is the value.
#[must_use]
#[allow(missing_debug_implementations)]
pub struct PopTicket<'a, T> {
    /// The cursor before the claim.
    ///
    /// Invariant: it is at a slot of a segment that is not short.
    seen: Cursor,
    queue: PhantomData<&'a RawQueue<T>>,
}

/// The right and the duty to take from one slot whose value is not published yet, or that is a hole.
#[must_use]
#[allow(missing_debug_implementations)]
pub struct Unpublished<'a, T>(PopTicket<'a, T>);

/// Why the fast path of a pop failed.
#[allow(missing_debug_implementations)]
pub enum PopFallback<'a, T> {
    /// The queue was empty, at a moment since the call.
    Empty(PopError),
    /// The slow path may find a value.
    General,
    /// Another thread moved the head first.
    Contended,
    /// A slot is claimed whose value is not published yet, or that is a hole.
    Unpublished(Unpublished<'a, T>),
}

/// The segment and the slot index of a claimed ticket, by the cursor before the claim. The segment is not short: each
/// fast path compares [`Cursor::open_ticket`] with the length, or the cursor with a claim limit, which is never in a
/// short segment.
#[inline]
fn segment_and_index<T>(seen: Cursor) -> (Segment<T>, u64) {
    debug_assert!(!seen.is_short());
    // SAFETY: there was a slot at the cursor, so the cursor is not at the sentinel.
    (unsafe { Segment::of_cursor(seen) }, seen.open_ticket())
}

/// The claim of a ticket, which the caller does not use any more.
fn claim<T>(seen: Cursor) -> Claim<T> {
    let (segment, index) = segment_and_index(seen);
    Claim { segment, index, count: 1 }
}

impl<'a, T> PushTicket<'a, T> {
    /// Writes the value and publishes it. If the slot's consumer has contested the slot,
    /// [`RawQueue::push_contested`] must follow.
    #[inline]
    pub fn publish(self, value: T) -> Result<(), Contested<'a, T>> {
        let (segment, index) = segment_and_index(self.seen);
        // SAFETY: the claim's ticket is used once; until then it pins the segment, which is not short.
        match unsafe { segment.long_slot(index).publish(value) } {
            Published::Kept => Ok(()),
            Published::Contested => Err(Contested(self)),
        }
    }

    pub(super) fn claim(self) -> Claim<T> {
        claim(self.seen)
    }
}

impl<T> Contested<'_, T> {
    /// The value, if the slot is poisoned.
    pub(super) fn resolve(self) -> Option<T> {
        let (segment, index) = segment_and_index(self.0.seen);
        // SAFETY: this ticket has just published the value, and is used up by this call. The segment is not short.
        unsafe { segment.long_slot(index).resolve() }
    }
}

impl<T> PopTicket<'_, T> {
    /// Takes the value. `wrap` converts it in place, so that a large one is copied only once.
    #[inline]
    pub fn take<R>(self, wrap: impl FnOnce(T) -> R) -> R {
        let (segment, index) = segment_and_index(self.seen);
        // SAFETY: the claim's ticket is used once; until then it pins the segment, which is not short. The slot was
        // seen full.
        unsafe { segment.long_slot(index).take_full(wrap) }
    }
}

impl<T> Unpublished<'_, T> {
    pub(super) fn claim(self) -> Claim<T> {
        claim(self.0.seen)
    }
}

impl<T> RawQueue<T> {
    /// Claims one slot at the tail if earlier pushes have found that it is within the limit: before the
    /// *claim limit* of the tail, which [`RawQueue::push_slow`] sets.
    #[inline]
    pub fn try_claim_push(&self) -> Result<PushTicket<'_, T>, PushFallback<'_, T>> {
        let seen = self.tail.cursor();
        let claim_limit = self.tail.claim_limit();
        if !seen.is_before(claim_limit, Self::LEN) {
            return Err(PushFallback::General);
        }
        point!(PushChecked);
        if self.tail.advance(seen, seen.advanced(1)).is_err() {
            return Err(PushFallback::Contended);
        }
        let ticket = PushTicket { seen, queue: PhantomData };
        point!(ClaimedBeforeLimit);
        // The word may have wrapped around to the same bits between the first load and the claim. A claim limit
        // that is read now is of the claim's generation of the segment, or of a later segment.
        let again = self.tail.claim_limit();
        if again != claim_limit {
            unlikely();
            if !seen.is_before(again, Self::LEN) {
                return Err(PushFallback::Misplaced(ticket));
            }
        }
        Ok(ticket)
    }

    /// Claims one slot at the tail without a limit, if one compare-and-swap can do it.
    #[inline]
    pub fn try_claim_push_unlimited(&self) -> Result<PushTicket<'_, T>, PushFallback<'_, T>> {
        let seen = self.tail.cursor();
        if seen.open_ticket() >= Self::LEN {
            return Err(PushFallback::General);
        }
        match self.tail.advance(seen, seen.advanced(1)) {
            Ok(()) => Ok(PushTicket { seen, queue: PhantomData }),
            Err(_) => Err(PushFallback::Contended),
        }
    }

    /// Claims one slot at the tail, unless `limit` items are in the queue, by a look at the head.
    #[inline]
    pub fn try_claim_push_within(&self, limit: u64) -> Result<PushTicket<'_, T>, PushFallback<'_, T>> {
        Ok(self.claim_push_below(limit)?.0)
    }

    /// Claims one slot at the tail, unless `limit` items are in the queue. Returns the head's ticket as well,
    /// which was seen in the same generation of the segment.
    #[inline]
    fn claim_push_below(&self, limit: u64) -> Result<(PushTicket<'_, T>, u64), PushFallback<'_, T>> {
        let seen = self.tail.cursor();
        let index = seen.open_ticket();
        if index >= Self::LEN {
            return Err(PushFallback::General);
        }
        let position = self.tail.position_of(seen);
        let head = self.head_below_limit(seen, position, limit)?;
        point!(PushChecked);
        if self.tail.advance(seen, seen.advanced(1)).is_err() {
            return Err(PushFallback::Contended);
        }
        let ticket = PushTicket { seen, queue: PhantomData };
        let (segment, _) = segment_and_index::<T>(seen);
        // SAFETY: the claim pins the segment.
        let base = unsafe { segment.base() };
        if base + index != position {
            // The tail's word wrapped around to the same bits between the check and the claim.
            return Err(PushFallback::Misplaced(ticket));
        }
        Ok((ticket, head))
    }

    /// Like [`RawQueue::try_claim_push_within`], and sets the claim limit for later pushes: see
    /// [`RawQueue::push_slow`].
    #[inline]
    pub fn try_claim_push_and_look(&self, limit: u64) -> Result<PushTicket<'_, T>, PushFallback<'_, T>> {
        let (ticket, head) = self.claim_push_below(limit)?;
        let (segment, index) = segment_and_index::<T>(ticket.seen);
        // The head only moves forward.
        let until = head.saturating_add(limit).min(Self::LEN);
        if until > index + 1 {
            self.tail.set_claim_limit(segment.address(), until);
        }
        Ok(ticket)
    }

    /// The head's ticket, if the head is in the segment of the tail's cursor `seen` and fewer than `limit`
    /// slots behind it. `position` is what was read as the position of `seen`, and may be wrong. The head may
    /// be in another generation of the segment.
    #[inline]
    pub(super) fn head_below_limit(&self, seen: Cursor, position: u64, limit: u64) -> Result<u64, PushFallback<'_, T>> {
        // Does the base belong to `seen`? If the word still equals `seen`, the base is not newer. If the base
        // is the same below, it is not older: it is raised for a later generation of the segment only after
        // the tail has left this one.
        if self.tail.cursor() != seen {
            return Err(PushFallback::General);
        }
        let now = self.head.cursor();
        if now.address() != seen.address() {
            return Err(PushFallback::General);
        }
        if seen.ticket().saturating_sub(now.ticket()) >= limit {
            // While the base is the same the tail has not passed through another generation of the segment.
            // So both words were in this one, and the queue was full when the head's word was read.
            let same = self.tail.position_of(seen) == position;
            return Err(if same { PushFallback::MaybeFull } else { PushFallback::General });
        }
        Ok(now.ticket().min(seen.ticket()))
    }

    /// Claims the slot at the head, if one compare-and-swap can do it and its value is published. The slot
    /// must be before the *claim limit* of the head, which earlier pops have set, or the only one before the
    /// tail, as when items are pushed and popped in turn. It must not be the last one of its segment.
    #[inline]
    pub fn try_claim_pop(&self) -> Result<PopTicket<'_, T>, PopFallback<'_, T>> {
        let seen = self.head.cursor();
        let after = Cursor::from_bits(seen.bits() + 1);
        if !seen.is_before(self.head.claim_limit(), Self::LEN)
            && (self.tail.cursor().opened() != after || after.open_ticket() >= Self::LEN)
        {
            return Err(PopFallback::General);
        }
        point!(PopChecked);
        if self.head.advance(seen, after).is_err() {
            return Err(PopFallback::Contended);
        }
        if_published(PopTicket { seen, queue: PhantomData })
    }

    /// Like [`RawQueue::try_claim_pop`] after a look at the tail, which must be ahead in the same segment.
    /// Sets the claim limit: up to the tail, but without the last slot of the segment.
    #[inline]
    pub fn try_claim_pop_and_look(&self) -> Result<PopTicket<'_, T>, PopFallback<'_, T>> {
        let seen = self.head.cursor();
        let base = self.head.base_of(seen);
        let again = self.head.cursor();
        let tail = self.tail.cursor();
        if tail.opened() == seen {
            // The head has not moved since `again` was read, so the segment was not reused in between, and the
            // tail was where the head was.
            let unmoved = again == seen && self.head.cursor() == seen && self.head.base_of(seen) == base;
            return Err(match unmoved {
                true => PopFallback::Empty(if tail.is_closed() { PopError::Closed } else { PopError::Empty }),
                false => PopFallback::General,
            });
        }
        if tail.address() != seen.address() {
            return Err(PopFallback::General);
        }
        let until = tail.ticket().min(Self::LEN - 1);
        if until <= seen.open_ticket() {
            return Err(PopFallback::General);
        }
        point!(PopChecked);
        if self.head.advance(seen, seen.advanced(1)).is_err() {
            return Err(PopFallback::Contended);
        }
        let ticket = PopTicket { seen, queue: PhantomData };
        let (segment, index) = segment_and_index::<T>(seen);
        if until > index + 1 {
            self.head.set_claim_limit(segment.address(), until);
        }
        if_published(ticket)
    }
}

/// For tests and models: a whole push as the queue makes it of these parts.
#[cfg(any(test, loom))]
impl<T> RawQueue<T> {
    /// Pushes `value`, before the claim limit if there is one. All pushes by this method have the same limit,
    /// until [`RawQueue::always_check_limit`].
    pub fn push_before_claim_limit(
        &self,
        value: T,
        limit: u64,
        events: &mut super::Events,
    ) -> Result<(), super::PushError<T>> {
        let mut claimed = self.try_claim_push();
        if let Err(PushFallback::General) = claimed {
            claimed = self.try_claim_push_and_look(limit);
        }
        match claimed {
            Ok(ticket) => match ticket.publish(value) {
                Ok(()) => {
                    events.pushed += 1;
                    Ok(())
                }
                Err(contested) => self.push_contested(contested, limit, events),
            },
            Err(fallback) => self.push_slow(value, fallback, limit, events),
        }
    }
}

/// The ticket, if the value of its slot is published.
#[inline]
fn if_published<T>(ticket: PopTicket<'_, T>) -> Result<PopTicket<'_, T>, PopFallback<'_, T>> {
    let (segment, index) = segment_and_index::<T>(ticket.seen);
    point!(PopClaimed);
    // SAFETY: the claim pins the segment, which is not short.
    match unsafe { segment.long_slot(index).is_full() } {
        true => Ok(ticket),
        false => Err(PopFallback::Unpublished(Unpublished(ticket))),
    }
}

/// Tells the compiler that the branch that calls this is seldom taken.
#[cold]
fn unlikely() {}
