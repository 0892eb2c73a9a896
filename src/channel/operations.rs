//! The queue's operations under the channel's names: futures, a stream, a sink, an iterator.
//!
//! Knows the attempts of the queue. Does not know how they complete.

use super::{Receiver, Sender};
use crate::error::{RecvError, RecvTimeoutError, SendError, SendTimeoutError};
use crate::operation::{lingers, operation, Operation};
use crate::queue::{Collected, GetAttempt, Many, One, PutAttempt, Queue};
use std::collections::VecDeque;
use std::fmt;
use std::iter::FusedIterator;

type Sending<'a, T, L, R> = PutAttempt<T, &'a Queue<T>, L, SendError<R>, SendTimeoutError<R>>;
type Receiving<'a, T, K> = GetAttempt<T, &'a Queue<T>, K, RecvError, RecvTimeoutError>;

operation! {
    /// Future returned by [`Sender::send`](crate::Sender::send).
    ///
    /// # Cancel safety
    /// As for [`Put`](crate::queue::Put): dropping it while it is pending drops the message, unless a receive
    /// has freed a slot and enqueued the message by then. [`Send::take`] returns the message, or `None` if it
    /// is in the channel.
    pub struct Send<'a, T>(Sending<'a, T, Option<T>, T>)
        -> Result<(), SendError<T>>, in time Result<(), SendTimeoutError<T>>;
    example ["let (sender, receiver) = joinq::bounded(1);"]
        "assert_eq!(sender.send(1)", ", Ok(()));";
    times out ["let (sender, receiver) = joinq::bounded(1);" "sender.try_send(1).unwrap(); // now the channel is full"]
        "let late = sender.send(2)",
        ";\nassert_eq!(late, Err(joinq::SendTimeoutError::Timeout(2))); // with the message";
}

impl<'a, T> Send<'a, T> {
    #[inline]
    pub(super) fn new(queue: &'a Queue<T>, message: T) -> Self {
        Send(Operation::new(PutAttempt::new(queue, Some(message))))
    }

    /// A send whose message is enqueued only when the future is polled.
    #[cfg(feature = "compat")]
    pub(super) fn without_handoff(queue: &'a Queue<T>, message: T) -> Self {
        Send(Operation::new(PutAttempt::without_handoff(queue, Some(message))))
    }

    /// Takes the message back and ends the operation.
    ///
    /// Returns `None` if the message is already in the channel, or if an error has returned it.
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use futures_lite::future::poll_once;
    ///
    /// let (sender, receiver) = joinq::bounded(1);
    /// sender.send(1).await.unwrap();
    /// let mut send = sender.send(2);
    /// assert_eq!(poll_once(&mut send).await, None); // the channel is full: it waits
    /// assert_eq!(send.take(), Some(2));
    ///
    /// let mut send = sender.send(3);
    /// assert_eq!(poll_once(&mut send).await, None);
    /// receiver.recv().await.unwrap(); // frees a slot, and enqueues the 3
    /// assert_eq!(send.take(), None);
    /// # });
    /// ```
    pub fn take(&mut self) -> Option<T> {
        self.0.take_back()
    }
}

operation! {
    /// Future returned by [`Sender::send_many`](crate::Sender::send_many).
    ///
    /// # Cancel safety
    /// Dropping it while it is pending drops the messages that are not in the channel; [`SendMany::take`]
    /// returns them.
    pub struct SendMany<'a, T>(Sending<'a, T, VecDeque<T>, Vec<T>>)
        -> Result<(), SendError<Vec<T>>>, in time Result<(), SendTimeoutError<Vec<T>>>;
    example ["let (sender, receiver) = joinq::unbounded();"]
        "assert_eq!(sender.send_many([1, 2, 3])", ", Ok(()));";
    times out ["let (sender, receiver) = joinq::bounded(2);"]
        "let late = sender.send_many([1, 2, 3])",
        ";\nassert_eq!(late.unwrap_err().into_inner(), [3]); // what was not sent";
}

