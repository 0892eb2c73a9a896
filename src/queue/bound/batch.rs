//! Batches: as many items at a time as the core or the bound allows.

use crate::queue::serve::NotifyOnDrop;
use crate::queue::Queue;
use crate::raw::{PopError, PushError};
use crate::wait::HeldPanic;
use std::collections::VecDeque;

impl<T> Queue<T> {
    /// Pushes one run after the other, each within the `limit` of that time, and notifies gets after each. If a
    /// waker panics, all items are pushed nevertheless.
    pub(in crate::queue) fn push_runs(
        &self,
        items: &mut VecDeque<T>,
        limit: impl Fn() -> u64,
    ) -> Result<(), PushError<()>> {
        let mut held = HeldPanic::default();
        while !items.is_empty() {
            let mut notify = NotifyOnDrop::new(self);
            let pushed = self.raw.push_run(items, limit(), &mut notify.events);
            held.run(|| drop(notify));
            pushed?;
        }
        Ok(())
    }
}

/// Pushes items from the front of `items`, one by one, until it is empty or one is refused.
pub(super) fn push_one_by_one<T>(
    items: &mut VecDeque<T>,
    push: impl Fn(T) -> Result<(), PushError<T>>,
) -> Result<(), PushError<()>> {
    while let Some(item) = items.pop_front() {
        if let Err(error) = push(item) {
            let (item, error) = error.split();
            items.push_front(item);
            return Err(error);
        }
    }
    Ok(())
}

/// Appends up to `limit` items to `items`, as many at a time as `pop` takes, until there is none.
pub(super) fn pop_up_to<T>(
    items: &mut Vec<T>,
    limit: usize,
    mut pop: impl FnMut(&mut Vec<T>, usize) -> Result<(), PopError>,
) -> Result<usize, PopError> {
    let before = items.len();
    while items.len() - before < limit {
        let remaining = limit - (items.len() - before);
        match pop(items, remaining) {
            Ok(()) => {}
            Err(error) if items.len() == before => return Err(error),
            Err(_) => break,
        }
    }
    Ok(items.len() - before)
}
