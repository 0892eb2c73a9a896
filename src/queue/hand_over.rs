//! Items that pass between an operation and the branch of a select, with capacity 0.
//!
//! Knows the core and the branches of selects. Does not know gets or puts that wait by themselves.

use super::notify::Deferred;
use super::selects::{Part, Selects};
use super::{Lists, Queue};
use crate::raw::{PushError, UNBOUNDED};

impl<T> Queue<T> {
    /// Selects a branch that waits with its item, and moves that into the core.
    pub(super) fn move_selected_put(&self, lists: &mut Lists<T>, deferred: &mut Deferred<'_, T>) -> bool {
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

    /// Selects a branch that waits for an item, and hands this one over. It passes through the core, so that it
    /// counts as put.
    pub(super) fn hand_over(
        &self,
        item: T,
        selects: &mut Selects<T>,
        deferred: &mut Deferred<'_, T>,
    ) -> Result<(), PushError<T>> {
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
}
