//! Channels with many producers and a single consumer.
//!
//! The receiver's methods take `&mut self`, so there is one receive at a time, which is woken without a lock.
//! In an unbounded channel a receive needs no read-modify-write: it reads only the slot of the next message.
//! So [`len`](Sender::len) on another thread may count a message for some nanoseconds after its receive has
//! returned, unless that thread has synchronized with the receiver since.
//! In a bounded channel a [`force_send`](Sender::force_send) may remove the oldest message as well. The
//! senders are those of [`joinq::channel`](crate::channel), where their futures have their names.
//!
//! # Examples
//! ```
//! let (sender, mut receiver) = joinq::mpsc::bounded(10);
//! let other = sender.clone();
//! std::thread::spawn(move || sender.send(1).wait());
//! std::thread::spawn(move || other.send(2).wait());
//! assert_eq!(receiver.iter().sum::<u32>(), 3); // ends when both senders were dropped
//! ```
// Knows the channel's senders, the queue, the operations and the errors. Does not know the layers below them.

use crate::channel::{self, OnDisconnect};
use crate::error::{RecvError, RecvTimeoutError, TryRecvError};
use crate::operation::{lingers, operation, Operation};
use crate::queue::{Closed, Consumer, ConsumerAttempt, Drain, Many, One, Queue, QueueRef};
use std::fmt;
use std::iter::FusedIterator;
use std::task::{Context, Poll};

#[doc(no_inline)]
pub use crate::channel::{Sender, WeakSender};

/// Creates an unbounded channel with one receiver.
///
/// # Examples
/// ```
/// let (sender, mut receiver) = joinq::mpsc::unbounded();
/// std::thread::spawn(move || sender.send("hello").wait());
/// assert_eq!(receiver.recv().wait(), Ok("hello"));
/// assert!(receiver.recv().wait().is_err()); // the sender was dropped
/// ```
#[doc(alias = "unbounded_channel")]
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    pair(Queue::unbounded())
}

/// Creates a channel that holds at most `capacity` messages, with one receiver.
///
/// # Panics
/// If `capacity` is 0. [`joinq::bounded`](crate::bounded) creates a rendezvous.
///
/// # Examples
/// ```
/// let (sender, mut receiver) = joinq::mpsc::bounded(1);
/// sender.try_send(1).unwrap();
/// assert!(sender.try_send(2).unwrap_err().is_full());
/// assert_eq!(receiver.try_recv(), Ok(1));
/// ```
#[doc(alias = "sync_channel")]
#[track_caller]
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(capacity > 0, "the capacity must be greater than zero; use `joinq::bounded(0)` for a rendezvous");
    pair(Queue::bounded(capacity))
}

fn pair<T>(mut queue: Queue<T>) -> (Sender<T>, Receiver<T>) {
    let consumer = queue.consumer();
    let (sender, shared) = channel::pair(queue, OnDisconnect::Drop);
    (sender, Receiver { shared, consumer })
}

/// The receiver of a channel with a single consumer; returned by [`unbounded`] and [`bounded`].
///
/// When it is dropped, the channel is closed and the messages in it are dropped at once. With the feature
/// `stream` it is also a stream of the messages.
pub struct Receiver<T> {
    shared: channel::Receiver<T>,
    consumer: Consumer<T>,
}

impl<T> Receiver<T> {
    #[inline]
    fn parts(&mut self) -> (&Queue<T>, &mut Consumer<T>) {
        (self.shared.queue(), &mut self.consumer)
    }

