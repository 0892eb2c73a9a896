//! Pops, the slow path and batches: claims slots at the head, takes their values, and moves the head out of
//! used-up segments.
//!
//! Knows the whole core. Does not know what waits for a free slot.

use super::cursor::Cursor;
use super::fast::PopFallback;
use super::points::point;
use super::segment::{Segment, SEALED};
use super::slot::Found;
use super::{to_usize, Claim, Count, Events, PopError, RawQueue, Snapshot};
use crate::sync::{Backoff, Ordering};

/// Whether there are positions to claim at the head.
enum Availability {
    /// The number of claimed positions that the head has not passed. Holes count.
    Claimed(u64),
    None(PopError),
}

impl<T> RawQueue<T> {
    /// Takes the value at the head.
    ///
    /// Linearized at the claim, an RMW of the head's word; if the result is an error, at the load of the
    /// tail's word, around which the head did not move.
    #[inline]
    pub fn pop(&self, events: &mut Events) -> Result<T, PopError> {
        let claimed = match self.try_claim_pop() {
            Err(PopFallback::General) => self.try_claim_pop_and_look(),
            claimed => claimed,
        };
        match claimed {
            Ok(ticket) => {
                let value = ticket.take(Ok);
                events.freed += 1;
                value
            }
            Err(fallback) => self.pop_after_fallback(fallback, events),
        }
    }

    /// The rest of a pop whose fast path failed, usually because the queue is empty.
    #[cold]
    fn pop_after_fallback(&self, fallback: PopFallback<'_, T>, events: &mut Events) -> Result<T, PopError> {
        match fallback {
            PopFallback::Empty(error) => Err(error),
            fallback => self.pop_slow(fallback, events),
        }
    }

    /// The slow path of a pop, after the fast path has returned `fallback`.
    #[cold]
    pub fn pop_slow(&self, fallback: PopFallback<'_, T>, events: &mut Events) -> Result<T, PopError> {
        match fallback {
            PopFallback::Empty(error) => return Err(error),
            PopFallback::General => {}
            PopFallback::Contended => Backoff::new().after_lost_claim(),
            PopFallback::Unpublished(unpublished) => {
                let found = self.take(unpublished.claim());
                events.freed += 1;
                if let Found::Value(value) = found {
                    return Ok(value);
                }
            }
        }
        loop {
            let claim = self.claim_pop(1)?;
            if let Some(value) = self.take_claimed(claim, events) {
                return Ok(value);
            }
        }
    }

    /// Takes the value at the head if more than `limit` items are in the queue.
    ///
    /// Linearized at the claim, an RMW of the head's word: the head had not moved since the items were
    /// counted, and the tail only moves forward.
    pub fn pop_beyond(&self, limit: u64, events: &mut Events) -> Option<T> {
        self.assert_no_single_consumer();
        loop {
            let Count { head: Snapshot { cursor: seen, .. }, items, .. } = self.count();
            if items <= limit {
                return None;
            }
            if seen.ticket() >= Self::LEN {
                self.leave_used_up_segment(seen);
                continue;
            }
            if self.head.advance(seen, seen.advanced(1)).is_err() {
                continue;
            }
            let Some(segment) = Segment::at(seen.address()) else { unreachable!() };
            if let Some(value) = self.take_claimed(Claim { segment, index: seen.ticket(), count: 1 }, events) {
                return Some(value);
            }
        }
    }

    /// Uses a claim of one slot. Moves the head out of the segment if that was its last slot.
    #[inline]
    fn take_claimed(&self, claim: Claim<T>, events: &mut Events) -> Option<T> {
        let left = self.leave_with_last_slot(&claim);
        let found = self.take(claim);
        // SAFETY: this thread won the swing of the head out of the segment, if there is one.
        unsafe { self.retire(left) };
        events.freed += 1;
        match found {
            Found::Value(value) => Some(value),
            Found::Hole => None,
        }
    }

    /// Appends a run of up to `limit` values to `values`, by one claim in one segment, and returns their
    /// number. It is 0 if all claimed slots were holes.
    ///
    /// # Panics
    /// If `limit` is 0.
    pub fn pop_run(&self, values: &mut Vec<T>, limit: usize, events: &mut Events) -> Result<usize, PopError> {
        let wanted = match self.available() {
            // The reservation below may panic, so it comes before the claim, and only if there are positions
            // to claim.
            Availability::Claimed(count) => limit.min(Self::LEN as usize).min(to_usize(count)),
            Availability::None(error) => return Err(error),
        };
        assert!(wanted > 0, "`limit` must be greater than 0");
        values.reserve(wanted);
        let claim = self.claim_pop(wanted as u64)?;
        let before = values.len();
        let left = self.leave_with_last_slot(&claim);
        // SAFETY: the claim's tickets pin the segment.
        let (slots, handshake) = unsafe { (claim.segment.slots(), claim.segment.handshake()) };
        for index in claim.index..claim.index + claim.count {
            // SAFETY: the pop ticket is part of the claim and is used once; until then it pins the segment.
            if let Found::Value(value) = unsafe { slots.at(index).take(handshake) } {
                values.push(value);
            }
        }
        // SAFETY: this thread won the swing of the head out of the segment, if there is one.
        unsafe { self.retire(left) };
        events.freed += claim.count as usize;
        Ok(values.len() - before)
    }

