//! Closing a queue, and releasing permits: after a close, the release of the last permit ends the waits of
//! gets.
//!
//! Knows waiters, the core and the permits. Does not know operations.

use super::notify::Deferred;
use super::permit_pool::{MoreItems, PermitPool};
use super::serve::Request;
use super::{Bound, Queue};
use crate::wait::ALL;

impl<T> Queue<T> {
    /// Closes the core and notifies the operations that wait for capacity; also those that wait for items,
    /// unless the holder of a permit can still put some. True for the one call that closed.
    pub(super) fn close_core(&self) -> bool {
        let mut deferred = Deferred::new(self);
        let Bound::Permits(permits) = self.bound() else {
            let first = self.raw.close(&mut deferred.events);
            if !first {
                self.end_second_step();
            }
            self.notify_closed(deferred, MoreItems::Impossible);
            return first;
        };
        // A `force_put` with permits pops and pushes under the mutex; the close must not happen in between.
        let first = self.with_waiters(|_| self.raw.close(&mut deferred.events));
        if !first {
            self.end_second_step();
        }
        let more_items = permits.close();
        self.notify_closed(deferred, more_items);
        first
    }

    /// After a permit that was held was consumed or released.
    pub(super) fn notify_if_finished(&self, more_items: MoreItems) {
        if more_items == MoreItems::Impossible {
            self.end_if_done();
            self.notify_closed(Deferred::new(self), MoreItems::Impossible);
        }
    }

    /// Releases `count` permits that were not used.
    pub(super) fn return_permits(&self, permits: &PermitPool, count: u64) {
        self.notify_if_finished(permits.return_unused(count));
        self.serve_putters();
    }

    /// Notifies all waiters for capacity of the close, and all gets if no more items will be enqueued. The
    /// permits that a queued reservation has collected are released, also if it is complete and was not polled
    /// since.
    pub(super) fn notify_closed(&self, mut deferred: Deferred<'_, T>, more_items: MoreItems) {
        if more_items == MoreItems::Impossible {
            deferred.events.pushed = ALL;
        }
        // This always takes the mutex: a waiter for capacity makes no RMW fence on the word that a close
        // changes, so its count may not be visible here. It checks under the mutex whether the queue is
        // closed. If the mutex is not allocated yet, a waiter that allocates it later sees the close.
        if self.hot.on_demand.get_ordered().is_none() {
            deferred.wakes.push(self.take_from_cell(deferred.events.pushed));
            return;
        }
        let (unused, deferred) = self.with_waiters_deferring(deferred, |lists, deferred| {
            let mut unused = 0;
            for request in lists.putters.iter_mut() {
                if let Request::Permits { missing, held } = request {
                    *missing += *held;
                    unused += std::mem::take(held);
                }
            }
            while lists.putters.waiting() > 0 {
                deferred.wakes.push(lists.putters.notify_first());
            }
            lists.locked.selects.wake_all(&mut deferred.wakes);
            unused
        });
        if unused > 0 {
            self.return_permits(self.permits(), unused);
        }
        drop(deferred);
    }
}
