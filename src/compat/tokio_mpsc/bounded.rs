//! The channel with a bound, in which room can be reserved.

use super::error::{SendError, SendTimeoutError, TrySendError};
use super::permits::{OwnedPermit, Permit, PermitIterator};
use super::reception::Reception;
use crate::channel::{self, OnDisconnect};
use crate::operation::Operation;
use crate::queue::{Held, Queue, QueueRef, ReserveAttempt};
use std::future::poll_fn;
use std::time::Duration;
use tokio::task::coop::cooperative;

/// A channel with room for `buffer` messages.
///
/// # Panics
/// If `buffer` is 0, or larger than tokio's `Semaphore::MAX_PERMITS`.
#[track_caller]
pub fn channel<T>(buffer: usize) -> (Sender<T>, Receiver<T>) {
    assert!(buffer > 0, "mpsc bounded channel requires buffer > 0");
    let most = tokio::sync::Semaphore::MAX_PERMITS;
    assert!(buffer <= most, "a semaphore may not have more than MAX_PERMITS permits ({most})");
    let (sender, receiver) = channel::pair(Queue::with_permits(buffer), OnDisconnect::Drop);
    (Sender(sender), Receiver(Reception::new(receiver)))
}

/// The sending side of [`channel`]; it can be cloned and shared.
pub struct Sender<T>(pub(super) channel::Sender<T>);

/// A sender that does not keep the channel open; made by [`Sender::downgrade`].
pub struct WeakSender<T>(channel::WeakAndKeeping<T>);

/// The receiving side of [`channel`], of which there is one. When it is dropped the channel is closed and what is inside
/// is dropped.
pub struct Receiver<T>(Reception<T>);

/// Waits for permits, in a task with a budget.
async fn reserve<T, H: QueueRef<T> + Clone>(handle: H, count: usize) -> Result<Held<T, H>, SendError<()>> {
    if count > handle.queue().total_permits() {
        return Err(SendError(()));
    }
    let mut operation = Operation::new(ReserveAttempt::new(handle, count));
    cooperative(poll_fn(|context| operation.poll(context))).await.map_err(|_| SendError(()))
}

impl<T> Sender<T> {
    /// Sends a message; waits while there is no room.
    ///
    /// # Cancel safety
    /// Dropping it while it is pending drops the message, which was not sent: it waits for a permit, and then sends.
    pub async fn send(&self, value: T) -> Result<(), SendError<T>> {
        match self.reserve().await {
            Ok(permit) => {
                permit.send(value);
                Ok(())
            }
            Err(SendError(())) => Err(SendError(value)),
        }
    }

    /// Sends a message if there is room at this moment.
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        Ok(self.0.try_send(message)?)
    }

    /// Sends a message; waits while there is no room, for at most `timeout` by tokio's timer.
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

    /// Sends a message, blocking this thread while there is no room.
    ///
    /// # Panics
    /// If this thread drives asynchronous tasks.
    #[track_caller]
    pub fn blocking_send(&self, value: T) -> Result<(), SendError<T>> {
        super::may_block();
        self.0.send(value).wait().map_err(|error| SendError(error.0))
    }

    /// Keeps room for one message; waits while there is none.
    ///
    /// # Cancel safety
    /// It can be dropped at any time: a permit that it was given goes back. It loses its place in line.
    pub async fn reserve(&self) -> Result<Permit<'_, T>, SendError<()>> {
        reserve(self.0.queue(), 1).await.map(Permit)
    }

    /// Keeps room for `n` messages; waits while there is not so much. An error also if there never can be so much.
    ///
    /// # Cancel safety
    /// As [`reserve`](Sender::reserve).
    pub async fn reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, SendError<()>> {
        reserve(self.0.queue(), n).await.map(PermitIterator)
    }

    /// [`reserve`](Sender::reserve) for a permit that keeps the sender, and so borrows nothing.
    ///
    /// # Cancel safety
    /// As [`reserve`](Sender::reserve); the sender is dropped with it.
    pub async fn reserve_owned(self) -> Result<OwnedPermit<T>, SendError<()>> {
        reserve(self.0, 1).await.map(OwnedPermit)
    }

    /// Keeps room for one message, if there is any at this moment.
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        Ok(Permit(Held::try_take(self.0.queue(), 1).map_err(|error| TrySendError::from(error).map(drop))?))
    }

    /// Keeps room for `n` messages, if there is so much at this moment.
    pub fn try_reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, TrySendError<()>> {
        if n > self.0.queue().total_permits() {
            return Err(TrySendError::Full(()));
        }
        Ok(PermitIterator(Held::try_take(self.0.queue(), n).map_err(|error| TrySendError::from(error).map(drop))?))
    }

    /// [`try_reserve`](Sender::try_reserve) for a permit that keeps the sender; an error hands the sender back.
    pub fn try_reserve_owned(self) -> Result<OwnedPermit<T>, TrySendError<Self>> {
        Ok(OwnedPermit(Held::try_take(self.0, 1).map_err(|error| TrySendError::from(error).map(Sender))?))
    }

    /// For how many messages more there is room: what is inside and what is reserved is not counted.
    pub fn capacity(&self) -> usize {
        room(self.0.queue())
    }

    /// For how many messages there is room in all.
    pub fn max_capacity(&self) -> usize {
        self.0.capacity().unwrap_or(usize::MAX)
    }
}

impl<T> Receiver<T> {
    /// For how many messages more there is room: what is inside and what is reserved is not counted.
    pub fn capacity(&self) -> usize {
        room(self.0.handle().queue())
    }

    /// For how many messages there is room in all.
    pub fn max_capacity(&self) -> usize {
        self.0.handle().capacity().unwrap_or(usize::MAX)
    }
}

fn room<T>(queue: &Queue<T>) -> usize {
    queue.remaining_capacity().unwrap_or(usize::MAX)
}

super::sender!(Sender, WeakSender);
super::receiver!(Receiver);
