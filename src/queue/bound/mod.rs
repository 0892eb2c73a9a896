//! How an item is enqueued and dequeued, by the bound of the queue: none, a limit, a rendezvous, or permits.
//!
//! The fast path of a put is here, and the choice between the bounds. Each bound has a file for its slow paths.

mod batch;
mod late;
mod limit;
mod permits;
mod rendezvous;

use super::get_state::GetState;
use super::{Bound, BoundKind, Queue};
use crate::operation::Fallback;
use crate::raw::{Contested, Events, PopError, PopFallback, PopTicket, PushError, PushFallback, PushTicket, UNBOUNDED};
use crate::wait::HeldPanic;
use batch::{pop_up_to, push_one_by_one};
use std::collections::VecDeque;

/// Where the item of a push comes from, and where it goes if it is refused.
pub(super) trait PutSource<T> {
    /// What is left without the item.
    type Rest;
    type Error;

    fn take(self) -> (T, Self::Rest);
    /// The queue is full; the item was not taken.
    fn refuse_full(self) -> Self::Error;
    fn refuse(rest: Self::Rest, error: PushError<T>) -> Self::Error;
}

/// An item that an error hands back.
pub(super) struct Item<T>(pub(super) T);

impl<T> PutSource<T> for Item<T> {
    type Rest = ();
    type Error = PushError<T>;

    #[inline]
    fn take(self) -> (T, ()) {
        (self.0, ())
    }

    #[inline]
    fn refuse_full(self) -> PushError<T> {
        PushError::Full(self.0)
    }

    #[inline]
    fn refuse((): (), error: PushError<T>) -> PushError<T> {
        error
    }
}

impl<T> Queue<T> {
    /// Enqueues the item of `source`. It is taken out of that only once there is a slot for it, or on the
    /// slow path, so that a large item is copied once.
    ///
    /// With permits and with capacity 0 the tail never has a claim limit, so that the slow path decides.
    #[inline]
    pub(super) fn push_from<S: PutSource<T>>(&self, source: S) -> Result<(), S::Error> {
        match self.raw.try_claim_push() {
            Ok(ticket) => self.push_claimed(ticket, source),
            Err(fallback) => self.push_fallen_back(source, fallback),
        }
    }

    /// Like [`push_from`](Self::push_from), but only by the fast path. An error has changed nothing.
    #[inline(always)]
    pub(super) fn push_at_once(&self, item: &mut Option<T>) -> Result<(), Fallback> {
        let pushed = match self.raw.try_claim_push() {
            Ok(ticket) => self.push_claimed(ticket, item),
            Err(fallback @ PushFallback::Misplaced(_)) => self.push_fallen_back(item, fallback),
            Err(PushFallback::Contended) => return Err(Fallback::Contended),
            Err(_) => return Err(Fallback::General),
        };
        pushed.map_err(|_| Fallback::General)
    }

    /// Like [`push_from`](Self::push_from), after [`push_at_once`](Self::push_at_once) has failed.
    pub(super) fn push_after(&self, item: &mut Option<T>, fallback: Fallback) -> Result<(), PushError<()>> {
        self.push_fallen_back(
            item,
            match fallback {
                Fallback::Contended => PushFallback::Contended,
                Fallback::General => PushFallback::General,
            },
        )
    }

    /// Publishes the item in its slot, and notifies a get.
    #[inline]
    fn push_claimed<S: PutSource<T>>(&self, ticket: PushTicket<'_, T>, source: S) -> Result<(), S::Error> {
        let (item, rest) = source.take();
        match ticket.publish(item) {
            Ok(()) => {
                if self.has_waiting_getter() {
                    self.notify_getter();
                }
                Ok(())
            }
            Err(contested) => self.push_contested::<S>(contested, rest),
        }
    }

    #[cold]
    fn notify_getter(&self) {
        self.notify_getters(1);
    }

    #[cold]
    fn push_contested<S: PutSource<T>>(&self, contested: Contested<'_, T>, rest: S::Rest) -> Result<(), S::Error> {
        let pushed = self.notifying(|events| self.raw.push_contested(contested, self.limit(), events));
        pushed.map_err(|error| S::refuse(rest, error))
    }

    #[cold]
    #[inline(never)]
    fn push_fallen_back<S: PutSource<T>>(&self, source: S, fallback: PushFallback<'_, T>) -> Result<(), S::Error> {
        let mut fallback = fallback;
        if self.hot.kind == BoundKind::Limit && matches!(fallback, PushFallback::General) {
            match self.raw.try_claim_push_and_look(self.limit()) {
                Ok(ticket) => return self.push_claimed(ticket, source),
                Err(why) => fallback = why,
            }
            if self.raw.confirms_full(&fallback) && !self.may_exceed_limit() {
                return Err(source.refuse_full());
            }
        }
        let (item, rest) = source.take();
        self.push_slow(item, fallback).map_err(|error| S::refuse(rest, error))
    }

    fn push_slow(&self, item: T, fallback: PushFallback<'_, T>) -> Result<(), PushError<T>> {
        match self.bound() {
            Bound::Unbounded => self.notifying(|events| self.raw.push_slow(item, fallback, UNBOUNDED, events)),
            Bound::Limit => self.push_limited(item, fallback),
            Bound::Rendezvous => self.push_to_waiting_get(item),
            Bound::Permits(permits) => self.push_admitting(permits, item),
        }
    }

