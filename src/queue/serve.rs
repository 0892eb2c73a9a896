//! Serving the puts and reservations that wait for capacity, and notifying the waiters after a core operation.
//!
//! Knows waiters, the core and the permits. Does not know operations.
//!
//! The life of a waiting put:
//! 1. It finds the queue full (`put.rs`), and `operation` registers it: [`Queue::enqueue_put`] enqueues its
//!    item in the wait queue, makes an RMW fence, and serves it at once if a slot was freed in the meantime.
//! 2. A get takes an item and calls [`Queue::serve_putters`], which moves the item of the put into the queue,
//!    removes the waiter, and wakes it after the mutex is unlocked.
//! 3. The woken put reads the watermark (`wait/counts.rs`), finds itself removed, and completes.
//!
//! A put waits together with its item. The operation that frees a slot enqueues the items of waiting puts in
//! FIFO order, so that none of these puts has to run before the next get (as in kanal and in Go's channels).
//! A permit that is released goes to the first waiter likewise (as in tokio's semaphore). A get that waits is
//! only notified: an item is never in the hands of a future that may be dropped.

use super::notify::Deferred;
use super::permit_pool::{NoPermit, PermitPool};
use super::selects::{Selects, Side};
use super::{Bound, Lists, Queue};
use crate::raw::{Events, PopTicket, PushError, UNBOUNDED};
use crate::wait::{HeldPanic, Polled, Unneeded, WaiterKey, WaiterState};
use std::task::Waker;

/// What a waiter for capacity requests.
pub(super) enum Request<T> {
    /// To enqueue its item.
    Put(T),
    /// So many permits more than it holds.
    Permits { missing: u64, held: u64 },
    /// To be notified of a free slot, into which it will put its item itself.
    Space,
    /// Nothing: with permits, one was taken for the item, which its put has kept.
    Admitted,
    /// Nothing: its item was enqueued.
    Granted,
}

impl<T> Request<T> {
    /// Takes the item that is to be enqueued, if it is one.
    pub(super) fn take_item(&mut self) -> Option<T> {
        match std::mem::replace(self, Request::Granted) {
            Request::Put(item) => Some(item),
            other => {
                *self = other;
                None
            }
        }
    }
}

/// How the registration of a waiter for capacity ended.
pub(super) enum Registered<T> {
    /// It waits.
    Pending(WaiterKey),
    /// It was served at once, or the queue is closed. Its request is returned.
    Ready(Request<T>),
}

/// What an operation of the core has changed. Dropping it notifies the waiters, also if the operation
/// unwinds; all of them, also if one of their wakers panics.
pub(super) struct NotifyOnDrop<'a, T> {
    queue: &'a Queue<T>,
    pub(super) events: Events,
}

impl<'a, T> NotifyOnDrop<'a, T> {
    #[inline]
    pub(super) fn new(queue: &'a Queue<T>) -> Self {
        NotifyOnDrop { queue, events: Events::default() }
    }
}

impl<T> Drop for NotifyOnDrop<'_, T> {
    #[inline]
    fn drop(&mut self) {
        let NotifyOnDrop { queue, events: Events { pushed, freed, holes } } = self;
        let wakes_getters = *pushed > 0 && queue.has_waiting_getter();
        if wakes_getters || *freed > 0 && queue.hot.waiter_counts.has_putters() || *holes > 0 {
            queue.notify_of(self.events);
        }
    }
}

impl<T> Queue<T> {
    /// Runs an operation of the core, and then notifies the waiters of what it has changed.
    #[inline]
    pub(super) fn notifying<R>(&self, operate: impl FnOnce(&mut Events) -> R) -> R {
        let mut notify = NotifyOnDrop::new(self);
        let result = operate(&mut notify.events);
        drop(notify);
        result
    }

