//! Pushes, the slow path and batches: claims slots at the tail, writes and publishes values, and appends a
//! segment when no slot is left.
//!
//! Knows the whole core. Does not know what waits for a value.

use super::cursor::Cursor;
use super::fast::{Contested, PushFallback, PushTicket};
use super::points::point;
use super::segment::{Segment, SEALED};
use super::{to_usize, Claim, Count, Events, PushError, RawQueue, UNBOUNDED};
use crate::sync::{Backoff, Ordering};
use std::collections::VecDeque;

/// Why a push has no claim.
pub(super) enum NoClaim {
    Full,
    Closed,
    /// The tail's segment has no slot left.
    Edge(Cursor),
}

/// The number of further items that a limit allows while the tail is at this position.
struct Space {
    tail: u64,
    free: u64,
}

/// Whether a push sets the claim limit of the tail, up to which later pushes may claim without a look at the
/// head.
#[derive(Clone, Copy)]
enum ClaimLimit {
    /// Its limit is that of the queue.
    Set,
    /// Later pushes may have other limits.
    Keep,
}

impl<T> RawQueue<T> {
    /// Pushes a run of values from the front of `values`: by one claim as many as the segment and the limit
    /// allow, or one by an append. The run may be empty if its slots were poisoned. The caller repeats this
    /// until no value is left.
    pub fn push_run(&self, values: &mut VecDeque<T>, limit: u64, events: &mut Events) -> Result<(), PushError<()>> {
        match self.claim_push(values.len() as u64, limit, ClaimLimit::Keep, events) {
            Ok(claim) => self.publish_many(claim, values, events),
            Err(NoClaim::Full) => return Err(PushError::Full(())),
            Err(NoClaim::Closed) => return Err(PushError::Closed(())),
            Err(NoClaim::Edge(seen)) => {
                let mut value = values.pop_front();
                let appended = self.append(seen, &mut value, limit, events);
                if let Some(value) = value {
                    values.push_front(value);
                }
                appended?;
            }
        }
        Ok(())
    }

    /// Fills the slots of a claim. A value that comes back from a poisoned slot is written to the next slot.
    /// So the order is kept, and as many values remain as slots were poisoned.
    fn publish_many(&self, claim: Claim<T>, values: &mut VecDeque<T>, events: &mut Events) {
        let mut kept = 0;
        // SAFETY: the claim's tickets pin the segment.
        let slots = unsafe { claim.segment.slots() };
        for index in claim.index..claim.index + claim.count {
            let Some(value) = values.pop_front() else { unreachable!("more slots were claimed than there are values") };
            // SAFETY: the push ticket is part of the claim and is used once; until then it pins the segment.
            match unsafe { slots.at(index).push(value) } {
                None => kept += 1,
                Some(value) => values.push_front(value),
            }
        }
        events.pushed += kept;
        let holes = claim.count - kept as u64;
        if holes > 0 {
            self.add_holes(holes, events);
        }
    }

    /// Publishes the value in the slot of a claim of one slot. It comes back from a poisoned slot, which
    /// then counts as a hole.
    pub(super) fn publish_one(&self, claim: Claim<T>, value: T, events: &mut Events) -> Option<T> {
        // SAFETY: the claim's ticket is used once; until then it pins the segment.
        let refused = unsafe { claim.segment.slot(claim.index).push(value) };
        match refused {
            None => events.pushed += 1,
            Some(_) => self.add_holes(1, events),
        }
        refused
    }

    /// Pushes `value` at the tail, unless `limit` items are in the queue.
    ///
    /// Linearized at the claim whose slot keeps the value: an RMW of the tail's word.
    #[inline]
    pub fn push(&self, value: T, limit: u64, events: &mut Events) -> Result<(), PushError<T>> {
        let ticket = match limit {
            UNBOUNDED => self.try_claim_push_unlimited(),
            _ => self.try_claim_push_within(limit),
        };
        match ticket {
            Ok(ticket) => self.push_into(ticket, value, limit, events),
            Err(fallback) => self.push_after(value, fallback, limit, ClaimLimit::Keep, events),
        }
    }

