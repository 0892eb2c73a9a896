//! How items pass in and out, by the kind of bound a queue has: a limit of the core, gets that wait, or credit.
//!
//! Knows the core, the desk and the credit. All other files of the queue go through here.

use super::deferred::Deferred;
use super::observers::{Deferring, Noting, Waking};
use super::permit_pool::{NoPermit, PermitPool, PoolState};
use super::waiters::GetState;
use super::Queue;
use crate::raw::{
    Contested, Observer, PopError, PopFallback, PopTicket, PushError, PushFallback, PushTicket, UNBOUNDED,
};
use std::collections::VecDeque;

impl<T> Queue<T> {
    #[inline]
    pub(super) fn push(&self, item: T) -> Result<(), PushError<T>> {
        if self.is_bounded() {
            return self.push_within_limit(item);
        }
        match self.raw.try_claim_push() {
            Ok(ticket) => self.put_in(ticket, item),
            Err(fallback) => self.push_slow(item, fallback),
        }
    }

    /// Whether there is something that limits what goes in: a number, or something else where that is 0.
    #[inline]
    pub(super) fn is_bounded(&self) -> bool {
        self.hot.limit != UNBOUNDED
    }

    #[inline]
    pub(super) fn try_claim_push_within_limit(&self) -> Result<PushTicket<'_, T>, PushFallback<'_, T>> {
        if !self.has_core_limit() {
            return Err(PushFallback::General);
        }
        self.raw.try_claim_push_within(self.hot.limit)
    }

    /// Not inlined: what has no limit does without the registers that this needs.
    #[inline(never)]
    fn push_within_limit(&self, item: T) -> Result<(), PushError<T>> {
        match self.try_claim_push_within_limit() {
            Ok(ticket) => self.put_in(ticket, item),
            Err(fallback) => self.push_slow(item, fallback),
        }
    }

    /// Puts an item in for which there is a slot.
    #[inline]
    fn put_in(&self, ticket: PushTicket<'_, T>, item: T) -> Result<(), PushError<T>> {
        match self.publish(ticket, item) {
            Ok(()) => Ok(()),
            Err(contested) => self.put_contested(contested),
        }
    }

