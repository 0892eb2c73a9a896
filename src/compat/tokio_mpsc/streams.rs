//! Streams that own a receiver, as in `tokio_stream::wrappers`.

use super::{Receiver, UnboundedReceiver};
use futures_core::stream::Stream;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A stream of the messages of a [`Receiver`], which it owns: `tokio_stream::wrappers::ReceiverStream`.
///
/// It ends when the channel is closed and empty and no permit is held.
///
/// # Cancel safety
/// It can be dropped at any time: it takes a message only in the poll that returns it.
///
/// # Examples
/// ```
/// use futures_lite::StreamExt; // or that of `tokio_stream`
/// use joinq::compat::tokio_mpsc::{channel, ReceiverStream};
///
/// # futures_lite::future::block_on(async {
/// let (sender, receiver) = channel(2);
/// sender.send(1).await.unwrap();
/// sender.send(2).await.unwrap();
/// drop(sender);
/// let doubled = ReceiverStream::new(receiver).map(|number| 2 * number);
/// assert_eq!(doubled.collect::<Vec<_>>().await, [2, 4]);
/// # });
/// ```
pub struct ReceiverStream<T> {
    inner: Receiver<T>,
}

/// A stream of the messages of an [`UnboundedReceiver`], which it owns:
/// `tokio_stream::wrappers::UnboundedReceiverStream`.
///
/// It ends when the channel is closed and empty.
///
/// # Cancel safety
/// It can be dropped at any time: it takes a message only in the poll that returns it.
///
/// # Examples
/// ```
/// use futures_lite::StreamExt; // or that of `tokio_stream`
/// use joinq::compat::tokio_mpsc::{unbounded_channel, UnboundedReceiverStream};
///
/// # futures_lite::future::block_on(async {
/// let (sender, receiver) = unbounded_channel();
/// sender.send(1).unwrap();
/// sender.send(2).unwrap();
/// drop(sender);
/// let doubled = UnboundedReceiverStream::new(receiver).map(|number| 2 * number);
/// assert_eq!(doubled.collect::<Vec<_>>().await, [2, 4]);
/// # });
/// ```
pub struct UnboundedReceiverStream<T> {
    inner: UnboundedReceiver<T>,
}

/// The methods and traits of both streams. `$most` is the number of messages that may still arrive through a
/// closed channel; the literals are for the examples.
macro_rules! stream {
    ($name:ident of $receiver:ident, $channel:literal, $send:literal, |$inner:ident, $len:ident| $most:expr) => {
        impl<T> $name<T> {
            /// Creates a stream of the messages of `recv`.
            ///
            #[doc = example!(
                use "futures_lite::StreamExt";
                use "joinq::compat::tokio_mpsc::", stringify!($name);
                "receiver" = $channel:
                "sender.", $send, "(1).unwrap();\n",
                "let mut stream = ", stringify!($name), "::new(receiver);\n",
                "assert_eq!(stream.next().await, Some(1));"
            )]
            pub fn new(recv: $receiver<T>) -> Self {
                $name { inner: recv }
            }

            /// Returns the receiver.
            ///
            #[doc = example!(
                use "joinq::compat::tokio_mpsc::", stringify!($name);
                "receiver" = $channel:
                "let stream = ", stringify!($name), "::new(receiver);\n",
                "sender.", $send, "(1).unwrap();\n",
                "assert_eq!(stream.into_inner().recv().await, Some(1));"
            )]
            pub fn into_inner(self) -> $receiver<T> {
                self.inner
            }

            /// Closes the channel. Further sends fail; messages in the channel can still be received, and
            /// those of permits that are held as well.
            ///
            #[doc = example!(
                use "futures_lite::StreamExt";
                use "joinq::compat::tokio_mpsc::", stringify!($name);
                "receiver" = $channel:
                "let mut stream = ", stringify!($name), "::new(receiver);\n",
                "sender.", $send, "(1).unwrap();\n",
                "stream.close();\n",
                "assert!(sender.", $send, "(2).is_err());\n",
                "assert_eq!((stream.next().await, stream.next().await), (Some(1), None));"
            )]
            pub fn close(&mut self) {
                self.inner.close();
            }
        }

        impl<T> Stream for $name<T> {
            type Item = T;

            fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
                self.inner.poll_recv(cx)
            }

            /// The number of messages in the channel, and, once the channel is closed, the most that may
            /// arrive.
            fn size_hint(&self) -> (usize, Option<usize>) {
                let ($inner, $len) = (&self.inner, self.inner.len());
                ($len, $inner.is_closed().then(|| $most))
            }
        }

        impl<T> AsRef<$receiver<T>> for $name<T> {
            fn as_ref(&self) -> &$receiver<T> {
                &self.inner
            }
        }

        impl<T> AsMut<$receiver<T>> for $name<T> {
            fn as_mut(&mut self) -> &mut $receiver<T> {
                &mut self.inner
            }
        }

        impl<T> From<$receiver<T>> for $name<T> {
            fn from(recv: $receiver<T>) -> Self {
                $name::new(recv)
            }
        }

        opaque_debug!(field inner: $name<T>);
    };
}

stream!(ReceiverStream of Receiver, "channel(4)", "try_send", |inner, len| inner.max_capacity() - inner.capacity());
stream!(UnboundedReceiverStream of UnboundedReceiver, "unbounded_channel()", "send", |_inner, len| len);
