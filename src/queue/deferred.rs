//! What the core tells while the desk is locked, kept until it is not.
//!
//! Knows the core, lines and the queue. Does not know the desk.

use super::Queue;
use crate::raw::Observer;
use crate::wait::WakeList;
use std::cell::Cell;

/// As a number of items: all who wait are to be called.
pub(super) const ALL: usize = usize::MAX;

/// What was heard from the core while the desk was locked, and who is to be called. It is passed on when this is dropped,
/// after the desk is unlocked: wakers are somebody else's code, and may panic.
pub(super) struct Deferred<'a, T> {
    queue: &'a Queue<T>,
    pub(super) surfaced: Cell<usize>,
    voided: Cell<bool>,
    pub(super) calls: WakeList,
}

impl<'a, T> Deferred<'a, T> {
    pub(super) fn new(queue: &'a Queue<T>) -> Self {
        let calls = WakeList::default();
        Deferred { queue, surfaced: Cell::new(0), voided: Cell::new(false), calls }
    }
}

impl<T> Drop for Deferred<'_, T> {
    // The calls come last, also if something before them panics.
    #[inline]
    fn drop(&mut self) {
        let rings = self.surfaced.get() > 0 && self.queue.hot.consumer_waker.is_registered();
        if self.voided.get() || rings {
            self.pass_on();
        }
    }
}

impl<T> Deferred<'_, T> {
    #[cold]
    fn pass_on(&mut self) {
        if self.surfaced.get() > 0 {
            self.queue.hot.consumer_waker.wake();
        }
        if self.voided.get() {
            self.queue.notify_after_holes();
        }
    }
}

impl<T> Observer for Deferred<'_, T> {
    fn surfaced(&self, items: usize) {
        self.surfaced.set(self.surfaced.get().saturating_add(items));
    }

    // Whoever is at the desk serves the putters himself.
    fn vacated(&self, _slots: usize) {}

    fn voided(&self) {
        self.voided.set(true);
    }
}
