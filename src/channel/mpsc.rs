//! Channels with one receiver: many producers, a single consumer.
//!
//! The receiver's methods want `&mut self`, so that it is woken without a lock. In a channel without a bound nobody else
//! takes messages out, and a receive needs no read-modify-write and looks at the slot alone; in a bounded channel a
//! [`force_send`](Sender::force_send) may take the oldest message out as well. The [`Sender`] is the one of
//! [`joinq::unbounded`](crate::unbounded).
//!
//! # Examples
//! ```
//! let (sender, mut receiver) = joinq::mpsc::bounded(10);
//! let other = sender.clone();
//! std::thread::spawn(move || sender.send(1).wait());
//! std::thread::spawn(move || other.send(2).wait());
//! assert_eq!(receiver.iter().sum::<u32>(), 3); // ends when both senders are gone
//! ```

use super::handles::{self, OnDisconnect};
use crate::error::{RecvError, RecvTimeoutError, TryRecvError};
use crate::operation::{operation, Operation};
use crate::queue::{Closed, Consumer, ConsumerAttempt, Many, One, Queue, QueueRef, TakeSingle};
use std::fmt;
use std::iter::FusedIterator;
use std::task::{Context, Poll};

pub use super::{Send, SendMany, SendOwned, Sender, WeakSender};

/// A channel that always has room, for one receiver.
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    pair(Queue::unbounded())
}

/// A channel with room for `capacity` messages, for one receiver.
///
/// # Panics
/// If `capacity` is 0: a rendezvous is made by [`joinq::bounded`](crate::bounded).
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    pair(Queue::bounded(capacity))
}

fn pair<T>(mut queue: Queue<T>) -> (Sender<T>, Receiver<T>) {
    let consumer = queue.consumer();
    let (sender, shared) = handles::pair(queue, OnDisconnect::Drop);
    (sender, Receiver { shared, consumer })
}

/// The one receiver of a channel; made by [`unbounded`] and [`bounded`].
///
/// When it is dropped the channel is closed and the messages left inside are dropped at once.
pub struct Receiver<T> {
    shared: super::Receiver<T>,
    consumer: Consumer<T>,
}

impl<T> Receiver<T> {
    #[inline]
    fn parts(&mut self) -> (&Queue<T>, &mut Consumer<T>) {
        (self.shared.queue(), &mut self.consumer)
    }

    /// Receives a message; waits while there is none.
    ///
    /// # Errors
    /// [`RecvError`] once the channel is closed and empty.
    ///
    /// # Cancel safety
    /// It can be dropped at any time: it takes a message only in the poll that returns it.
    #[inline]
    pub fn recv(&mut self) -> Recv<'_, T> {
        let (queue, consumer) = self.parts();
        Recv(Operation::new(ConsumerAttempt::new(queue, consumer, One)))
    }

    /// Receives a message if there is one at this moment.
    ///
    /// # Errors
    /// [`TryRecvError`].
    #[inline]
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let (queue, consumer) = self.parts();
        queue.try_get_single(consumer)
    }

    /// Receives up to `limit` messages, appended to `messages`, and says how many; waits while there is none.
    ///
    /// # Errors
    /// [`RecvError`] once the channel is closed and empty.
    ///
    /// # Cancel safety
    /// As [`Receiver::recv`].
    pub fn recv_many<'a>(&'a mut self, messages: &'a mut Vec<T>, limit: usize) -> RecvMany<'a, T> {
        let (queue, consumer) = self.parts();
        RecvMany(Operation::new(ConsumerAttempt::new(queue, consumer, Many { items: messages, limit })))
    }

    /// Receives up to `limit` messages that are there at this moment, appended to `messages`, and says how many.
    ///
    /// # Errors
    /// [`TryRecvError`] if there is none, and `limit` is not 0.
    pub fn try_recv_many(&mut self, messages: &mut Vec<T>, limit: usize) -> Result<usize, TryRecvError> {
        let (queue, consumer) = self.parts();
        Ok(Many { items: messages, limit }.take(queue, consumer)?)
    }

    /// Polls for a message, for a hand-written future: `Ready(None)` once the channel is closed and empty.
    ///
    /// The waker of the last call is the one that is woken.
    pub fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Option<T>> {
        let (queue, consumer) = self.parts();
        let mut receive = Operation::new(ConsumerAttempt::new(queue, consumer, One));
        let polled = receive.poll(context);
        // What waits is the receiver itself, not this.
        receive.finish();
        polled.map(Result::ok)
    }

    /// The messages until the channel is closed and empty; waits for each on this thread.
    pub fn iter(&mut self) -> Iter<'_, T> {
        Iter { receiver: self }
    }

    /// The messages that are there at the moment.
    pub fn try_iter(&mut self) -> TryIter<'_, T> {
        TryIter { receiver: self }
    }

    /// Closes the channel: nothing more is sent, what is inside can be received. True for the one call that closed it.
    pub fn close(&self) -> bool {
        self.shared.close()
    }

    /// Whether the channel is closed: by a call, or because all senders are gone.
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// Waits until the channel is closed.
    pub fn closed(&self) -> Closed<'_, T> {
        self.shared.closed()
    }

    /// How many messages are inside; never more than the capacity.
    pub fn len(&self) -> usize {
        self.shared.len()
    }

    /// Whether nothing is inside.
    pub fn is_empty(&self) -> bool {
        self.shared.is_empty()
    }

    /// For how many messages there is room; `None` if the channel is unbounded.
    pub fn capacity(&self) -> Option<usize> {
        self.shared.capacity()
    }

    /// How many senders there are.
    pub fn sender_count(&self) -> usize {
        self.shared.sender_count()
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // Before the channel is closed, which may panic by a waker: the handle drops what is inside in any case.
        self.shared.queue().end_consumer(&mut self.consumer);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiver { .. }")
    }
}

type Receiving<'a, T, K> = ConsumerAttempt<'a, T, K>;

operation! {
    /// A message on its way out; made by [`Receiver::recv`].
    ///
    /// # Cancel safety
    /// It can be dropped at any time: it takes a message only in the poll that returns it.
    pub struct Recv<'a, T>(Receiving<'a, T, One>)
        -> Result<T, RecvError>, in time Result<T, RecvTimeoutError>;
}

operation! {
    /// Some messages on their way out; made by [`Receiver::recv_many`].
    ///
    /// # Cancel safety
    /// It can be dropped at any time: it takes messages only in the poll that returns their number.
    pub struct RecvMany<'a, T>(Receiving<'a, T, Many<'a, T>>)
        -> Result<usize, RecvError>, in time Result<usize, RecvTimeoutError>;
}

/// The messages until the end; made by [`Receiver::iter`].
pub struct Iter<'a, T> {
    receiver: &'a mut Receiver<T>,
}

/// The messages that are there; made by [`Receiver::try_iter`].
pub struct TryIter<'a, T> {
    receiver: &'a mut Receiver<T>,
}

impl<T> Iterator for Iter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.receiver.recv().wait().ok()
    }
}

// Once closed and empty, a channel stays so.
impl<T> FusedIterator for Iter<'_, T> {}

impl<T> Iterator for TryIter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.receiver.try_recv().ok()
    }
}

impl<T> fmt::Debug for Iter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Iter { .. }")
    }
}

impl<T> fmt::Debug for TryIter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TryIter { .. }")
    }
}

#[cfg(feature = "stream")]
impl<T> futures_core::Stream for Receiver<T> {
    type Item = T;

    fn poll_next(self: std::pin::Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.get_mut().poll_recv(context)
    }
}

impl<T> Unpin for Receiver<T> {}
