//! Permits of a channel: capacity that is reserved for messages in advance.
//!
//! Knows the reservations of the queue. Does not know how they wait.

use super::{Receiver, Sender};
use crate::error::{SendError, SendTimeoutError, TrySendError};
use crate::operation::{operation, Operation};
use crate::queue::{permits, without_handle, Held, Queue, QueueRef, ReserveAttempt};

/// Creates a channel that holds at most `capacity` messages and whose capacity can be reserved in advance: see
/// [`Sender::reserve`].
///
/// Each message costs a little more than in a channel created by [`bounded`](crate::bounded). A capacity above
/// 2^30 - 1 is lowered to that.
///
/// # Panics
/// If `capacity` is 0.
///
/// # Examples
/// ```
/// let (sender, receiver) = joinq::with_permits(1);
/// let mut permits = sender.reserve(1).wait().unwrap();
/// assert!(sender.try_send("other").unwrap_err().is_full());
/// permits.send("mine");
/// assert_eq!(receiver.recv().wait(), Ok("mine"));
/// ```
#[track_caller]
pub fn with_permits<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    super::pair(Queue::with_permits(capacity), super::OnDisconnect::Drop)
}

/// Capacity reserved for some messages; returned by [`Sender::reserve`] and [`Sender::try_reserve`].
///
/// Unused permits are released when this is dropped. Permits remain valid after the channel was closed:
/// messages sent with them are received, and receives fail with *closed* only after all permits are used or
/// released. If no receiver is left, a message sent with a permit is dropped at once.
#[must_use = "the permits are released when this is dropped"]
pub struct Permits<'a, T>(Held<T, &'a Queue<T>>);

/// As [`Permits`], and owns a sender; returned by [`Sender::into_reserve`].
#[must_use = "the permits are released when this is dropped"]
pub struct PermitsOwned<T>(Held<T, Sender<T>>);

permits!(
    Permits, <'a, T>, &'a Queue<T>, send,
    "let (sender, receiver) = joinq::with_permits(3);\nlet mut permits = sender.try_reserve(3).unwrap();"
);
permits!(
    PermitsOwned, <T>, Sender<T>, send,
    "let (sender, receiver) = joinq::with_permits(3);\nlet mut permits = sender.into_reserve(3).wait().unwrap();"
);

operation! {
    /// Future returned by [`Sender::reserve`].
    ///
    /// # Cancel safety
    /// It can be dropped at any time: the permits that it has collected so far go to the next waiter.
    pub struct Reserve<'a, T>(ReserveAttempt<T, &'a Queue<T>, Permits<'a, T>, SendError<()>, SendTimeoutError<()>>)
        -> Result<Permits<'a, T>, SendError<()>>, in time Result<Permits<'a, T>, SendTimeoutError<()>>;
    example ["let (sender, receiver) = joinq::with_permits(2);"]
        "let mut permits = sender.reserve(2)", ".unwrap();\npermits.send(1); // cannot fail any more";
    times out ["let (sender, receiver) = joinq::with_permits(2);" "sender.try_send(1).unwrap();"]
        "let late = sender.reserve(2)", ";\nassert!(late.unwrap_err().is_timeout()); // only one permit is free";
}

operation! {
    /// Future returned by [`Sender::into_reserve`]; it owns the sender.
    ///
    /// # Cancel safety
    /// As for [`Reserve`].
    pub struct ReserveOwned<T>(ReserveAttempt<T, Sender<T>, PermitsOwned<T>, SendError<()>, SendTimeoutError<()>>)
        -> Result<PermitsOwned<T>, SendError<()>>, in time Result<PermitsOwned<T>, SendTimeoutError<()>>;
    example ["let (sender, receiver) = joinq::with_permits(2);"]
        "let mut permits = sender.into_reserve(2)", ".unwrap();\npermits.send(1); // cannot fail any more";
    times out ["let (sender, receiver) = joinq::with_permits(2);" "sender.try_send(1).unwrap();"]
        "let late = sender.into_reserve(2)", ";\nassert!(late.unwrap_err().is_timeout()); // only one permit is free";
}

/// # Permits
///
/// For a channel that was created by [`with_permits`](crate::with_permits).
impl<T> Sender<T> {
    /// Reserves capacity for `count` messages, to be sent later; waits while there is too little.
    ///
    /// Reservations and sends wait in one FIFO queue; see [`Queue::reserve`].
    ///
    /// # Errors
    /// [`SendError`] if the channel is closed.
    ///
    /// # Panics
    /// If the channel was not created by [`with_permits`](crate::with_permits), or if `count` exceeds its
    /// capacity.
    ///
    /// # Cancel safety
    /// It can be dropped at any time. [`Permits`] release what is unused when they are dropped.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = joinq::with_permits(2);
    /// let mut permits = sender.reserve(2).wait().unwrap();
    /// permits.send('a');
    /// drop(permits); // releases the other one
    /// assert_eq!((receiver.len(), sender.remaining_capacity()), (1, Some(1)));
    /// ```
    #[track_caller]
    pub fn reserve(&self, count: usize) -> Reserve<'_, T> {
        Reserve(Operation::new(ReserveAttempt::new(self.queue(), count)))
    }

    /// Reserves capacity for `count` messages without waiting.
    ///
    /// # Errors
    /// [`TrySendError::Full`] if there is too little, or [`TrySendError::Closed`].
    ///
    /// # Panics
    /// As for [`reserve`](Sender::reserve).
    ///
    /// # Examples
    /// ```
    /// let (sender, _receiver) = joinq::with_permits::<u8>(1);
    /// let permits = sender.try_reserve(1).unwrap();
    /// assert!(sender.try_reserve(1).unwrap_err().is_full());
    /// drop(permits);
    /// assert!(sender.try_reserve(1).is_ok());
    /// ```
    #[track_caller]
    pub fn try_reserve(&self, count: usize) -> Result<Permits<'_, T>, TrySendError<()>> {
        self.queue().assert_can_reserve(count);
        Held::try_take(self.queue(), count).map(Permits).map_err(|error| without_handle(error).into())
    }

    /// [`reserve`](Sender::reserve) as an operation that owns the sender, as do the permits that it returns.
    ///
    /// # Panics
    /// As for [`reserve`](Sender::reserve).
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = joinq::with_permits(1);
    /// let mut permits = sender.into_reserve(1).wait().unwrap();
    /// std::thread::spawn(move || permits.send("hello"));
    /// assert_eq!(receiver.recv().wait(), Ok("hello"));
    /// ```
    #[track_caller]
    pub fn into_reserve(self, count: usize) -> ReserveOwned<T> {
        ReserveOwned(Operation::new(ReserveAttempt::new(self, count)))
    }
}