    #[cold]
    fn notify_of(&self, Events { pushed, freed, holes }: Events) {
        if freed == 0 && holes == 0 && !crate::sync::is_unwinding() {
            return self.notify_getters(pushed);
        }
        let mut held = HeldPanic::default();
        if pushed > 0 {
            held.run(|| self.notify_getters(pushed));
        }
        if freed > 0 {
            held.run(|| self.serve_putters());
        }
        if holes > 0 {
            held.run(|| self.notify_after_holes());
        }
    }

    /// Serves the puts and reservations that wait, after capacity was freed: enqueues items of puts, and
    /// grants permits.
    #[inline]
    pub(super) fn serve_putters(&self) {
        if self.hot.waiter_counts.has_putters() {
            self.serve_putters_slow();
        }
    }

    /// Takes the item of a ticket, and serves the waiting puts. `wrap` converts the item in place, so that a
    /// large one is copied only once.
    #[inline(always)]
    pub(super) fn take_and_serve_putters<R>(&self, ticket: PopTicket<'_, T>, wrap: impl FnOnce(T) -> R) -> R {
        // The claim was an RMW, so that a put that registers later sees it.
        if self.hot.waiter_counts.has_putters() {
            return self.take_and_serve_putters_slow(ticket, wrap);
        }
        ticket.take(wrap)
    }

    #[cold]
    #[inline(never)]
    fn take_and_serve_putters_slow<R>(&self, ticket: PopTicket<'_, T>, wrap: impl FnOnce(T) -> R) -> R {
        let got = ticket.take(wrap);
        self.serve_putters_slow();
        got
    }

    #[cold]
    fn serve_putters_slow(&self) {
        let may_serve = match self.limit() {
            // The pool of permits alone decides.
            UNBOUNDED => true,
            // Only a get serves a waiting put, under the mutex.
            0 => false,
            // If a new put took the slot, the next get serves the waiting puts.
            limit => self.raw.is_below(limit),
        };
        if may_serve {
            self.with_waiters_notifying(|lists, deferred| self.serve(lists, self.limit(), deferred));
        }
    }

    /// Serves waiters in FIFO order, as far as `limit` or the permits allow.
    pub(super) fn serve(&self, lists: &mut Lists<T>, limit: u64, deferred: &mut Deferred<'_, T>) {
        // Each notified waiter for space will use a free slot, so these slots are not available.
        let by_limit = self.core_decides();
        let mut notified = if by_limit { lists.putters.notified() as u64 } else { 0 };
        while let Some(request) = lists.putters.front_mut() {
            if by_limit && matches!(request, Request::Space) {
                if self.raw.len().saturating_add(notified) >= limit {
                    break;
                }
                notified += 1;
            }
            let limit = limit.saturating_sub(notified);
            if !self.try_grant(request, limit, &mut lists.locked.selects, deferred) {
                break;
            }
            deferred.wakes.push(match request {
                Request::Granted => lists.putters.remove_first(),
                _ => lists.putters.notify_first(),
            });
        }
    }

    /// Grants what the first waiter requests, if the capacity suffices. False if not.
    fn try_grant(
        &self,
        request: &mut Request<T>,
        limit: u64,
        selects: &mut Selects<T>,
        deferred: &mut Deferred<'_, T>,
    ) -> bool {
        match std::mem::replace(request, Request::Granted) {
            Request::Put(item) => {
                let pushed = match self.is_rendezvous() {
                    true => self.push_or_hand_over(item, limit, selects, deferred),
                    false => self.push_locked(item, limit, &mut deferred.events),
                };
                match pushed {
                    Ok(()) => true,
                    Err(error) => {
                        *request = Request::Put(error.split().0);
                        false
                    }
                }
            }
            Request::Permits { missing, held } => {
                // If the queue is closed or no permit is free, there are none.
                let more = self.permits().acquire(1, missing).unwrap_or(0);
                *request = Request::Permits { missing: missing - more, held: held + more };
                more == missing
            }
            Request::Space => {
                // A permit is taken here, so that no waiter behind this one gets it.
                let admitted = match self.bound() {
                    Bound::Permits(permits) => permits.admit(1).map(|_| Request::Admitted).ok(),
                    _ => Some(Request::Space),
                };
                let granted = admitted.is_some();
                *request = admitted.unwrap_or(Request::Space);
                granted
            }
            Request::Admitted | Request::Granted => unreachable!("a waiter is notified when its request is granted"),
        }
    }

