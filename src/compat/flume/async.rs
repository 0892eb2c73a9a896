//! Futures, streams and sinks. Each borrows its handle or owns it; one that owns it is `'static`.

use super::{Receiver, RecvError, SendError, Sender};
use crate::operation::Operation;
use crate::queue::{GetAttempt, Gets, One, Puts, Queue, QueueRef};
use futures_core::future::FusedFuture;
use futures_core::stream::{FusedStream, Stream};
use futures_sink::Sink;
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

    /// A sink that borrows this sender.
    pub fn sink(&self) -> SendSink<'_, T> {
        SendSink(Puts::new(Held::Borrowed(self)))
    }

    /// A sink that owns this sender.
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

    /// A stream of the messages, which ends when all senders were dropped and the channel is empty.
    pub fn stream(&self) -> RecvStream<'_, T> {
        RecvStream(Gets::new(Held::Borrowed(self)))
    }

    /// [`stream`](Receiver::stream) that owns this receiver.
    pub fn into_stream<'a>(self) -> RecvStream<'a, T> {
        RecvStream(Gets::new(Held::Owned(self)))
    }
}

/// Future returned by [`Sender::send_async`] and [`Sender::into_send_async`].
///
/// Dropping it while it is pending drops the message, unless a receive has freed a slot and enqueued the
/// message. After it has completed, each further poll returns `Ok`.
#[must_use = "futures/streams/sinks do nothing unless you `.await` or poll them"]
pub struct SendFut<'a, T>(Puts<T, Held<'a, Sender<T>>>);

/// Future returned by [`Receiver::recv_async`] and [`Receiver::into_recv_async`].
///
/// It can be dropped at any time: it takes a message only in the poll that returns it. A poll after that
/// waits for the next message.
#[must_use = "futures/streams/sinks do nothing unless you `.await` or poll them"]
pub struct RecvFut<'a, T>(Operation<GetAttempt<T, Held<'a, Receiver<T>>, One>>);

/// Sink returned by [`Sender::sink`] and [`Sender::into_sink`].
///
/// It buffers one message, which it sends at the next `poll_ready`, `poll_flush` or `poll_close`; if the
/// channel is full then, the message waits in FIFO order.
pub struct SendSink<'a, T>(Puts<T, Held<'a, Sender<T>>>);

/// Stream returned by [`Receiver::stream`] and [`Receiver::into_stream`].
pub struct RecvStream<'a, T>(Gets<T, Held<'a, Receiver<T>>>);

impl<'a, T> SendFut<'a, T> {
    fn held(&self) -> &Held<'a, Sender<T>> {
        self.0.handle()
    }
}

impl<'a, T> SendSink<'a, T> {
    fn held(&self) -> &Held<'a, Sender<T>> {
        self.0.handle()
    }
}

impl<'a, T> RecvFut<'a, T> {
    fn held(&self) -> &Held<'a, Receiver<T>> {
        &self.0.attempt.handle
    }
}

impl<'a, T> RecvStream<'a, T> {
    fn held(&self) -> &Held<'a, Receiver<T>> {
        self.0.handle()
    }
}

delegate!(SendFut<'_>(.held()): is_disconnected, is_empty, is_full, len, capacity);
delegate!(SendSink<'_>(.held()): is_disconnected, is_empty, is_full, len, capacity, same_channel);
delegate!(RecvFut<'_>(.held()): is_disconnected, is_empty, is_full, len, capacity);
delegate!(RecvStream<'_>(.held()): is_disconnected, is_empty, is_full, len, capacity, same_channel);
opaque_debug!(write_str "": SendFut<'_, T>, SendSink<'_, T>, RecvFut<'_, T>, RecvStream<'_, T>);

impl<T> Unpin for SendFut<'_, T> {}
impl<T> Unpin for SendSink<'_, T> {}
impl<T> Unpin for RecvFut<'_, T> {}
impl<T> Unpin for RecvStream<'_, T> {}

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
        self.get_mut().0.poll_empty_without_budget(context).map_err(SendError::from)
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
        let Poll::Ready(received) = operation.poll_without_budget(context) else { return Poll::Pending };
        operation.restart();
        Poll::Ready(received.map_err(RecvError::from))
    }
}

impl<T> FusedFuture for RecvFut<'_, T> {
    fn is_terminated(&self) -> bool {
        self.held().queue().is_finished()
    }
}

impl<T> SendSink<'_, T> {
    /// The sender of this sink.
    pub fn sender(&self) -> &Sender<T> {
        self.held()
    }
}

impl<T> Sink<T> for SendSink<'_, T> {
    type Error = SendError<T>;

    fn poll_ready(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        self.poll_flush(context)
    }

    /// Buffers a message. A message that is still buffered or waits is dropped.
    fn start_send(self: Pin<&mut Self>, item: T) -> Result<(), SendError<T>> {
        self.get_mut().0.replace_item(item);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        self.get_mut().0.poll_empty_without_budget(context).map_err(SendError::from)
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        self.poll_flush(context)
    }
}

impl<T> Clone for SendSink<'_, T> {
    /// Returns another sink of the channel, with an empty buffer.
    fn clone(&self) -> Self {
        SendSink(Puts::new(self.held().clone()))
    }
}

impl<T> Stream for RecvStream<'_, T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.get_mut().0.poll_next_without_budget(context)
    }
}

impl<T> FusedStream for RecvStream<'_, T> {
    fn is_terminated(&self) -> bool {
        self.held().queue().is_finished()
    }
}

impl<T> Clone for RecvStream<'_, T> {
    /// Returns another stream of the channel; each message goes to one of them.
    fn clone(&self) -> Self {
        RecvStream(Gets::new(self.held().clone()))
    }
}