    /// Receives the oldest message; waits while the channel is empty.
    ///
    /// # Errors
    /// [`RecvError`] if the channel is closed and empty.
    ///
    /// # Cancel safety
    /// It can be dropped at any time: it takes a message only in the poll that returns it.
    ///
    /// # Examples
    /// ```
    /// let (sender, mut receiver) = joinq::mpsc::unbounded();
    /// std::thread::spawn(move || sender.send("hello").wait());
    /// assert_eq!(receiver.recv().wait(), Ok("hello")); // on a thread; `.await` in a task
    /// assert!(receiver.recv().wait().is_err()); // the sender was dropped
    /// ```
    #[inline]
    #[doc(alias("blocking_recv", "recv_async", "recv_blocking", "recv_timeout", "recv_deadline"))]
    pub fn recv(&mut self) -> Recv<'_, T> {
        let (queue, consumer) = self.parts();
        Recv(Operation::new(ConsumerAttempt::new(queue, consumer, One)))
    }

    /// Receives the oldest message without waiting.
    ///
    /// # Errors
    /// [`TryRecvError::Empty`], or [`TryRecvError::Closed`] if the channel is empty and will stay so.
    ///
    /// # Examples
    /// ```
    /// let (sender, mut receiver) = joinq::mpsc::unbounded();
    /// assert!(receiver.try_recv().unwrap_err().is_empty());
    /// sender.try_send(1).unwrap();
    /// drop(sender);
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// assert!(receiver.try_recv().unwrap_err().is_closed());
    /// ```
    #[inline]
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let (queue, consumer) = self.parts();
        queue.try_get_single(consumer)
    }

    /// Receives up to `limit` messages, appends them to `messages`, and returns their number; waits while the
    /// channel is empty.
    ///
    /// # Errors
    /// [`RecvError`] if the channel is closed and empty.
    ///
    /// # Cancel safety
    /// As for [`Receiver::recv`].
    ///
    /// # Examples
    /// ```
    /// let (sender, mut receiver) = joinq::mpsc::unbounded();
    /// sender.send_many("abc".chars()).wait().unwrap();
    /// let mut batch = Vec::new();
    /// assert_eq!(receiver.recv_many(&mut batch, 2).wait(), Ok(2));
    /// assert_eq!(batch, ['a', 'b']);
    /// ```
    #[doc(alias = "blocking_recv_many")]
    pub fn recv_many<'a>(&'a mut self, messages: &'a mut Vec<T>, limit: usize) -> RecvMany<'a, T> {
        let (queue, consumer) = self.parts();
        RecvMany(Operation::new(ConsumerAttempt::new(queue, consumer, Many { items: messages, limit })))
    }

    /// Receives up to `limit` messages without waiting, appends them to `messages`, and returns their number.
    ///
    /// # Errors
    /// As for [`try_recv`](Receiver::try_recv), if the channel is empty and `limit` is not 0.
    ///
    /// # Examples
    /// ```
    /// let (sender, mut receiver) = joinq::mpsc::unbounded();
    /// let mut batch = Vec::new();
    /// assert!(receiver.try_recv_many(&mut batch, 10).is_err()); // empty
    /// sender.try_send_many([1, 2, 3]).unwrap();
    /// assert_eq!(receiver.try_recv_many(&mut batch, 10), Ok(3));
    /// assert_eq!(batch, [1, 2, 3]);
    /// ```
    pub fn try_recv_many(&mut self, messages: &mut Vec<T>, limit: usize) -> Result<usize, TryRecvError> {
        let (queue, consumer) = self.parts();
        queue.try_get_many_single(consumer, messages, limit)
    }

    /// Removes the messages that are in the channel at the time of the call.
    ///
    /// # Examples
    /// ```
    /// let (sender, mut receiver) = joinq::mpsc::unbounded();
    /// sender.send_many([1, 2, 3]).wait().unwrap();
    /// assert_eq!(receiver.drain().collect::<Vec<_>>(), [1, 2, 3]);
    /// assert!(receiver.is_empty());
    /// ```
    pub fn drain(&mut self) -> Drain<T> {
        let mut messages = Vec::new();
        // Only what is in the channel now: other threads may still send.
        let _ = self.try_recv_many(&mut messages, self.len());
        Drain::new(messages)
    }

    /// [`recv`](Receiver::recv) as a future that owns the receiver, which it returns beside the message.
    ///
    /// # Examples
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let (sender, receiver) = joinq::mpsc::unbounded();
    /// sender.send('a').await.unwrap();
    /// let recv = tokio::spawn(receiver.into_recv());
    /// let (message, mut receiver) = recv.await.unwrap();
    /// assert_eq!((message, receiver.try_recv().is_err()), (Ok('a'), true));
    /// # });
    /// ```
    pub fn into_recv(self) -> RecvOwned<T> {
        RecvOwned { receiver: Some(self) }
    }

    /// Polls for a message, for a hand-written future: `Ready(None)` if the channel is closed and empty.
    ///
    /// The receiver wakes the waker of the last call.
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let (sender, mut receiver) = joinq::mpsc::unbounded();
    /// sender.try_send(1).unwrap();
    /// drop(sender);
    /// assert_eq!(std::future::poll_fn(|context| receiver.poll_recv(context)).await, Some(1));
    /// assert_eq!(std::future::poll_fn(|context| receiver.poll_recv(context)).await, None);
    /// # });
    /// ```
    pub fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Option<T>> {
        let (queue, consumer) = self.parts();
        let mut receive = Operation::new(ConsumerAttempt::new(queue, consumer, One));
        let polled = receive.poll(context);
        // The registration stays: it belongs to the receiver, not to this operation.
        receive.finish();
        polled.map(Result::ok)
    }

    /// A blocking iterator over the messages as they arrive, which ends when the channel is closed and empty.
    ///
    /// # Examples
    /// ```
    /// let (sender, mut receiver) = joinq::mpsc::unbounded();
    /// std::thread::spawn(move || sender.send_many([1, 2, 3]).wait());
    /// assert_eq!(receiver.iter().sum::<u32>(), 6); // ends when the sender was dropped
    /// ```
    pub fn iter(&mut self) -> Iter<'_, T> {
        Iter { receiver: self }
    }

    /// An iterator that receives without waiting, and ends when it finds the channel empty.
    ///
    /// # Examples
    /// ```
    /// let (sender, mut receiver) = joinq::mpsc::unbounded();
    /// sender.try_send_many([1, 2, 3]).unwrap();
    /// assert_eq!(receiver.try_iter().take(2).collect::<Vec<_>>(), [1, 2]);
    /// assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [3]); // the channel is still open
    /// ```
    pub fn try_iter(&mut self) -> TryIter<'_, T> {
        TryIter { receiver: self }
    }

    /// Closes the channel. Returns true for the one call that closed it.
    ///
    /// Further sends fail; messages in the channel can still be received.
    ///
    /// # Examples
    /// ```
    /// let (sender, mut receiver) = joinq::mpsc::unbounded();
    /// sender.try_send(1).unwrap();
    /// assert!(receiver.close());
    /// assert!(sender.try_send(2).unwrap_err().is_closed());
    /// assert_eq!(receiver.recv().wait(), Ok(1));
    /// assert!(receiver.recv().wait().is_err());
    /// ```
    #[doc(alias("shutdown", "disconnect"))]
    pub fn close(&self) -> bool {
        self.shared.close()
    }

    /// Whether the channel is closed: by a call, or because all senders were dropped.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = joinq::mpsc::unbounded::<u32>();
    /// assert!(!receiver.is_closed());
    /// drop(sender);
    /// assert!(receiver.is_closed());
    /// ```
    #[doc(alias = "is_disconnected")]
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// Waits until the channel is closed.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = joinq::mpsc::unbounded::<u32>();
    /// std::thread::spawn(move || drop(sender));
    /// receiver.closed().wait();
    /// assert!(receiver.is_closed());
    /// ```
    #[doc(alias = "disconnected")]
    pub fn closed(&self) -> Closed<'_, T> {
        self.shared.closed()
    }

    /// The number of messages in the channel; never more than the capacity.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = joinq::mpsc::unbounded();
    /// sender.try_send_many([1, 2, 3]).unwrap();
    /// assert_eq!(receiver.len(), 3);
    /// ```
    #[doc(alias = "qsize")]
    pub fn len(&self) -> usize {
        self.shared.len()
    }

    /// Whether the channel contains no messages.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = joinq::mpsc::unbounded();
    /// assert!(receiver.is_empty());
    /// sender.try_send(1).unwrap();
    /// assert!(!receiver.is_empty());
    /// ```
    #[doc(alias = "empty")]
    pub fn is_empty(&self) -> bool {
        self.shared.is_empty()
    }

    /// Whether there is no free slot.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = joinq::mpsc::bounded(1);
    /// sender.try_send(1).unwrap();
    /// assert!(receiver.is_full());
    /// ```
    #[doc(alias = "full")]
    pub fn is_full(&self) -> bool {
        self.shared.is_full()
    }

    /// The number of free slots; `None` if the channel is unbounded.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = joinq::mpsc::bounded(3);
    /// sender.try_send(1).unwrap();
    /// assert_eq!(receiver.remaining_capacity(), Some(2));
    /// ```
    pub fn remaining_capacity(&self) -> Option<usize> {
        self.shared.remaining_capacity()
    }

    /// Changes the capacity while the channel is used: as [`Queue::set_capacity`](crate::Queue::set_capacity),
    /// for messages.
    ///
    /// # Panics
    /// If `capacity` is 0, or if the channel is unbounded.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = joinq::mpsc::bounded(1);
    /// sender.try_send(1).unwrap();
    /// receiver.set_capacity(2);
    /// sender.try_send(2).unwrap();
    /// ```
    #[doc(alias = "resize")]
    #[track_caller]
    pub fn set_capacity(&self, capacity: usize) {
        self.shared.set_capacity(capacity);
    }

    /// The capacity; `None` if the channel is unbounded.
    ///
    /// # Examples
    /// ```
    /// let (_sender, receiver) = joinq::mpsc::bounded::<u32>(10);
    /// assert_eq!(receiver.capacity(), Some(10));
    /// ```
    #[doc(alias("maxsize", "max_capacity"))]
    pub fn capacity(&self) -> Option<usize> {
        self.shared.capacity()
    }

    /// The number of senders.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = joinq::mpsc::unbounded::<u32>();
    /// let other = sender.clone();
    /// assert_eq!(receiver.sender_count(), 2);
    /// drop(other);
    /// assert_eq!(receiver.sender_count(), 1);
    /// ```
    #[doc(alias("strong_count", "sender_strong_count"))]
    pub fn sender_count(&self) -> usize {
        self.shared.sender_count()
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // Before the channel is closed, where a waker may panic: the handle drops the messages in any case.
        self.shared.queue().end_consumer(&mut self.consumer);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiver { .. }")
    }
}

