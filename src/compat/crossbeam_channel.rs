#![doc = include_str!("../../docs/migration/crossbeam-channel.md")]

mod errors;

pub use errors::{RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError};

use crate::channel::{self, OnDisconnect};
use crate::queue::Queue;
use std::fmt;
use std::iter::FusedIterator;
use std::time::{Duration, Instant};

/// A channel with room for `cap` messages; with 0 each message goes from hand to hand.
///
/// The messages inside when the last receiver goes are kept until the last sender goes.
pub fn bounded<T>(cap: usize) -> (Sender<T>, Receiver<T>) {
    handles(Queue::bounded(cap), if cap == 0 { OnDisconnect::Drop } else { OnDisconnect::KeepUntilPanic })
}

/// A channel that always has room.
///
/// The messages inside when the last receiver goes are dropped with it.
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
    /// Sends a message if there is room at this moment; with capacity 0, if a receiver is waiting.
    pub fn try_send(&self, msg: T) -> Result<(), TrySendError<T>> {
        Ok(self.0.try_send(msg)?)
    }

    /// Sends a message, blocking this thread while the channel is full; with capacity 0, until it is received.
    pub fn send(&self, msg: T) -> Result<(), SendError<T>> {
        Ok(self.0.send(msg).wait()?)
    }

    /// [`send`](Sender::send) for at most `timeout`, of any length; what can be done at once is done even with none.
    pub fn send_timeout(&self, msg: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        match Instant::now().checked_add(timeout) {
            Some(deadline) => self.send_deadline(msg, deadline),
            None => Ok(self.send(msg)?),
        }
    }

    /// [`send`](Sender::send) until `deadline` at most; what can be done at once is done even after it.
    pub fn send_deadline(&self, msg: T, deadline: Instant) -> Result<(), SendTimeoutError<T>> {
        if deadline <= Instant::now() {
            // With capacity 0 a message that is in hand has to be fetched, for which there is no time.
            return self.0.try_send(msg).map_err(|error| match error {
                crate::TrySendError::Full(msg) => SendTimeoutError::Timeout(msg),
                crate::TrySendError::Closed(msg) => SendTimeoutError::Disconnected(msg),
            });
        }
        Ok(self.0.send(msg).wait_deadline(deadline)?)
    }
}

impl<T> Receiver<T> {
    /// Receives a message if there is one at this moment.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        Ok(self.0.try_recv()?)
    }

    /// Receives a message, blocking this thread while the channel is empty.
    pub fn recv(&self) -> Result<T, RecvError> {
        Ok(self.0.recv().wait()?)
    }

    /// [`recv`](Receiver::recv) for at most `timeout`, of any length; what can be done at once is done even with none.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        Ok(self.0.recv().wait_timeout(timeout)?)
    }

    /// [`recv`](Receiver::recv) until `deadline` at most; what can be done at once is done even after it.
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        Ok(self.0.recv().wait_deadline(deadline)?)
    }
}

/// What both kinds of handles have.
macro_rules! handle {
    ($name:ident) => {
        impl<T> $name<T> {
            /// Whether nothing is inside; always with capacity 0.
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }

            /// Whether there is no room; always with capacity 0.
            pub fn is_full(&self) -> bool {
                self.0.is_full()
            }

            /// How many messages are inside; none with capacity 0.
            pub fn len(&self) -> usize {
                self.0.len()
            }

            /// For how many messages there is room; `None` if the channel is unbounded.
            pub fn capacity(&self) -> Option<usize> {
                self.0.capacity()
            }

            /// Whether both are handles of one channel.
            pub fn same_channel(&self, other: &$name<T>) -> bool {
                self.0.same_channel(&other.0)
            }
        }

        impl<T> Clone for $name<T> {
            fn clone(&self) -> Self {
                $name(self.0.clone())
            }
        }

        opaque!($name<T>);
    };
}

/// The text of a type that shows nothing of its inside.
macro_rules! opaque {
    ($name:ident<$($param:tt),+>) => {
        impl<T> fmt::Debug for $name<$($param),+> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(concat!(stringify!($name), " { .. }"))
            }
        }
    };
}

handle!(Sender);
handle!(Receiver);

conversions! {
    Sender from Sender: Sender, |handle| handle.0;
    Receiver from Receiver: Receiver, |handle| handle.0;
}

iterators!(receiver);

// Once disconnected and empty, a channel stays so.
impl<T> FusedIterator for Iter<'_, T> {}
impl<T> FusedIterator for IntoIter<T> {}

opaque!(Iter<'_, T>);
opaque!(TryIter<'_, T>);
opaque!(IntoIter<T>);
