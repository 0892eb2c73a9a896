//! The tail's side: claim a slot, write, publish; append a segment where there is no slot left.

use super::cursor::Cursor;
use super::segment::{Segment, SEALED};
use super::ticket::{Asked, Hitch, PutTicket};
use super::{to_usize, Claim, Observer, RawQueue, Refused, UNBOUNDED};
use crate::sync::{BackOff, Ordering};
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
    Refused(Refused<()>),
    /// Somebody else has appended.
    Again,
}

impl<T> RawQueue<T> {
    /// Puts values from the front of `values` at the tail, in their order, until it is empty or something refuses:
    /// one claim for as many as the segment and the limit allow.
    pub fn push_many(&self, values: &mut VecDeque<T>, limit: u64, observer: &impl Observer) -> Result<(), Refused<()>> {
        while !values.is_empty() {
            match self.claim_put(values.len() as u64, limit, observer) {
                Ok(claim) => self.publish_many(&claim, values, observer),
                Err(NoClaim::Full) => return Err(Refused::Full(())),
                Err(NoClaim::Closed) => return Err(Refused::Closed(())),
                Err(NoClaim::Edge(seen)) => {
                    let mut value = values.pop_front();
                    let appended = self.append(seen, &mut value, limit, observer);
                    if let Some(value) = value {
                        values.push_front(value);
                    }
                    if let Append::Refused(refused) = appended {
                        return Err(refused);
                    }
                }
            }
        }
        Ok(())
    }

    /// Fills the slots of a claim. A value that comes back from a poisoned slot goes into the next one, so that the order
    /// is kept and as many values are left over as slots were poisoned.
    fn publish_many(&self, claim: &Claim<T>, values: &mut VecDeque<T>, observer: &impl Observer) {
        let mut kept = 0;
        for index in claim.index..claim.index + claim.count {
            let Some(value) = values.pop_front() else { unreachable!("more slots were claimed than there are values") };
            // SAFETY: the put ticket is part of the claim and is used once; until then it pins the segment.
            match unsafe { claim.segment.slot(index).put(value, claim.segment.means()) } {
                None => kept += 1,
                Some(value) => values.push_front(value),
            }
        }
        if kept > 0 {
            observer.surfaced(kept);
        }
        let given_up = claim.count - kept as u64;
        if given_up > 0 {
            self.void(given_up, observer);
        }
    }

    /// Puts `value` at the tail, unless `limit` items are inside.
    ///
    /// Linearized at the claim that is kept, an RMW of the tail's word.
    #[inline]
    pub fn push(&self, value: T, limit: u64, observer: &impl Observer) -> Result<(), Refused<T>> {
        let ticket = match limit {
            UNBOUNDED => self.ticket_to_put(),
            _ => self.ticket_to_put_within(limit),
        };
        match ticket {
            Ok(ticket) => self.push_by(ticket, value, limit, observer),
            Err(hitch) => self.push_slowly(value, hitch, limit, observer),
        }
    }

    /// Puts `value` into the slot of a ticket.
    #[inline]
    fn push_by(
        &self,
        ticket: PutTicket<'_, T>,
        value: T,
        limit: u64,
        observer: &impl Observer,
    ) -> Result<(), Refused<T>> {
        match ticket.publish(value) {
            Ok(()) => {
                observer.surfaced(1);
                Ok(())
            }
            Err(asked) => self.push_asked(asked, limit, observer),
        }
    }

    /// After a value was put that a getter had asked for. If it comes back it is put anew.
    #[cold]
    #[inline(never)]
    pub fn push_asked(&self, asked: Asked<'_, T>, limit: u64, observer: &impl Observer) -> Result<(), Refused<T>> {
        match asked.answer() {
            None => {
                observer.surfaced(1);
                Ok(())
            }
            Some(value) => {
                self.void(1, observer);
                self.push_slowly(value, Hitch::Unknown, limit, observer)
            }
        }
    }

    /// Puts `value` at the tail when there is a hitch. It may tell the observer more than once, and something is still to be
    /// done after each time but the last: so the observer must not unwind.
    #[cold]
    #[inline(never)]
    pub fn push_slowly(
        &self,
        value: T,
        hitch: Hitch<'_, T>,
        limit: u64,
        observer: &impl Observer,
    ) -> Result<(), Refused<T>> {
        match hitch {
            Hitch::Full if self.side.ahead.is_empty() => return Err(Refused::Full(value)),
            // By the words alone: some of the places may be holes.
            Hitch::Full | Hitch::Unknown => {}
            Hitch::Lost => BackOff::new().pause(),
            Hitch::Astray(ticket) => {
                let claim = ticket.claim();
                if self.is_within(&claim, limit) {
                    return self.push_by(ticket, value, limit, observer);
                }
                self.give_up(&claim, observer);
            }
        }
        let mut value = Some(value);
        let refused = self.push_from(&mut value, limit, observer);
        // In this order, so that a large value has few places on the stack.
        let (Err(refused), Some(value)) = (refused, value) else { return Ok(()) };
        Err(match refused {
            Refused::Full(()) => Refused::Full(value),
            Refused::Closed(()) => Refused::Closed(value),
        })
    }

