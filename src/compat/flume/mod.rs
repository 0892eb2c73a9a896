#![doc = include_str!("../../../docs/migration/flume.md")]

mod errors;

pub use errors::{RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError};

use crate::channel::{self, OnDisconnect};
use crate::error;
use crate::queue::{Queue, QueueRef};
use std::collections::VecDeque;
use std::fmt;
use std::iter::FusedIterator;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

/// The questions that handles and futures answer alike.
macro_rules! queries {
    ($target:ty, |$it:ident| $queue:expr) => {
        impl<T> $target {
            /// Whether all senders or all receivers are gone.
            pub fn is_disconnected(&self) -> bool {
                let $it = self;
                $queue.is_closed()
            }

            /// Whether nothing is inside.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// Whether as many messages are inside as the capacity says. It is not full with more, as there may be for
            /// receivers that wait.
            pub fn is_full(&self) -> bool {
                self.capacity() == Some(self.len())
            }

            /// How many messages are inside, those for receivers that wait included, so that it may be more than the
            /// capacity; none with capacity 0.
            pub fn len(&self) -> usize {
                let $it = self;
                match $queue.capacity() {
                    Some(0) => 0,
                    _ => $queue.stored(),
                }
            }

            /// For how many messages there is room; `None` if the channel is unbounded.
            pub fn capacity(&self) -> Option<usize> {
                let $it = self;
                $queue.capacity()
            }
        }
    };
}

pub mod r#async;

/// A channel that always has room.
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    handles(Queue::unbounded())
}

/// A channel with room for `cap` messages; with 0 each send waits until its message is received.
pub fn bounded<T>(cap: usize) -> (Sender<T>, Receiver<T>) {
    handles(Queue::with_handover(cap))
}

fn handles<T>(queue: Queue<T>) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = channel::pair(queue, OnDisconnect::Keep);
    (Sender(sender), Receiver(receiver))
}

/// The sending side.
pub struct Sender<T>(channel::Sender<T>);

impl<T> Sender<T> {
    /// Sends a message if there is room at this moment.
    pub fn try_send(&self, msg: T) -> Result<(), TrySendError<T>> {
        Ok(self.0.try_send(msg)?)
    }

    /// Sends a message, blocking this thread while the channel is full.
    pub fn send(&self, msg: T) -> Result<(), SendError<T>> {
        let Some(send) = self.hand_over(msg)? else { return Ok(()) };
        Ok(send.wait()?)
    }

    /// Sends a message, blocking this thread until `deadline` at most.
    pub fn send_deadline(&self, msg: T, deadline: Instant) -> Result<(), SendTimeoutError<T>> {
        let Some(send) = self.hand_over(msg)? else { return Ok(()) };
        Ok(send.wait_deadline(deadline)?)
    }

    /// Sends a message, blocking this thread for `dur` at most.
    pub fn send_timeout(&self, msg: T, dur: Duration) -> Result<(), SendTimeoutError<T>> {
        let Some(send) = self.hand_over(msg)? else { return Ok(()) };
        Ok(send.wait_timeout(dur)?)
    }

    /// Sends a message at once if there is room, also to a receiver that waits where the capacity is 0: that receiver may
    /// be a task of this very thread. Otherwise there is a send to wait for.
    fn hand_over(&self, msg: T) -> Result<Option<channel::Send<'_, T>>, SendError<T>> {
        match self.0.try_send(msg) {
            Ok(()) => Ok(None),
            Err(error::TrySendError::Full(msg)) => Ok(Some(self.0.send(msg))),
            Err(error::TrySendError::Closed(msg)) => Err(SendError(msg)),
        }
    }

    /// A sender that does not keep the channel open.
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender(self.0.downgrade())
    }
}

/// The receiving side.
pub struct Receiver<T>(channel::Receiver<T>);

impl<T> Receiver<T> {
    /// Receives a message if there is one at this moment.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        Ok(self.0.try_recv()?)
    }

    /// Receives a message, blocking this thread while the channel is empty.
    pub fn recv(&self) -> Result<T, RecvError> {
        Ok(self.0.recv().wait()?)
    }

    /// Receives a message, blocking this thread until `deadline` at most.
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        Ok(self.0.recv().wait_deadline(deadline)?)
    }

    /// Receives a message, blocking this thread for `dur` at most.
    pub fn recv_timeout(&self, dur: Duration) -> Result<T, RecvTimeoutError> {
        Ok(self.0.recv().wait_timeout(dur)?)
    }

    /// Takes out all messages that are inside at this moment.
    pub fn drain(&self) -> Drain<'_, T> {
        let mut messages = Vec::new();
        // With capacity 0 as well, where messages are inside for receivers that wait.
        let _ = self.0.try_recv_many(&mut messages, self.0.queue().stored());
        Drain { queue: messages.into(), _phantom: PhantomData }
    }
}

/// What both kinds of handles have.
macro_rules! handle {
    ($name:ident) => {
        queries!($name<T>, |handle| handle.0.queue());

        impl<T> $name<T> {
            /// How many senders there are.
            pub fn sender_count(&self) -> usize {
                self.0.sender_count()
            }

            /// How many receivers there are.
            pub fn receiver_count(&self) -> usize {
                self.0.receiver_count()
            }

            /// Whether both are handles of one channel.
            pub fn same_channel(&self, other: &$name<T>) -> bool {
                self.0.same_channel(&other.0)
            }
        }

        impl<T> QueueRef<T> for $name<T> {
            fn queue(&self) -> &Queue<T> {
                self.0.queue()
            }
        }

        impl<T> Clone for $name<T> {
            fn clone(&self) -> Self {
                $name(self.0.clone())
            }
        }

        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
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

/// The text of an iterator, which asks nothing of the messages.
macro_rules! shown {
    ($($name:ident<$($param:tt),+>),+) => {$(
        impl<T> fmt::Debug for $name<$($param),+> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).field("receiver", &self.receiver).finish()
            }
        }
    )+};
}

shown!(Iter<'_, T>, TryIter<'_, T>, IntoIter<T>);

/// A sender that does not keep the channel open.
pub struct WeakSender<T>(channel::WeakSender<T>);

impl<T> WeakSender<T> {
    /// A sender, if there is one left.
    pub fn upgrade(&self) -> Option<Sender<T>> {
        self.0.upgrade().map(Sender)
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        WeakSender(self.0.clone())
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WeakSender")
    }
}

/// The messages that were inside; made by [`Receiver::drain`].
#[derive(Debug)]
pub struct Drain<'a, T> {
    queue: VecDeque<T>,
    _phantom: PhantomData<&'a ()>,
}

impl<T> Iterator for Drain<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.queue.pop_front()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.queue.len(), Some(self.queue.len()))
    }
}

impl<T> ExactSizeIterator for Drain<'_, T> {}
impl<T> FusedIterator for Drain<'_, T> {}
