//! The head's side: claim a slot and take its value; leave a segment that is used up.

use super::cursor::Cursor;
use super::fast::PopFallback;
use super::segment::{Segment, SEALED};
use super::slot::Found;
use super::{to_usize, Claim, Events, PopError, RawQueue, Snapshot};
use crate::sync::{Backoff, Ordering};

/// What the look behind the horizon says.
enum Availability {
    /// So many places are claimed that the head has not passed.
    Ready(u64),
    None(PopError),
}

impl<T> RawQueue<T> {
    /// Takes the item at the head.
    ///
    /// Linearized at the claim, an RMW of the head's word; if vacant, at the look at the tail's word, around which
    /// the head did not move.
    #[inline]
    pub fn pop(&self, events: &mut Events) -> Result<T, PopError> {
        match self.try_claim_pop() {
            Ok(ticket) => {
                let value = ticket.take(Ok);
                events.freed += 1;
                value
            }
            Err(fallback) => self.pop_fallen_back(fallback, events),
        }
    }

    #[cold]
    fn pop_fallen_back(&self, fallback: PopFallback<'_, T>, events: &mut Events) -> Result<T, PopError> {
        match self.empty_hint(&fallback) {
            Some(error) => Err(error),
            None => self.pop_slow(fallback, events),
        }
    }

    /// The slow path of a pop.
    #[cold]
    pub fn pop_slow(&self, fallback: PopFallback<'_, T>, events: &mut Events) -> Result<T, PopError> {
        match fallback {
            PopFallback::General => {}
            PopFallback::Contended => Backoff::new().after_lost_claim(),
            PopFallback::Unpublished(unsettled) => {
                let claim = unsettled.claim();
                let found = self.take(&claim, claim.index);
                events.freed += 1;
                if let Found::Value(value) = found {
                    return Ok(value);
                }
            }
        }
        loop {
            let claim = self.claim_pop(1)?;
            if let Some(value) = self.take_claimed(&claim, events) {
                return Ok(value);
            }
        }
    }

    /// Takes the item at the head if more than `limit` are in the queue.
    ///
    /// Linearized at the claim, an RMW of the head's word: the head was where it was when the items were counted, and the
    /// tail only moves on.
    pub fn pop_beyond(&self, limit: u64, events: &mut Events) -> Option<T> {
        self.assert_no_single_consumer();
        loop {
            let (Snapshot { cursor: seen, position: head }, tail) = self.ends();
            if self.between(head, tail.position) <= limit {
                return None;
            }
            if seen.ticket() >= Self::LEN {
                self.leave_used_up(seen);
                continue;
            }
            if self.head.advance(seen, seen.advanced(1)).is_err() {
                continue;
            }
            let Some(segment) = Segment::at(seen.address()) else { unreachable!() };
            if let Some(value) = self.take_claimed(&Claim { segment, index: seen.ticket(), count: 1 }, events) {
                return Some(value);
            }
        }
    }

    /// Uses a claim of one slot; moves the head off the segment if that was its last.
    #[inline]
    fn take_claimed(&self, claim: &Claim<T>, events: &mut Events) -> Option<T> {
        let left = self.leave_behind(claim);
        let found = self.take(claim, claim.index);
        self.retire(left);
        events.freed += 1;
        match found {
            Found::Value(value) => Some(value),
            Found::Hole => None,
        }
    }

    /// Appends a run of up to `limit` items to `values`, by one claim in one segment, and says how many: 0 if the claim
    /// was of holes only.
    ///
    /// # Panics
    /// If `limit` is 0.
    pub fn pop_run(&self, values: &mut Vec<T>, limit: usize, events: &mut Events) -> Result<usize, PopError> {
        let wanted = match self.available() {
            // What may panic comes before the claim, and only when something is there.
            Availability::Ready(there) => limit.min(Self::LEN as usize).min(to_usize(there)),
            Availability::None(error) => return Err(error),
        };
        assert!(wanted > 0, "a run of no items");
        values.reserve(wanted);
        let claim = self.claim_pop(wanted as u64)?;
        let before = values.len();
        let left = self.leave_behind(&claim);
        for index in claim.index..claim.index + claim.count {
            if let Found::Value(value) = self.take(&claim, index) {
                values.push(value);
            }
        }
        self.retire(left);
        events.freed += claim.count as usize;
        Ok(values.len() - before)
    }

    #[inline]
    fn assert_no_single_consumer(&self) {
        assert!(!self.has_single_consumer(), "somebody else is the only getter of this queue");
    }

