//! A receiver that is lent to the future that uses it, and returned when the future ends.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

/// Holds a receiver while no future has it.
pub(crate) struct Place<R>(Rc<RefCell<Option<R>>>);

impl<R> Place<R> {
    pub(crate) fn new(receiver: R) -> Self {
        Place(Rc::new(RefCell::new(Some(receiver))))
    }

    /// Shares the place with an operation that uses the receiver from time to time. At most one operation
    /// shares it or keeps the receiver: of several, only the one polled last would be woken.
    pub(crate) fn share(&self) -> Option<Self> {
        (Rc::strong_count(&self.0) == 1).then(|| Place(self.0.clone()))
    }

    /// Lends the receiver to an operation that keeps it.
    pub(crate) fn lend_alone(&self) -> Option<Lent<R>> {
        self.share()?.lend()
    }

    /// Takes the receiver, to drop it.
    pub(crate) fn take(&self) -> Option<R> {
        self.0.borrow_mut().take()
    }

    pub(crate) fn lend(&self) -> Option<Lent<R>> {
        Some(Lent { receiver: Some(self.take()?), place: self.0.clone() })
    }
}

pub(crate) struct Lent<R> {
    receiver: Option<R>,
    place: Rc<RefCell<Option<R>>>,
}

impl<R> Lent<R> {
    /// Uses the receiver by value; `act` returns it.
    pub(crate) fn pass<O>(&mut self, act: impl FnOnce(R) -> (R, O)) -> O {
        let (receiver, out) = act(self.receiver.take().expect("it is there until the drop"));
        self.receiver = Some(receiver);
        out
    }
}

impl<R> Deref for Lent<R> {
    type Target = R;

    fn deref(&self) -> &R {
        self.receiver.as_ref().expect("it is there until the drop")
    }
}

impl<R> DerefMut for Lent<R> {
    fn deref_mut(&mut self) -> &mut R {
        self.receiver.as_mut().expect("it is there until the drop")
    }
}

impl<R> Drop for Lent<R> {
    fn drop(&mut self) {
        *self.place.borrow_mut() = self.receiver.take();
    }
}
