//! Waiting until a get or a put may succeed, without doing either.
//!
//! Knows gets and puts as forms of their attempts. Does not know how these wait.

use super::get::{Form, GetSource};
use super::permit_pool::{NoPermit, PermitPool};
use super::put::PutItems;
use super::{Bound, Queue};
use crate::error::TryPutError;
use crate::raw::{PopError, PushError, ReservedSlot, UNBOUNDED};

/// As the form of a get: nothing is taken.
pub(crate) struct Peek<'a, T>(pub(crate) &'a Queue<T>);

impl<T> Form<T> for Peek<'_, T> {
    type Got = ();

    const SINGLE: bool = false;

    fn wrap(&self, _item: T) {
        unreachable!("nothing is taken")
    }

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

/// Capacity for one item that follows. If it is dropped without one, other puts can use it.
pub(crate) struct ClaimedSlot<'a, T> {
    queue: &'a Queue<T>,
    /// `None` once it was used.
    place: Option<Place<'a, T>>,
}

enum Place<'a, T> {
    /// There is no bound.
    Any,
    Slot(ReservedSlot<'a, T>),
    Permit(&'a PermitPool),
}

impl<T> ClaimedSlot<'_, T> {
    /// Puts the item. If a get has passed the slot because its item was late, the item goes into the next
    /// slot, even if puts have used up the capacity meanwhile: it was theirs to wait.
    pub(crate) fn put(mut self, item: T) -> Result<(), TryPutError<T>> {
        let queue = self.queue;
        let pushed = queue.notifying(|events| match self.place.take() {
            Some(Place::Slot(slot)) => match slot.publish(item, events) {
                Some(item) => queue.raw.push(item, UNBOUNDED, events),
                None => Ok(()),
            },
            Some(Place::Permit(permits)) => queue.push_admitted(permits, item, events),
            Some(Place::Any) | None => queue.raw.push(item, UNBOUNDED, events),
        });
        Ok(pushed?)
    }
}

impl<T> Drop for ClaimedSlot<'_, T> {
    fn drop(&mut self) {
        match self.place.take() {
            Some(Place::Slot(slot)) => self.queue.notifying(|events| slot.abandon(events)),
            Some(Place::Permit(permits)) => {
                permits.release(1);
                self.queue.serve_putters();
            }
            Some(Place::Any) | None => {}
        }
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
                Bound::Limit => self.raw.len() < self.limit(),
                Bound::Permits(permits) => permits.free() > 0,
                Bound::Rendezvous => false,
            }
    }

    /// Claims capacity for one item that follows. Not with capacity 0.
    pub(crate) fn reserve_slot(&self) -> Result<ClaimedSlot<'_, T>, TryPutError<()>> {
        let place = match self.bound() {
            Bound::Unbounded | Bound::Rendezvous if self.is_closed() => return Err(TryPutError::Closed(())),
            Bound::Unbounded | Bound::Rendezvous => Place::Any,
            Bound::Limit => match self.notifying(|events| self.raw.reserve(self.limit(), events)) {
                Ok(slot) => Place::Slot(slot),
                Err(PushError::Full(())) => return Err(TryPutError::Full(())),
                Err(PushError::Closed(())) => return Err(TryPutError::Closed(())),
            },
            Bound::Permits(permits) => match permits.admit(1) {
                Ok(_) => Place::Permit(permits),
                Err(NoPermit::TooFew) => return Err(TryPutError::Full(())),
                Err(NoPermit::Closed) => return Err(TryPutError::Closed(())),
            },
        };
        Ok(ClaimedSlot { queue: self, place: Some(place) })
    }

    /// Offers a free slot to the puts that wait, after a waiter that was notified of it has not used it.
    pub(crate) fn pass_on_free_slot(&self) {
        self.serve_putters();
    }
}