    /// Claims up to `wanted` slots of the head's segment; only such as the tail has claimed before.
    #[inline(never)]
    fn claim_pop(&self, wanted: u64) -> Result<Claim<T>, PopError> {
        self.assert_no_single_consumer();
        let mut backoff = Backoff::new();
        let mut seen = self.head.cursor();
        loop {
            let index = seen.ticket();
            if index >= Self::LEN {
                match self.available() {
                    Availability::None(error) => return Err(error),
                    Availability::Ready(_) => self.leave_used_up(seen),
                }
                seen = self.head.cursor();
                continue;
            }
            let position = self.head.position_of(seen, Self::LEN);
            let mut there = self.head.cached_peer().saturating_sub(position);
            if there == 0 {
                there = self.available_hint(seen);
                if there == 0 {
                    match self.available() {
                        Availability::None(error) => return Err(error),
                        Availability::Ready(_) => {}
                    }
                    seen = self.head.cursor();
                    continue;
                }
                self.head.cache_peer(position + there);
            }
            let count = wanted.min(Self::LEN - index).min(there);
            #[cfg(all(test, not(loom)))]
            super::hooks::before_the_claim();
            if self.head.advance(seen, seen.advanced(count)).is_ok() {
                let Some(segment) = Segment::at(seen.address()) else { unreachable!() };
                return Ok(Claim { segment, index, count });
            }
            backoff.after_lost_claim();
            seen = self.head.cursor();
        }
    }

    /// Uses one get ticket of a claim.
    #[inline]
    pub(super) fn take(&self, claim: &Claim<T>, index: u64) -> Found<T> {
        // SAFETY: the get ticket is part of the claim and is used once; until then it pins the segment.
        unsafe { claim.segment.slot(index).take(claim.segment.handshake()) }
    }

    /// How far the tail is ahead in the segment of `seen`, by one look at its word. 0 says nothing: the tail may be in
    /// another segment.
    #[inline]
    pub(super) fn available_hint(&self, seen: Cursor) -> u64 {
        let tail = self.tail.cursor();
        if tail.address() == seen.address() {
            tail.ticket().min(Self::LEN).saturating_sub(seen.ticket())
        } else {
            0
        }
    }

    /// As `look`, if the head and the tail are in one segment and there is nothing between them.
    #[inline]
    pub fn empty_hint(&self, fallback: &PopFallback<'_, T>) -> Option<PopError> {
        let PopFallback::General = fallback else { return None };
        let head = self.head.snapshot(Self::LEN);
        let tail = self.tail.cursor();
        let together = tail.opened() == head.cursor;
        // The head has not moved since, so that the segment was not used again, and the tail was at the head's place.
        (together && self.head.snapshot(Self::LEN) == head).then(|| match tail.is_closed() {
            true => PopError::Closed,
            false => PopError::Empty,
        })
    }

    /// Whether the head is at the tail, at one moment.
    #[cold]
    fn available(&self) -> Availability {
        let (head, tail) = self.ends();
        if head.position < tail.position {
            self.head.cache_peer(tail.position);
            Availability::Ready(tail.position - head.position)
        } else if tail.cursor.is_closed() {
            Availability::None(PopError::Closed)
        } else {
            Availability::None(PopError::Empty)
        }
    }

    /// Moves the head off a used-up segment; the tail has moved off it before.
    #[cold]
    pub(super) fn leave_used_up(&self, seen: Cursor) {
        let Some(link) = self.link(&self.head, seen) else { return };
        // Ordering: Acquire, L3. Pairs with the link (L2).
        let next = link.next().load(Ordering::Acquire);
        if next == 0 || next == SEALED || self.tail.cursor().address() == seen.address() {
            // Only if the word came back to the same bits since the look: the head must not pass the tail.
            return;
        }
        let moved = self.cross(&self.head, seen, &link, next, 0);
        drop(link);
        if moved {
            self.retire(Segment::at(seen.address()));
        }
    }

    /// With the last slot of a segment claimed, and the tail gone on, moves the head off it, so that a drained queue
    /// does not keep it. The segment is the caller's to retire, after the claim's last ticket is used.
    #[inline]
    pub(super) fn leave_behind(&self, claim: &Claim<T>) -> Option<Segment<T>> {
        if claim.index + claim.count < Self::LEN {
            return None;
        }
        let segment = claim.segment;
        // SAFETY: the claim's tickets pin the segment.
        // Ordering: Acquire, L3. Pairs with the link (L2).
        let (next, base) = unsafe { (segment.header().next.load(Ordering::Acquire), segment.base()) };
        let seen = self.head.cursor();
        let stays = next == 0 || next == SEALED || self.tail.cursor().address() == segment.address();
        if stays || seen.address() != segment.address() {
            return None;
        }
        self.head.raise(seen, base + Self::LEN, Self::LEN);
        self.swing(&self.head, seen, Some(segment), next, 0).then_some(segment)
    }

    #[inline]
    pub(super) fn retire(&self, left: Option<Segment<T>>) {
        if let Some(segment) = left {
            // SAFETY: the head's swing out of it was the caller's.
            unsafe { self.side.pool.retire(segment) };
        }
    }
}