    /// Pushes `value` into the slot of a ticket.
    #[inline]
    fn push_into(
        &self,
        ticket: PushTicket<'_, T>,
        value: T,
        limit: u64,
        events: &mut Events,
    ) -> Result<(), PushError<T>> {
        match ticket.publish(value) {
            Ok(()) => {
                events.pushed += 1;
                Ok(())
            }
            Err(contested) => self.push_contested(contested, limit, events),
        }
    }

    /// Finishes a push whose slot is contested. If the value comes back it is pushed into another slot.
    #[cold]
    #[inline(never)]
    pub fn push_contested(
        &self,
        contested: Contested<'_, T>,
        limit: u64,
        events: &mut Events,
    ) -> Result<(), PushError<T>> {
        match contested.resolve() {
            None => {
                events.pushed += 1;
                Ok(())
            }
            Some(value) => {
                self.add_holes(1, events);
                self.push_after(value, PushFallback::General, limit, ClaimLimit::Keep, events)
            }
        }
    }

    /// The slow path of a push, after the fast path has returned `fallback`. It sets the claim limit for later
    /// pushes: so all callers have the same limit, until [`RawQueue::always_check_limit`].
    #[cold]
    #[inline(never)]
    pub fn push_slow(
        &self,
        value: T,
        fallback: PushFallback<'_, T>,
        limit: u64,
        events: &mut Events,
    ) -> Result<(), PushError<T>> {
        self.push_after(value, fallback, limit, ClaimLimit::Set, events)
    }

    /// From now on each push checks its limit, as it may differ from that of an earlier push.
    pub fn always_check_limit(&self) {
        self.tail.never_set_claim_limit();
    }

    #[cold]
    #[inline(never)]
    fn push_after(
        &self,
        value: T,
        fallback: PushFallback<'_, T>,
        limit: u64,
        claim_limit: ClaimLimit,
        events: &mut Events,
    ) -> Result<(), PushError<T>> {
        if self.confirms_full(&fallback) {
            return Err(PushError::Full(value));
        }
        let mut value = Some(value);
        match fallback {
            // Some of the positions may be holes.
            PushFallback::MaybeFull | PushFallback::General => {}
            PushFallback::Contended => Backoff::new().after_lost_claim(),
            PushFallback::Misplaced(ticket) => {
                let claim = ticket.claim();
                if self.is_within_limit(&claim, limit) {
                    value = value.and_then(|value| self.publish_one(claim, value, events));
                } else {
                    self.leave_holes(claim, events);
                }
            }
        }
        let error = self.push_from(&mut value, limit, claim_limit, events);
        // In this order, so that a large value has few copies on the stack.
        let (Err(error), Some(value)) = (error, value) else { return Ok(()) };
        Err(match error {
            PushError::Full(()) => PushError::Full(value),
            PushError::Closed(()) => PushError::Closed(value),
        })
    }

    /// Whether the queue was full: the fast path has found that, and no hole is ahead of the head.
    #[inline]
    pub fn confirms_full(&self, fallback: &PushFallback<'_, T>) -> bool {
        matches!(fallback, PushFallback::MaybeFull) && self.cold.ahead.is_empty()
    }

    /// Pushes the value. It remains in `value` if there is an error.
    fn push_from(
        &self,
        value: &mut Option<T>,
        limit: u64,
        claim_limit: ClaimLimit,
        events: &mut Events,
    ) -> Result<(), PushError<()>> {
        while value.is_some() {
            match self.claim_push(1, limit, claim_limit, events) {
                Ok(claim) => {
                    let Some(taken) = value.take() else { unreachable!() };
                    *value = self.publish_one(claim, taken, events);
                }
                Err(NoClaim::Full) => return Err(PushError::Full(())),
                Err(NoClaim::Closed) => return Err(PushError::Closed(())),
                Err(NoClaim::Edge(seen)) => {
                    self.append(seen, value, limit, events)?;
                }
            }
        }
        Ok(())
    }

