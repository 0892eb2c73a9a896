//! Capacity 0: an item is enqueued only for a get, under the mutex.

use crate::queue::get_state::GetState;
use crate::queue::notify::Deferred;
use crate::queue::selects::Side;
use crate::queue::serve::Request;
use crate::queue::{Lists, Queue};
use crate::raw::{PopError, PushError};

impl<T> Queue<T> {
    /// Enqueues an item if a get waits for it, and no put that waited before has an item for that get.
    pub(super) fn push_to_waiting_get(&self, item: T) -> Result<(), PushError<T>> {
        self.with_waiters_notifying(|lists, deferred| {
            // One limit for both: a get is matched with one item, whichever put has it.
            let limit = self.limit_now(lists);
            self.serve(lists, limit, deferred);
            self.push_or_hand_over(item, limit, &mut lists.locked.selects, deferred)
        })
    }

    /// Takes the item that was enqueued for a waiting get, or the item of the first waiting put.
    pub(super) fn pop_rendezvous(&self, state: &mut GetState) -> Result<T, PopError> {
        self.with_waiters_notifying(|lists, deferred| {
            if !state.matchable {
                return self.take_and_serve(lists, deferred);
            }
            match self.transfer(lists, deferred) {
                Ok(item) => {
                    state.matchable = false;
                    lists.locked.matchable_gets -= 1;
                    Ok(item)
                }
                // Late items do not count for a match.
                Err(PopError::Closed) => self.pop_late_locked(lists),
                Err(PopError::Empty) => {
                    // This get waits. A select may complete it.
                    lists.locked.selects.wake_watching(Side::Puts, None, &mut deferred.wakes);
                    Err(PopError::Empty)
                }
            }
        })
    }

    /// Takes an item for a get that does not wait.
    pub(in crate::queue) fn take_and_serve(
        &self,
        lists: &mut Lists<T>,
        deferred: &mut Deferred<'_, T>,
    ) -> Result<T, PopError> {
        let item = match self.transfer(lists, deferred) {
            Err(PopError::Closed) => return self.pop_late_locked(lists),
            item => item?,
        };
        // The item may have been enqueued for a get that still waits.
        self.serve(lists, self.limit_now(lists), deferred);
        Ok(item)
    }

    fn transfer(&self, lists: &mut Lists<T>, deferred: &mut Deferred<'_, T>) -> Result<T, PopError> {
        let error = match self.raw.pop(&mut deferred.events) {
            Ok(item) => return Ok(item),
            Err(error) => error,
        };
        // The item passes through the core, so that it counts as put. No get is notified, as it does not stay
        // there.
        let pushed = deferred.events.pushed;
        let selects_first = lists.locked.selects.are_first(Side::Puts);
        let moved = selects_first && self.move_selected_put(lists, deferred)
            || self.move_waiting_put(lists, deferred)
            || !selects_first && self.move_selected_put(lists, deferred);
        deferred.events.pushed = pushed;
        match moved {
            true => self.raw.pop(&mut deferred.events),
            false => Err(error),
        }
    }

    /// Moves the item of the first waiting put into the core, and completes that put.
    fn move_waiting_put(&self, lists: &mut Lists<T>, deferred: &mut Deferred<'_, T>) -> bool {
        let Some(request) = lists.putters.front_mut() else { return false };
        let Some(item) = request.take_item() else { return false };
        if let Err(error) = self.raw.push(item, 1, &mut deferred.events) {
            *request = Request::Put(error.split().0);
            return false;
        }
        deferred.wakes.push(lists.putters.remove_first());
        true
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
