//! The bounded channel, whose capacity can be reserved.

use super::error::{SendError, SendTimeoutError, TrySendError};
use super::permits::{OwnedPermit, Permit, PermitIterator};
use super::poll_receiver::PollReceiver;
use crate::channel::{self, OnDisconnect};
use crate::operation::Operation;
use crate::queue::{Held, Queue, QueueRef, ReserveAttempt};
use std::future::poll_fn;
use std::time::Duration;

/// Creates a channel that holds at most `buffer` messages.
///
/// # Panics
/// If `buffer` is 0, or larger than tokio's `Semaphore::MAX_PERMITS`.
///
/// # Examples
/// ```
/// # futures_lite::future::block_on(async {
/// let (sender, mut receiver) = joinq::compat::tokio_mpsc::channel(2);
/// sender.send(1).await.unwrap();
/// sender.try_send(2).unwrap();
/// assert_eq!((receiver.recv().await, receiver.recv().await), (Some(1), Some(2)));
/// # });
/// ```
#[track_caller]
pub fn channel<T>(buffer: usize) -> (Sender<T>, Receiver<T>) {
    assert!(buffer > 0, "mpsc bounded channel requires buffer > 0");
    let most = tokio::sync::Semaphore::MAX_PERMITS;
    assert!(buffer <= most, "a semaphore may not have more than MAX_PERMITS permits ({most})");
    let (sender, receiver) = channel::pair(Queue::with_permits(buffer), OnDisconnect::Drop);
    (Sender(sender), Receiver(PollReceiver::new(receiver)))
}

/// The sending side of [`channel()`]; it can be cloned and shared.
pub struct Sender<T>(pub(super) channel::Sender<T>);

/// A sender that does not keep the channel open; returned by [`Sender::downgrade`].
pub struct WeakSender<T>(channel::WeakKeepingMessages<T>);

/// The single receiver of [`channel()`]. When it is dropped, the channel is closed and the messages in it are
/// dropped.
pub struct Receiver<T>(PollReceiver<T>);

/// Waits for permits.
async fn reserve<T, H: QueueRef<T> + Clone>(handle: H, count: usize) -> Result<Held<T, H>, SendError<()>> {
    if count > handle.queue().capacity().unwrap_or(0) {
        return Err(SendError(()));
    }
    let attempt: ReserveAttempt<T, H> = ReserveAttempt::new(handle, count);
    let mut operation = Operation::new(attempt);
    poll_fn(|context| operation.poll(context)).await.map_err(|_| SendError(()))
}

impl<T> Sender<T> {
    /// Sends a message; waits while the channel is full.
    ///
    /// # Cancel safety
    /// Dropping it while it is pending drops the message, which was not sent: `send` waits for a permit, and
    /// then sends.
    ///
    /// # Errors
    /// [`SendError`] with the message if the channel is closed.
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let (sender, mut receiver) = joinq::compat::tokio_mpsc::channel(1);
    /// sender.send('a').await.unwrap();
    /// assert_eq!(receiver.recv().await, Some('a'));
    /// drop(receiver);
    /// assert_eq!(sender.send('b').await.unwrap_err().0, 'b');
    /// # });
    /// ```
    pub async fn send(&self, value: T) -> Result<(), SendError<T>> {
        match self.reserve().await {
            Ok(permit) => {
                permit.send(value);
                Ok(())
            }
            Err(SendError(())) => Err(SendError(value)),
        }
    }

