//! How gets wait: one in a cell, the others in the wait queue behind the mutex.
//!
//! Knows the cell, the wait queue and the core. Does not know the operations, nor what a get does with an item.
//!
//! A get registers its waker in the cell if that is empty and no get or stream is in the wait queue; then
//! neither it nor the put that notifies it takes the mutex. Streams, gets with capacity 0, and gets for which
//! a put may exceed the capacity use the wait queue only: what they need is decided under the mutex.
//!
//! Race: a notification is never lost. A get (G) registers in the cell beside a put (P). The steps are those of
//! [`crate::wait`]; the cell's state is the number of waiters.
//! 1. G puts its waker in: the cell is held, then full.
//! 2. G makes an RMW fence on the tail's word, and checks once more.
//! 3. If P's claim comes before the fence, G sees the item in its check. P may have found the cell held or
//!    still empty: then P notifies the first waiter of the wait queue, if there is one, as if G were not
//!    there.
//! 4. If P's claim comes after the fence, P sees that the cell is full, or a later state. P takes the waker.
//!    If the cell is not full any more, or P loses the CAS, then another thread has taken the waker, for an
//!    item of its own or because G ended its wait. The cell may also have the waker of a later get, which is
//!    still before its fence. In each case the item of P notifies the first waiter of the wait queue.
//!
//! So each item notifies a waiter of its own, as long as there are waiters whose fence came before its claim:
//! the cell is taken once by one item, and an item that has not taken it goes to the wait queue. Two puts
//! that both find the cell held each notify a waiter of the wait queue. If one of these finds no item,
//! because the get in the cell was faster, it has been woken in vain, and waits again.
//!
//! *Order.* The get in the cell has not begun to wait after a waiter of the wait queue had registered: it has
//! seen the wait queue empty after that. So the item notifies the cell first. It need not notify streams:
//! those in the wait queue began to wait later, or at the same time.
//!
//! *A thread that is stopped while it holds the cell.* A put stopped there has notified no get yet, as if it
//! were stopped before, and later puts and a close pass its get by; its get, polled for another reason, finds
//! the cell changed and takes the item. A get stopped there keeps no other from waiting or from being
//! notified: these use the wait queue.
//!
//! *Another waker at a later poll.* G holds the cell while it replaces the waker. A put that finds it held
//! passes it by, so G makes a fence and checks again afterwards, as after it has registered.
//!
//! *The end.* A get that finds the cell changed was notified. If it is dropped then, it notifies the next
//! waiter, unless the queue is empty: then another get has taken the item. A close notifies the cell and the
//! wait queue. Not every change is a claim at the tail. A get that finds the tail closed asks, after it has
//! registered, for held permits by an RMW, and for the end of the second step of a close under the mutex: the
//! words that the notifier changed. An item that is put after the close by a permit is followed by an RMW
//! fence on the tail.
//!
//! User code never runs while the cell is held: a waker is cloned before, and dropped or woken after it.

use super::get_state::GetState;
use super::selects::Side;
use super::Queue;
use crate::raw::HandoffKey;
use crate::wait::{GetterKind, Polled, Unneeded, WaiterKey, WakeList};
use std::task::Waker;

/// Where a get is registered.
#[derive(Debug)]
pub(crate) enum GetWaiter {
    InCell(HandoffKey),
    Queued(WaiterKey),
}

/// What a registered get finds when it is polled.
pub(super) enum PolledGet {
    /// There is no item, and it waits.
    Pending,
    /// There may be an item, whether it was notified or not.
    MayHaveItems,
}

impl<T> Queue<T> {
    /// The first step of a wait. An RMW fence on the tail and a check must follow.
    #[inline]
    pub(super) fn register_get(&self, kind: GetterKind, waker: &Waker, state: &mut GetState) -> GetWaiter {
        // Cloned first: that is user code.
        let mut waker = waker.clone();
        if self.may_use_cell(kind) && !self.hot.waiter_counts.has_getters() {
            match self.hot.getter_cell.put(waker) {
                Ok(key) => return GetWaiter::InCell(key),
                Err(back) => waker = back,
            }
        }
        self.queue_get(kind, waker, state)
    }

