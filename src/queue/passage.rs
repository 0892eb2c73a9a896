//! How items pass in and out, by the kind of bound a queue has: a limit of the core, gets that wait, or credit.
//!
//! Knows the core, the desk and the credit. All other files of the queue go through here.

use super::credit::{After, Credit, Denied};
use super::desk::Expecting;
use super::observers::{Deferring, Noting, Waking};
use super::told::Told;
use super::Queue;
use crate::raw::{Asked, GetTicket, Hitch, Observer, PutTicket, Refused, Setback, Vacant, UNBOUNDED};
use std::collections::VecDeque;

impl<T> Queue<T> {
    #[inline]
    pub(super) fn push(&self, item: T) -> Result<(), Refused<T>> {
        if self.has_limit() {
            return self.push_within_limit(item);
        }
        match self.raw.ticket_to_put() {
            Ok(ticket) => self.put_in(ticket, item),
            Err(hitch) => self.push_otherwise(item, hitch),
        }
    }

    /// Whether there is something that limits what goes in: a number, or something else where that is 0.
    #[inline]
    pub(super) fn has_limit(&self) -> bool {
        self.beside.limit != UNBOUNDED
    }

    #[inline]
    pub(super) fn ticket_to_put_within_limit(&self) -> Result<PutTicket<'_, T>, Hitch<'_, T>> {
        if !self.goes_by_the_limit() {
            return Err(Hitch::Unknown);
        }
        self.raw.ticket_to_put_within(self.beside.limit)
    }

    /// Not inlined: what has no limit does without the registers that this needs.
    #[inline(never)]
    fn push_within_limit(&self, item: T) -> Result<(), Refused<T>> {
        match self.ticket_to_put_within_limit() {
            Ok(ticket) => self.put_in(ticket, item),
            Err(hitch) => self.push_otherwise(item, hitch),
        }
    }

    /// Puts an item in for which there is a slot.
    #[inline]
    fn put_in(&self, ticket: PutTicket<'_, T>, item: T) -> Result<(), Refused<T>> {
        match self.publish(ticket, item) {
            Ok(()) => Ok(()),
            Err(asked) => self.put_in_asked(asked),
        }
    }