    /// Claims a slot for a push whose limit later pushes may not have.
    #[cfg(any(feature = "compat", test, loom))]
    pub(super) fn claim_one(&self, limit: u64, events: &mut Events) -> Result<Claim<T>, NoClaim> {
        self.claim_push(1, limit, ClaimLimit::Keep, events)
    }

    /// Claims up to `wanted` slots of the tail's segment.
    #[inline(never)]
    fn claim_push(
        &self,
        wanted: u64,
        limit: u64,
        claim_limit: ClaimLimit,
        events: &mut Events,
    ) -> Result<Claim<T>, NoClaim> {
        let mut backoff = Backoff::new();
        let mut seen = self.tail.cursor();
        loop {
            if seen.is_closed() {
                return Err(NoClaim::Closed);
            }
            let index = seen.ticket();
            if index >= Self::LEN {
                // An append takes a helper ticket, of which an edge has a limited number. A push that the
                // limit forbids takes none.
                if limit != UNBOUNDED && self.space(limit).free == 0 {
                    return Err(NoClaim::Full);
                }
                return Err(NoClaim::Edge(seen));
            }
            let mut free = Self::LEN - index;
            let mut position = 0;
            if limit != UNBOUNDED {
                let space = self.space(limit);
                if space.free == 0 {
                    return Err(NoClaim::Full);
                }
                position = space.tail;
                let now = self.tail.cursor();
                if now != seen {
                    seen = now;
                    continue;
                }
                free = free.min(space.free);
            }
            let count = wanted.min(free);
            point!(PushChecked);
            match self.tail.advance(seen, seen.advanced(count)) {
                Ok(()) => {
                    // The ticket of `seen` is below the length, so the cursor is not at the sentinel.
                    let Some(segment) = Segment::at(seen.address()) else { unreachable!() };
                    let claim = Claim { segment, index, count };
                    if limit == UNBOUNDED || self.position(&claim) == position {
                        if matches!(claim_limit, ClaimLimit::Set) && free > count {
                            // The head only moves forward.
                            self.tail.set_claim_limit(segment.address(), index + free);
                        }
                        return Ok(claim);
                    }
                    // The tail's word wrapped around to the same bits between the check and the claim.
                    if self.is_within_limit(&claim, limit) {
                        return Ok(claim);
                    }
                    self.leave_holes(claim, events);
                    seen = self.tail.cursor();
                }
                Err(_) => {
                    backoff.after_lost_claim();
                    seen = self.tail.cursor();
                }
            }
        }
    }

    /// The number of further items that `limit` allows, exact at one moment.
    #[cold]
    fn space(&self, limit: u64) -> Space {
        let Count { tail, items, .. } = self.count();
        Space { tail, free: limit.saturating_sub(items) }
    }

    /// Whether the limit allows a claim at another position than the one that was checked. The tail's word
    /// wrapped around to the same bits between the check and the claim. The position of the claim is now
    /// certain, so the head decides.
    #[cold]
    pub(super) fn is_within_limit(&self, claim: &Claim<T>, limit: u64) -> bool {
        self.items_before(self.position(claim)) + claim.count <= limit
    }

    /// The position of a claim's first slot.
    #[inline]
    fn position(&self, claim: &Claim<T>) -> u64 {
        // SAFETY: the claim pins the segment.
        unsafe { claim.segment.base() + claim.index }
    }

