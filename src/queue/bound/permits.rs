//! A queue with permits: an item is enqueued by a permit, which the get releases. Permits can be reserved in
//! advance.
//!
//! The holder of a permit can put after a close as well. The core is closed then, so that these *late* items
//! stand in a list of their own behind all items that were put before the close.

use crate::queue::permit_pool::{NoPermit, PermitPool};
use crate::queue::Queue;
use crate::raw::{PushError, UNBOUNDED};
use std::collections::VecDeque;

impl<T> Queue<T> {
    pub(super) fn push_admitting(&self, permits: &PermitPool, item: T) -> Result<(), PushError<T>> {
        match self.admit(permits, 1) {
            Ok(_) => self.notifying(|events| self.push_admitted(permits, item, events)),
            Err(NoPermit::TooFew) => Err(PushError::Full(item)),
            Err(NoPermit::Closed) => Err(PushError::Closed(item)),
        }
    }

    pub(super) fn push_many_admitting(
        &self,
        permits: &PermitPool,
        items: &mut VecDeque<T>,
    ) -> Result<(), PushError<()>> {
        while !items.is_empty() {
            let admitted = match self.admit(permits, items.len() as u64) {
                Ok(admitted) => admitted,
                Err(NoPermit::TooFew) => return Err(PushError::Full(())),
                Err(NoPermit::Closed) => return Err(PushError::Closed(())),
            };
            let remaining = items.split_off(admitted as usize);
            let mut batch = std::mem::replace(items, remaining);
            let pushed = self.push_runs(&mut batch, || UNBOUNDED);
            if pushed.is_err() {
                permits.release(batch.len() as u64);
                batch.append(items);
                *items = batch;
                return pushed;
            }
        }
        Ok(())
    }

    /// Takes between 1 and `most` free permits for items that are put at once; not ahead of waiters.
    #[inline]
    fn admit(&self, permits: &PermitPool, most: u64) -> Result<u64, NoPermit> {
        if self.hot.waiter_counts.has_putters() {
            self.take_unless_queued(permits, |permits| permits.admit(most))
        } else {
            permits.admit(most)
        }
    }

    /// Reserves `count` permits; not ahead of waiters.
    pub(in crate::queue) fn reserve_now(&self, permits: &PermitPool, count: u64) -> Result<(), NoPermit> {
        if count == 0 {
            // None is needed, not even beside a debt that subtasks or a lowered capacity have left.
            return if self.raw.is_closed() { Err(NoPermit::Closed) } else { Ok(()) };
        }
        if self.hot.waiter_counts.has_putters() {
            self.take_unless_queued(permits, |permits| permits.acquire(count, count))?;
        } else {
            permits.acquire(count, count)?;
        }
        if self.raw.is_closed() {
            // A close came first, and has not closed the pool of permits yet.
            self.return_permits(permits, count);
            return Err(NoPermit::Closed);
        }
        Ok(())
    }

    /// Enqueues an item by a permit that is held; after a close, behind all items that were put before it.
    pub(in crate::queue) fn push_with_permit(&self, permits: &PermitPool, item: T) {
        // The permit is consumed also when a waker panics: the item is in the queue by then.
        struct Consume<'a, T>(&'a Queue<T>, &'a PermitPool);
        impl<T> Drop for Consume<'_, T> {
            fn drop(&mut self) {
                self.0.notify_if_finished(self.1.consume());
            }
        }
        let _consume = Consume(self, permits);
        if let Err(PushError::Closed(item) | PushError::Full(item)) =
            self.notifying(|events| self.raw.push(item, UNBOUNDED, events))
        {
            self.push_late(item);
        }
    }

    pub(super) fn displace_with_permit(&self, item: T) -> Result<Option<T>, PushError<T>> {
        self.displacing(|deferred| {
            if self.raw.is_closed() {
                return Err(PushError::Closed(item));
            }
            // By the permit of the oldest item, if there is one.
            let Ok(oldest) = self.raw.pop(&mut deferred.events) else { return Err(PushError::Full(item)) };
            // With permits the core is closed under the mutex only, so that it is still open.
            self.raw.push(item, UNBOUNDED, &mut deferred.events)?;
            Ok(Some(oldest))
        })
    }

    /// Enqueues the item of a permit after the close.
    #[cold]
    fn push_late(&self, item: T) {
        self.with_waiters_notifying(|lists, deferred| {
            lists.locked.late.push_back(item);
            self.on_demand().late_counts.count_put(1);
            // For a get that registers without the mutex: its fence is on the tail, and no claim was made
            // there.
            self.raw.fence_pushes();
            deferred.events.pushed += 1;
        });
    }
}
