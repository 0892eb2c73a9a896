//! Subtasks: items that a worker puts while it processes another item. They never wait for capacity.
//!
//! Knows the core, the permits and late items. Does not know how the guard of an item counts it as done.
//!
//! Workers that put into the bounded queue from which they get can all wait for a free slot that only they can
//! free. So a subtask is enqueued beyond the capacity if need be, and a plain put waits until the number of
//! items is below the capacity again.

use super::{Bound, Queue};
use crate::error::PutError;
use crate::raw::UNBOUNDED;
use crate::sync::{AtomicBool, Ordering};
use crate::wait::HeldPanic;
use std::collections::VecDeque;

/// Whether a subtask was ever put, so that the queue may hold more items than its capacity.
pub(super) struct Subtasks(AtomicBool);

impl Subtasks {
    crate::sync::const_fn! {
        pub(super) const fn new() -> Self {
            Subtasks(AtomicBool::new(false))
        }
    }

    pub(super) fn were_put(&self) -> bool {
        // Ordering: Relaxed, T1. The answer bounds a number that is old when it is returned.
        self.0.load(Ordering::Relaxed)
    }

    fn note(&self) {
        if !self.were_put() {
            // Ordering: Relaxed, T1. As above.
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

impl<T> Queue<T> {
    /// Enqueues an item at once, beyond the capacity if need be.
    pub(super) fn put_subtask(&self, item: T) -> Result<(), PutError<T>> {
        self.begin_subtasks(1);
        let pushed = match self.bound() {
            // Each operation of a rendezvous holds the mutex, so that a get finds this item or a waiting put.
            Bound::Rendezvous => {
                self.with_waiters_notifying(|_, deferred| self.raw.push(item, UNBOUNDED, &mut deferred.events))
            }
            _ => self.notifying(|events| self.raw.push(item, UNBOUNDED, events)),
        };
        let Err(error) = pushed else { return Ok(()) };
        let put = self.put_late(error.split().0, |late, item| {
            late.push_back(item);
            1
        });
        if put.is_err() {
            self.refuse_subtasks(1);
        }
        put
    }

    /// Enqueues items at once, one run after the other.
    pub(super) fn put_subtasks(&self, mut items: VecDeque<T>) -> Result<(), PutError<Vec<T>>> {
        if items.is_empty() {
            return Ok(());
        }
        self.begin_subtasks(items.len());
        // A waker that panics does not keep the other items from being put.
        let mut held = HeldPanic::default();
        match self.bound() {
            Bound::Rendezvous => held.run(|| {
                self.with_waiters_notifying(|_, deferred| {
                    while self.raw.push_run(&mut items, UNBOUNDED, &mut deferred.events).is_ok() && !items.is_empty() {}
                });
            }),
            _ => held.run(|| _ = self.push_runs(&mut items, || UNBOUNDED)),
        }
        if items.is_empty() {
            return Ok(());
        }
        // The core is closed.
        let put = self
            .put_late(items, |late, mut items| {
                let count = items.len();
                late.append(&mut items);
                count
            })
            .map_err(|PutError(items)| {
                self.refuse_subtasks(items.len());
                PutError(items.into())
            });
        // Before the items become the return value, which would be leaked.
        drop(held);
        put
    }

    /// The permits of the items, as the gets of these release permits.
    fn begin_subtasks(&self, items: usize) {
        self.hot.subtasks.note();
        if let Bound::Permits(permits) = self.bound() {
            permits.overdraw(items as u64);
        }
    }

    /// Returns the permits of items that are not put.
    fn refuse_subtasks(&self, items: usize) {
        if let Bound::Permits(permits) = self.bound() {
            permits.release(items as u64);
        }
    }
}
