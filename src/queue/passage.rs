//! How items pass in and out, by the kind of bound a queue has: a limit of the core, pending gets, or credit.
//!
//! Knows the core, the waiters and the credit. All other files of the queue go through here.

use super::credit::{After, Credit, Denied};
use super::{Queue, Waiters};
use crate::error::PutError;
use crate::raw::{Observer, Refused, Vacant, UNBOUNDED};
use crate::sync::Ordering;
use std::collections::VecDeque;

/// With credit the head's going on says nothing about room: what is told of it is told when the credit is given back.
struct Credited<'a>(&'a Waiters);

impl Observer for Credited<'_> {
    fn surfaced(&self, items: usize) {
        self.0.surfaced(items);
    }

    fn vacated(&self, _slots: usize) {}

    fn voided(&self) {
        self.0.voided();
    }
}

impl<T> Queue<T> {
    #[inline]
    pub(super) fn push(&self, item: T) -> Result<(), Refused<T>> {
        match &self.beside.credit {
            None => self.raw.push(item, self.limit_now(), &self.beside.waiters),
            Some(credit) => match credit.acquire(1, 1) {
                Ok(_) => {
                    self.push_with_permit(credit, item);
                    Ok(())
                }
                Err(Denied::TooFew) => Err(Refused::Full(item)),
                Err(Denied::Closing) => Err(Refused::Closed(item)),
            },
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
    fn spend(&self, credit: &Credit, count: u64, put: impl FnOnce(&Credited<'_>)) {
        // They are spent also when a waker panics: what it tells of is inside by then.
        struct Spend<'a, T>(&'a Queue<T>, &'a Credit, u64);
        impl<T> Drop for Spend<'_, T> {
            fn drop(&mut self) {
                self.0.follow(self.1.spend(self.2));
            }
        }
        let observer = Credited(&self.beside.waiters);
        let spend = Spend(self, credit, count);
        put(&observer);
        drop(spend);
        // If the last receiver has gone meanwhile, what came in goes as well.
        if credit.is_abandoned() {
            self.raw.discard(&observer);
        }
    }

    pub(super) fn push_many(&self, items: &mut VecDeque<T>) -> Result<(), Refused<()>> {
        let Some(credit) = &self.beside.credit else {
            return self.raw.push_many(items, self.limit_now(), &self.beside.waiters);
        };
        while !items.is_empty() {
            let permits = match credit.acquire(1, items.len() as u64) {
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

    #[inline]
    pub(super) fn pop(&self) -> Result<T, Vacant> {
        match &self.beside.credit {
            None => self.raw.pop(&self.beside.waiters),
            Some(credit) => {
                let item = self.raw.pop(&Credited(&self.beside.waiters))?;
                self.refund(credit, 1);
                Ok(item)
            }
        }
    }

    pub(super) fn pop_many(&self, items: &mut Vec<T>, limit: usize) -> Result<usize, Vacant> {
        match &self.beside.credit {
            None => self.raw.pop_many(items, limit, &self.beside.waiters),
            Some(credit) => {
                let count = self.raw.pop_many(items, limit, &Credited(&self.beside.waiters))?;
                self.refund(credit, count);
                Ok(count)
            }
        }
    }

    /// Puts an item in, and takes the oldest out whose credit it has; itself comes back if there is none to take.
    pub(super) fn swap_with_oldest(&self, credit: &Credit, item: T) -> Result<Option<T>, PutError<T>> {
        let observer = Credited(&self.beside.waiters);
        let Ok(oldest) = self.raw.pop(&observer) else { return Ok(Some(item)) };
        match self.raw.push(item, UNBOUNDED, &observer) {
            Ok(()) => Ok(Some(oldest)),
            Err(Refused::Full(item) | Refused::Closed(item)) => {
                // Closed in between; the oldest was got by nobody, as if it had been dropped with the queue.
                self.refund(credit, 1);
                drop(oldest);
                Err(PutError(item))
            }
        }
    }

    /// Nobody will get any more: what comes in by a permit is dropped.
    pub(super) fn abandon(&self) {
        if let Some(credit) = &self.beside.credit {
            credit.abandon();
        }
    }

    /// Gives `count` permits back that were not used.
    pub(super) fn return_permits(&self, credit: &Credit, count: u64) {
        self.follow(credit.give_back(count));
        self.tell_of_room(credit, count as usize);
    }

    fn refund(&self, credit: &Credit, count: usize) {
        credit.refund(count as u64);
        self.tell_of_room(credit, count);
    }

    fn tell_of_room(&self, credit: &Credit, count: usize) {
        let putters = &self.beside.waiters.putters;
        if credit.has_large() {
            putters.wake_all();
        } else {
            putters.wake(count);
        }
    }

    /// Closes the core once it is due.
    fn follow(&self, after: After) {
        if after == After::Close {
            let waiters = &self.beside.waiters;
            self.raw.close(waiters);
            waiters.no_more_items();
        }
    }

    /// Closes the queue for puts, and the core unless a permit is held. True for the one call that closed.
    pub(super) fn close_entry(&self) -> bool {
        match &self.beside.credit {
            None => self.raw.close(&self.beside.waiters),
            Some(credit) => {
                let (first, after) = credit.close();
                self.follow(after);
                first
            }
        }
    }

    pub(super) fn entry_is_closed(&self) -> bool {
        match &self.beside.credit {
            None => self.raw.is_closed(),
            Some(credit) => credit.is_closing(),
        }
    }

    /// A waiter for room meets each word whose change can bring it, or end the wait: the head's for room, the tail's for a
    /// close, the credit for both.
    pub(super) fn meet_room(&self) {
        match &self.beside.credit {
            None => {
                self.raw.meet_pops();
                self.raw.meet_pushes();
            }
            Some(credit) => credit.meet(),
        }
    }

    /// A waiter for the close.
    pub(super) fn meet_close(&self) {
        match &self.beside.credit {
            None => self.raw.meet_pushes(),
            Some(credit) => credit.meet(),
        }
    }

    /// What a put that cannot wait may go up to: with capacity 0, one item for each pending get.
    #[inline]
    fn limit_now(&self) -> u64 {
        if self.is_rendezvous() {
            // Ordering: Acquire, Q1. Pairs with the count of a pending get (Q2).
            self.beside.waiters.pending_gets.load(Ordering::Acquire) as u64
        } else {
            self.beside.limit
        }
    }
}
