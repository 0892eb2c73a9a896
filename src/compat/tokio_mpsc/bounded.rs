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
    if count > handle.queue().total_permits() {
        return Err(SendError(()));
    }
    let mut operation = Operation::new(ReserveAttempt::new(handle, count));
    poll_fn(|context| operation.poll(context)).await.map_err(|_| SendError(()))
}

impl<T> Sender<T> {
    /// Sends a message; waits while the channel is full.
    ///
    /// # Cancel safety
    /// Dropping it while it is pending drops the message, which was not sent: `send` waits for a permit, and
    /// then sends.
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
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        Ok(self.0.try_send(message)?)
    }

    /// Sends a message; waits while the channel is full, for at most `timeout` of tokio's timer.
    ///
    /// # Panics
    /// If it is polled outside of a runtime, or in one without a timer.
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
    pub async fn reserve(&self) -> Result<Permit<'_, T>, SendError<()>> {
        reserve(self.0.queue(), 1).await.map(Permit)
    }

    /// Reserves capacity for `n` messages; waits while there is too little. Fails if `n` exceeds the
    /// capacity.
    ///
    /// # Cancel safety
    /// As for [`reserve`](Sender::reserve).
    pub async fn reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, SendError<()>> {
        reserve(self.0.queue(), n).await.map(PermitIterator)
    }

    /// [`reserve`](Sender::reserve) with a permit that owns the sender, and so is `'static`.
    ///
    /// # Cancel safety
    /// As for [`reserve`](Sender::reserve); the sender is dropped with it.
    pub async fn reserve_owned(self) -> Result<OwnedPermit<T>, SendError<()>> {
        reserve(self.0, 1).await.map(OwnedPermit)
    }

    /// Reserves capacity for one message without waiting.
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        Ok(Permit(Held::try_take(self.0.queue(), 1).map_err(|error| TrySendError::from(error).map(drop))?))
    }

    /// Reserves capacity for `n` messages without waiting.
    pub fn try_reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, TrySendError<()>> {
        if n > self.0.queue().total_permits() {
            return Err(TrySendError::Full(()));
        }
        Ok(PermitIterator(Held::try_take(self.0.queue(), n).map_err(|error| TrySendError::from(error).map(drop))?))
    }

    /// [`try_reserve`](Sender::try_reserve) with a permit that owns the sender; an error contains the sender.
    pub fn try_reserve_owned(self) -> Result<OwnedPermit<T>, TrySendError<Self>> {
        Ok(OwnedPermit(Held::try_take(self.0, 1).map_err(|error| TrySendError::from(error).map(Sender))?))
    }

    /// The remaining capacity, without the slots that are used or reserved.
    pub fn capacity(&self) -> usize {
        remaining_capacity(self.0.queue())
    }

    /// The capacity of the channel.
    pub fn max_capacity(&self) -> usize {
        self.0.capacity().unwrap_or(usize::MAX)
    }
}

impl<T> Receiver<T> {
    /// The remaining capacity, without the slots that are used or reserved.
    pub fn capacity(&self) -> usize {
        remaining_capacity(self.0.handle().queue())
    }

    /// The capacity of the channel.
    pub fn max_capacity(&self) -> usize {
        self.0.handle().capacity().unwrap_or(usize::MAX)
    }
}

fn remaining_capacity<T>(queue: &Queue<T>) -> usize {
    queue.remaining_capacity().unwrap_or(usize::MAX)
}

super::sender!(Sender, WeakSender, "let (sender, mut receiver) = joinq::compat::tokio_mpsc::channel::<char>(1);");
super::receiver!(Receiver, "let (sender, mut receiver) = joinq::compat::tokio_mpsc::channel::<char>(1);", "try_send");
