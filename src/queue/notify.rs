//! Notifying gets and joins, after the core or under the mutex of the waiters.
//!
//! Knows waiters and what core operations return. Does not know puts that wait: see [`super::serve`].

use super::second_step::ENDED;
use super::selects::Side;
use super::{Bound, Lists, Queue};
use crate::join::Remaining;
use crate::raw::{Events, PushError};
use crate::wait::{wake_one, HeldPanic, WakeList, ALL};
use std::task::Waker;

/// What an operation under the mutex has changed, and the wakers of those that it notified. Dropping it,
/// after the mutex is unlocked, notifies joins, and runs the wakers.
pub(super) struct Deferred<'a, T> {
    queue: &'a Queue<T>,
    /// Freed slots need no notification: the holder of the mutex serves the waiting puts.
    pub(super) events: Events,
    pub(super) wakes: WakeList,
}

impl<'a, T> Deferred<'a, T> {
    pub(super) fn new(queue: &'a Queue<T>) -> Self {
        Deferred { queue, events: Events::default(), wakes: WakeList::default() }
    }
}

impl<T> Drop for Deferred<'_, T> {
    // The wake list is dropped after this, also if this panics.
    #[inline]
    fn drop(&mut self) {
        if self.events.holes > 0 {
            self.queue.notify_after_holes();
        }
    }
}

impl<T> Queue<T> {
    /// Runs `act` under the mutex of the waiters. No user code may run in it.
    #[inline]
    pub(super) fn with_waiters<R>(&self, act: impl FnOnce(&mut Lists<T>) -> R) -> R {
        self.on_demand().waiters.lock(&self.hot.waiter_counts, act)
    }

    /// As [`with_waiters`](Self::with_waiters), and notifies gets of the items that `act` enqueues; other
    /// notifications are sent when the second result is dropped.
    pub(super) fn with_waiters_deferring<'a, R>(
        &'a self,
        mut deferred: Deferred<'a, T>,
        act: impl FnOnce(&mut Lists<T>, &mut Deferred<'a, T>) -> R,
    ) -> (R, Deferred<'a, T>) {
        let result = self.with_waiters_adding(&mut deferred, act);
        (result, deferred)
    }

    #[inline]
    fn with_waiters_adding<'a, R>(
        &'a self,
        deferred: &mut Deferred<'a, T>,
        act: impl FnOnce(&mut Lists<T>, &mut Deferred<'a, T>) -> R,
    ) -> R {
        self.with_waiters(|lists| {
            let result = act(lists, deferred);
            if deferred.events.pushed > 0 {
                self.notify_getters_locked(lists, deferred.events.pushed, &mut deferred.wakes);
                self.notify_selects(lists, deferred.events.pushed, &mut deferred.wakes);
            }
            result
        })
    }

    /// With capacity 0: wakes the selects that wait for an item, if there are more items than waiting gets or
    /// there will be none.
    fn notify_selects(&self, lists: &Lists<T>, items: usize, wakes: &mut WakeList) {
        if self.is_rendezvous() && (items == ALL || self.stored_items() > lists.locked.matchable_gets) {
            lists.locked.selects.wake(Side::Gets, wakes);
        }
    }

