//! Waiting until a get or a put may succeed, without doing either.
//!
//! Knows gets and puts as forms of their attempts. Does not know how these wait.

use super::get::{Form, GetSource};
use super::put::PutItems;
use super::{Bound, Queue};
use crate::error::TryPutError;
use crate::raw::{PopError, PushError, UNBOUNDED};

/// As the form of a get: nothing is taken.
pub(crate) struct Peek<'a, T>(pub(crate) &'a Queue<T>);

impl<T> Form<T> for Peek<'_, T> {
    type Got = ();

    const WRAP: Option<fn(&Self, T)> = None;

    fn take_from(&mut self, _source: impl GetSource<T>) -> Result<(), PopError> {
        match self.0.may_get() {
            true => Ok(()),
            false => Err(PopError::Empty),
        }
    }
}

/// As the items of a put: nothing is put.
pub(crate) struct Vacancy;

impl<T> PutItems<T> for Vacancy {
    type Remaining = ();

    fn next(&mut self) -> Option<T> {
        None
    }

    fn put_back(&mut self, _item: T) {}

    fn push(&mut self, queue: &Queue<T>) -> Result<(), PushError<()>> {
        match queue.may_put() {
            true => Ok(()),
            false => Err(PushError::Full(())),
        }
    }

    fn remaining(&mut self) -> Option<()> {
        None
    }
}

impl<T> Queue<T> {
    /// Whether a get would complete without waiting, as far as this thread can know. Not with capacity 0.
    pub(crate) fn may_get(&self) -> bool {
        self.stored_items() > 0 || self.is_finished()
    }

    /// Whether a put would complete without waiting, as far as this thread can know. Not with capacity 0.
    pub(crate) fn may_put(&self) -> bool {
        self.is_closed()
            || match self.bound() {
                Bound::Unbounded => true,
                Bound::Limit(limit) => self.raw.len() < limit,
                Bound::Permits(permits) => permits.free() > 0,
                Bound::Rendezvous => false,
            }
    }

    /// Puts an item beyond the capacity.
    pub(crate) fn put_beyond_capacity(&self, item: T) -> Result<(), TryPutError<T>> {
        Ok(self.notifying(|events| self.raw.push(item, UNBOUNDED, events))?)
    }

    /// Offers a free slot to the puts that wait, after a waiter that was notified of it has not used it.
    pub(crate) fn pass_on_free_slot(&self) {
        self.serve_putters();
    }
}