    #[inline]
    fn assert_no_single_consumer(&self) {
        assert!(!self.has_single_consumer(), "the queue has a single consumer");
    }

    /// Claims up to `wanted` slots of the head's segment, but only slots that the tail has claimed before.
    #[inline(never)]
    pub(super) fn claim_pop(&self, wanted: u64) -> Result<Claim<T>, PopError> {
        self.assert_no_single_consumer();
        let mut backoff = Backoff::new();
        let mut seen = self.head.cursor();
        loop {
            let index = seen.ticket();
            if index >= Self::LEN {
                match self.available() {
                    Availability::None(error) => return Err(error),
                    Availability::Claimed(_) => self.leave_used_up_segment(seen),
                }
                seen = self.head.cursor();
                continue;
            }
            let mut available = self.available_hint(seen);
            if available == 0 {
                match self.available() {
                    Availability::None(error) => return Err(error),
                    Availability::Claimed(claimed) => available = claimed,
                }
                let now = self.head.cursor();
                if now != seen {
                    seen = now;
                    continue;
                }
            }
            let count = wanted.min(Self::LEN - index).min(available);
            point!(PopChecked);
            if self.head.advance(seen, seen.advanced(count)).is_ok() {
                let Some(segment) = Segment::at(seen.address()) else { unreachable!() };
                let until = (index + available).min(Self::LEN - 1);
                if until > index + count {
                    self.head.set_claim_limit(segment.address(), until);
                }
                return Ok(Claim { segment, index, count });
            }
            backoff.after_lost_claim();
            seen = self.head.cursor();
        }
    }

    /// Uses the pop ticket of a claim of one slot.
    #[inline]
    pub(super) fn take(&self, claim: Claim<T>) -> Found<T> {
        // SAFETY: the claim's ticket is used once; until then it pins the segment.
        unsafe { claim.segment.slot(claim.index).take(claim.segment.handshake()) }
    }

    /// How far the tail is ahead in the segment of `seen`, by one load of its word. 0 means unknown:
    /// the tail may be in another segment.
    #[inline]
    pub(super) fn available_hint(&self, seen: Cursor) -> u64 {
        let tail = self.tail.cursor();
        if tail.address() == seen.address() {
            tail.ticket().min(Self::LEN).saturating_sub(seen.ticket())
        } else {
            0
        }
    }

    /// The number of positions between head and tail, at one moment, holes included; or the error if there is
    /// none.
    #[cold]
    fn available(&self) -> Availability {
        let (head, tail) = self.ends();
        if head.position < tail.position {
            Availability::Claimed(tail.position - head.position)
        } else if tail.cursor.is_closed() {
            Availability::None(PopError::Closed)
        } else {
            Availability::None(PopError::Empty)
        }
    }

    /// Moves the head out of a used-up segment, which the tail has left before.
    #[cold]
    pub(super) fn leave_used_up_segment(&self, seen: Cursor) {
        let Some(link) = self.link(&self.head, seen) else { return };
        // Ordering: Acquire, L3. Pairs with the link (L2).
        let next = link.next().load(Ordering::Acquire);
        if next == 0 || next == SEALED || self.tail.cursor().address() == seen.address() {
            // This happens only if the head's word has wrapped around to the same bits since the check. The
            // head must not pass the tail.
            return;
        }
        let moved = self.cross(&self.head, seen, &link, next, 0);
        drop(link);
        if moved {
            // SAFETY: this thread won the swing of the head out of the segment.
            unsafe { self.retire(Segment::at(seen.address())) };
        }
    }

    /// Moves the head out of the segment if the claim has its last slot and the tail has left it, so that an
    /// empty queue does not keep the segment. The caller retires the segment that is returned, after it has
    /// used the claim's last ticket.
    #[inline]
    pub(super) fn leave_with_last_slot(&self, claim: &Claim<T>) -> Option<Segment<T>> {
        if claim.index + claim.count < Self::LEN {
            return None;
        }
        point!(LastSlotClaimed);
        let segment = claim.segment;
        // SAFETY: the claim's tickets pin the segment.
        // Ordering: Acquire, L3. Pairs with the link (L2).
        let (next, span) = unsafe { (segment.header().next.load(Ordering::Acquire), segment.span()) };
        let seen = self.head.cursor();
        let stays = next == 0 || next == SEALED || self.tail.cursor().address() == segment.address();
        if stays || seen.address() != segment.address() {
            return None;
        }
        // SAFETY: the claim's tickets pin the segment.
        unsafe { self.swing(&self.head, seen, (Some(segment), span), next, 0) }.then_some(segment)
    }

    /// Retires the segment, if there is one.
    ///
    /// # Safety
    /// As for [`SegmentPool::retire`](super::pool::SegmentPool::retire).
    #[inline]
    pub(super) unsafe fn retire(&self, left: Option<Segment<T>>) {
        if let Some(segment) = left {
            point!(SegmentUnretired);
            // SAFETY: as demanded.
            unsafe { self.cold.pool.retire(segment) };
        }
    }
}
