//! Capacity 0: an item is enqueued only for a get, under the mutex.

use crate::queue::get_state::GetState;
use crate::queue::notify::Deferred;
use crate::queue::{Lists, Queue};
use crate::raw::{PopError, PushError};
use crate::wait::{GetterKind, WaiterKey};
use std::task::Waker;

impl<T> Queue<T> {
    /// Enqueues an item if a get waits for it, and no put that waited before has an item for that get.
    pub(super) fn push_to_waiting_get(&self, item: T) -> Result<(), PushError<T>> {
        self.with_waiters_notifying(|lists, deferred| {
            // One limit for both: a get is matched with one item, whichever put has it.
            let limit = self.limit_now(lists);
            self.serve(lists, limit, deferred);
            self.push_locked(item, limit, &mut deferred.events)
        })
    }

    /// Takes the item that was enqueued for a waiting get, or the item of the first waiting put.
    pub(super) fn pop_rendezvous(&self, state: &mut GetState) -> Result<T, PopError> {
        self.with_waiters_notifying(|lists, deferred| {
            let item = self.transfer(lists, deferred)?;
            if std::mem::take(&mut state.matchable) {
                lists.state.matchable_gets -= 1;
            } else {
                // The item may have been enqueued for a get that still waits.
                self.serve(lists, self.limit_now(lists), deferred);
            }
            Ok(item)
        })
    }

    fn transfer(&self, lists: &mut Lists<T>, deferred: &mut Deferred<'_, T>) -> Result<T, PopError> {
        let error = match self.raw.pop(&mut deferred.events) {
            Ok(item) => return Ok(item),
            Err(error) => error,
        };
        let Some(request) = lists.putters.front_mut() else { return Err(error) };
        // The item passes through the core, so that it counts as put. No get is notified, as it does not stay
        // there.
        let pushed = deferred.events.pushed;
        let granted = self.try_grant(request, 1, deferred);
        deferred.events.pushed = pushed;
        if !granted {
            return Err(error);
        }
        deferred.wakes.push(lists.putters.complete_first());
        self.raw.pop(&mut deferred.events)
    }

    /// Enqueues a get. With capacity 0 one item may be enqueued for it from now on.
    pub(in crate::queue) fn enqueue_get(&self, kind: GetterKind, waker: Waker, state: &mut GetState) -> WaiterKey {
        self.with_waiters(|lists| {
            if self.is_rendezvous() && !std::mem::replace(&mut state.matchable, true) {
                lists.state.matchable_gets += 1;
            }
            lists.push_getter(kind, waker)
        })
    }

    /// No item may be enqueued any more for a get that has ended, or is about to.
    #[inline]
    pub(in crate::queue) fn withdraw_match(&self, state: &mut GetState) {
        if std::mem::take(&mut state.matchable) {
            self.with_waiters(|lists| lists.state.matchable_gets -= 1);
        }
    }
}
