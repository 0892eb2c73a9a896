//! Reserved capacity: for one message or several, with the sender borrowed or owned.

use super::bounded::Sender;
use crate::channel;
use crate::queue::{Held, Queue};
use std::iter::FusedIterator;

/// Capacity reserved for one message; returned by [`Sender::reserve`]. Dropping it releases the capacity.
pub struct Permit<'a, T>(pub(super) Held<T, &'a Queue<T>>);

/// Iterator over reserved permits; returned by [`Sender::reserve_many`]. Dropping it releases the permits
/// that are left.
pub struct PermitIterator<'a, T>(pub(super) Held<T, &'a Queue<T>>);

/// Capacity reserved for one message, with the sender; returned by [`Sender::reserve_owned`]. Dropping it
/// releases the capacity.
pub struct OwnedPermit<T>(pub(super) Held<T, channel::Sender<T>>);

impl<T> Permit<'_, T> {
    /// Sends a message without waiting. If the receiver was dropped, the message is dropped.
    ///
    /// # Examples
    /// ```
    /// let (sender, mut receiver) = joinq::compat::tokio_mpsc::channel(1);
    /// sender.try_reserve().unwrap().send('a');
    /// assert_eq!(receiver.try_recv(), Ok('a'));
    /// ```
    pub fn send(mut self, value: T) {
        self.0.put(value);
    }
}

impl<'a, T> Iterator for PermitIterator<'a, T> {
    type Item = Permit<'a, T>;

    fn next(&mut self) -> Option<Permit<'a, T>> {
        self.0.split_one().map(Permit)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.count(), Some(self.0.count()))
    }
}

impl<T> ExactSizeIterator for PermitIterator<'_, T> {}
impl<T> FusedIterator for PermitIterator<'_, T> {}

impl<T> OwnedPermit<T> {
    /// Sends a message without waiting and returns the sender. If the receiver was dropped, the message is
    /// dropped.
    ///
    /// # Examples
    /// ```
    /// let (sender, mut receiver) = joinq::compat::tokio_mpsc::channel(1);
    /// let sender = sender.try_reserve_owned().unwrap().send('a');
    /// assert_eq!((sender.capacity(), receiver.try_recv()), (0, Ok('a')));
    /// ```
    pub fn send(mut self, value: T) -> Sender<T> {
        self.0.put(value);
        self.release()
    }

    /// Releases the capacity and returns the sender.
    ///
    /// # Examples
    /// ```
    /// let (sender, _receiver) = joinq::compat::tokio_mpsc::channel::<u8>(1);
    /// let sender = sender.try_reserve_owned().unwrap().release();
    /// assert_eq!(sender.capacity(), 1);
    /// ```
    pub fn release(self) -> Sender<T> {
        Sender(self.0.handle().clone())
    }

    /// Whether both are permits of the same channel.
    ///
    /// # Examples
    /// ```
    /// let (sender, _receiver) = joinq::compat::tokio_mpsc::channel::<u8>(2);
    /// let [one, two] = [sender.clone(), sender].map(|sender| sender.try_reserve_owned().unwrap());
    /// assert!(one.same_channel(&two));
    /// ```
    pub fn same_channel(&self, other: &Self) -> bool {
        self.0.handle().same_channel(other.0.handle())
    }

    /// Whether this is a permit of the same channel as `sender`.
    ///
    /// # Examples
    /// ```
    /// let (sender, _receiver) = joinq::compat::tokio_mpsc::channel::<u8>(1);
    /// let permit = sender.clone().try_reserve_owned().unwrap();
    /// assert!(permit.same_channel_as_sender(&sender));
    /// ```
    pub fn same_channel_as_sender(&self, sender: &Sender<T>) -> bool {
        self.0.handle().same_channel(&sender.0)
    }
}

opaque_debug!(write_str " { .. }": Permit<'_, T>, PermitIterator<'_, T>, OwnedPermit<T>);
