//! The slow paths of a queue with a limit, which the core keeps.

use super::batch::push_one_by_one;
use crate::queue::Queue;
use crate::raw::{PushError, PushFallback, UNBOUNDED};
use std::collections::VecDeque;

impl<T> Queue<T> {
    pub(super) fn push_limited(&self, item: T, fallback: PushFallback<'_, T>) -> Result<(), PushError<T>> {
        match self.notifying(|events| self.raw.push_slow(item, fallback, self.limit(), events)) {
            Err(PushError::Full(item)) if self.may_exceed_limit() => self.push_beyond_limit(item),
            pushed => pushed,
        }
    }

    pub(super) fn push_many_limited(&self, items: &mut VecDeque<T>) -> Result<(), PushError<()>> {
        match self.push_runs(items, || self.limit()) {
            Err(PushError::Full(())) if self.may_exceed_limit() => {
                push_one_by_one(items, |item| self.push_beyond_limit(item))
            }
            pushed => pushed,
        }
    }

    /// Whether an item may be enqueued beyond the capacity, for a get that waits: see [`Queue::with_surplus`].
    pub(super) fn may_exceed_limit(&self) -> bool {
        self.hot.allows_surplus && self.hot.waiter_counts.has_getters()
    }

    /// Enqueues an item beyond the capacity, for a get that waits and was not notified.
    fn push_beyond_limit(&self, item: T) -> Result<(), PushError<T>> {
        self.with_waiters_notifying(|lists, deferred| match lists.waiting_getters() {
            0 => Err(PushError::Full(item)),
            _ => self.raw.push(item, UNBOUNDED, &mut deferred.events),
        })
    }

    pub(super) fn displace_beyond_limit(&self, item: T) -> Result<Option<T>, PushError<T>> {
        self.displacing(|deferred| {
            // The push comes first, so that no item is lost if the queue is closed in between. The one item
            // beyond the capacity is this operation's.
            self.raw.push(item, UNBOUNDED, &mut deferred.events)?;
            Ok(self.raw.pop_beyond(self.limit(), &mut deferred.events))
        })
    }
}
