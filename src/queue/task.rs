//! A taken item in a guard that counts it as done when it is dropped.

use super::Queue;
use std::fmt;
use std::ops::{Deref, DerefMut};

/// A guard around a taken item, which marks the item done; returned by [`Queue::get_task`] and
/// [`Queue::try_get_task`].
///
/// It derefs to the item. When the guard is dropped, also during a panic, the item is dropped and then
/// counted as done, as by [`Queue::task_done`]. If the guard is leaked (`mem::forget`), the item stays
/// unfinished.
pub struct Task<'a, T> {
    // Fields are dropped in this order: first the item, with all that its drop does, then the guard that
    // counts.
    item: T,
    done: Done<'a, T>,
}

/// A guard that marks one item done when it is dropped; returned by [`Task::into_parts`].
pub struct Done<'a, T> {
    queue: &'a Queue<T>,
}

impl<'a, T> Task<'a, T> {
    pub(crate) fn new(queue: &'a Queue<T>, item: T) -> Self {
        Task { item, done: Done { queue } }
    }

    /// Splits the guard into the item and a guard that marks it done, so that the item can be moved.
    ///
    /// # Examples
    /// ```
    /// let queue = joinq::Queue::unbounded();
    /// queue.put(String::from("job")).wait().unwrap();
    /// let (job, done) = queue.get_task().wait().unwrap().into_parts();
    /// drop(job);
    /// assert_eq!(queue.unfinished(), 1);
    /// drop(done);
    /// assert_eq!(queue.unfinished(), 0);
    /// ```
    pub fn into_parts(self) -> (T, Done<'a, T>) {
        (self.item, self.done)
    }
}

impl<T> Drop for Done<'_, T> {
    fn drop(&mut self) {
        // Fails only if this item was counted elsewhere too, which cannot be reported from here.
        let _ = self.queue.task_done();
    }
}

impl<T> Deref for Task<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.item
    }
}

impl<T> DerefMut for Task<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.item
    }
}

impl<T: fmt::Debug> fmt::Debug for Task<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Task").field(&self.item).finish()
    }
}

impl<T> fmt::Debug for Done<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Done { .. }")
    }
}
