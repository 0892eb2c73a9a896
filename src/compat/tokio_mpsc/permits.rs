//! Room that is kept: for one message or several, with the sender borrowed or owned.

use super::bounded::Sender;
use crate::channel;
use crate::queue::{Held, Queue};
use std::iter::FusedIterator;

/// Room for one message; made by [`Sender::reserve`]. It is given back when this is dropped.
pub struct Permit<'a, T>(pub(super) Held<T, &'a Queue<T>>);

/// Room for some messages, as permits; made by [`Sender::reserve_many`]. What is not taken is given back when this is
/// dropped.
pub struct PermitIterator<'a, T>(pub(super) Held<T, &'a Queue<T>>);

/// Room for one message, with the sender; made by [`Sender::reserve_owned`]. It is given back when this is dropped.
pub struct OwnedPermit<T>(pub(super) Held<T, channel::Sender<T>>);

impl<T> Permit<'_, T> {
    /// Sends a message, at once. If the receiver is gone the message is dropped.
    pub fn send(mut self, value: T) {
        self.0.put(value);
    }
}

impl<'a, T> Iterator for PermitIterator<'a, T> {
    type Item = Permit<'a, T>;

    fn next(&mut self) -> Option<Permit<'a, T>> {
        self.0.split().map(Permit)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.count(), Some(self.0.count()))
    }
}

impl<T> ExactSizeIterator for PermitIterator<'_, T> {}
impl<T> FusedIterator for PermitIterator<'_, T> {}

impl<T> OwnedPermit<T> {
    /// Sends a message, at once, and hands the sender back. If the receiver is gone the message is dropped.
    pub fn send(mut self, value: T) -> Sender<T> {
        self.0.put(value);
        self.release()
    }

    /// Gives the room back, and hands the sender back.
    pub fn release(self) -> Sender<T> {
        Sender(self.0.handle().clone())
    }

    /// Whether both are permits of one channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.0.handle().same_channel(other.0.handle())
    }

    /// Whether this is a permit of the channel of `sender`.
    pub fn same_channel_as_sender(&self, sender: &Sender<T>) -> bool {
        self.0.handle().same_channel(&sender.0)
    }
}

super::opaque!(Permit<'_>);
super::opaque!(PermitIterator<'_>);
super::opaque!(OwnedPermit);
super::unwind_safe!(Permit<'_>);
super::unwind_safe!(PermitIterator<'_>);
super::unwind_safe!(OwnedPermit);
