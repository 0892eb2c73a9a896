//! Capacity 0: an item is enqueued only for a get, under the mutex.

use crate::queue::get_state::GetState;
use crate::queue::notify::Deferred;
use crate::queue::{Lists, Queue};
use crate::raw::{PopError, PushError};

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
            let item = match self.transfer(lists, deferred) {
                // Late items do not count for a match.
                Err(PopError::Closed) => return self.pop_late_locked(lists),
                item => item?,
            };
            if std::mem::take(&mut state.matchable) {
                lists.locked.matchable_gets -= 1;
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
        deferred.wakes.push(lists.putters.remove_first());
        self.raw.pop(&mut deferred.events)
    }

    /// Offers a waiting get: one item may be enqueued for it from now on. With another capacity this does
    /// nothing.
    pub(in crate::queue) fn offer_match(&self, lists: &mut Lists<T>, state: &mut GetState) {
        if self.is_rendezvous() && !std::mem::replace(&mut state.matchable, true) {
            lists.locked.matchable_gets += 1;
        }
    }

    /// Withdraws the offer of a get that ends: no further item is enqueued for it.
    #[inline]
    pub(in crate::queue) fn withdraw_match(&self, state: &mut GetState) {
        if std::mem::take(&mut state.matchable) {
            self.with_waiters(|lists| lists.locked.matchable_gets -= 1);
        }
    }
}