    /// Pushes the value that is there, until it is in or refused.
    fn push_from(&self, value: &mut Option<T>, limit: u64, observer: &impl Observer) -> Result<(), Refused<()>> {
        while value.is_some() {
            match self.claim_put(1, limit, observer) {
                Ok(claim) => {
                    let Some(taken) = value.take() else { unreachable!() };
                    let slot = claim.segment.slot(claim.index);
                    // SAFETY: the claim's ticket is used once; until then it pins the segment.
                    *value = unsafe { slot.put(taken, claim.segment.means()) };
                    match value {
                        None => observer.surfaced(1),
                        Some(_) => self.void(1, observer),
                    }
                }
                Err(NoClaim::Full) => return Err(Refused::Full(())),
                Err(NoClaim::Closed) => return Err(Refused::Closed(())),
                Err(NoClaim::Edge(seen)) => {
                    if let Append::Refused(refused) = self.append(seen, value, limit, observer) {
                        return Err(refused);
                    }
                }
            }
        }
        Ok(())
    }

    /// Claims up to `wanted` slots of the tail's segment.
    #[inline(never)]
    fn claim_put(&self, wanted: u64, limit: u64, observer: &impl Observer) -> Result<Claim<T>, NoClaim> {
        let mut back_off = BackOff::new();
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
                let mut used = position.saturating_sub(self.tail.horizon());
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
                    if limit == UNBOUNDED || self.keeps_the_limit(&claim, position, limit) {
                        return Ok(claim);
                    }
                    self.give_up(&claim, observer);
                    seen = self.tail.cursor();
                }
                Err(_) => {
                    back_off.pause();
                    seen = self.tail.cursor();
                }
            }
        }
    }

    /// How many more items `limit` allows, exact at one moment; notes the head for the next claims.
    #[cold]
    fn room(&self, limit: u64) -> Room {
        let (head, tail) = self.ends();
        self.tail.look_ahead(head.position);
        let inside = self.between(head.position, tail.position);
        Room { tail: tail.position, count: limit.saturating_sub(inside) }
    }

    /// Whether a claim is within the limit, which was tested for the position `tested`.
    #[inline]
    pub(super) fn keeps_the_limit(&self, claim: &Claim<T>, tested: u64, limit: u64) -> bool {
        self.position(claim) == tested || self.is_within(claim, limit)
    }

    /// Whether a claim that is not where the limit was tested is within it. The tail's word had come back to the same bits,
    /// whole turns of the list later, between the test and the claim. Its place is certain now, so that the head decides.
    #[cold]
    fn is_within(&self, claim: &Claim<T>, limit: u64) -> bool {
        let head = self.head.sight(Self::LEN).position;
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
    pub(super) fn give_up(&self, claim: &Claim<T>, observer: &impl Observer) {
        self.side.ahead.add(self.position(claim), claim.count);
        for index in claim.index..claim.index + claim.count {
            // SAFETY: the put ticket is part of the claim and is used once.
            unsafe { claim.segment.slot(index).skip() };
        }
        // Somebody may wait for room because of this claim. Who meets the head's word after this sees the holes; who has met
        // it before is seen by the observer.
        self.head.meet();
        self.void(claim.count, observer);
        observer.vacated(to_usize(claim.count));
    }

    /// Links a new segment, with `value` in its slot 0, and moves the tail to it; or helps the one who did.
    ///
    /// Linearized at the swing of the tail's word, whoever performs it: this does not return before it.
    #[cold]
    fn append(&self, seen: Cursor, value: &mut Option<T>, limit: u64, observer: &impl Observer) -> Append {
        let Some(mut link) = self.link(&self.tail, seen) else {
            return Append::Again;
        };
        let base = link.base_behind();
        // The tail stays where it is until the swing, so that the head alone decides.
        if limit != UNBOUNDED && self.between(self.head.sight(Self::LEN).position, base) >= limit {
            return Append::Refused(Refused::Full(()));
        }
        // Ordering: Acquire, L3. Pairs with the link (L2): the segment behind it is seen as it was made.
        let mut next = link.next().load(Ordering::Acquire);
        if next == 0 {
            let segment = self.obtain_behind(&mut link);
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
                    self.side.depot.give_back(segment);
                    next = other;
                }
            }
        }
        if next == SEALED {
            // Who closes may be stopped before its closed bit is set. The answer must not come before that bit.
            self.close_sealed();
            return Append::Refused(Refused::Closed(()));
        }
        let moved = self.cross(&self.tail, seen, &link, next, 1);
        if moved || value.is_none() {
            // The mover tells of the item even if it is another's, who may be stopped. That other tells as well: it
            // saw the swing (E1) before it asks who waits.
            observer.surfaced(1);
        }
        match value {
            None => Append::Done,
            Some(_) => Append::Again,
        }
    }
}