operation! {
    /// Future returned by [`Receiver::recv`].
    ///
    /// # Cancel safety
    /// It can be dropped at any time: it takes a message only in the poll that returns it.
    pub struct Recv<'a, T>(ConsumerAttempt<'a, T, One>)
        -> Result<T, RecvError>, in time Result<T, RecvTimeoutError>;
    example ["let (sender, mut receiver) = joinq::mpsc::unbounded();" "sender.try_send(1).unwrap();"]
        "assert_eq!(receiver.recv()", ", Ok(1));";
    times out ["let (sender, mut receiver) = joinq::mpsc::unbounded::<u32>();"]
        "let late = receiver.recv()", ";\nassert_eq!(late, Err(joinq::RecvTimeoutError::Timeout));";
}

operation! {
    /// Future returned by [`Receiver::recv_many`].
    ///
    /// # Cancel safety
    /// It can be dropped at any time: it takes messages only in the poll that returns their number.
    pub struct RecvMany<'a, T>(ConsumerAttempt<'a, T, Many<'a, T>>)
        -> Result<usize, RecvError>, in time Result<usize, RecvTimeoutError>;
    example [
        "let (sender, mut receiver) = joinq::mpsc::unbounded();"
        "sender.try_send_many([1, 2, 3]).unwrap();"
        "let mut messages = Vec::new();"
    ] "assert_eq!(receiver.recv_many(&mut messages, 2)", ", Ok(2));\nassert_eq!(messages, [1, 2]);";
    times out ["let (sender, mut receiver) = joinq::mpsc::unbounded::<u32>();" "let mut messages = Vec::new();"]
        "let late = receiver.recv_many(&mut messages, 2)", ";\nassert_eq!(late, Err(joinq::RecvTimeoutError::Timeout));";
}

