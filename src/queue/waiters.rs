//! The desk: where those who wait for an item or for room are written down, and from where they are called.
//!
//! Knows lines, the core and the credit. Does not know operations.
//!
//! There is one mutex, and in front of it a *gate* for each line: the number of those who wait and are not called. While
//! it is 0, which is whenever nobody waits, an operation pays one relaxed load and takes no lock.
//!
//! Race: a call that cannot be lost. The waiter (W) waits for a change that is an RMW of a word by a changer (C).
//! 1. W enters the line, and the gate is set.
//! 2. W *meets* the word: an RMW that changes nothing ([`crate::sync::rmw_fence`]).
//! 3. W looks once more whether it must wait, and only then waits.
//! 4. C's RMW comes before step 2: then W sees the change in step 3.
//! 5. Or it comes after: then C has acquired what W did in step 1, and its relaxed load of the gate sees it.
//!
//! The waiter pays, not the changer: no fence and no second RMW stands in `put` or `get`.
//!
//! Who was called learns that without the lock: see [`super::through`].
//!
//! A put waits *in line* with its item: a get that has made room moves the items of those who wait into the queue, the
//! first in line first, so that none of them has to run before the next get (kanal does so, and Go's channels). A permit
//! that comes back goes to the first in line likewise (as in tokio's semaphore). A get that waits is only called: an item
//! is never in the hands of a future that may be dropped.

use super::deferred::{Deferred, ALL};
use super::permit_pool::{NoPermit, PermitPool};
use super::wait_lists::{GetterKind, Request, WaitLists};
use super::watermark::Watermark;
use super::Queue;
use crate::raw::{to_usize, Observer, PopError, PushError, UNBOUNDED};
use crate::sync::Mutex;
use crate::wait::{WaitQueue, WaiterKey, WaiterState, WakeList};
use std::collections::VecDeque;
use std::sync::PoisonError;
use std::task::Waker;

pub(super) struct Waiters<T> {
    /// They are made when somebody waits for the first time.
    lines: Mutex<Option<Box<WaitLists<T>>>>,
    /// Gets that were called.
    getters_through: Watermark,
    /// Puts whose item went in from the line.
    putters_through: Watermark,
}

impl<T> Waiters<T> {
    crate::sync::const_fn! {
        pub(super) const fn new() -> Self {
            Waiters { lines: Mutex::new(None), getters_through: Watermark::new(), putters_through: Watermark::new() }
        }
    }
}

/// What goes with a get while it waits.
#[derive(Debug, Default)]
pub(crate) struct GetState {
    /// With capacity 0: one item may go in for it.
    meets: bool,
    /// It tries from its place in line or on a call. Room that it makes is noted then, to be told of when it has left the
    /// line and called the next: who is told of room may be somebody else's code.
    pub(super) in_line: bool,
    /// What was noted.
    pub(super) room: bool,
}

/// How a wait for room began.
pub(super) enum Registered<T> {
    Pending(WaiterKey),
    /// It was granted at once, or the queue is closed and it will not be.
    Ready(Request<T>),
}

impl<T> Queue<T> {
    /// Runs `act` with the desk locked. No code of others may run in it; should an allocation fail there, nothing is half done.
    #[inline]
    fn with_waiters<R>(&self, act: impl FnOnce(&mut WaitLists<T>) -> R) -> R {
        let mut desk = self.book.desk.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = match &mut *desk {
            Some(lines) => lines,
            none => none.insert(WaitLists::boxed()),
        };
        let result = act(lines);
        self.publish_counts(lines);
        result
    }

