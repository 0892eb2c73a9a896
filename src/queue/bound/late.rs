//! Late items: puts into a closed queue, and gets when no item is left of those that were put before the close.

use crate::error::PutError;
use crate::queue::permit_pool::MoreItems;
use crate::queue::{Bound, Lists, Queue};
use crate::raw::{to_usize, PopError};
use std::collections::VecDeque;

impl<T> Queue<T> {
    /// Enqueues the items of `put` behind all others of a queue that is closed, if that accepts subtasks. They
    /// come back otherwise.
    #[cold]
    pub(in crate::queue) fn put_late<I>(
        &self,
        items: I,
        put: impl FnOnce(&mut VecDeque<T>, I) -> usize,
    ) -> Result<(), PutError<I>> {
        self.with_waiters_notifying(|lists, deferred| {
            if !self.hot.second_step.is_open() {
                return Err(PutError(items));
            }
            let count = put(&mut lists.locked.late, items);
            self.on_demand().late_counts.count_put(count);
            deferred.events.pushed += count;
            Ok(())
        })
    }

    /// The popped item; a late one if the core is closed and empty.
    #[inline]
    pub(super) fn or_late(&self, popped: Result<T, PopError>) -> Result<T, PopError> {
        match popped {
            Err(PopError::Closed) => self.pop_late(),
            popped => popped,
        }
    }

    /// Takes the oldest late item, when no item is left of those that were put before the close. The error
    /// tells whether another one can come.
    #[cold]
    #[inline(never)]
    pub(super) fn pop_late(&self) -> Result<T, PopError> {
        self.take_late(self.more_items(), |late| late.pop_front().map(|item| (item, 1)))
    }

    /// As [`pop_late`](Self::pop_late), under the mutex.
    pub(super) fn pop_late_locked(&self, lists: &mut Lists<T>) -> Result<T, PopError> {
        let item = lists.locked.late.pop_front().ok_or(match self.hot.second_step.is_open() {
            true => PopError::Empty,
            false => PopError::Closed,
        })?;
        self.on_demand().late_counts.count_got(1);
        Ok(item)
    }

    /// Takes up to `limit` late items, appended to `items`, and returns their number.
    pub(super) fn pop_many_late(&self, items: &mut Vec<T>, limit: usize) -> Result<usize, PopError> {
        // First: once no permit is held, no item is put any more, so that the number below is final.
        let more_items = self.more_items();
        // What may panic comes before any item is taken, and before the mutex is locked.
        items.reserve(limit.min(to_usize(self.late_items())));
        let space = items.capacity() - items.len();
        self.take_late(more_items, |late| {
            let count = late.len().min(limit).min(space);
            items.extend(late.drain(..count));
            (count > 0).then_some((count, count))
        })
    }

    /// Takes late items; `take` says which, and how many. Whether more items were possible is asked before.
    fn take_late<R>(
        &self,
        more_items: MoreItems,
        take: impl FnOnce(&mut VecDeque<T>) -> Option<(R, usize)>,
    ) -> Result<R, PopError> {
        if self.late_items() > 0 {
            let taken = self.with_waiters(|lists| {
                let (taken, count) = take(&mut lists.locked.late)?;
                self.on_demand().late_counts.count_got(count);
                Some(taken)
            });
            if let Some(taken) = taken {
                return Ok(taken);
            }
        }
        Err(match more_items {
            MoreItems::Possible => PopError::Empty,
            MoreItems::Impossible => PopError::Closed,
        })
    }

    /// Whether an item can still be put into a queue whose core is closed.
    fn more_items(&self) -> MoreItems {
        // Confirmed under the mutex: a `close` may have preceded the first step.
        let accepts = self.hot.second_step.is_open() && self.with_waiters(|_| self.hot.second_step.is_open());
        match self.bound() {
            _ if accepts => MoreItems::Possible,
            Bound::Permits(permits) if permits.is_held() => MoreItems::Possible,
            _ => MoreItems::Impossible,
        }
    }
}