    /// Enqueues items from the front of `items` until it is empty or a push is refused.
    pub(super) fn push_many(&self, items: &mut VecDeque<T>) -> Result<(), PushError<()>> {
        match self.bound() {
            Bound::Unbounded => self.push_runs(items, || UNBOUNDED),
            Bound::Limit => self.push_many_limited(items),
            Bound::Rendezvous => push_one_by_one(items, |item| self.push_to_waiting_get(item)),
            Bound::Permits(permits) => self.push_many_admitting(permits, items),
        }
    }

    /// Enqueues an item in a queue that was full, and takes the oldest one out unless a slot was freed in the
    /// meantime. The displaced item counts as done.
    pub(super) fn displace(&self, item: T) -> Result<Option<T>, PushError<T>> {
        match self.bound() {
            Bound::Permits(_) => self.displace_with_permit(item),
            Bound::Rendezvous => Err(PushError::Full(item)),
            Bound::Unbounded | Bound::Limit => self.displace_beyond_limit(item),
        }
    }

    /// Claims the item at the head, for a get that is not in the wait queue.
    #[inline(always)]
    pub(super) fn try_claim_pop(&self) -> Result<PopTicket<'_, T>, PopFallback<'_, T>> {
        if self.core_decides() {
            self.raw.try_claim_pop()
        } else {
            Err(PopFallback::General)
        }
    }

    /// Whether there seems to be no item. A hint, for a get that rechecks after it has registered.
    #[inline]
    pub(super) fn looks_empty(&self) -> bool {
        // With capacity 0 an item may be with a put that waits.
        !self.is_rendezvous() && self.raw.looks_empty()
    }

    /// Claims the item at the head after a look at the tail, for a get that is not in the wait queue and
    /// whose fast path has returned `fallback`.
    pub(super) fn try_claim_pop_and_look<'a>(
        &'a self,
        fallback: PopFallback<'a, T>,
    ) -> Result<PopTicket<'a, T>, PopFallback<'a, T>> {
        match fallback {
            PopFallback::General => self.raw.try_claim_pop_and_look(),
            other => Err(other),
        }
    }

    /// The slow path of a get.
    #[inline]
    pub(super) fn pop_slow(&self, fallback: PopFallback<'_, T>, state: &mut GetState) -> Result<T, PopError> {
        if self.core_decides() && !state.queued {
            self.pop_core(fallback)
        } else {
            self.pop_general(state)
        }
    }

    /// Pops where the core alone decides, for a get that is not queued.
    pub(super) fn pop_core(&self, fallback: PopFallback<'_, T>) -> Result<T, PopError> {
        // Mostly there is no item.
        match fallback {
            PopFallback::Empty(PopError::Empty) => return Err(PopError::Empty),
            PopFallback::Empty(PopError::Closed) => return self.pop_late(),
            _ => {}
        }
        let mut events = Events::default();
        let item = self.raw.pop_slow(fallback, &mut events);
        if events.freed > 0 {
            self.serve_putters();
        }
        self.or_late(item)
    }

    /// Pops where a permit or a match must be updated too, or for a queued get. The caller holds no ticket.
    #[cold]
    fn pop_general(&self, state: &mut GetState) -> Result<T, PopError> {
        let mut events = Events::default();
        match self.bound() {
            Bound::Rendezvous => self.pop_rendezvous(state),
            Bound::Permits(permits) => {
                // Written out: by `or_late` a get takes 14 instructions more.
                let item = match self.raw.pop(&mut events) {
                    Err(PopError::Closed) => self.pop_late()?,
                    item => item?,
                };
                permits.release(1);
                self.serve_putters_after(state);
                Ok(item)
            }
            Bound::Unbounded | Bound::Limit => {
                let item = self.raw.pop(&mut events);
                if events.freed > 0 {
                    self.serve_putters_after(state);
                }
                self.or_late(item)
            }
        }
    }

    /// Takes up to `limit` items, appended to `items`, and says how many.
    pub(super) fn pop_many(&self, items: &mut Vec<T>, limit: usize, state: &mut GetState) -> Result<usize, PopError> {
        if self.is_rendezvous() {
            return pop_up_to(items, limit, |items, _| {
                // What may panic comes before an item is taken.
                items.reserve(1);
                items.push(self.pop_rendezvous(state)?);
                Ok(())
            });
        }
        let mut served = HeldPanic::default();
        let mut at_end = ServeOnDrop { queue: self, freed: false };
        pop_up_to(items, limit, |items, limit| {
            let taken = match self.raw.pop_run(items, limit, &mut Events::default()) {
                Err(PopError::Closed) => self.pop_many_late(items, limit)?,
                run => run?,
            };
            match self.bound() {
                Bound::Permits(permits) => {
                    permits.release(taken as u64);
                    // The waiting puts are served at the end, so that the batch does not take their items.
                    let freed = if state.queued { &mut state.freed } else { &mut at_end.freed };
                    *freed = true;
                }
                _ => served.run(|| self.serve_putters_after(state)),
            }
            Ok(())
        })
    }

    /// Serves the waiting puts after a get has freed capacity, or leaves that to the get if it is in the wait
    /// queue.
    fn serve_putters_after(&self, state: &mut GetState) {
        if state.queued {
            state.freed = true;
        } else {
            self.serve_putters();
        }
    }
}

/// Serves the waiting puts at the end of a batch, also if that unwinds.
struct ServeOnDrop<'a, T> {
    queue: &'a Queue<T>,
    freed: bool,
}

impl<T> Drop for ServeOnDrop<'_, T> {
    fn drop(&mut self) {
        if self.freed {
            self.queue.serve_putters();
        }
    }
}
