//! The tail's side: claim a slot, write, publish; append a segment where there is no slot left.

use super::cursor::Cursor;
use super::fast::{Contested, PushFallback, PushTicket};
use super::segment::{Segment, SEALED};
use super::{to_usize, Claim, Events, PushError, RawQueue, UNBOUNDED};
use crate::sync::{Backoff, Ordering};
use std::collections::VecDeque;

/// Why there is no claim.
enum NoClaim {
    Full,
    Closed,
    /// The tail's segment has no slot left.
    Edge(Cursor),
}

/// How many more items a limit allows when the tail is at this position.
struct Room {
    tail: u64,
    count: u64,
}

/// How an attempt to append ended. But for `Done` the value is where it was.
enum Append {
    /// The value is in slot 0 of the new segment.
    Done,
    PushError(PushError<()>),
    /// Somebody else has appended.
    Again,
}

impl<T> RawQueue<T> {
    /// Pushes a run of values from the front of `values`: by one claim, as many as the segment and the limit allow, or
    /// one by an append. The run may be empty, if its slots were poisoned; the caller repeats this until no value is left.
    pub fn push_run(&self, values: &mut VecDeque<T>, limit: u64, events: &mut Events) -> Result<(), PushError<()>> {
        match self.claim_push(values.len() as u64, limit, events) {
            Ok(claim) => self.publish_many(&claim, values, events),
            Err(NoClaim::Full) => return Err(PushError::Full(())),
            Err(NoClaim::Closed) => return Err(PushError::Closed(())),
            Err(NoClaim::Edge(seen)) => {
                let mut value = values.pop_front();
                let appended = self.append(seen, &mut value, limit, events);
                if let Some(value) = value {
                    values.push_front(value);
                }
                if let Append::PushError(error) = appended {
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Fills the slots of a claim. A value that comes back from a poisoned slot goes into the next one, so that the order
    /// is kept and as many values are left over as slots were poisoned.
    fn publish_many(&self, claim: &Claim<T>, values: &mut VecDeque<T>, events: &mut Events) {
        let mut kept = 0;
        for index in claim.index..claim.index + claim.count {
            let Some(value) = values.pop_front() else { unreachable!("more slots were claimed than there are values") };
            // SAFETY: the put ticket is part of the claim and is used once; until then it pins the segment.
            match unsafe { claim.segment.slot(index).put(value, claim.segment.handshake()) } {
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

    /// Puts `value` at the tail, unless `limit` items are inside.
    ///
    /// Linearized at the claim that is kept, an RMW of the tail's word.
    #[inline]
    pub fn push(&self, value: T, limit: u64, events: &mut Events) -> Result<(), PushError<T>> {
        let ticket = match limit {
            UNBOUNDED => self.try_claim_push(),
            _ => self.try_claim_push_within(limit),
        };
        match ticket {
            Ok(ticket) => self.push_by(ticket, value, limit, events),
            Err(fallback) => self.push_slow(value, fallback, limit, events),
        }
    }

    /// Puts `value` into the slot of a ticket.
    #[inline]
    fn push_by(
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

    /// After a value was put that a getter had asked for. If it comes back it is put anew.
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
                self.push_slow(value, PushFallback::General, limit, events)
            }
        }
    }

    /// Puts `value` at the tail when there is a hitch. It may tell the events more than once, and something is still to be
    /// done after each time but the last: so the events must not unwind.
    #[cold]
    #[inline(never)]
    pub fn push_slow(
        &self,
        value: T,
        fallback: PushFallback<'_, T>,
        limit: u64,
        events: &mut Events,
    ) -> Result<(), PushError<T>> {
        match fallback {
            PushFallback::Full if self.is_full(&fallback) => return Err(PushError::Full(value)),
            // By the words alone: some of the places may be holes.
            PushFallback::Full | PushFallback::General => {}
            PushFallback::Contended => Backoff::new().after_lost_claim(),
            PushFallback::Misplaced(ticket) => {
                let claim = ticket.claim();
                if self.is_within(&claim, limit) {
                    return self.push_by(ticket, value, limit, events);
                }
                self.leave_holes(&claim, events);
            }
        }
        let mut value = Some(value);
        let error = self.push_from(&mut value, limit, events);
        // In this order, so that a large value has few places on the stack.
        let (Err(error), Some(value)) = (error, value) else { return Ok(()) };
        Err(match error {
            PushError::Full(()) => PushError::Full(value),
            PushError::Closed(()) => PushError::Closed(value),
        })
    }

    /// Whether the fast path has found the queue full, and none of the slots counted is a hole.
    #[inline]
    pub fn is_full(&self, fallback: &PushFallback<'_, T>) -> bool {
        matches!(fallback, PushFallback::Full) && self.side.ahead.is_empty()
    }

    /// Pushes the value that is there, until it is in or refused.
    fn push_from(&self, value: &mut Option<T>, limit: u64, events: &mut Events) -> Result<(), PushError<()>> {
        while value.is_some() {
            match self.claim_push(1, limit, events) {
                Ok(claim) => {
                    let Some(taken) = value.take() else { unreachable!() };
                    let slot = claim.segment.slot(claim.index);
                    // SAFETY: the claim's ticket is used once; until then it pins the segment.
                    *value = unsafe { slot.put(taken, claim.segment.handshake()) };
                    match value {
                        None => events.pushed += 1,
                        Some(_) => self.add_holes(1, events),
                    }
                }
                Err(NoClaim::Full) => return Err(PushError::Full(())),
                Err(NoClaim::Closed) => return Err(PushError::Closed(())),
                Err(NoClaim::Edge(seen)) => {
                    if let Append::PushError(error) = self.append(seen, value, limit, events) {
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }

    /// Claims up to `wanted` slots of the tail's segment.
    #[inline(never)]
    fn claim_push(&self, wanted: u64, limit: u64, events: &mut Events) -> Result<Claim<T>, NoClaim> {
        let mut backoff = Backoff::new();
        let mut seen = self.tail.cursor();
        loop {
            if seen.is_closed() {
                return Err(NoClaim::Closed);
            }
            let index = seen.ticket();
            if index >= Self::LEN {
                // Who enters the edge takes a helper's ticket, of which there are not endlessly many: it is not taken by
                // one who will not move the tail on.
                if limit != UNBOUNDED && self.room(limit).count == 0 {
                    return Err(NoClaim::Full);
                }
                return Err(NoClaim::Edge(seen));
            }
            let mut count = wanted.min(Self::LEN - index);
            let mut position = 0;
            if limit != UNBOUNDED {
                position = self.tail.position_of(seen, Self::LEN);
                let mut used = position.saturating_sub(self.tail.cached_peer());
                if used + count > limit {
                    // The horizon is old. Look, if only to claim more at once.
                    let room = self.room(limit);
                    if room.count == 0 {
                        return Err(NoClaim::Full);
                    }
                    used = limit - room.count;
                    position = room.tail;
                    let now = self.tail.cursor();
                    if now != seen {
                        seen = now;
                        continue;
                    }
                }
                count = count.min(limit - used);
            }
            #[cfg(all(test, not(loom)))]
            super::hooks::before_the_claim();
            match self.tail.advance(seen, seen.advanced(count)) {
                Ok(()) => {
                    // `seen` is a cursor below the length, hence not the root's.
                    let Some(segment) = Segment::at(seen.address()) else { unreachable!() };
                    let claim = Claim { segment, index, count };
                    if limit == UNBOUNDED || self.is_where_tested(&claim, position, limit) {
                        return Ok(claim);
                    }
                    self.leave_holes(&claim, events);
                    seen = self.tail.cursor();
                }
                Err(_) => {
                    backoff.after_lost_claim();
                    seen = self.tail.cursor();
                }
            }
        }
    }

    /// How many more items `limit` allows, exact at one moment; notes the head for the next claims.
    #[cold]
    fn room(&self, limit: u64) -> Room {
        let (head, tail) = self.ends();
        self.tail.cache_peer(head.position);
        let inside = self.between(head.position, tail.position);
        Room { tail: tail.position, count: limit.saturating_sub(inside) }
    }

    /// Whether a claim is within the limit, which was tested for the position `tested`.
    #[inline]
    pub(super) fn is_where_tested(&self, claim: &Claim<T>, tested: u64, limit: u64) -> bool {
        self.position(claim) == tested || self.is_within(claim, limit)
    }

    /// Whether a claim that is not where the limit was tested is within it. The tail's word had come back to the same bits,
    /// whole turns of the list later, between the test and the claim. Its place is certain now, so that the head decides.
    #[cold]
    fn is_within(&self, claim: &Claim<T>, limit: u64) -> bool {
        let head = self.head.snapshot(Self::LEN).position;
        self.between(head, self.position(claim)) + claim.count <= limit
    }

    /// The position of a claim's first slot.
    #[inline]
    fn position(&self, claim: &Claim<T>) -> u64 {
        // SAFETY: the claim pins the segment.
        unsafe { claim.segment.base() + claim.index }
    }

    /// Gives all slots of a claim up, which is beyond the bound. They are no items, though the head has not passed them.
    #[cold]
    pub(super) fn leave_holes(&self, claim: &Claim<T>, events: &mut Events) {
        self.side.ahead.add(self.position(claim), claim.count);
        for index in claim.index..claim.index + claim.count {
            // SAFETY: the put ticket is part of the claim and is used once.
            unsafe { claim.segment.slot(index).skip() };
        }
        // Somebody may wait for room because of this claim. Who meets the head's word after this sees the holes; who has met
        // it before is seen by the events.
        self.head.rmw_fence();
        self.add_holes(claim.count, events);
        events.freed += to_usize(claim.count);
    }

    /// Links a new segment, with `value` in its slot 0, and moves the tail to it; or helps the one who did.
    ///
    /// Linearized at the swing of the tail's word, whoever performs it: this does not return before it.
    #[cold]
    fn append(&self, seen: Cursor, value: &mut Option<T>, limit: u64, events: &mut Events) -> Append {
        let Some(mut link) = self.link(&self.tail, seen) else {
            return Append::Again;
        };
        let base = link.base_behind();
        // The tail stays where it is until the swing, so that the head alone decides.
        if limit != UNBOUNDED && self.between(self.head.snapshot(Self::LEN).position, base) >= limit {
            return Append::PushError(PushError::Full(()));
        }
        // Ordering: Acquire, L3. Pairs with the link (L2): the segment behind it is seen as it was made.
        let mut next = link.next().load(Ordering::Acquire);
        if next == 0 {
            let segment = self.acquire_behind(&mut link);
            if let Some(value) = value.take() {
                // SAFETY: nobody else knows the segment.
                unsafe { segment.slot(0).fill(value) };
            }
            // Ordering: AcqRel and Acquire, L2. Release: the segment as it was made. Acquire: another's.
            match link.next().compare_exchange(0, segment.address(), Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => next = segment.address(),
                Err(other) => {
                    // SAFETY: the segment did not become known, so that it is ours still, and full in slot 0.
                    *value = Some(unsafe { segment.slot(0).unfill() });
                    self.side.pool.recycle(segment);
                    next = other;
                }
            }
        }
        if next == SEALED {
            // Who closes may be stopped before its closed bit is set. The answer must not come before that bit.
            self.close_sealed();
            return Append::PushError(PushError::Closed(()));
        }
        let moved = self.cross(&self.tail, seen, &link, next, 1);
        if moved || value.is_none() {
            // The mover tells of the item even if it is another's, who may be stopped. That other tells as well: it
            // saw the swing (E1) before it asks who waits.
            events.pushed += 1;
        }
        match value {
            None => Append::Done,
            Some(_) => Append::Again,
        }
    }
}
