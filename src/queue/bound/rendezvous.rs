//! Capacity 0: an item is enqueued only for a get, under the mutex.

use crate::queue::get_state::GetState;
use crate::queue::notify::Deferred;
use crate::queue::selects::{Part, Selects, Side};
use crate::queue::serve::Request;
use crate::queue::{Lists, Queue};
use crate::raw::{PopError, PushError, UNBOUNDED};

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
                Err(error) => {
                    // This get waits. A select may complete it.
                    lists.locked.selects.wake_watching(Side::Puts, None, &mut deferred.wakes);
                    Err(error)
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
        let item = self.transfer(lists, deferred)?;
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

    /// Selects a branch that waits with its item, and moves that into the core.
    fn move_selected_put(&self, lists: &mut Lists<T>, deferred: &mut Deferred<'_, T>) -> bool {
        if self.raw.is_closed() {
            return false;
        }
        let Some(part) = lists.locked.selects.select_put(&mut deferred.wakes) else { return false };
        let Part::Put(item) = std::mem::replace(part, Part::Taken) else { unreachable!("it waits with its item") };
        if let Err(error) = self.raw.push(item, 1, &mut deferred.events) {
            *part = Part::Put(error.split().0);
            return false;
        }
        true
    }

    /// Enqueues an item as far as `limit` allows it, or hands it over to a select that waits for one.
    pub(in crate::queue) fn push_or_hand_over(
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

    /// Selects a branch that waits for an item, and hands this one over. It passes through the core, so that it
    /// counts as put.
    fn hand_over(&self, item: T, selects: &mut Selects<T>, deferred: &mut Deferred<'_, T>) -> Result<(), PushError<T>> {
        if self.raw.is_closed() {
            return Err(PushError::Closed(item));
        }
        let Some(part) = selects.select_get(&mut deferred.wakes) else { return Err(PushError::Full(item)) };
        let pushed = deferred.events.pushed;
        let result = self.raw.push(item, UNBOUNDED, &mut deferred.events);
        if result.is_ok() {
            // It may be an earlier item, whose get takes this one.
            if let Ok(item) = self.raw.pop(&mut deferred.events) {
                *part = Part::Got(item);
            }
        }
        deferred.events.pushed = pushed;
        result
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
