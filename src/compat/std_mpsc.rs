#![doc = include_str!("../../docs/migration/std-mpsc.md")]

use crate::channel::{self, OnDisconnect};
use crate::queue::Queue;
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::panic::RefUnwindSafe;
use std::time::Duration;

#[doc(no_inline)]
pub use std::sync::mpsc::{RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError};

/// A channel that always has room.
///
/// The messages inside when the receiver goes are dropped with it.
#[must_use]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = channel::pair(Queue::unbounded(), OnDisconnect::Drop);
    (Sender(sender), Receiver::new(receiver))
}

/// A channel with room for `bound` messages; with 0 each message goes from hand to hand.
///
/// The messages inside when the receiver goes are dropped with it.
#[must_use]
pub fn sync_channel<T>(bound: usize) -> (SyncSender<T>, Receiver<T>) {
    let (sender, receiver) = channel::pair(Queue::bounded(bound), OnDisconnect::Drop);
    (SyncSender(sender), Receiver::new(receiver))
}

/// The sending side of [`channel`]; it can be cloned and shared.
pub struct Sender<T>(channel::Sender<T>);

/// The sending side of [`sync_channel`]; it can be cloned and shared.
pub struct SyncSender<T>(channel::Sender<T>);

/// The receiving side, of which there is one; it can be moved to another thread, but not shared.
pub struct Receiver<T> {
    receiver: channel::Receiver<T>,
    unshared: PhantomData<Cell<()>>,
}

// What is not shared here is not touched by a panic either: the channel is, and it is safe.
impl<T> RefUnwindSafe for Receiver<T> {}

impl<T> Sender<T> {
    /// Sends a message; never blocks.
    pub fn send(&self, t: T) -> Result<(), SendError<T>> {
        send(&self.0, t)
    }
}

impl<T> SyncSender<T> {
    /// Sends a message, blocking this thread while the channel is full; with capacity 0, until it is received.
    pub fn send(&self, t: T) -> Result<(), SendError<T>> {
        send(&self.0, t)
    }

    /// Sends a message if there is room at this moment; with capacity 0, if the receiver is waiting.
    pub fn try_send(&self, t: T) -> Result<(), TrySendError<T>> {
        self.0.try_send(t).map_err(|error| match error {
            crate::TrySendError::Full(t) => TrySendError::Full(t),
            crate::TrySendError::Closed(t) => TrySendError::Disconnected(t),
        })
    }
}

fn send<T>(sender: &channel::Sender<T>, t: T) -> Result<(), SendError<T>> {
    sender.send(t).wait().map_err(|error| SendError(error.0))
}

impl<T> Receiver<T> {
    fn new(receiver: channel::Receiver<T>) -> Self {
        Receiver { receiver, unshared: PhantomData }
    }

    /// Receives a message if there is one at this moment.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.receiver.try_recv().map_err(|error| match error {
            crate::TryRecvError::Empty => TryRecvError::Empty,
            crate::TryRecvError::Closed => TryRecvError::Disconnected,
        })
    }

    /// Receives a message, blocking this thread while the channel is empty.
    pub fn recv(&self) -> Result<T, RecvError> {
        self.receiver.recv().wait().map_err(|_| RecvError)
    }

    /// [`recv`](Receiver::recv) for at most `timeout`, of any length; what can be done at once is done even with none.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.receiver.recv().wait_timeout(timeout).map_err(|error| match error {
            crate::RecvTimeoutError::Timeout => RecvTimeoutError::Timeout,
            crate::RecvTimeoutError::Closed => RecvTimeoutError::Disconnected,
        })
    }
}

/// What both kinds of senders have.
macro_rules! sender {
    ($name:ident) => {
        impl<T> Clone for $name<T> {
            fn clone(&self) -> Self {
                $name(self.0.clone())
            }
        }

        opaque!($name);
    };
}

/// The text of a type that shows nothing of its inside.
macro_rules! opaque {
    ($name:ident) => {
        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), " { .. }"))
            }
        }
    };
}

sender!(Sender);
sender!(SyncSender);
opaque!(Receiver);

conversions! {
    SyncSender from Sender: SyncSender, |handle| handle.0;
    Receiver from Receiver: Receiver::new, |handle| handle.receiver;
}
own!(Sender from Sender: |handle| handle.0);

impl<T> TryFrom<crate::Sender<T>> for Sender<T> {
    type Error = crate::Sender<T>;

    /// The same handle under this name, whose [`send`](Sender::send) never blocks.
    ///
    /// # Errors
    /// The sender as it was if its channel is bounded; it can become a [`SyncSender`].
    fn try_from(handle: crate::Sender<T>) -> Result<Self, crate::Sender<T>> {
        match handle.capacity() {
            None => Ok(Sender(handle)),
            Some(_) => Err(handle),
        }
    }
}

iterators!(rx, #[derive(Debug)]);
