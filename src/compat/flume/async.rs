//! Futures, streams and sinks. Each borrows its handle or owns it; one that owns it borrows nothing.

use super::{Receiver, RecvError, SendError, Sender};
use crate::operation::Operation;
use crate::queue::{GetAttempt, Gets, One, Puts, Queue, QueueRef};
use futures_core::future::FusedFuture;
use futures_core::stream::{FusedStream, Stream};
use futures_sink::Sink;
use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A handle, borrowed or owned.
#[derive(Clone)]
enum Held<'a, H> {
    Borrowed(&'a H),
    Owned(H),
}

impl<H> Deref for Held<'_, H> {
    type Target = H;

    fn deref(&self) -> &H {
        match self {
            Held::Borrowed(handle) => handle,
            Held::Owned(handle) => handle,
        }
    }
}

impl<T, H: QueueRef<T>> QueueRef<T> for Held<'_, H> {
    fn queue(&self) -> &Queue<T> {
        (**self).queue()
    }
}

impl<T> Sender<T> {
    /// Sends a message; waits while the channel is full.
    pub fn send_async(&self, item: T) -> SendFut<'_, T> {
        SendFut::new(Held::Borrowed(self), item)
    }

    /// [`send_async`](Sender::send_async), with a future that owns this sender.
    pub fn into_send_async<'a>(self, item: T) -> SendFut<'a, T> {
        SendFut::new(Held::Owned(self), item)
    }

    /// This sender as a sink.
    pub fn sink(&self) -> SendSink<'_, T> {
        SendSink(Puts::new(Held::Borrowed(self)))
    }

    /// This sender as a sink, which owns it.
    pub fn into_sink<'a>(self) -> SendSink<'a, T> {
        SendSink(Puts::new(Held::Owned(self)))
    }
}

impl<T> Receiver<T> {
    /// Receives a message; waits while the channel is empty.
    pub fn recv_async(&self) -> RecvFut<'_, T> {
        RecvFut::new(Held::Borrowed(self))
    }

    /// [`recv_async`](Receiver::recv_async), with a future that owns this receiver.
    pub fn into_recv_async<'a>(self) -> RecvFut<'a, T> {
        RecvFut::new(Held::Owned(self))
    }

    /// The messages as a stream, which ends when all senders are gone and nothing is left.
    pub fn stream(&self) -> RecvStream<'_, T> {
        RecvStream(Gets::new(Held::Borrowed(self)))
    }

    /// [`stream`](Receiver::stream), as a stream that owns this receiver.
    pub fn into_stream<'a>(self) -> RecvStream<'a, T> {
        RecvStream(Gets::new(Held::Owned(self)))
    }
}

/// A message on its way in; made by [`Sender::send_async`] and [`Sender::into_send_async`].
///
/// Dropping it while it is pending drops the message, unless a receive has made room and moved it in. Once complete it
/// completes with `Ok` whenever it is polled.
#[must_use = "futures/streams/sinks do nothing unless you `.await` or poll them"]
pub struct SendFut<'a, T>(Puts<T, Held<'a, Sender<T>>>);

/// A message on its way out; made by [`Receiver::recv_async`] and [`Receiver::into_recv_async`].
///
/// It can be dropped at any time: it takes a message only in the poll that returns it. Polled after that it is on its
/// way for the next message.
#[must_use = "futures/streams/sinks do nothing unless you `.await` or poll them"]
pub struct RecvFut<'a, T>(Operation<GetAttempt<T, Held<'a, Receiver<T>>, One>>);

/// A sender as a sink; made by [`Sender::sink`] and [`Sender::into_sink`].
///
/// It holds one message on its way in, which goes in at the next `poll_ready`, `poll_flush` or `poll_close`, or when there is
/// room after that.
pub struct SendSink<'a, T>(Puts<T, Held<'a, Sender<T>>>);

/// The messages as a stream; made by [`Receiver::stream`] and [`Receiver::into_stream`].
pub struct RecvStream<'a, T>(Gets<T, Held<'a, Receiver<T>>>);

/// What all four have: the questions to the channel, and no address of their own.
macro_rules! asynchronous {
    ($($name:ident of $handle:ident, |$it:ident| $held:expr;)+) => {$(
        impl<'a, T> $name<'a, T> {
            fn held(&self) -> &Held<'a, $handle<T>> {
                let $it = &self.0;
                $held
            }
        }

        queries!($name<'_, T>, |it| it.held().queue());

        impl<T> Unpin for $name<'_, T> {}

        impl<T> fmt::Debug for $name<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )+};
}

asynchronous! {
    SendFut of Sender, |puts| puts.handle();
    SendSink of Sender, |puts| puts.handle();
    RecvFut of Receiver, |get| &get.attempt.handle;
    RecvStream of Receiver, |gets| gets.handle();
}

impl<'a, T> SendFut<'a, T> {
    fn new(sender: Held<'a, Sender<T>>, item: T) -> Self {
        let mut puts = Puts::new(sender);
        puts.load(item);
        SendFut(puts)
    }
}

impl<T> Future for SendFut<'_, T> {
    type Output = Result<(), SendError<T>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.get_mut().0.poll_empty(context).map_err(SendError::from)
    }
}

impl<T> FusedFuture for SendFut<'_, T> {
    fn is_terminated(&self) -> bool {
        self.is_disconnected()
    }
}

impl<'a, T> RecvFut<'a, T> {
    fn new(receiver: Held<'a, Receiver<T>>) -> Self {
        RecvFut(Operation::new(GetAttempt::new(receiver, One)))
    }
}

impl<T> Future for RecvFut<'_, T> {
    type Output = Result<T, RecvError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let operation = &mut self.get_mut().0;
        let Poll::Ready(received) = operation.poll(context) else { return Poll::Pending };
        operation.restart();
        Poll::Ready(received.map_err(RecvError::from))
    }
}

impl<T> FusedFuture for RecvFut<'_, T> {
    fn is_terminated(&self) -> bool {
        self.held().queue().is_over()
    }
}

impl<T> SendSink<'_, T> {
    /// The sender behind it.
    pub fn sender(&self) -> &Sender<T> {
        self.held()
    }

    /// Whether both are sinks of one channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.sender().same_channel(other.sender())
    }
}

impl<T> Sink<T> for SendSink<'_, T> {
    type Error = SendError<T>;

    fn poll_ready(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        self.poll_flush(context)
    }

    /// Takes a message on. A message that is still on its way is dropped.
    fn start_send(self: Pin<&mut Self>, item: T) -> Result<(), SendError<T>> {
        self.get_mut().0.replace_item(item);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        self.get_mut().0.poll_empty(context).map_err(SendError::from)
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        self.poll_flush(context)
    }
}

impl<T> Clone for SendSink<'_, T> {
    /// Another sink of the channel; a message that is on its way in this one stays here.
    fn clone(&self) -> Self {
        SendSink(Puts::new(self.held().clone()))
    }
}

impl<T> RecvStream<'_, T> {
    /// Whether both are streams of one channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.held().same_channel(other.held())
    }
}

impl<T> Stream for RecvStream<'_, T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.get_mut().0.poll_next(context)
    }
}

impl<T> FusedStream for RecvStream<'_, T> {
    fn is_terminated(&self) -> bool {
        self.held().queue().is_over()
    }
}

impl<T> Clone for RecvStream<'_, T> {
    /// Another stream of the channel; each message goes to one of them.
    fn clone(&self) -> Self {
        RecvStream(Gets::new(self.held().clone()))
    }
}