impl<'a, T> SendMany<'a, T> {
    pub(super) fn new(queue: &'a Queue<T>, messages: VecDeque<T>) -> Self {
        SendMany(Operation::new(PutAttempt::new(queue, messages)))
    }

    /// Takes back the messages that are not in the channel, in their order, and ends the operation.
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let (sender, receiver) = joinq::bounded(1);
    /// let mut send = sender.send_many([1, 2, 3]);
    /// assert_eq!(futures_lite::future::poll_once(&mut send).await, None); // one is sent, two wait
    /// assert_eq!(send.take(), [2, 3]);
    /// # });
    /// ```
    pub fn take(&mut self) -> Vec<T> {
        self.0.take_back().unwrap_or_default()
    }
}

operation! {
    /// Future returned by [`Receiver::recv`](crate::Receiver::recv).
    ///
    /// # Cancel safety
    /// It can be dropped at any time: it takes a message only in the poll that returns it.
    pub struct Recv<'a, T>(Receiving<'a, T, One>)
        -> Result<T, RecvError>, in time Result<T, RecvTimeoutError>;
    example ["let (sender, receiver) = joinq::unbounded();" "sender.try_send(1).unwrap();"]
        "assert_eq!(receiver.recv()", ", Ok(1));";
    times out ["let (sender, receiver) = joinq::unbounded::<u32>();"]
        "let late = receiver.recv()", ";\nassert_eq!(late, Err(joinq::RecvTimeoutError::Timeout));";
}

impl<'a, T> Recv<'a, T> {
    #[inline]
    pub(super) fn new(queue: &'a Queue<T>) -> Self {
        Recv(Operation::new(GetAttempt::new(queue, One)))
    }
}

operation! {
    /// Future returned by [`Sender::into_send`](crate::Sender::into_send); it owns the sender.
    ///
    /// # Cancel safety
    /// As for [`Send`].
    pub struct SendOwned<T>(PutAttempt<T, Sender<T>, Option<T>, SendError<T>, SendTimeoutError<T>>)
        -> Result<(), SendError<T>>, in time Result<(), SendTimeoutError<T>>;
    example ["let (sender, receiver) = joinq::bounded(1);"]
        "assert_eq!(sender.into_send(1)", ", Ok(()));";
    times out ["let (sender, receiver) = joinq::bounded(1);" "sender.try_send(1).unwrap(); // now the channel is full"]
        "let late = sender.into_send(2)",
        ";\nassert_eq!(late, Err(joinq::SendTimeoutError::Timeout(2))); // with the message";
}

impl<T> SendOwned<T> {
    pub(super) fn new(sender: Sender<T>, message: T) -> Self {
        SendOwned(Operation::new(PutAttempt::new(sender, Some(message))))
    }

    /// Takes the message back and ends the operation, as [`Send::take`].
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let (sender, receiver) = joinq::bounded(1);
    /// sender.send(1).await.unwrap();
    /// let mut send = sender.into_send(2);
    /// assert_eq!(futures_lite::future::poll_once(&mut send).await, None); // the channel is full: it waits
    /// assert_eq!(send.take(), Some(2));
    /// # });
    /// ```
    pub fn take(&mut self) -> Option<T> {
        self.0.take_back()
    }
}

operation! {
    /// Future returned by [`Receiver::into_recv`]; it owns the receiver.
    ///
    /// # Cancel safety
    /// As for [`Recv`].
    pub struct RecvOwned<T>(GetAttempt<T, Receiver<T>, One, RecvError, RecvTimeoutError>)
        -> Result<T, RecvError>, in time Result<T, RecvTimeoutError>;
    example ["let (sender, receiver) = joinq::unbounded();" "sender.try_send(1).unwrap();"]
        "assert_eq!(receiver.into_recv()", ", Ok(1));";
    times out ["let (sender, receiver) = joinq::unbounded::<u32>();"]
        "let late = receiver.into_recv()", ";\nassert_eq!(late, Err(joinq::RecvTimeoutError::Timeout));";
}

