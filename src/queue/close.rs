//! Closing a queue, and releasing permits: the last permit released after a close ends the queue.
//!
//! Knows waiters, the core and the permits. Does not know operations.

use super::notify::Deferred;
use super::permit_pool::{PermitPool, PoolState};
use super::serve::Request;
use super::{Bound, Queue};
use crate::wait::ALL;

/// Whether items can still be enqueued in a closed queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// By the holders of permits.
    ItemsMayCome,
    Final,
}

impl From<PoolState> for Ending {
    fn from(state: PoolState) -> Self {
        match state {
            PoolState::Active => Ending::ItemsMayCome,
            PoolState::Finished => Ending::Final,
        }
    }
}

impl<T> Queue<T> {
    /// Closes the core and notifies the operations that wait for capacity; also those that wait for items,
    /// unless the holder of a permit can still put some. True for the one call that closed.
    pub(super) fn close_core(&self) -> bool {
        let mut deferred = Deferred::new(self);
        let Bound::Permits(permits) = self.bound() else {
            let first = self.raw.close(&mut deferred.events);
            self.notify_closed(deferred, Ending::Final);
            return first;
        };
        // Under the mutex, so that the core is not closed while an operation takes an item out for one that
        // it puts.
        let first = self.with_waiters(|_| self.raw.close(&mut deferred.events));
        let ending = permits.close().into();
        self.notify_closed(deferred, ending);
        first
    }

    /// After a permit that was held was consumed or released.
    pub(super) fn notify_if_finished(&self, state: PoolState) {
        if state == PoolState::Finished {
            self.notify_closed(Deferred::new(self), Ending::Final);
        }
    }

    /// Releases `count` permits that were not used.
    pub(super) fn return_permits(&self, permits: &PermitPool, count: u64) {
        self.notify_if_finished(permits.return_unused(count));
        self.notify_putters();
    }

    /// Notifies all waiters for capacity of the close, and all gets if no more items will be enqueued.
    /// Permits collected by a reservation that is not complete are released.
    fn notify_closed(&self, mut deferred: Deferred<'_, T>, ending: Ending) {
        // Whatever the counts say: a waiter for capacity makes no fence on the word that a close changes, but
        // checks under the mutex whether the queue is closed.
        if ending == Ending::Final {
            deferred.events.pushed = ALL;
        }
        if self.book.waiters.are_unused() {
            return;
        }
        let (unused, deferred) = self.with_waiters_deferring(deferred, |lists, deferred| {
            let mut unused = 0;
            // Also of reservations that have all they requested and were not polled since.
            for request in lists.putters.iter_mut() {
                if let Request::Permits { missing, held } = request {
                    *missing += *held;
                    unused += std::mem::take(held);
                }
            }
            while lists.putters.waiting() > 0 {
                deferred.wakes.push(lists.putters.notify_first());
            }
            unused
        });
        if unused > 0 {
            self.return_permits(self.permits(), unused);
        }
        drop(deferred);
    }
}