    /// As [`with_waiters`](Self::with_waiters); what `act` tells of is passed on after that.
    #[inline]
    fn with_waiters_notify<R>(&self, act: impl FnOnce(&mut WaitLists<T>, &mut Deferred<'_, T>) -> R) -> R {
        let (result, told) = self.with_waiters_defer(Deferred::new(self), act);
        drop(told);
        result
    }

    /// As [`with_waiters_notify`](Self::with_waiters_notify), for a caller who has something to do that must not be left out if a waker
    /// panics.
    fn with_waiters_defer<'a, R>(
        &'a self,
        mut told: Deferred<'a, T>,
        act: impl FnOnce(&mut WaitLists<T>, &mut Deferred<'a, T>) -> R,
    ) -> (R, Deferred<'a, T>) {
        let result = self.with_waiters(|lines| {
            let result = act(lines, &mut told);
            lines.notify_getters(told.surfaced.get(), &mut told.calls);
            result
        });
        (result, told)
    }

    /// Sets each gate to what its line has, and says who is through; the desk is locked.
    fn publish_counts(&self, lines: &WaitLists<T>) {
        let (waiter_counts, desk) = (&self.hot.waiter_counts, &self.book.desk);
        waiter_counts.set_getters(lines.getters.waiting());
        desk.getters_through.set(lines.getters.through());
        #[cfg(feature = "stream")]
        waiter_counts.set_streams(lines.streams.waiting());
        waiter_counts.set_putters(lines.putters.waiting());
        desk.putters_through.set(lines.putters.through());
    }

    /// Calls for `items` that have come in.
    #[cold]
    pub(super) fn notify_getters(&self, items: usize) {
        let mut calls = WakeList::default();
        self.with_waiters(|lines| lines.notify_getters(items, &mut calls));
    }

    /// Gives what there is to those who wait for room.
    #[cold]
    pub(super) fn serve_putters(&self, limit: u64) {
        self.with_waiters_notify(|lines, told| self.serve(lines, limit, told));
    }

    fn serve(&self, lines: &mut WaitLists<T>, limit: u64, told: &mut Deferred<'_, T>) {
        // Who puts in himself has not yet done so, also if it was notified before.
        let mut called = if self.has_core_limit() { lines.putters.notified() as u64 } else { 0 };
        while let Some(want) = lines.putters.first() {
            if matches!(want, Request::Space) && self.has_core_limit() {
                if self.raw.len().saturating_add(called) >= limit {
                    break;
                }
                called += 1;
            }
            if !self.grant(want, limit.saturating_sub(called), told) {
                break;
            }
            told.calls.add(match want {
                Request::Granted => lines.putters.complete_first(),
                _ => lines.putters.notify_first(),
            });
        }
    }

    /// How many items may be inside now, where something else than credit decides.
    fn limit_now(&self, lines: &WaitLists<T>) -> u64 {
        if !self.is_rendezvous() {
            self.hot.limit
        } else if self.hot.hands_over {
            self.raw.len() + lines.waiting_getters() as u64
        } else {
            lines.get_state
        }
    }

    /// Gives the first in line what it wants, if that is there.
    fn grant(&self, want: &mut Request<T>, limit: u64, told: &mut Deferred<'_, T>) -> bool {
        match std::mem::replace(want, Request::Granted) {
            Request::Put(item) => match self.push_queued(item, limit, told) {
                Ok(()) => true,
                Err(PushError::Full(item) | PushError::Closed(item)) => {
                    *want = Request::Put(item);
                    false
                }
            },
            Request::Permits { missing, held } => {
                // Closing or none free: nothing is to be had.
                let more = self.permits().acquire(1, missing).unwrap_or(0);
                *want = Request::Permits { missing: missing - more, held: held + more };
                more == missing
            }
            Request::Space => {
                *want = Request::Space;
                true
            }
            Request::Granted => unreachable!("who is granted what he wants is called"),
        }
    }

    fn push_queued(&self, item: T, limit: u64, told: &mut Deferred<'_, T>) -> Result<(), PushError<T>> {
        let Some(permits) = self.permits_if_any() else {
            return self.raw.push(item, limit, told);
        };
        if permits.admit(1, 1).is_err() {
            return Err(PushError::Full(item));
        }
        self.push_admitted(permits, item, told)
    }

    /// Takes permits, unless somebody waits for them.
    #[cold]
    pub(super) fn take_unless_queued<R>(
        &self,
        permits: &PermitPool,
        take: impl FnOnce(&PermitPool) -> Result<R, NoPermit>,
    ) -> Result<R, NoPermit> {
        self.with_waiters(|lines| match lines.putters.waiting() {
            0 => take(permits),
            _ if self.raw.is_closed() => Err(NoPermit::Closed),
            _ => Err(NoPermit::TooFew),
        })
    }

    /// Puts an item in beyond the capacity, for a get that waits and was not notified: see [`Queue::with_handover`].
    pub(super) fn push_beyond(&self, item: T) -> Result<(), PushError<T>> {
        self.with_waiters_notify(|lines, told| match lines.waiting_getters() {
            0 => Err(PushError::Full(item)),
            _ => self.raw.push(item, UNBOUNDED, told),
        })
    }

    /// With permits: closes the core, unless an operation is at work that takes an item out for one that it puts in.
    pub(super) fn close_locked(&self, told: &Deferred<'_, T>) -> bool {
        self.with_waiters(|_| self.raw.close(told))
    }

    /// Puts an item into a queue that was full, and takes the oldest out unless a slot was freed in the meantime. One such
    /// operation at a time, so that each takes out what was displaced by its own item.
    pub(super) fn displace(&self, item: T) -> Result<Option<T>, PushError<T>> {
        self.with_waiters_notify(|_, told| {
            if self.permits_if_any().is_none() {
                // In first, so that nothing is lost if the queue is closed in between. The one item beyond the capacity is
                // this operation's.
                self.raw.push(item, UNBOUNDED, told)?;
                return Ok(self.raw.pop_beyond(self.hot.limit, told));
            }
            if self.raw.is_closed() {
                return Err(PushError::Closed(item));
            }
            // By the permit of the oldest item, if there is one.
            let Ok(oldest) = self.raw.pop(told) else { return Err(PushError::Full(item)) };
            // With permits the core is closed under the mutex only, so that it is open still.
            self.raw.push(item, UNBOUNDED, told)?;
            Ok(Some(oldest))
        })
    }

    /// Puts an item in by a permit after the close.
    #[cold]
    pub(super) fn push_late(&self, item: T) {
        self.with_waiters_notify(|lines, told| {
            lines.late.push_back(item);
            self.hot.late.count_put();
            told.surfaced(1);
        });
    }

    /// Takes the oldest item that was put by a permit after the close, when nothing is left of those before.
    #[cold]
    #[inline(never)]
    pub(super) fn pop_late(&self) -> Result<T, PopError> {
        self.take_late(|late| late.pop_front().map(|item| (item, 1)))
    }

    /// As [`pop_late`](Self::pop_late), up to `limit` items, appended to `items`.
    pub(super) fn pop_many_late(&self, items: &mut Vec<T>, limit: usize) -> Result<usize, PopError> {
        // What may panic comes before anything is taken, and before the lock.
        items.reserve(limit.min(to_usize(self.hot.late.len())));
        let space = items.capacity() - items.len();
        self.take_late(|late| {
            let count = late.len().min(limit).min(space);
            items.extend(late.drain(..count));
            (count > 0).then_some((count, count))
        })
    }

    /// Takes late items; `take` says what, and how many.
    fn take_late<R>(&self, take: impl FnOnce(&mut VecDeque<T>) -> Option<(R, usize)>) -> Result<R, PopError> {
        // In this order: once nothing is held nothing is put any more.
        let may_come = self.permits_if_any().is_some_and(PermitPool::is_held);
        if self.hot.late.len() > 0 {
            let taken = self.with_waiters(|lines| {
                let (taken, count) = take(&mut lines.late)?;
                self.hot.late.count_got(count);
                Some(taken)
            });
            if let Some(taken) = taken {
                return Ok(taken);
            }
        }
        Err(if may_come { PopError::Empty } else { PopError::Closed })
    }

    /// With capacity 0: puts an item in if a get waits for it, and no put that came before has one for that get.
    pub(super) fn push_to_waiting_get(&self, item: T) -> Result<(), PushError<T>> {
        self.with_waiters_notify(|lines, told| {
            // The same for both: a get is counted for one item, by whichever put.
            let limit = self.limit_now(lines);
            self.serve(lines, limit, told);
            self.push_queued(item, limit, told)
        })
    }

    /// With capacity 0: takes what was put in for a get that waits, or the item of the first put in line.
    pub(super) fn pop_rendezvous(&self, get_state: &mut GetState) -> Result<T, PopError> {
        self.with_waiters_notify(|lines, told| {
            let item = self.hand_over(lines, told)?;
            if std::mem::take(&mut get_state.meets) {
                lines.get_state -= 1;
            } else {
                // It may have been put in for a get that still waits.
                self.serve(lines, self.limit_now(lines), told);
            }
            Ok(item)
        })
    }

    fn hand_over(&self, lines: &mut WaitLists<T>, told: &mut Deferred<'_, T>) -> Result<T, PopError> {
        let vacant = match self.raw.pop(told) {
            Ok(item) => return Ok(item),
            Err(vacant) => vacant,
        };
        let Some(want) = lines.putters.first() else { return Err(vacant) };
        // Through the core, in and out, so that it counts. Nobody is called for it: it does not stay.
        let surfaced = told.surfaced.get();
        let granted = self.grant(want, 1, told);
        told.surfaced.set(surfaced);
        if !granted {
            return Err(vacant);
        }
        told.calls.add(lines.putters.complete_first());
        self.raw.pop(told)
    }

    /// With capacity 0: the get no longer waits.
    #[inline]
    pub(super) fn withdraw(&self, get_state: &mut GetState) {
        if std::mem::take(&mut get_state.meets) {
            self.with_waiters(|lines| lines.get_state -= 1);
        }
    }

    /// Steps 1 and 2 of a get, and a first look: the third step is the caller's if that says true.
    pub(super) fn enqueue_get(&self, which: GetterKind, waker: Waker, get_state: &mut GetState) -> (WaiterKey, bool) {
        let place = self.with_waiters(|lines| {
            if self.is_rendezvous() && !std::mem::replace(&mut get_state.meets, true) {
                lines.get_state += 1;
            }
            lines.push_getter(which, waker)
        });
        let may_get = self.raw.fence_pushes();
        (place, may_get || self.is_rendezvous())
    }

    /// A get that waits is polled again: it has left the line if it was called, else is woken by `waker` from now on.
    pub(super) fn poll_queued_get(&self, which: GetterKind, place: &mut Option<WaiterKey>, waker: Option<&Waker>) {
        self.poll_waiter(|lines| lines.line(which), place, waker, |_| false);
    }

    /// As [`poll_queued_get`](Self::poll_queued_get), for a get that waits in the queue of [`GetterKind::Get`], without the lock: whether it
    /// was notified. If not, it may have been meanwhile.
    #[inline]
    pub(super) fn is_get_notified(&self, place: &WaiterKey) -> bool {
        self.book.desk.getters_through.includes(place.number())
    }

    /// After an attempt by a queued get: removes it from the wait queue, and notifies putters of the slot that it freed, also
    /// if a waker panics.
    pub(super) fn finish_queued_get(&self, leaving: Option<(GetterKind, WaiterKey)>, room: bool) {
        struct Serve<'a, T>(&'a Queue<T>, bool);
        impl<T> Drop for Serve<'_, T> {
            fn drop(&mut self) {
                if self.1 {
                    self.0.notify_putters();
                }
            }
        }
        let _serve = Serve(self, room);
        if let Some((which, place)) = leaving {
            self.cancel_get(which, place);
        }
    }

    /// Removes a get from the wait queue. If it was notified in the meantime, the notification goes on to the next waiter.
    pub(super) fn cancel_get(&self, which: GetterKind, place: WaiterKey) {
        let mut calls = WakeList::default();
        let left = self.with_waiters(|lines| {
            let left = lines.line(which).leave(place);
            // If nothing is in the queue, the item that it was notified of is taken.
            if left.is_none() && which == GetterKind::Get && self.raw.len() + self.hot.late.len() > 0 {
                lines.notify_getters(1, &mut calls);
            }
            left
        });
        drop(calls);
        drop(left);
    }

    /// A put or a reservation gets in line, and in its turn has what it wants if there is that. The second result is for
    /// the caller to drop once it has dealt with the first.
    pub(super) fn enqueue_put(&self, waker: Waker, want: Request<T>) -> (Registered<T>, impl Sized + '_) {
        let mut told = None;
        let (registered, waker) = self.with_waiters(|lines| {
            let place = lines.putters.enter(waker, want);
            self.hot.waiter_counts.set_putters(lines.putters.waiting());
            let limit = self.limit_now(lines);
            if !self.fence_space(limit) && !self.raw.is_closed() {
                return (Registered::Pending(place), None);
            }
            let told = told.insert(Deferred::new(self));
            self.serve(lines, limit, told);
            let called = lines.putters.called(&place) != WaiterState::Waiting;
            let registered = if called || self.raw.is_closed() {
                let (want, waker) = lines.putters.leave(place).unwrap_or((Request::Granted, None));
                // Not to be woken: it is here.
                (Registered::Ready(want), if called { told.calls.take_last() } else { waker })
            } else {
                (Registered::Pending(place), None)
            };
            lines.notify_getters(told.surfaced.get(), &mut told.calls);
            registered
        });
        (registered, (waker, told))
    }

    /// A wait for room is polled again: says what it has got if it is over.
    pub(super) fn poll_queued_put(&self, place: &mut Option<WaiterKey>, waker: Option<&Waker>) -> Option<Request<T>> {
        let over = self.poll_waiter(|lines| &mut lines.putters, place, waker, |queue| queue.raw.is_closed());
        over.map(|want| want.unwrap_or(Request::Granted))
    }

    /// Whether the item of a put that stands in line with it went in, without the lock. If not, it may have meanwhile.
    #[inline]
    pub(super) fn is_put_completed(&self, place: &WaiterKey) -> bool {
        self.book.desk.putters_through.includes(place.number())
    }

    /// A wait for room is given up. Who was called for room that he does not use leaves it to the next.
    pub(super) fn cancel_put(&self, place: WaiterKey) -> Request<T> {
        let left = self.with_waiters_notify(|lines, told| {
            let left = lines.putters.leave(place);
            if matches!(left, Some((Request::Space, None))) {
                self.serve(lines, self.limit_now(lines), told);
            }
            left
        });
        left.map_or(Request::Granted, |(want, _)| want)
    }

    /// Leaves the line, and says what it wanted, if called or if it is all over (`Some(None)` if it was through already); else
    /// is woken by `waker` from now on.
    fn poll_waiter<W>(
        &self,
        line: impl Fn(&mut WaitLists<T>) -> &mut WaitQueue<W>,
        place: &mut Option<WaiterKey>,
        waker: Option<&Waker>,
        over: impl Fn(&Self) -> bool,
    ) -> Option<Option<W>> {
        let mut fresh = None;
        loop {
            // A waker is cloned, and one that is no longer needed dropped, while the desk is not locked.
            let (left, wants_a_clone, _unneeded) = self.with_waiters(|lines| {
                let line = line(lines);
                let Some(here) = place.take() else { return (None, false, None) };
                if line.called(&here) != WaiterState::Waiting || over(self) {
                    return match line.leave(here) {
                        Some((want, old)) => (Some(Some(want)), false, old),
                        None => (Some(None), false, None),
                    };
                }
                let here = place.insert(here);
                match waker.filter(|waker| line.has_another_waker(here, waker)).map(|_| fresh.take()) {
                    Some(Some(fresh)) => (None, false, Some(line.change_waker(here, fresh))),
                    Some(None) => (None, true, None),
                    None => (None, false, fresh.take()),
                }
            });
            if !wants_a_clone {
                return left;
            }
            fresh = waker.cloned();
        }
    }

    /// The queue is closed, as `told` tells of: calls all who wait for room. What was kept for one who has not got all goes
    /// back. If nothing will come out any more (`is_over`), calls all who wait for an item as well.
    pub(super) fn notify_all_closed(&self, told: Deferred<'_, T>, is_over: bool) {
        // Whatever the gates say: who waits for room does not meet the word that a close changes, but looks at it under the
        // lock.
        if is_over {
            told.surfaced.set(ALL);
        }
        let nobody_came = self.book.desk.lines.lock().unwrap_or_else(PoisonError::into_inner).is_none();
        if nobody_came {
            return;
        }
        let (held, told) = self.with_waiters_defer(told, |lines, told| {
            let mut all = 0;
            // Also of reservations that have all they asked for and were not polled since.
            for want in lines.putters.each() {
                if let Request::Permits { missing, held } = want {
                    *missing += *held;
                    all += std::mem::take(held);
                }
            }
            while lines.putters.waiting() > 0 {
                told.calls.add(lines.putters.notify_first());
            }
            all
        });
        if held > 0 {
            self.return_permits(self.permits(), held);
        }
        drop(told);
    }
}