    /// As [`with_waiters_deferring`](Self::with_waiters_deferring); all notifications are sent before this
    /// returns.
    #[inline]
    pub(super) fn with_waiters_notifying<R>(&self, act: impl FnOnce(&mut Lists<T>, &mut Deferred<'_, T>) -> R) -> R {
        let mut deferred = Deferred::new(self);
        let result = self.with_waiters_adding(&mut deferred, act);
        drop(deferred);
        result
    }

    /// Runs `act`, which enqueues an item and returns the one that it displaces, under the mutex, so that
    /// each such operation takes out what its own item displaced. Counts that as done before any waker runs,
    /// which may panic.
    pub(super) fn displacing(
        &self,
        act: impl FnOnce(&mut Deferred<'_, T>) -> Result<Option<T>, PushError<T>>,
    ) -> Result<Option<T>, PushError<T>> {
        let (displaced, deferred) = self.with_waiters_deferring(Deferred::new(self), |_, deferred| act(deferred));
        if let Ok(Some(_)) = displaced {
            self.count_removed(1);
        }
        drop(deferred);
        displaced
    }

    /// Whether a get waits for an item.
    #[inline]
    pub(super) fn has_waiting_getter(&self) -> bool {
        self.hot.getter_cell.is_occupied() || self.hot.waiter_counts.has_getters()
    }

    /// Notifies gets of `items` that were enqueued: the one in the cell, and then those of the wait queue.
    pub(super) fn notify_getters(&self, items: usize) {
        let first = self.hot.getter_cell.take();
        let others = others(items, &first);
        if others > 0 && self.hot.waiter_counts.has_getters() {
            return self.notify_queued_getters(first, others);
        }
        if let Some(first) = first {
            wake_one(first);
        }
    }

    #[cold]
    fn notify_queued_getters(&self, first: Option<Waker>, items: usize) {
        let mut wakes = WakeList::default();
        wakes.push(first);
        self.with_waiters(|lists| lists.notify_getters(items, &mut wakes));
    }

    /// As [`notify_getters`](Self::notify_getters), under the mutex.
    pub(super) fn notify_getters_locked(&self, lists: &mut Lists<T>, items: usize, wakes: &mut WakeList) {
        let first = self.take_from_cell(items);
        let others = others(items, &first);
        wakes.push(first);
        lists.notify_getters(others, wakes);
    }

    /// The waker of the get in the cell, if there is an item for it.
    pub(super) fn take_from_cell(&self, items: usize) -> Option<Waker> {
        if items > 0 {
            self.hot.getter_cell.take()
        } else {
            None
        }
    }

    /// Counts items as done that were removed by another operation than a get.
    pub(super) fn count_removed(&self, count: usize) {
        self.notify_if_all_done(self.bookkeeping.unfinished.finish_at_most(count as u64, self));
    }

    /// Notifies joins, if a change has left nothing unfinished.
    #[inline]
    pub(super) fn notify_if_all_done(&self, remaining: Remaining) {
        match remaining {
            Remaining::Zero { claims } if !self.hot.join_waiters.is_empty() => self.notify_joiners(claims),
            _ => {}
        }
    }

    #[cold]
    fn notify_joiners(&self, claims: u64) {
        // Recorded first: a join that is woken may not be polled before the next item is put.
        self.on_demand().last_zero.record(claims);
        let mut held = HeldPanic::default();
        held.run(|| self.end_if_done());
        held.run(|| self.on_demand().join_waiters.notify_all());
    }

    /// Notifies those that wait for the close.
    pub(super) fn notify_watchers_of_close(&self) {
        if !self.bookkeeping.closed_waiters.is_empty() {
            self.on_demand().closed_waiters.notify_all();
        }
    }

    /// Notifies joins, if claims that became holes were the last that counted as unfinished items.
    #[cold]
    pub(super) fn notify_after_holes(&self) {
        if !self.hot.join_waiters.is_empty() {
            self.notify_if_all_done(self.bookkeeping.unfinished.remaining_after_holes(self));
        }
    }

    /// Ends a close in two steps if all is done; at the end of each operation that may have been the last.
    #[cold]
    pub(super) fn end_if_done(&self) {
        // While the first step runs, the second step is open before the core is closed. It checks this itself
        // at its end.
        if !self.hot.second_step.is_open() || !self.raw.is_closed() {
            return;
        }
        // After the caller's RMW on the word of the permits. A thread that finishes an item has its RMW on this
        // word before it comes here: of two threads at least one sees what the other did.
        self.bookkeeping.unfinished.fence_done();
        // In this order: the item of a permit is put before the permit is consumed.
        let is_held = matches!(self.bound(), Bound::Permits(permits) if permits.is_held());
        if !is_held && self.unfinished() == 0 {
            self.end_second_step();
        }
    }

    /// Refuses subtasks from now on, and notifies the gets that wait.
    #[cold]
    pub(super) fn end_second_step(&self) {
        if !self.hot.second_step.is_open() {
            return;
        }
        let (ended, deferred) = self.with_waiters_deferring(Deferred::new(self), |lists, deferred| {
            let ends = self.hot.second_step.is_open();
            if ends {
                self.hot.second_step.set(ENDED);
                deferred.events.pushed = ALL;
                lists.locked.selects.wake_all(&mut deferred.wakes);
            }
            ends
        });
        if ended {
            self.hot.join_waiters.remove_permanent();
        }
        drop(deferred);
    }
}

/// Items that are left for the wait queue when the get in the cell was notified, if there was one.
#[inline]
fn others(items: usize, first: &Option<Waker>) -> usize {
    match first {
        Some(_) if items != ALL => items - 1,
        _ => items,
    }
}