    #[cold]
    fn queue_get(&self, kind: GetterKind, waker: Waker, state: &mut GetState) -> GetWaiter {
        GetWaiter::Queued(self.with_waiters(|lists| {
            self.offer_match(lists, state);
            lists.push_getter(kind, waker)
        }))
    }

    #[inline]
    fn may_use_cell(&self, kind: GetterKind) -> bool {
        kind == GetterKind::Get && !self.is_rendezvous() && !self.hot.allows_surplus
    }

    /// Whether a get was notified, without the mutex. If not, it may have been notified in the meantime. Of a
    /// stream this says nothing.
    #[inline]
    pub(super) fn is_get_notified(&self, kind: GetterKind, waiter: &GetWaiter) -> bool {
        match waiter {
            GetWaiter::InCell(key) => !self.hot.getter_cell.contains(key),
            GetWaiter::Queued(key) => kind == GetterKind::Get && self.on_demand().waiters.is_get_notified(key),
        }
    }

    /// Polls a get that waits, if it does. Its notification is consumed; else `waker`, if given, replaces the
    /// waker that it has.
    pub(super) fn poll_get(
        &self,
        kind: GetterKind,
        waiter: &mut Option<GetWaiter>,
        waker: Option<&Waker>,
    ) -> (PolledGet, Unneeded) {
        match (&*waiter, waker) {
            (Some(GetWaiter::InCell(key)), Some(waker)) => {
                let (is_there, unneeded) = self.replace_in_cell(key, waker);
                if !is_there {
                    *waiter = None;
                } else if !self.raw.fence_pushes() {
                    return (PolledGet::Pending, [unneeded, None]);
                }
                return (PolledGet::MayHaveItems, [unneeded, None]);
            }
            (Some(GetWaiter::Queued(key)), _) => {
                let (waiters, counts) = (&self.on_demand().waiters, &self.hot.waiter_counts);
                let (polled, unneeded) = waiters.poll(counts, |lists| lists.getters_of(kind), key, waker, || false);
                if !matches!(polled, Polled::Pending) {
                    *waiter = None;
                }
                return (PolledGet::MayHaveItems, unneeded);
            }
            _ => {}
        }
        (PolledGet::MayHaveItems, Unneeded::default())
    }

    /// Whether the get is in the cell, with this waker from now on, and the waker that is no longer needed.
    fn replace_in_cell(&self, key: &HandoffKey, waker: &Waker) -> (bool, Option<Waker>) {
        let cell = &self.hot.getter_cell;
        match cell.access(key, |present| present.will_wake(waker)) {
            Some(false) => {
                let mut fresh = waker.clone();
                let replaced = cell.access(key, |present| std::mem::swap(present, &mut fresh));
                (replaced.is_some(), Some(fresh))
            }
            there => (there.is_some(), None),
        }
    }

    /// Ends the wait of a get. If it was notified in the meantime, the next waiter is notified instead.
    pub(super) fn cancel_get(&self, kind: GetterKind, waiter: GetWaiter) {
        let unneeded = match waiter {
            GetWaiter::InCell(key) => self.hot.getter_cell.take_back(&key),
            GetWaiter::Queued(key) => match self.with_waiters(|lists| lists.getters_of(kind).remove(&key)) {
                Some((_, waker)) => waker,
                // A stream was notified together with a get.
                None if kind != GetterKind::Get => return self.notify_selecting_gets(),
                None => None,
            },
        };
        match unneeded {
            Some(waker) => drop(waker),
            None => self.forward_notification(),
        }
    }

    /// Notifies the next get instead of one that was notified and has not taken an item, unless the queue is
    /// empty: then another get has taken the item.
    pub(super) fn forward_notification(&self) {
        if self.stored_items() > 0 {
            self.notify_getters(1);
            self.notify_selecting_gets();
        }
    }

    /// With capacity 0, an item that was enqueued for a get may be left to a select.
    fn notify_selecting_gets(&self) {
        if self.is_rendezvous() && self.stored_items() > 0 {
            let mut wakes = WakeList::default();
            self.with_waiters(|lists| lists.locked.selects.wake(Side::Gets, &mut wakes));
        }
    }
}