impl<T> RecvOwned<T> {
    pub(super) fn new(receiver: Receiver<T>) -> Self {
        RecvOwned(Operation::new(GetAttempt::new(receiver, One)))
    }
}

operation! {
    /// Future returned by [`Receiver::recv_many`](crate::Receiver::recv_many).
    ///
    /// # Cancel safety
    /// It can be dropped at any time: it takes messages only in the poll that returns their number.
    pub struct RecvMany<'a, T>(Receiving<'a, T, Many<'a, T>>)
        -> Result<usize, RecvError>, in time Result<usize, RecvTimeoutError>;
    example [
        "let (sender, receiver) = joinq::unbounded();"
        "sender.try_send_many([1, 2, 3]).unwrap();"
        "let mut messages = Vec::new();"
    ] "assert_eq!(receiver.recv_many(&mut messages, 2)", ", Ok(2));\nassert_eq!(messages, [1, 2]);";
    times out ["let (sender, receiver) = joinq::unbounded::<u32>();" "let mut messages = Vec::new();"]
        "let late = receiver.recv_many(&mut messages, 2)", ";\nassert_eq!(late, Err(joinq::RecvTimeoutError::Timeout));";
}

lingers! {
    RecvMany, RecvError,
    "let (sender, receiver) = joinq::unbounded();\nsender.send_many([1, 2]).wait().unwrap();",
    "receiver.recv_many(&mut batch, 3)"
}

impl<'a, T> RecvMany<'a, T> {
    pub(super) fn new(queue: &'a Queue<T>, items: &'a mut Vec<T>, limit: usize) -> Self {
        RecvMany(Operation::new(GetAttempt::new(queue, Many { items, limit })))
    }
}

operation! {
    /// Future returned by [`Sender::into_send_many`](crate::Sender::into_send_many); it owns the sender.
    ///
    /// # Cancel safety
    /// As for [`SendMany`].
    pub struct SendManyOwned<T>(PutAttempt<T, Sender<T>, VecDeque<T>, SendError<Vec<T>>, SendTimeoutError<Vec<T>>>)
        -> Result<(), SendError<Vec<T>>>, in time Result<(), SendTimeoutError<Vec<T>>>;
    example ["let (sender, receiver) = joinq::unbounded();"]
        "assert_eq!(sender.into_send_many([1, 2, 3])", ", Ok(()));";
    times out ["let (sender, receiver) = joinq::bounded(2);"]
        "let late = sender.into_send_many([1, 2, 3])",
        ";\nassert_eq!(late.unwrap_err().into_inner(), [3]); // what was not sent";
}

impl<T> SendManyOwned<T> {
    pub(super) fn new(sender: Sender<T>, messages: VecDeque<T>) -> Self {
        SendManyOwned(Operation::new(PutAttempt::new(sender, messages)))
    }

    /// Takes back the messages that are not in the channel, in their order, and ends the operation.
    ///
    /// # Examples
    /// ```
    /// use futures_lite::future::{block_on, poll_once};
    ///
    /// let (sender, _receiver) = joinq::bounded(1);
    /// let mut send = sender.into_send_many([1, 2, 3]);
    /// assert!(block_on(poll_once(&mut send)).is_none());
    /// assert_eq!(send.take(), [2, 3]);
    /// ```
    pub fn take(&mut self) -> Vec<T> {
        self.0.take_back().unwrap_or_default()
    }
}