    /// Sends a message without waiting.
    ///
    /// # Errors
    /// [`TrySendError`] with the message if the channel is full or closed.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::tokio_mpsc::{channel, error::TrySendError};
    ///
    /// let (sender, _receiver) = channel(1);
    /// sender.try_send(1).unwrap();
    /// assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
    /// ```
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        Ok(self.0.try_send(message)?)
    }

    /// Sends a message; waits while the channel is full, for at most `timeout` of tokio's timer.
    ///
    /// # Panics
    /// If it is polled outside of a runtime, or in one without a timer.
    ///
    /// # Errors
    /// [`SendTimeoutError`] with the message.
    ///
    /// # Examples
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use joinq::compat::tokio_mpsc::{channel, error::SendTimeoutError};
    /// use std::time::Duration;
    ///
    /// let (sender, _receiver) = channel(1);
    /// sender.send(1).await.unwrap();
    /// let late = sender.send_timeout(2, Duration::from_millis(1)).await;
    /// assert_eq!(late, Err(SendTimeoutError::Timeout(2)));
    /// # }
    /// ```
    pub async fn send_timeout(&self, value: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        match tokio::time::timeout(timeout, self.reserve()).await {
            Ok(Ok(permit)) => {
                permit.send(value);
                Ok(())
            }
            Ok(Err(SendError(()))) => Err(SendTimeoutError::Closed(value)),
            Err(_) => Err(SendTimeoutError::Timeout(value)),
        }
    }

    /// Sends a message; blocks this thread while the channel is full.
    ///
    /// # Panics
    /// If this thread drives asynchronous tasks.
    ///
    /// # Errors
    /// [`SendError`] with the message if the channel is closed.
    ///
    /// # Examples
    /// ```
    /// let (sender, mut receiver) = joinq::compat::tokio_mpsc::channel(1);
    /// std::thread::spawn(move || sender.blocking_send('a').unwrap());
    /// assert_eq!(receiver.blocking_recv(), Some('a'));
    /// ```
    #[track_caller]
    pub fn blocking_send(&self, value: T) -> Result<(), SendError<T>> {
        super::assert_may_block();
        self.0.send(value).wait().map_err(|error| SendError(error.0))
    }

    /// Reserves capacity for one message; waits while the channel is full.
    ///
    /// # Cancel safety
    /// It can be dropped at any time: a permit that was granted is released. The wait loses its place in the
    /// FIFO order.
    ///
    /// # Errors
    /// [`SendError`] if the channel is closed.
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let (sender, mut receiver) = joinq::compat::tokio_mpsc::channel(1);
    /// let permit = sender.reserve().await.unwrap();
    /// assert!(sender.try_send('b').unwrap_err().to_string().contains("no available capacity"));
    /// permit.send('a'); // cannot fail any more
    /// assert_eq!(receiver.recv().await, Some('a'));
    /// # });
    /// ```
    pub async fn reserve(&self) -> Result<Permit<'_, T>, SendError<()>> {
        reserve(self.0.queue(), 1).await.map(Permit)
    }

    /// Reserves capacity for `n` messages; waits while there is too little.
    ///
    /// # Cancel safety
    /// As for [`reserve`](Sender::reserve).
    ///
    /// # Errors
    /// [`SendError`] if the channel is closed, or if `n` exceeds the capacity.
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let (sender, mut receiver) = joinq::compat::tokio_mpsc::channel(2);
    /// for (permit, message) in sender.reserve_many(2).await.unwrap().zip(['a', 'b']) {
    ///     permit.send(message);
    /// }
    /// assert_eq!((receiver.recv().await, receiver.recv().await), (Some('a'), Some('b')));
    /// # });
    /// ```
    pub async fn reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, SendError<()>> {
        reserve(self.0.queue(), n).await.map(PermitIterator)
    }

    /// [`reserve`](Sender::reserve) with a permit that owns the sender, and so is `'static`.
    ///
    /// # Cancel safety
    /// As for [`reserve`](Sender::reserve); the sender is dropped with it.
    ///
    /// # Errors
    /// [`SendError`] if the channel is closed.
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let (sender, mut receiver) = joinq::compat::tokio_mpsc::channel(1);
    /// let permit = sender.reserve_owned().await.unwrap();
    /// std::thread::spawn(move || permit.send('a'));
    /// assert_eq!(receiver.recv().await, Some('a'));
    /// # });
    /// ```
    pub async fn reserve_owned(self) -> Result<OwnedPermit<T>, SendError<()>> {
        reserve(self.0, 1).await.map(OwnedPermit)
    }

    /// Reserves capacity for one message without waiting.
    ///
    /// # Errors
    /// [`TrySendError`] if the channel is full or closed.
    ///
    /// # Examples
    /// ```
    /// let (sender, mut receiver) = joinq::compat::tokio_mpsc::channel(1);
    /// let permit = sender.try_reserve().unwrap();
    /// assert!(sender.try_reserve().is_err());
    /// permit.send('a');
    /// assert_eq!(receiver.try_recv(), Ok('a'));
    /// ```
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        Ok(Permit(Held::try_take(self.0.queue(), 1).map_err(|error| TrySendError::from(error).map(drop))?))
    }

    /// Reserves capacity for `n` messages without waiting.
    ///
    /// # Errors
    /// [`TrySendError`] if there is too little capacity, or the channel is closed.
    ///
    /// # Examples
    /// ```
    /// let (sender, mut receiver) = joinq::compat::tokio_mpsc::channel(2);
    /// let mut permits = sender.try_reserve_many(2).unwrap();
    /// permits.next().unwrap().send('a');
    /// assert_eq!((permits.len(), receiver.try_recv()), (1, Ok('a')));
    /// ```
    pub fn try_reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, TrySendError<()>> {
        if n > self.0.queue().capacity().unwrap_or(0) {
            return Err(TrySendError::Full(()));
        }
        Ok(PermitIterator(Held::try_take(self.0.queue(), n).map_err(|error| TrySendError::from(error).map(drop))?))
    }

    /// [`try_reserve`](Sender::try_reserve) with a permit that owns the sender.
    ///
    /// # Errors
    /// [`TrySendError`] with the sender.
    ///
    /// # Examples
    /// ```
    /// let (sender, mut receiver) = joinq::compat::tokio_mpsc::channel(1);
    /// let sender = sender.try_reserve_owned().unwrap().send('a'); // returns the sender
    /// assert!(sender.try_reserve_owned().is_err()); // so does the error
    /// assert_eq!(receiver.try_recv(), Ok('a'));
    /// ```
    pub fn try_reserve_owned(self) -> Result<OwnedPermit<T>, TrySendError<Self>> {
        Ok(OwnedPermit(Held::try_take(self.0, 1).map_err(|error| TrySendError::from(error).map(Sender))?))
    }

    /// The remaining capacity, without the slots that are used or reserved.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = joinq::compat::tokio_mpsc::channel(4);
    /// sender.try_send(1).unwrap();
    /// assert_eq!(sender.capacity(), 3);
    /// ```
    pub fn capacity(&self) -> usize {
        remaining_capacity(self.0.queue())
    }

    /// The capacity of the channel.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = joinq::compat::tokio_mpsc::channel(4);
    /// sender.try_send(1).unwrap();
    /// assert_eq!(sender.max_capacity(), 4);
    /// ```
    pub fn max_capacity(&self) -> usize {
        self.0.capacity().unwrap_or(usize::MAX)
    }
}

impl<T> Receiver<T> {
    /// The remaining capacity, without the slots that are used or reserved.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = joinq::compat::tokio_mpsc::channel(4);
    /// sender.try_send(1).unwrap();
    /// assert_eq!(receiver.capacity(), 3);
    /// ```
    pub fn capacity(&self) -> usize {
        remaining_capacity(self.0.handle().queue())
    }

    /// The capacity of the channel.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = joinq::compat::tokio_mpsc::channel(4);
    /// sender.try_send(1).unwrap();
    /// assert_eq!(receiver.max_capacity(), 4);
    /// ```
    pub fn max_capacity(&self) -> usize {
        self.0.handle().capacity().unwrap_or(usize::MAX)
    }
}

fn remaining_capacity<T>(queue: &Queue<T>) -> usize {
    queue.remaining_capacity().unwrap_or(usize::MAX)
}

super::sender!(Sender, WeakSender, "channel(4)", "try_send");
super::receiver!(Receiver, "channel(4)", "try_send");