    /// Enqueues an item as far as `limit` allows it, or hands it over to a select that waits for one.
    pub(super) fn push_or_hand_over(
        &self,
        item: T,
        limit: u64,
        selects: &mut Selects<T>,
        deferred: &mut Deferred<'_, T>,
    ) -> Result<(), PushError<T>> {
        let selects_first = selects.are_first(Side::Gets);
        let item = match selects_first {
            true => match self.hand_over(item, selects, deferred) {
                Err(PushError::Full(item)) => item,
                handed_over => return handed_over,
            },
            false => item,
        };
        match self.push_locked(item, limit, &mut deferred.events) {
            Err(PushError::Full(item)) if !selects_first => self.hand_over(item, selects, deferred),
            pushed => pushed,
        }
    }

    /// Pushes an item under the mutex.
    pub(super) fn push_locked(&self, item: T, limit: u64, events: &mut Events) -> Result<(), PushError<T>> {
        match self.bound() {
            Bound::Permits(permits) => self.push_admitting_locked(permits, item, events),
            _ => self.raw.push(item, limit, events),
        }
    }

    /// Not inlined: without permits a push saves no registers for this.
    #[inline(never)]
    fn push_admitting_locked(&self, permits: &PermitPool, item: T, events: &mut Events) -> Result<(), PushError<T>> {
        match permits.admit(1) {
            Ok(_) => self.push_admitted(permits, item, events),
            Err(_) => Err(PushError::Full(item)),
        }
    }

    /// Pushes an item for which a permit was taken. If the queue was closed in the meantime, the permit is
    /// released.
    pub(super) fn push_admitted(&self, permits: &PermitPool, item: T, events: &mut Events) -> Result<(), PushError<T>> {
        let pushed = self.raw.push(item, UNBOUNDED, events);
        if pushed.is_err() {
            permits.release(1);
        }
        pushed
    }

    /// Enqueues the item of a put for which a permit was taken while it waited. Without an item the permit is
    /// released, and the caller serves the waiters.
    pub(super) fn push_after_wait(&self, item: Option<T>) -> Result<(), PushError<T>> {
        let permits = self.permits();
        match item {
            Some(item) => self.notifying(|events| self.push_admitted(permits, item, events)),
            None => {
                permits.release(1);
                Ok(())
            }
        }
    }

    /// Takes permits, unless a put or a reservation waits for some.
    #[cold]
    pub(super) fn take_unless_queued<R>(
        &self,
        permits: &PermitPool,
        take: impl FnOnce(&PermitPool) -> Result<R, NoPermit>,
    ) -> Result<R, NoPermit> {
        self.with_waiters(|lists| match lists.putters.waiting() {
            0 => take(permits),
            _ if self.raw.is_closed() => Err(NoPermit::Closed),
            _ => Err(NoPermit::TooFew),
        })
    }

    /// The limit of items in the core at this time, under the mutex.
    pub(super) fn limit_now(&self, lists: &Lists<T>) -> u64 {
        match self.is_rendezvous() {
            false => self.limit(),
            true if self.hot.allows_surplus => self.raw.len() + lists.waiting_getters() as u64,
            true => lists.locked.matchable_gets.saturating_sub(lists.locked.selects.owed),
        }
    }