operation! {
    /// Future returned by [`Receiver::into_recv_many`](crate::Receiver::into_recv_many); it owns the receiver.
    ///
    /// # Cancel safety
    /// It can be dropped at any time: it takes messages only in the poll that returns them.
    pub struct RecvManyOwned<T>(GetAttempt<T, Receiver<T>, Collected<T>, RecvError, RecvTimeoutError>)
        -> Result<Vec<T>, RecvError>, in time Result<Vec<T>, RecvTimeoutError>;
    example ["let (sender, receiver) = joinq::unbounded();" "sender.try_send_many([1, 2, 3]).unwrap();"]
        "assert_eq!(receiver.into_recv_many(2)", ", Ok(vec![1, 2]));";
    times out ["let (sender, receiver) = joinq::unbounded::<u32>();"]
        "let late = receiver.into_recv_many(2)", ";\nassert_eq!(late, Err(joinq::RecvTimeoutError::Timeout));";
}

impl<T> RecvManyOwned<T> {
    pub(super) fn new(receiver: Receiver<T>, limit: usize) -> Self {
        RecvManyOwned(Operation::new(GetAttempt::new(receiver, Collected { items: Vec::new(), limit })))
    }
}

/// Blocking iterator over the messages of a channel; returned by `Receiver::into_iter`. It owns the receiver.
pub struct IntoIter<T> {
    receiver: Receiver<T>,
}

impl<T> IntoIter<T> {
    pub(super) fn new(receiver: Receiver<T>) -> Self {
        IntoIter { receiver }
    }
}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.receiver.recv().wait().ok()
    }
}

// Once closed and empty, a channel stays so.
impl<T> FusedIterator for IntoIter<T> {}

impl<T> fmt::Debug for IntoIter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IntoIter { .. }")
    }
}

/// Stream of the messages of a channel; returned by [`Receiver::into_stream`]. It owns the receiver.
///
/// Requires the feature `stream`.
///
/// # Cancel safety
/// It can be dropped at any time: it takes a message only in the poll that returns it.
#[cfg(feature = "stream")]
pub struct RecvStream<T>(crate::queue::Gets<T, Receiver<T>>);

#[cfg(feature = "stream")]
mod stream {
    use super::{Receiver, RecvStream};
    use crate::queue::Gets;
    use futures_core::stream::{FusedStream, Stream};
    use std::fmt;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    impl<T> RecvStream<T> {
        pub(crate) fn new(receiver: Receiver<T>) -> Self {
            RecvStream(Gets::new(receiver))
        }
    }

    impl<T> Unpin for RecvStream<T> {}

    impl<T> Stream for RecvStream<T> {
        type Item = T;

        fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
            self.get_mut().0.poll_next(context)
        }
    }

    impl<T> FusedStream for RecvStream<T> {
        fn is_terminated(&self) -> bool {
            self.0.is_finished()
        }
    }

    impl<T> fmt::Debug for RecvStream<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("RecvStream { .. }")
        }
    }
}

/// Sink that sends messages into a channel; returned by [`Sender::into_sink`]. It owns the sender.
///
/// Requires the feature `sink`.
///
/// It buffers one message, which it sends at the next `poll_ready`, `poll_flush` or `poll_close`.
/// `poll_close` does not close the channel.
#[cfg(feature = "sink")]
pub struct SendSink<T>(crate::queue::Puts<T, Sender<T>>);

#[cfg(feature = "sink")]
mod sink {
    use super::{SendError, SendSink, Sender};
    use crate::queue::Puts;
    use futures_sink::Sink;
    use std::fmt;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    impl<T> SendSink<T> {
        pub(crate) fn new(sender: Sender<T>) -> Self {
            SendSink(Puts::new(sender))
        }
    }

    impl<T> Unpin for SendSink<T> {}

    impl<T> Sink<T> for SendSink<T> {
        type Error = SendError<T>;

        fn poll_ready(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
            self.poll_flush(context)
        }

        #[track_caller]
        fn start_send(self: Pin<&mut Self>, message: T) -> Result<(), SendError<T>> {
            Ok(self.get_mut().0.start(message)?)
        }

        fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
            self.get_mut().0.poll_empty(context).map_err(SendError::from)
        }

        fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
            self.poll_flush(context)
        }
    }

    impl<T> fmt::Debug for SendSink<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("SendSink { .. }")
        }
    }
}