lingers! {
    RecvMany, RecvError,
    "let (sender, mut receiver) = joinq::mpsc::unbounded();\nsender.send_many([1, 2]).wait().unwrap();",
    "receiver.recv_many(&mut batch, 3)"
}

/// Future returned by [`Receiver::into_recv`]; it owns the receiver, and returns it.
///
/// # Cancel safety
/// Dropping it drops the receiver, which closes the channel; [`RecvOwned::take`] returns the receiver. It
/// takes a message only in the poll that returns it.
///
/// # Panics
/// If it is polled after it completed, or after the receiver was taken.
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct RecvOwned<T> {
    receiver: Option<Receiver<T>>,
}

impl<T> RecvOwned<T> {
    /// Takes the receiver back and ends the wait. `None` if the future has completed.
    ///
    /// # Examples
    /// ```
    /// use futures_lite::future::{block_on, poll_once};
    ///
    /// let (sender, receiver) = joinq::mpsc::unbounded();
    /// let mut recv = receiver.into_recv();
    /// assert!(block_on(poll_once(&mut recv)).is_none());
    /// let mut receiver = recv.take().unwrap();
    /// sender.try_send(1).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// ```
    pub fn take(&mut self) -> Option<Receiver<T>> {
        self.receiver.take()
    }
}

impl<T> std::future::Future for RecvOwned<T> {
    type Output = (Result<T, RecvError>, Receiver<T>);

    #[track_caller]
    fn poll(self: std::pin::Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let slot = &mut self.get_mut().receiver;
        let Some(receiver) = slot else { panic!("`RecvOwned` has ended: it completed, or its receiver was taken") };
        let message = std::task::ready!(receiver.poll_recv(context));
        let Some(receiver) = slot.take() else { unreachable!("it was polled") };
        Poll::Ready((message.ok_or(RecvError), receiver))
    }
}

impl<T> fmt::Debug for RecvOwned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecvOwned { .. }")
    }
}

/// Blocking iterator over the messages of a channel; returned by [`Receiver::iter`].
pub struct Iter<'a, T> {
    receiver: &'a mut Receiver<T>,
}

/// Iterator over the messages of a channel that never waits; returned by [`Receiver::try_iter`].
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