    /// Puts an item into its slot, and tells of it if that did.
    #[inline]
    pub(super) fn publish<'a>(&self, ticket: PushTicket<'a, T>, item: T) -> Result<(), Contested<'a, T>> {
        ticket.publish(item)?;
        if !self.no_waiting_getter() {
            self.notify_getter();
        }
        Ok(())
    }

    #[cold]
    pub(super) fn put_contested(&self, contested: Contested<'_, T>) -> Result<(), PushError<T>> {
        self.raw.push_contested(contested, self.hot.limit, &Deferring::new(self))
    }

    /// Whether nobody waits for an item.
    #[inline]
    fn no_waiting_getter(&self) -> bool {
        self.hot.waiter_counts.no_getters() && !self.hot.consumer_waker.is_registered()
    }

    #[cold]
    fn notify_getter(&self) {
        Waking::new(self).surfaced(1);
    }

    /// Puts an item in when there is a hitch.
    #[cold]
    #[inline(never)]
    pub(super) fn push_slow(&self, item: T, fallback: PushFallback<'_, T>) -> Result<(), PushError<T>> {
        if !self.has_core_limit() {
            return self.push_by_admission(item);
        }
        match self.raw.push_slow(item, fallback, self.hot.limit, &Deferring::new(self)) {
            Err(PushError::Full(item)) if self.may_hand_over() => self.push_beyond(item),
            went => went,
        }
    }

    /// Whether an item may go in beyond the capacity, for a get that waits.
    fn may_hand_over(&self) -> bool {
        self.hot.hands_over && !self.hot.waiter_counts.no_getters()
    }

    /// Puts in by a permit, or for a get that waits.
    fn push_by_admission(&self, item: T) -> Result<(), PushError<T>> {
        let Some(permits) = self.permits_if_any() else { return self.push_to_waiting_get(item) };
        match self.admit(permits, 1) {
            Ok(_) => self.push_admitted(permits, item, &Deferring::new(self)),
            Err(NoPermit::TooFew) => Err(PushError::Full(item)),
            Err(NoPermit::Closed) => Err(PushError::Closed(item)),
        }
    }

    /// Takes between 1 and `most` free permits for items; not ahead of those who wait for some.
    #[inline]
    fn admit(&self, permits: &PermitPool, most: u64) -> Result<u64, NoPermit> {
        if self.hot.waiter_counts.no_putters() {
            permits.admit(1, most)
        } else {
            self.take_unless_queued(permits, |permits| permits.admit(1, most))
        }
    }

    /// Reserves `count` permits; not ahead of those who wait for some.
    pub(super) fn reserve_now(&self, permits: &PermitPool, count: u64) -> Result<(), NoPermit> {
        if count == 0 || self.hot.waiter_counts.no_putters() {
            permits.acquire(count, count)?;
        } else {
            self.take_unless_queued(permits, |permits| permits.acquire(count, count))?;
        }
        if self.raw.is_closed() {
            // The close came first, and has not reached the credit yet.
            self.return_permits(permits, count);
            return Err(NoPermit::Closed);
        }
        Ok(())
    }

    /// Puts an item in for which a permit was taken. If the queue is closed in the meantime the permit goes back.
    pub(super) fn push_admitted(
        &self,
        permits: &PermitPool,
        item: T,
        observer: &impl Observer,
    ) -> Result<(), PushError<T>> {
        let pushed = self.raw.push(item, UNBOUNDED, observer);
        if pushed.is_err() {
            permits.release(1);
        }
        pushed
    }

    /// Puts an item in for a permit that is held; after a close it goes behind what was put before that.
    pub(super) fn push_with_permit(&self, permits: &PermitPool, item: T) {
        // The permit is spent also when a waker panics: what it tells of is in the queue by then.
        struct Spend<'a, T>(&'a Queue<T>, &'a PermitPool);
        impl<T> Drop for Spend<'_, T> {
            fn drop(&mut self) {
                self.0.follow(self.1.consume(1));
            }
        }
        let _spend = Spend(self, permits);
        if let Err(PushError::Closed(item) | PushError::Full(item)) =
            self.raw.push(item, UNBOUNDED, &Deferring::new(self))
        {
            self.push_late(item);
        }
    }

    pub(super) fn push_many(&self, items: &mut VecDeque<T>) -> Result<(), PushError<()>> {
        let Some(permits) = self.permits_if_any() else {
            if self.is_rendezvous() {
                return self.push_one_by_one(items, |item| self.push_to_waiting_get(item));
            }
            return match self.raw.push_many(items, self.hot.limit, &Deferring::new(self)) {
                Err(PushError::Full(())) if self.may_hand_over() => {
                    self.push_one_by_one(items, |item| self.push_beyond(item))
                }
                went => went,
            };
        };
        while !items.is_empty() {
            let admitted = match self.admit(permits, items.len() as u64) {
                Ok(admitted) => admitted,
                Err(NoPermit::TooFew) => return Err(PushError::Full(())),
                Err(NoPermit::Closed) => return Err(PushError::Closed(())),
            };
            let rest = items.split_off(admitted as usize);
            let mut batch = std::mem::replace(items, rest);
            let pushed = self.raw.push_many(&mut batch, UNBOUNDED, &Deferring::new(self));
            if pushed.is_err() {
                permits.release(batch.len() as u64);
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
        push: impl Fn(T) -> Result<(), PushError<T>>,
    ) -> Result<(), PushError<()>> {
        while let Some(item) = items.pop_front() {
            let (item, error) = match push(item) {
                Ok(()) => continue,
                Err(PushError::Full(item)) => (item, PushError::Full(())),
                Err(PushError::Closed(item)) => (item, PushError::Closed(())),
            };
            items.push_front(item);
            return Err(error);
        }
        Ok(())
    }

    /// The ticket of an item, for a get that is not in line.
    #[inline]
    pub(super) fn try_claim_pop(&self) -> Result<PopTicket<'_, T>, PopFallback<'_, T>> {
        if self.has_core_limit() {
            self.raw.try_claim_pop()
        } else {
            Err(PopFallback::General)
        }
    }

    /// Takes an item out after a setback; with capacity 0 for a get that may have been `get_state` one.
    #[inline]
    pub(super) fn pop_slow(&self, fallback: PopFallback<'_, T>, get_state: &mut GetState) -> Result<T, PopError> {
        if self.has_core_limit() && !get_state.in_line {
            return self.raw.pop_slow(fallback, &Waking::new(self));
        }
        self.pop_general(get_state)
    }

    /// Takes an item out where more is to be done about it, before which nothing was claimed.
    #[cold]
    fn pop_general(&self, get_state: &mut GetState) -> Result<T, PopError> {
        if self.is_rendezvous() {
            return self.pop_rendezvous(get_state);
        }
        let noted = Noting::default();
        let item = match self.raw.pop(&noted) {
            Err(PopError::Closed) => self.pop_late(),
            item => item,
        };
        self.notify_or_note(&noted, u64::from(item.is_ok()), get_state);
        item
    }

    /// Says that there may be room after `items` were taken, or leaves that to the get that took them.
    fn notify_or_note(&self, noted: &Noting, items: u64, get_state: &mut GetState) {
        let room = match self.permits_if_any() {
            Some(permits) if items > 0 => {
                permits.release(items);
                true
            }
            Some(_) => false,
            None => noted.0.get(),
        };
        if room && get_state.in_line {
            get_state.room = true;
        } else if room {
            self.notify_putters();
        }
    }

    pub(super) fn pop_many(
        &self,
        items: &mut Vec<T>,
        limit: usize,
        get_state: &mut GetState,
    ) -> Result<usize, PopError> {
        if self.is_rendezvous() {
            let before = items.len();
            while items.len() - before < limit {
                match self.pop_rendezvous(get_state) {
                    Ok(item) => items.push(item),
                    Err(vacant) if items.len() == before => return Err(vacant),
                    Err(_) => break,
                }
            }
            return Ok(items.len() - before);
        }
        if self.has_core_limit() && !get_state.in_line {
            return self.raw.pop_many(items, limit, &Deferring::new(self));
        }
        let noted = Noting::default();
        let count = self.pop_many_and_late(items, limit, &noted);
        self.notify_or_note(&noted, *count.as_ref().unwrap_or(&0) as u64, get_state);
        count
    }

    /// Takes items of the core, and once that is closed and empty those behind it.
    fn pop_many_and_late(&self, items: &mut Vec<T>, limit: usize, noted: &Noting) -> Result<usize, PopError> {
        let before = items.len();
        loop {
            let taken = items.len() - before;
            let vacant = match self.raw.pop_many(items, limit - taken, noted) {
                // There are late items only when the core is closed, so that the next look at it is final.
                Ok(more) if taken + more == limit || self.hot.late.len() == 0 => return Ok(taken + more),
                Ok(_) => continue,
                Err(PopError::Closed) => match self.pop_many_late(items, limit - taken) {
                    Ok(more) => return Ok(taken + more),
                    Err(vacant) => vacant,
                },
                Err(PopError::Empty) => PopError::Empty,
            };
            return if taken > 0 { Ok(taken) } else { Err(vacant) };
        }
    }

    /// Gives `count` permits back that were not used.
    pub(super) fn return_permits(&self, permits: &PermitPool, count: u64) {
        self.follow(permits.return_unused(count));
        self.notify_putters();
    }

    #[inline]
    pub(super) fn notify_putters(&self) {
        if !self.hot.waiter_counts.no_putters() {
            self.serve_waiting();
        }
    }

    #[cold]
    fn serve_waiting(&self) {
        if !self.has_core_limit() {
            // Credit alone decides.
            return self.serve_putters(UNBOUNDED);
        }
        // Full again, if a new put was faster: then the get that takes an item after it serves the waiting puts.
        let limit = self.hot.limit;
        if self.raw.len() < limit {
            self.serve_putters(limit);
        }
    }

    /// PoolState a permit that was held is no longer held.
    fn follow(&self, after: PoolState) {
        if after == PoolState::Finished {
            self.notify_all_closed(Deferred::new(self), true);
        }
    }

    /// Closes the queue, and ends the waits of those who wait for room; also those of gets, unless the holder of a permit
    /// can still put. True for the one call that closed.
    pub(super) fn close_core(&self) -> bool {
        let told = Deferred::new(self);
        let Some(permits) = self.permits_if_any() else {
            let first = self.raw.close(&told);
            self.notify_all_closed(told, true);
            return first;
        };
        let first = self.close_locked(&told);
        let after = permits.close();
        self.notify_all_closed(told, after == PoolState::Finished);
        first
    }

    /// A waiter for room meets the word whose change can bring it, and looks whether it may be there. Who closes looks at the
    /// desk in any case.
    pub(super) fn fence_space(&self, limit: u64) -> bool {
        match self.permits_if_any() {
            None => self.raw.fence_pops(limit) || self.is_rendezvous(),
            Some(permits) => {
                permits.rmw_fence();
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
