#![doc = include_str!("../../docs/migration/async-channel.md")]

use crate::channel::{self, OnDisconnect};
use crate::queue::{Gets, Queue, QueueRef};
use futures_core::stream::{FusedStream, Stream};
use std::fmt;
use std::future::Future;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::{Context, Poll};

pub use crate::error::{RecvError, SendError, TryRecvError, TrySendError};

/// A channel with room for `cap` messages.
///
/// # Panics
/// If `cap` is zero.
pub fn bounded<T>(cap: usize) -> (Sender<T>, Receiver<T>) {
    assert!(cap > 0, "capacity cannot be zero");
    handles(Queue::bounded(cap))
}

/// A channel that always has room.
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    handles(Queue::unbounded())
}

fn handles<T>(queue: Queue<T>) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = channel::pair(queue, OnDisconnect::Keep);
    (Sender(sender), Receiver::new(receiver))
}

/// The sending side.
pub struct Sender<T>(channel::Sender<T>);

impl<T> Sender<T> {
    /// Sends a message if there is room at this moment.
    pub fn try_send(&self, msg: T) -> Result<(), TrySendError<T>> {
        self.0.try_send(msg)
    }

    /// Sends a message; waits while the channel is full.
    ///
    /// # Cancel safety
    /// If this is dropped while it is pending the message is dropped, and was not sent.
    pub fn send(&self, msg: T) -> Send<'_, T> {
        Send { inner: self.0.send_when_polled(msg), pinned: PhantomPinned }
    }

    /// Sends a message, blocking this thread while the channel is full.
    pub fn send_blocking(&self, msg: T) -> Result<(), SendError<T>> {
        self.0.send(msg).wait()
    }

    /// Sends a message at once; where there is no room the oldest one comes out for it.
    pub fn force_send(&self, msg: T) -> Result<Option<T>, SendError<T>> {
        self.0.force_send(msg)
    }

    /// A sender that does not keep the channel open.
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender(self.0.downgrade_and_keep())
    }
}

pin_project_lite::pin_project! {
    /// The receiving side. It is a stream.
    pub struct Receiver<T> {
        // The receiver itself is the host of the get that is under way when it is read as a stream.
        gets: Gets<T, channel::Receiver<T>>,
        #[pin]
        pinned: PhantomPinned,
    }
}

impl<T> Receiver<T> {
    fn new(receiver: channel::Receiver<T>) -> Self {
        Receiver { gets: Gets::new(receiver), pinned: PhantomPinned }
    }

    fn inner(&self) -> &channel::Receiver<T> {
        self.gets.handle()
    }

    /// Receives a message if there is one at this moment.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.inner().try_recv()
    }

    /// Receives a message; waits while the channel is empty.
    pub fn recv(&self) -> Recv<'_, T> {
        Recv { inner: self.inner().recv(), pinned: PhantomPinned }
    }

    /// Receives a message, blocking this thread while the channel is empty.
    pub fn recv_blocking(&self) -> Result<T, RecvError> {
        self.inner().recv().wait()
    }

    /// A receiver that does not keep the channel open.
    pub fn downgrade(&self) -> WeakReceiver<T> {
        WeakReceiver(self.inner().downgrade_and_keep())
    }
}

impl<T> Stream for Receiver<T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.project().gets.poll_next(context)
    }
}

impl<T> FusedStream for Receiver<T> {
    fn is_terminated(&self) -> bool {
        self.inner().queue().is_over()
    }
}

impl<T> Sender<T> {
    fn inner(&self) -> &channel::Sender<T> {
        &self.0
    }

    /// Waits until the channel is closed.
    pub fn closed(&self) -> Closed<'_, T> {
        Closed { inner: self.0.closed(), pinned: PhantomPinned }
    }
}

/// What both kinds of handles have.
macro_rules! handle {
    ($name:ident, $weak:ident, $make:expr, $upgrade:ident) => {
        impl<T> $name<T> {
            /// Closes the channel; true for the one call that did.
            pub fn close(&self) -> bool {
                self.inner().close()
            }

            /// Whether the channel is closed.
            pub fn is_closed(&self) -> bool {
                self.inner().is_closed()
            }

            /// Whether nothing is inside.
            pub fn is_empty(&self) -> bool {
                self.inner().is_empty()
            }

            /// Whether there is no room.
            pub fn is_full(&self) -> bool {
                self.inner().is_full()
            }

            /// How many messages are inside.
            pub fn len(&self) -> usize {
                self.inner().len()
            }

            /// For how many messages there is room; `None` if the channel is unbounded.
            pub fn capacity(&self) -> Option<usize> {
                self.inner().capacity()
            }

            /// How many receivers there are.
            pub fn receiver_count(&self) -> usize {
                self.inner().receiver_count()
            }

            /// How many senders there are.
            pub fn sender_count(&self) -> usize {
                self.inner().sender_count()
            }

            /// Whether both are handles of one channel.
            pub fn same_channel(&self, other: &$name<T>) -> bool {
                self.inner().same_channel(other.inner())
            }
        }

        impl<T> Clone for $name<T> {
            fn clone(&self) -> Self {
                $make(self.inner().clone())
            }
        }

        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), " { .. }"))
            }
        }

        /// A handle that does not keep the channel open, but the messages in it.
        pub struct $weak<T>(channel::WeakAndKeeping<T>);

        impl<T> $weak<T> {
            /// A handle, unless the channel is closed.
            pub fn upgrade(&self) -> Option<$name<T>> {
                self.0.$upgrade().filter(|handle| !handle.is_closed()).map($make)
            }
        }

        impl<T> Clone for $weak<T> {
            fn clone(&self) -> Self {
                $weak(self.0.clone())
            }
        }

        impl<T> fmt::Debug for $weak<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($weak), " { .. }"))
            }
        }
    };
}

handle!(Sender, WeakSender, Sender, upgrade_sender);
handle!(Receiver, WeakReceiver, Receiver::new, upgrade_receiver);

conversions! {
    Sender from Sender: Sender, |handle| handle.0;
    Receiver from Receiver: Receiver::new, |handle| handle.inner().clone();
}

/// A future of this crate's channel, under its name in `async-channel`, where it is not `Unpin`.
macro_rules! future {
    ($(#[$meta:meta])* $name:ident: $($inner:ident)::+ -> $output:ty) => {
        pin_project_lite::pin_project! {
            $(#[$meta])*
            #[must_use = "futures do nothing unless you `.await` or poll them"]
            pub struct $name<'a, T> {
                inner: $($inner)::+<'a, T>,
                #[pin]
                pinned: PhantomPinned,
            }
        }

        impl<T> Future for $name<'_, T> {
            type Output = $output;

            fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<$output> {
                Pin::new(self.project().inner).poll(context)
            }
        }

        impl<T> fmt::Debug for $name<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), " { .. }"))
            }
        }
    };
}

future! {
    /// A message on its way in; made by [`Sender::send`].
    Send: channel::Send -> Result<(), SendError<T>>
}
future! {
    /// A message on its way out; made by [`Receiver::recv`].
    Recv: channel::Recv -> Result<T, RecvError>
}
future! {
    /// The wait for the end; made by [`Sender::closed`].
    Closed: crate::Closed -> ()
}
