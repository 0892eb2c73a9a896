#![doc = include_str!("../../docs/migration/crossbeam-channel.md")]

mod errors;

pub use errors::{RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError};

use crate::channel::{self, OnDisconnect};
use crate::queue::Queue;
use std::iter::FusedIterator;
use std::time::{Duration, Instant};

/// Creates a channel that holds at most `cap` messages; with 0 each `send` waits for a receiver.
///
/// The messages that are in the channel when the last receiver is dropped are kept until the last sender is
/// dropped.
pub fn bounded<T>(cap: usize) -> (Sender<T>, Receiver<T>) {
    handles(Queue::bounded(cap), if cap == 0 { OnDisconnect::Drop } else { OnDisconnect::KeepUntilPanic })
}

/// Creates an unbounded channel.
///
/// The messages that are in the channel when the last receiver is dropped are dropped with it.
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    handles(Queue::unbounded(), OnDisconnect::Drop)
}

fn handles<T>(queue: Queue<T>, on_disconnect: OnDisconnect) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = channel::pair(queue, on_disconnect);
    (Sender(sender), Receiver(receiver))
}

/// The sending side; it can be cloned and shared.
pub struct Sender<T>(channel::Sender<T>);

/// The receiving side; it can be cloned and shared, and each message goes to one receiver.
pub struct Receiver<T>(channel::Receiver<T>);

impl<T> Sender<T> {
    /// Sends a message without blocking; with capacity 0, only if a receiver is waiting.
    pub fn try_send(&self, msg: T) -> Result<(), TrySendError<T>> {
        Ok(self.0.try_send(msg)?)
    }

    /// Sends a message; blocks this thread while the channel is full, or with capacity 0 until the message is
    /// received.
    pub fn send(&self, msg: T) -> Result<(), SendError<T>> {
        Ok(self.0.send(msg).wait()?)
    }

    /// [`send`](Sender::send) that blocks for at most `timeout`, of any length. A send that need not wait
    /// succeeds even with a timeout of zero.
    pub fn send_timeout(&self, msg: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        match Instant::now().checked_add(timeout) {
            Some(deadline) => self.send_deadline(msg, deadline),
            None => Ok(self.send(msg)?),
        }
    }

    /// [`send`](Sender::send) that blocks at most until `deadline`. A send that need not wait succeeds even
    /// after it.
    pub fn send_deadline(&self, msg: T, deadline: Instant) -> Result<(), SendTimeoutError<T>> {
        if deadline <= Instant::now() {
            // With capacity 0 a waiting send would have to wait for a receive, for which there is no time.
            return self.0.try_send(msg).map_err(|error| match error {
                crate::TrySendError::Full(msg) => SendTimeoutError::Timeout(msg),
                crate::TrySendError::Closed(msg) => SendTimeoutError::Disconnected(msg),
            });
        }
        Ok(self.0.send(msg).wait_deadline(deadline)?)
    }
}

impl<T> Receiver<T> {
    /// Receives a message without blocking.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        Ok(self.0.try_recv()?)
    }

    /// Receives a message; blocks this thread while the channel is empty.
    pub fn recv(&self) -> Result<T, RecvError> {
        Ok(self.0.recv().wait()?)
    }

    /// [`recv`](Receiver::recv) that blocks for at most `timeout`, of any length. A receive that need not
    /// wait succeeds even with a timeout of zero.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        Ok(self.0.recv().wait_timeout(timeout)?)
    }

    /// [`recv`](Receiver::recv) that blocks at most until `deadline`. A receive that need not wait succeeds
    /// even after it.
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        Ok(self.0.recv().wait_deadline(deadline)?)
    }
}

delegate!(Sender(.0): is_empty, is_full, len, capacity, same_channel);
delegate!(Receiver(.0): is_empty, is_full, len, capacity, same_channel);
delegate!(impl Clone for Sender(.0) by Sender);
delegate!(impl Clone for Receiver(.0) by Receiver);
opaque_debug!(pad " { .. }": Sender<T>, Receiver<T>, Iter<'_, T>, TryIter<'_, T>, IntoIter<T>);

conversions! {
    Sender from Sender: Sender, |handle| handle.0;
    Receiver from Receiver: Receiver, |handle| handle.0;
}

iterators!(receiver);

// Once disconnected and empty, a channel stays so.
impl<T> FusedIterator for Iter<'_, T> {}
impl<T> FusedIterator for IntoIter<T> {}