    /// Puts an item into its slot, and tells of it if that did.
    #[inline]
    pub(super) fn publish<'a>(&self, ticket: PutTicket<'a, T>, item: T) -> Result<(), Asked<'a, T>> {
        ticket.publish(item)?;
        if !self.nobody_wants() {
            self.tell_of_item();
        }
        Ok(())
    }

    #[cold]
    pub(super) fn put_in_asked(&self, asked: Asked<'_, T>) -> Result<(), Refused<T>> {
        self.raw.push_asked(asked, self.beside.limit, &Deferring::new(self))
    }

    /// Whether nobody waits for an item.
    #[inline]
    fn nobody_wants(&self) -> bool {
        self.beside.gates.nobody_gets() && !self.beside.bell.is_waited_for()
    }

    #[cold]
    fn tell_of_item(&self) {
        Waking::new(self).surfaced(1);
    }

    /// Puts an item in when there is a hitch.
    #[cold]
    #[inline(never)]
    pub(super) fn push_otherwise(&self, item: T, hitch: Hitch<'_, T>) -> Result<(), Refused<T>> {
        if !self.goes_by_the_limit() {
            return self.push_by_leave(item);
        }
        match self.raw.push_slowly(item, hitch, self.beside.limit, &Deferring::new(self)) {
            Err(Refused::Full(item)) if self.may_hand_over() => self.push_to_waiting(item),
            went => went,
        }
    }

    /// Whether an item may go in beyond the capacity, for a get that waits.
    fn may_hand_over(&self) -> bool {
        self.beside.hands_over && !self.beside.gates.nobody_gets()
    }

    /// Puts in by a permit, or for a get that waits.
    fn push_by_leave(&self, item: T) -> Result<(), Refused<T>> {
        let Some(credit) = self.credit_if_any() else { return self.push_to_expecting(item) };
        match self.admit(credit, 1) {
            Ok(_) => self.push_admitted(credit, item, &Deferring::new(self)),
            Err(Denied::TooFew) => Err(Refused::Full(item)),
            Err(Denied::Closed) => Err(Refused::Closed(item)),
        }
    }

    /// Takes between 1 and `most` free permits for items; not ahead of those who wait for some.
    #[inline]
    fn admit(&self, credit: &Credit, most: u64) -> Result<u64, Denied> {
        if self.beside.gates.nobody_puts() {
            credit.admit(1, most)
        } else {
            self.take_in_turn(credit, |credit| credit.admit(1, most))
        }
    }

    /// Reserves `count` permits; not ahead of those who wait for some.
    pub(super) fn reserve_now(&self, credit: &Credit, count: u64) -> Result<(), Denied> {
        if count == 0 || self.beside.gates.nobody_puts() {
            credit.acquire(count, count)?;
        } else {
            self.take_in_turn(credit, |credit| credit.acquire(count, count))?;
        }
        if self.raw.is_closed() {
            // The close came first, and has not reached the credit yet.
            self.return_permits(credit, count);
            return Err(Denied::Closed);
        }
        Ok(())
    }

    /// Puts an item in for which a permit was taken. If the queue is closed in the meantime the permit goes back.
    pub(super) fn push_admitted(&self, credit: &Credit, item: T, observer: &impl Observer) -> Result<(), Refused<T>> {
        let pushed = self.raw.push(item, UNBOUNDED, observer);
        if pushed.is_err() {
            credit.refund(1);
        }
        pushed
    }

    /// Puts an item in for a permit that is held; after a close it goes behind what was put before that.
    pub(super) fn push_with_permit(&self, credit: &Credit, item: T) {
        // The permit is spent also when a waker panics: what it tells of is in the queue by then.
        struct Spend<'a, T>(&'a Queue<T>, &'a Credit);
        impl<T> Drop for Spend<'_, T> {
            fn drop(&mut self) {
                self.0.follow(self.1.spend(1));
            }
        }
        let _spend = Spend(self, credit);
        if let Err(Refused::Closed(item) | Refused::Full(item)) = self.raw.push(item, UNBOUNDED, &Deferring::new(self))
        {
            self.push_late(item);
        }
    }

    pub(super) fn push_many(&self, items: &mut VecDeque<T>) -> Result<(), Refused<()>> {
        let Some(credit) = self.credit_if_any() else {
            if self.is_rendezvous() {
                return self.push_one_by_one(items, |item| self.push_to_expecting(item));
            }
            return match self.raw.push_many(items, self.beside.limit, &Deferring::new(self)) {
                Err(Refused::Full(())) if self.may_hand_over() => {
                    self.push_one_by_one(items, |item| self.push_to_waiting(item))
                }
                went => went,
            };
        };
        while !items.is_empty() {
            let permits = match self.admit(credit, items.len() as u64) {
                Ok(permits) => permits,
                Err(Denied::TooFew) => return Err(Refused::Full(())),
                Err(Denied::Closed) => return Err(Refused::Closed(())),
            };
            let rest = items.split_off(permits as usize);
            let mut batch = std::mem::replace(items, rest);
            let pushed = self.raw.push_many(&mut batch, UNBOUNDED, &Deferring::new(self));
            if pushed.is_err() {
                credit.refund(batch.len() as u64);
                batch.append(items);
                *items = batch;
                return pushed;
            }
        }
        Ok(())
    }

    fn push_one_by_one(
        &self,
        items: &mut VecDeque<T>,
        push: impl Fn(T) -> Result<(), Refused<T>>,
    ) -> Result<(), Refused<()>> {
        while let Some(item) = items.pop_front() {
            let (item, refused) = match push(item) {
                Ok(()) => continue,
                Err(Refused::Full(item)) => (item, Refused::Full(())),
                Err(Refused::Closed(item)) => (item, Refused::Closed(())),
            };
            items.push_front(item);
            return Err(refused);
        }
        Ok(())
    }

    /// The ticket of an item, for a get that is not in line.
    #[inline]
    pub(super) fn ticket_to_get(&self) -> Result<GetTicket<'_, T>, Setback<'_, T>> {
        if self.goes_by_the_limit() {
            self.raw.ticket_to_get()
        } else {
            Err(Setback::Unknown)
        }
    }

    /// Takes an item out after a setback; with capacity 0 for a get that may have been `expecting` one.
    #[inline]
    pub(super) fn pop_otherwise(&self, setback: Setback<'_, T>, expecting: &mut Expecting) -> Result<T, Vacant> {
        if self.goes_by_the_limit() && !expecting.in_line {
            return self.raw.pop_slowly(setback, &Waking::new(self));
        }
        self.pop_by_leave(expecting)
    }

    /// Takes an item out where more is to be done about it, before which nothing was claimed.
    #[cold]
    fn pop_by_leave(&self, expecting: &mut Expecting) -> Result<T, Vacant> {
        if self.is_rendezvous() {
            return self.pop_from_line(expecting);
        }
        let noted = Noting::default();
        let item = match self.raw.pop(&noted) {
            Err(Vacant::Closed) => self.pop_late(),
            item => item,
        };
        self.tell_or_note(&noted, u64::from(item.is_ok()), expecting);
        item
    }

    /// Says that there may be room after `items` were taken, or leaves that to the get that took them.
    fn tell_or_note(&self, noted: &Noting, items: u64, expecting: &mut Expecting) {
        let room = match self.credit_if_any() {
            Some(credit) if items > 0 => {
                credit.refund(items);
                true
            }
            Some(_) => false,
            None => noted.0.get(),
        };
        if room && expecting.in_line {
            expecting.room = true;
        } else if room {
            self.tell_of_room();
        }
    }

    pub(super) fn pop_many(
        &self,
        items: &mut Vec<T>,
        limit: usize,
        expecting: &mut Expecting,
    ) -> Result<usize, Vacant> {
        if self.is_rendezvous() {
            let before = items.len();
            while items.len() - before < limit {
                match self.pop_from_line(expecting) {
                    Ok(item) => items.push(item),
                    Err(vacant) if items.len() == before => return Err(vacant),
                    Err(_) => break,
                }
            }
            return Ok(items.len() - before);
        }
        if self.goes_by_the_limit() && !expecting.in_line {
            return self.raw.pop_many(items, limit, &Deferring::new(self));
        }
        let noted = Noting::default();
        let count = self.pop_many_and_late(items, limit, &noted);
        self.tell_or_note(&noted, *count.as_ref().unwrap_or(&0) as u64, expecting);
        count
    }

    /// Takes items of the core, and once that is closed and empty those behind it.
    fn pop_many_and_late(&self, items: &mut Vec<T>, limit: usize, noted: &Noting) -> Result<usize, Vacant> {
        let before = items.len();
        loop {
            let taken = items.len() - before;
            let vacant = match self.raw.pop_many(items, limit - taken, noted) {
                // There are late items only when the core is closed, so that the next look at it is final.
                Ok(more) if taken + more == limit || self.beside.late.len() == 0 => return Ok(taken + more),
                Ok(_) => continue,
                Err(Vacant::Closed) => match self.pop_many_late(items, limit - taken) {
                    Ok(more) => return Ok(taken + more),
                    Err(vacant) => vacant,
                },
                Err(Vacant::Empty) => Vacant::Empty,
            };
            return if taken > 0 { Ok(taken) } else { Err(vacant) };
        }
    }

    /// Gives `count` permits back that were not used.
    pub(super) fn return_permits(&self, credit: &Credit, count: u64) {
        self.follow(credit.give_back(count));
        self.tell_of_room();
    }

    #[inline]
    pub(super) fn tell_of_room(&self) {
        if !self.beside.gates.nobody_puts() {
            self.serve_now();
        }
    }

    #[cold]
    fn serve_now(&self) {
        if !self.goes_by_the_limit() {
            // Credit alone decides.
            return self.serve_putters(UNBOUNDED);
        }
        // Full again, if a new put was faster: then the get that takes an item after it serves the waiting puts.
        let limit = self.beside.limit;
        if self.raw.len() < limit {
            self.serve_putters(limit);
        }
    }

    /// After a permit that was held is no longer held.
    fn follow(&self, after: After) {
        if after == After::End {
            self.dismiss(Told::new(self), true);
        }
    }

    /// Closes the queue, and ends the waits of those who wait for room; also those of gets, unless the holder of a permit
    /// can still put. True for the one call that closed.
    pub(super) fn close_core(&self) -> bool {
        let told = Told::new(self);
        let Some(credit) = self.credit_if_any() else {
            let first = self.raw.close(&told);
            self.dismiss(told, true);
            return first;
        };
        let first = self.close_locked(&told);
        let after = credit.close();
        self.dismiss(told, after == After::End);
        first
    }

    /// A waiter for room meets the word whose change can bring it, and looks whether it may be there. Who closes looks at the
    /// desk in any case.
    pub(super) fn meet_room(&self, limit: u64) -> bool {
        match self.credit_if_any() {
            None => self.raw.meet_pops(limit) || self.is_rendezvous(),
            Some(credit) => {
                credit.meet();
                true
            }
        }
    }

    /// Drops what is left in a closed queue, and goes on when the drop of an item panics. The item of a put that waits is left
    /// to that put, which hands it back, and what the holder of a permit puts later is dropped with the queue.
    pub(crate) fn discard(&self) {
        struct Rest<'a, T>(&'a Queue<T>);
        impl<T> Rest<'_, T> {
            fn discard(&mut self) {
                while let Ok(item) = self.0.try_get() {
                    drop(item);
                }
            }
        }
        impl<T> Drop for Rest<'_, T> {
            fn drop(&mut self) {
                self.discard();
            }
        }
        Rest(self).discard();
    }
}
