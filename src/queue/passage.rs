//! How items pass in and out, by the kind of bound a queue has: a limit of the core, gets that wait, or credit.
//!
//! Knows the core, the desk and the credit. All other files of the queue go through here.

use super::credit::{After, Credit, Denied};
use super::desk::Expecting;
use super::observers::{Credited, Deferring, Noting, Waking};
use super::Queue;
use crate::error::PutError;
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
    pub(super) fn push_otherwise(&self, item: T, hitch: Hitch<'_, T>) -> Result<(), Refused<T>> {
        if !self.goes_by_the_limit() {
            return self.push_by_leave(item);
        }
        let went = self.raw.push_slowly(item, hitch, self.beside.limit, &Deferring::new(self));
        match went {
            // Gets that wait for an item: after all.
            Err(Refused::Full(item)) if self.expected() > 0 => {
                self.raw.push(item, self.limit_now(), &Deferring::new(self))
            }
            went => went,
        }
    }

    /// Puts in by a permit, or for a get that waits.
    fn push_by_leave(&self, item: T) -> Result<(), Refused<T>> {
        let Some(credit) = self.credit_if_any() else { return self.push_to_expecting(item) };
        match self.acquire(credit, 1, 1) {
            Ok(_) => {
                self.push_with_permit(credit, item);
                Ok(())
            }
            Err(Denied::TooFew) => Err(Refused::Full(item)),
            Err(Denied::Closing) => Err(Refused::Closed(item)),
        }
    }

    /// The limit and, on top of it, one item for each get that waits or was called for one.
    pub(super) fn limit_now(&self) -> u64 {
        self.beside.limit.saturating_add(self.expected())
    }

    /// Gets that wait for an item, or were called for one and have not come.
    fn expected(&self) -> u64 {
        self.beside.gates.expected() + u64::from(self.beside.bell.is_expecting())
    }

    /// Takes between `least` and `most` permits; not ahead of those who wait for some.
    #[inline]
    pub(super) fn acquire(&self, credit: &Credit, least: u64, most: u64) -> Result<u64, Denied> {
        if least == 0 || self.beside.gates.nobody_puts() {
            credit.acquire(least, most)
        } else {
            self.acquire_in_turn(credit, least, most)
        }
    }

    /// Puts an item in for a permit that is held.
    pub(super) fn push_with_permit(&self, credit: &Credit, item: T) {
        self.spend(credit, 1, |observer| {
            // The core is not closed while a permit is held.
            let pushed = self.raw.push(item, UNBOUNDED, observer);
            debug_assert!(pushed.is_ok());
        });
    }

    /// Spends `count` permits on what `put` puts in.
    fn spend(&self, credit: &Credit, count: u64, put: impl FnOnce(&Credited<'_, T>)) {
        // They are spent also when a waker panics: what it tells of is inside by then.
        struct Spend<'a, T>(&'a Queue<T>, &'a Credit, u64);
        impl<T> Drop for Spend<'_, T> {
            fn drop(&mut self) {
                self.0.follow(self.1.spend(self.2));
            }
        }
        let observer = Credited(Deferring::new(self));
        let spend = Spend(self, credit, count);
        put(&observer);
        drop(spend);
        // If the last receiver has gone meanwhile, what came in goes as well.
        if credit.is_abandoned() {
            self.discard_inside();
        }
    }

    pub(super) fn push_many(&self, items: &mut VecDeque<T>) -> Result<(), Refused<()>> {
        let Some(credit) = self.credit_if_any() else {
            if !self.is_rendezvous() {
                return match self.raw.push_many(items, self.beside.limit, &Deferring::new(self)) {
                    Err(Refused::Full(())) if self.expected() > 0 => {
                        self.raw.push_many(items, self.limit_now(), &Deferring::new(self))
                    }
                    went => went,
                };
            }
            while let Some(item) = items.pop_front() {
                let (item, refused) = match self.push_to_expecting(item) {
                    Ok(()) => continue,
                    Err(Refused::Full(item)) => (item, Refused::Full(())),
                    Err(Refused::Closed(item)) => (item, Refused::Closed(())),
                };
                items.push_front(item);
                return Err(refused);
            }
            return Ok(());
        };
        while !items.is_empty() {
            let permits = match self.acquire(credit, 1, items.len() as u64) {
                Ok(permits) => permits,
                Err(Denied::TooFew) => return Err(Refused::Full(())),
                Err(Denied::Closing) => return Err(Refused::Closed(())),
            };
            let rest = items.split_off(permits as usize);
            let mut batch = std::mem::replace(items, rest);
            self.spend(credit, permits, |observer| {
                let pushed = self.raw.push_many(&mut batch, UNBOUNDED, observer);
                debug_assert!(pushed.is_ok());
            });
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
        let item = self.raw.pop(&noted);
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
        let count = self.raw.pop_many(items, limit, &noted);
        self.tell_or_note(&noted, *count.as_ref().unwrap_or(&0) as u64, expecting);
        count
    }

    /// Puts an item in, and takes the oldest out whose credit it has; itself comes back if there is none to take.
    pub(super) fn swap_with_oldest(&self, credit: &Credit, item: T) -> Result<Option<T>, PutError<T>> {
        // With a permit in hand, one more than there are, the core is not closed meanwhile.
        if credit.overdraw().is_err() {
            return Err(PutError(item));
        }
        match self.raw.pop(&Credited(Deferring::new(self))) {
            Ok(oldest) => {
                self.push_with_permit(credit, item);
                Ok(Some(oldest))
            }
            Err(_) => {
                self.follow(credit.spend(1));
                Ok(Some(item))
            }
        }
    }

    /// Nobody will get any more: what comes in by a permit is dropped.
    pub(super) fn abandon(&self) {
        if let Some(credit) = self.credit_if_any() {
            credit.abandon();
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
        // Full still, if more had come in than there is room for: then another get will tell.
        let limit = self.limit_now();
        if self.raw.len() < limit {
            self.serve_putters(limit);
        }
    }

    fn follow(&self, after: After) {
        if after == After::Close {
            self.close_core();
        }
    }

    /// Closes the queue for puts, and the core unless a permit is held. True for the one call that closed.
    pub(super) fn close_entry(&self) -> bool {
        let Some(credit) = self.credit_if_any() else { return self.close_core() };
        let (first, after) = credit.close();
        match after {
            After::Close => {
                self.close_core();
            }
            After::Nothing => self.dismiss_putters(),
        }
        first
    }

    pub(super) fn entry_is_closed(&self) -> bool {
        match self.credit_if_any() {
            None => self.raw.is_closed(),
            Some(credit) => credit.is_closing(),
        }
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

    /// A waiter for the close.
    pub(super) fn meet_close(&self) {
        match self.credit_if_any() {
            None => {
                self.raw.meet_pushes();
            }
            Some(credit) => credit.meet(),
        }
    }

    /// Drops what is inside; goes on when the drop of an item panics.
    pub(super) fn discard_inside(&self) {
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
