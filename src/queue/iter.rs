//! Iterators: until the queue is closed and empty, or until it is empty.

use super::Queue;
use std::fmt;
use std::iter::FusedIterator;

/// Blocking iterator over the items of a queue; returned by [`Queue::iter`].
pub struct Iter<'a, T> {
    queue: &'a Queue<T>,
}

/// Iterator over the items of a queue that never waits; returned by [`Queue::try_iter`].
pub struct TryIter<'a, T> {
    queue: &'a Queue<T>,
}

impl<'a, T> Iter<'a, T> {
    pub(crate) fn new(queue: &'a Queue<T>) -> Self {
        Iter { queue }
    }
}

impl<'a, T> TryIter<'a, T> {
    pub(crate) fn new(queue: &'a Queue<T>) -> Self {
        TryIter { queue }
    }
}

impl<T> Iterator for Iter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.queue.get().wait().ok()
    }
}

// A queue that is closed and empty stays so.
impl<T> FusedIterator for Iter<'_, T> {}

impl<T> Iterator for TryIter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.queue.try_get().ok()
    }
}

impl<T> fmt::Debug for Iter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Iter { .. }")
    }
}

impl<T> fmt::Debug for TryIter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TryIter { .. }")
    }
}

/// Iterator over the items removed by [`Queue::drain`].
pub struct Drain<T> {
    items: std::vec::IntoIter<T>,
}

impl<T> Drain<T> {
    pub(crate) fn new(items: Vec<T>) -> Self {
        Drain { items: items.into_iter() }
    }
}

impl<T> Iterator for Drain<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.items.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.items.size_hint()
    }
}

impl<T> ExactSizeIterator for Drain<T> {}
impl<T> FusedIterator for Drain<T> {}

impl<T> fmt::Debug for Drain<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drain").field("left", &self.items.len()).finish()
    }
}
