//! The common part of the sides of all families: numbered items, slots for handles, and pending operations.

use super::item::{Drops, Item};
use super::operation::{Operation, Topic, Work};
use super::Out;
use std::rc::Rc;

/// The most handles of a kind, or operations, at a time.
pub(super) const MOST: usize = 5;

/// Some slots. A program selects by a number: the first occupied slot from that number on.
pub(crate) struct Slots<T>([Option<T>; MOST]);

impl<T> Slots<T> {
    pub(crate) fn new() -> Self {
        Slots(std::array::from_fn(|_| None))
    }

    pub(crate) fn of(first: T) -> Self {
        let mut slots = Slots::new();
        slots.0[0] = Some(first);
        slots
    }

    pub(crate) fn has_free_slot(&self) -> bool {
        self.0.iter().any(Option::is_none)
    }

    /// Puts a value into the first free slot; drops the value if there is none.
    pub(crate) fn put(&mut self, value: T) -> Option<Out> {
        if let Some(free) = self.0.iter_mut().find(|slot| slot.is_none()) {
            *free = Some(value);
        }
        Some(Out::Done)
    }

    /// Puts a copy of a value into another slot.
    pub(crate) fn duplicate(&mut self, number: u8) -> Option<Out>
    where
        T: Clone,
    {
        let copy = self.get(number)?.clone();
        self.put(copy)
    }

    pub(crate) fn discard(&mut self, number: u8) -> Option<Out> {
        self.take(number).map(|_| Out::Done)
    }

    fn place(&self, number: u8) -> Option<usize> {
        self.place_where(number, |_| true)
    }

    fn place_where(&self, number: u8, fits: fn(&T) -> bool) -> Option<usize> {
        let mut places = (0..MOST).map(|more| (usize::from(number) + more) % MOST);
        places.find(|&place| self.0[place].as_ref().is_some_and(fits))
    }

    pub(crate) fn get(&self, number: u8) -> Option<&T> {
        self.0[self.place(number)?].as_ref()
    }

    pub(crate) fn take(&mut self, number: u8) -> Option<T> {
        let place = self.place(number)?;
        self.0[place].take()
    }

    pub(super) fn at(&self, place: usize) -> Option<&T> {
        self.0[place].as_ref()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }
}

/// Handles that a pending operation can keep.
impl<H> Slots<Rc<H>> {
    /// Puts a clone of the handle, and not of the `Rc`, into another slot.
    pub(crate) fn clone_handle(&mut self, number: u8) -> Option<Out>
    where
        H: Clone,
    {
        let clone = H::clone(self.get(number)?);
        self.put(Rc::new(clone))
    }

    /// Puts the handle that the upgrade of a weak one returned into a slot.
    pub(crate) fn put_upgraded(&mut self, handle: Option<H>) -> Option<Out> {
        match handle {
            Some(handle) => self.put(Rc::new(handle)),
            None => Some(Out::End),
        }
    }
}

pub(crate) struct Base {
    next: u32,
    pub(super) drops: Drops,
    pub(super) operations: Slots<Operation>,
    /// The number of ready polls for which neither the operation nor another waiter of its topic had been
    /// woken.
    pub(super) lost_wakes: usize,
}

impl Base {
    pub(crate) fn new() -> Self {
        Base { next: 0, drops: Drops::default(), operations: Slots::new(), lost_wakes: 0 }
    }

    pub(crate) fn item(&mut self) -> Item {
        self.next += 1;
        Item::new(self.next, &self.drops)
    }

    /// Adds an operation, if a slot is free.
    pub(crate) fn begin(&mut self, topic: Topic, work: impl Work + 'static) -> Option<Out> {
        self.operations.has_free_slot().then(|| {
            self.operations.put(Operation::new(topic, work));
            Out::Done
        })
    }

    pub(crate) fn poll(&mut self, number: u8, how: u8) -> Option<Out> {
        let place = self.operations.place(number)?;
        Some(self.poll_at(place, how))
    }

    pub(super) fn poll_at(&mut self, place: usize, how: u8) -> Out {
        let Some(operation) = &mut self.operations.0[place] else { return Out::Nothing };
        let (topic, waited, was_woken) = (operation.topic, operation.waits(), operation.is_woken());
        let out = operation.poll(how);
        let ready = !matches!(out, Out::Pending | Out::Nothing);
        if ready && operation.ends() {
            self.operations.0[place] = None;
        }
        let another = || self.operations.all().any(|other| other.topic == topic && other.is_woken());
        if ready && waited && !was_woken && !another() {
            self.lost_wakes += 1;
        }
        out
    }

    pub(crate) fn act(&mut self, number: u8, how: u8) -> Option<Out> {
        let place = self.operations.place_where(number, Operation::acts)?;
        let item = self.item();
        self.operations.0[place].as_mut()?.act(how, item)
    }

    pub(crate) fn facts_of_operation(&self, number: u8) -> Option<Out> {
        Some(Out::Facts(self.operations.get(number)?.facts()))
    }

    pub(crate) fn drop_operation(&mut self, number: u8) -> Option<Out> {
        self.operations.discard(number)
    }

    pub(super) fn woken(&self) -> [bool; MOST] {
        std::array::from_fn(|place| self.operations.at(place).is_some_and(Operation::is_woken))
    }
}
