//! What the core tells, and to whom it is passed on: at once, later, or not at all.
//!
//! Knows the queue's gates. Does not know items.

use super::Queue;
use crate::raw::Observer;
use crate::wait::resume_panic;
use std::any::Any;
use std::cell::Cell;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// Passes what the core tells on to those who wait, at once. A waker may panic through it: for operations of the core that
/// are done by then.
pub(super) struct Waking<'a, T> {
    queue: &'a Queue<T>,
}

impl<'a, T> Waking<'a, T> {
    #[inline]
    pub(super) fn new(queue: &'a Queue<T>) -> Self {
        Waking { queue }
    }
}

impl<T> Observer for Waking<'_, T> {
    #[inline]
    fn surfaced(&self, items: usize) {
        let hot = &self.queue.hot;
        if !hot.waiter_counts.no_getters() {
            self.queue.notify_getters(items);
        }
        if hot.consumer_waker.is_registered() {
            hot.consumer_waker.wake();
        }
    }

    #[inline]
    fn vacated(&self, _slots: usize) {
        self.queue.notify_putters();
    }

    #[cold]
    fn voided(&self) {
        self.queue.notify_after_holes();
    }
}

/// The same for operations of the core that go on after that. A waker that panics does so when the core is done: this is
/// dropped after it.
pub(super) struct Deferring<'a, T> {
    waking: Waking<'a, T>,
    panic: Cell<Option<Box<dyn Any + Send>>>,
}

impl<'a, T> Deferring<'a, T> {
    pub(super) fn new(queue: &'a Queue<T>) -> Self {
        Deferring { waking: Waking::new(queue), panic: Cell::new(None) }
    }

    fn call(&self, call: impl FnOnce(&Waking<'a, T>)) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| call(&self.waking))) {
            self.panic.set(Some(panic));
        }
    }
}

impl<T> Drop for Deferring<'_, T> {
    fn drop(&mut self) {
        resume_panic(self.panic.take());
    }
}

impl<T> Observer for Deferring<'_, T> {
    fn surfaced(&self, items: usize) {
        self.call(|waking| waking.surfaced(items));
    }

    fn vacated(&self, slots: usize) {
        self.call(|waking| waking.vacated(slots));
    }

    fn voided(&self) {
        self.call(Waking::voided);
    }
}

/// Notes that the head has gone on, for whoever tells of it later. Nothing else is told of by a get.
#[derive(Default)]
pub(super) struct Noting(pub(super) Cell<bool>);

impl Observer for Noting {
    fn surfaced(&self, _items: usize) {}

    fn vacated(&self, _slots: usize) {
        self.0.set(true);
    }

    fn voided(&self) {}
}