    /// Leaves holes in all slots of a claim that is beyond the limit or whose value does not follow. They do
    /// not count as items although the head has not passed them.
    #[cold]
    pub(super) fn leave_holes(&self, claim: Claim<T>, events: &mut Events) {
        let (first, head) = (self.position(&claim), self.head.snapshot(Self::LEN).position);
        point!(HoleUnlisted);
        // A hole that the head has passed is in no count that begins now. A count that has begun may take it for a
        // claim in progress.
        for position in first.max(head)..first + claim.count {
            self.cold.ahead.add(position, head);
        }
        point!(HoleListed);
        // SAFETY: the claim's tickets pin the segment.
        let slots = unsafe { claim.segment.slots() };
        for index in claim.index..claim.index + claim.count {
            // SAFETY: the push ticket is part of the claim and is used once.
            unsafe { slots.at(index).leave_hole() };
        }
        point!(HolesLeft);
        // A push may have found the queue full because of this claim, and wait. If its RMW fence on the
        // head's word comes after this one, it sees the holes. If its fence came before, the delivery of the
        // events sees its waiter.
        self.head.rmw_fence();
        self.add_holes(claim.count, events);
        events.freed += to_usize(claim.count);
    }

    /// Links a new segment with `value` in its first slot and moves the tail to it, or helps the thread that
    /// linked one. In the second case the value remains in `value`, as it does if there is an error. Without a
    /// value this only claims the first slot of the segment. Returns that claim if this thread linked the segment.
    ///
    /// Linearized at the swing of the tail's word, which any thread may perform; this function returns after
    /// it.
    #[cold]
    pub(super) fn append(
        &self,
        seen: Cursor,
        value: &mut Option<T>,
        limit: u64,
        events: &mut Events,
    ) -> Result<Option<Claim<T>>, PushError<()>> {
        let Some(mut link) = self.link(&self.tail, seen) else {
            return Ok(None);
        };
        let span = link.next_span();
        // The tail does not move until the swing, so the head alone decides.
        if limit != UNBOUNDED && self.items_before(span.first()) >= limit {
            return Err(PushError::Full(()));
        }
        // Ordering: Acquire, L3. Pairs with the link (L2): the next segment is seen as it was made.
        let mut next = link.next().load(Ordering::Acquire);
        let (mut linked, mut claimed) = (false, None);
        if next == 0 {
            let segment = self.acquire_next(&mut link, limit);
            let is_filled = value.is_some();
            if let Some(value) = value.take() {
                // SAFETY: no other thread knows the segment.
                unsafe { segment.slot(span.start).fill(value) };
            }
            point!(SegmentUnlinked);
            // Ordering: Release and Acquire, L2. Release: the segment as it was made. Acquire: the one of
            // another thread, or what a closer did (L1).
            match link.next().compare_exchange(0, segment.address(), Ordering::Release, Ordering::Acquire) {
                Ok(_) => {
                    point!(SegmentLinked);
                    next = segment.address();
                    linked = true;
                    // The slot of a value that was filled in is published, and may be reused by now.
                    claimed = (!is_filled).then_some(Claim { segment, index: span.start, count: 1 });
                }
                Err(other) => {
                    point!(LinkLost);
                    if is_filled {
                        // SAFETY: the segment was not linked, so this thread still owns it, and its first slot is
                        // full.
                        *value = Some(unsafe { segment.slot(span.start).unfill() });
                    }
                    // SAFETY: as above, and it has no value any more.
                    unsafe { self.cold.pool.recycle(segment) };
                    next = other;
                }
            }
        }
        if next == SEALED {
            // The closing thread may be stopped before it sets the closed bit. This result must not precede
            // that bit.
            point!(SealFound);
            self.close_sealed();
            return Err(PushError::Closed(()));
        }
        let moved = self.cross(&self.tail, seen, &link, next, 1);
        if moved || linked {
            // The thread that moved the tail reports the value as an item even if the value is that of another
            // thread, which may be stopped. The other thread reports it as well: it sees the swing (E1) before
            // it checks for waiters. A slot that is only claimed is reported in vain.
            events.pushed += 1;
        }
        Ok(claimed)
    }
}