    /// Registers a put or a reservation, and serves it if its turn has come and the capacity suffices: the
    /// three steps of a wait (see [`crate::wait`]). The second result is for the caller to drop after it has
    /// dealt with the first.
    pub(super) fn enqueue_put(&self, waker: Waker, request: Request<T>) -> (Registered<T>, impl Sized + '_) {
        let mut deferred = None;
        let (registered, waker) = self.with_waiters(|lists| {
            let key = lists.putters.push_back(waker, request);
            self.hot.waiter_counts.set_putters(lists.putters.waiting());
            let limit = self.limit_now(lists);
            if !self.fence_space(limit) && !self.raw.is_closed() {
                return (Registered::Pending(key), None);
            }
            self.serve_registered(lists, key, limit, deferred.insert(Deferred::new(self)))
        });
        (registered, (waker, deferred))
    }

    /// Serves the waiters up to `key`, which was registered last. The second result is the waker of that if
    /// it need not run.
    #[cold]
    fn serve_registered(
        &self,
        lists: &mut Lists<T>,
        key: WaiterKey,
        limit: u64,
        deferred: &mut Deferred<'_, T>,
    ) -> (Registered<T>, Option<Waker>) {
        self.serve(lists, limit, deferred);
        let served = lists.putters.state(&key) != WaiterState::Waiting;
        let registered = if served || self.raw.is_closed() {
            let (request, waker) = lists.putters.remove(&key).unwrap_or((Request::Granted, None));
            // The new waiter is the last one, so its own waker was pushed last. It need not run.
            (Registered::Ready(request), if served { deferred.wakes.pop() } else { waker })
        } else {
            lists.locked.selects.wake_watching(Side::Gets, None, &mut deferred.wakes);
            (Registered::Pending(key), None)
        };
        self.notify_getters_locked(lists, deferred.events.pushed, &mut deferred.wakes);
        registered
    }

    /// The RMW fence of a waiter for capacity, on the word whose change can free some. False if no capacity
    /// was free before. A close needs no fence: it notifies the waiters under the mutex in any case.
    pub(super) fn fence_space(&self, limit: u64) -> bool {
        match self.bound() {
            Bound::Permits(permits) => {
                permits.rmw_fence();
                true
            }
            Bound::Rendezvous => {
                self.raw.fence_pops(limit);
                true
            }
            Bound::Unbounded | Bound::Limit => self.raw.fence_pops(limit),
        }
    }

    /// Polls a waiter for capacity: its request comes back when the wait has ended.
    pub(super) fn poll_queued_put(
        &self,
        key: &mut Option<WaiterKey>,
        waker: Option<&Waker>,
    ) -> (Option<Request<T>>, Unneeded) {
        let is_closed = || self.raw.is_closed();
        let (waiters, counts) = (&self.on_demand().waiters, &self.hot.waiter_counts);
        let Some(waiter) = key else { return (None, Unneeded::default()) };
        let (polled, unneeded) = waiters.poll(counts, |lists| &mut lists.putters, waiter, waker, is_closed);
        if !matches!(polled, Polled::Pending) {
            *key = None;
        }
        let request = match polled {
            Polled::Pending => None,
            Polled::Ready(request) => Some(request),
            Polled::Removed => Some(Request::Granted),
        };
        (request, unneeded)
    }

    /// Cancels a wait for capacity. A free slot of which the waiter was notified goes to the next one, and so
    /// does a permit that was taken for it. The waker is for the caller to drop after it has dealt with the
    /// request: that is user code, which may panic.
    pub(super) fn cancel_put(&self, key: WaiterKey) -> (Request<T>, Option<Waker>) {
        let removed = self.with_waiters_notifying(|lists, deferred| {
            let removed = lists.putters.remove(&key);
            if let Some((request @ (Request::Space | Request::Admitted), None)) = &removed {
                if matches!(request, Request::Admitted) {
                    self.permits().release(1);
                }
                self.serve(lists, self.limit_now(lists), deferred);
            }
            removed
        });
        removed.unwrap_or((Request::Granted, None))
    }
}
