#![doc = include_str!("../../docs/migration/async-channel.md")]

use crate::channel::{self, OnDisconnect};
use crate::queue::{Gets, Queue, QueueRef};
use futures_core::stream::{FusedStream, Stream};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

pub use crate::error::{RecvError, SendError, TryRecvError, TrySendError};

/// Creates a channel that holds at most `cap` messages.
///
/// # Panics
/// If `cap` is zero.
///
/// # Examples
/// ```
/// use joinq::compat::async_channel;
///
/// let (sender, receiver) = async_channel::bounded(1);
/// sender.try_send(1).unwrap();
/// assert!(sender.try_send(2).unwrap_err().is_full());
/// assert_eq!(receiver.try_recv(), Ok(1));
/// ```
#[track_caller]
pub fn bounded<T>(cap: usize) -> (Sender<T>, Receiver<T>) {
    assert!(cap > 0, "capacity cannot be zero");
    handles(Queue::bounded(cap))
}

/// Creates an unbounded channel.
///
/// # Examples
/// ```
/// use joinq::compat::async_channel;
///
/// let (sender, receiver) = async_channel::unbounded();
/// std::thread::spawn(move || sender.send_blocking("hello"));
/// assert_eq!(receiver.recv_blocking(), Ok("hello"));
/// assert!(receiver.recv_blocking().is_err()); // the sender was dropped
/// ```
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
    /// Sends a message without waiting.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::async_channel;
    ///
    /// let (sender, receiver) = async_channel::bounded(1);
    /// assert_eq!(sender.try_send(1), Ok(()));
    /// assert!(sender.try_send(2).unwrap_err().is_full());
    /// drop(receiver);
    /// assert!(sender.try_send(3).unwrap_err().is_closed());
    /// ```
    pub fn try_send(&self, msg: T) -> Result<(), TrySendError<T>> {
        self.0.try_send(msg)
    }

    /// Sends a message; waits while the channel is full.
    ///
    /// # Cancel safety
    /// If the future is dropped while it is pending, the message is dropped and was not sent.
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use joinq::compat::async_channel;
    ///
    /// let (sender, receiver) = async_channel::bounded(1);
    /// sender.send(1).await.unwrap();
    /// assert_eq!(receiver.recv().await, Ok(1));
    /// # });
    /// ```
    pub fn send(&self, msg: T) -> Send<'_, T> {
        Send(self.0.send_when_polled(msg))
    }

    /// Sends a message; blocks this thread while the channel is full.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::async_channel;
    ///
    /// let (sender, receiver) = async_channel::bounded(1);
    /// sender.send_blocking(1).unwrap();
    /// drop(receiver);
    /// assert_eq!(sender.send_blocking(2).unwrap_err().into_inner(), 2);
    /// ```
    pub fn send_blocking(&self, msg: T) -> Result<(), SendError<T>> {
        self.0.send(msg).wait()
    }

    /// Sends a message without waiting; if the channel is full, it displaces the oldest message, which is
    /// returned.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::async_channel;
    ///
    /// let (sender, receiver) = async_channel::bounded(1);
    /// assert_eq!(sender.force_send(1), Ok(None));
    /// assert_eq!(sender.force_send(2), Ok(Some(1))); // the oldest message is displaced
    /// assert_eq!(receiver.try_recv(), Ok(2));
    /// ```
    pub fn force_send(&self, msg: T) -> Result<Option<T>, SendError<T>> {
        self.0.force_send(msg)
    }

    /// Returns a sender that does not keep the channel open.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::async_channel;
    ///
    /// let (sender, receiver) = async_channel::unbounded::<u32>();
    /// let weak = sender.downgrade();
    /// drop(sender);
    /// assert!(receiver.is_closed() && weak.upgrade().is_none());
    /// ```
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender(self.0.downgrade_keeping_messages())
    }
}

/// The receiving side; it is also a stream.
pub struct Receiver<T> {
    // The receiver is inside the operation, which is pending while the receiver is polled as a stream.
    gets: Gets<T, channel::Receiver<T>>,
}

impl<T> Receiver<T> {
    fn new(receiver: channel::Receiver<T>) -> Self {
        Receiver { gets: Gets::new(receiver) }
    }

    fn inner(&self) -> &channel::Receiver<T> {
        self.gets.handle()
    }

    /// Receives a message without waiting.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::async_channel;
    ///
    /// let (sender, receiver) = async_channel::unbounded();
    /// assert!(receiver.try_recv().unwrap_err().is_empty());
    /// sender.try_send(1).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// ```
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.inner().try_recv()
    }

    /// Receives a message; waits while the channel is empty.
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use joinq::compat::async_channel;
    ///
    /// let (sender, receiver) = async_channel::unbounded();
    /// sender.send(1).await.unwrap();
    /// drop(sender);
    /// assert_eq!(receiver.recv().await, Ok(1));
    /// assert!(receiver.recv().await.is_err());
    /// # });
    /// ```
    pub fn recv(&self) -> Recv<'_, T> {
        Recv(self.inner().recv())
    }

    /// Receives a message; blocks this thread while the channel is empty.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::async_channel;
    ///
    /// let (sender, receiver) = async_channel::unbounded();
    /// std::thread::spawn(move || sender.send_blocking(1));
    /// assert_eq!(receiver.recv_blocking(), Ok(1));
    /// assert!(receiver.recv_blocking().is_err()); // the sender was dropped
    /// ```
    pub fn recv_blocking(&self) -> Result<T, RecvError> {
        self.inner().recv().wait()
    }

    /// Returns a receiver that does not keep the channel open.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::async_channel;
    ///
    /// let (sender, receiver) = async_channel::unbounded::<u32>();
    /// let weak = receiver.downgrade();
    /// drop(receiver);
    /// assert!(sender.is_closed() && weak.upgrade().is_none());
    /// ```
    pub fn downgrade(&self) -> WeakReceiver<T> {
        WeakReceiver(self.inner().downgrade_keeping_messages())
    }
}

impl<T> Stream for Receiver<T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.get_mut().gets.poll_next_without_budget(context)
    }
}

impl<T> FusedStream for Receiver<T> {
    fn is_terminated(&self) -> bool {
        self.inner().queue().is_finished()
    }
}

impl<T> Sender<T> {
    /// Waits until the channel is closed.
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use joinq::compat::async_channel;
    ///
    /// let (sender, receiver) = async_channel::unbounded::<u32>();
    /// std::thread::spawn(move || drop(receiver));
    /// sender.closed().await;
    /// assert!(sender.is_closed());
    /// # });
    /// ```
    pub fn closed(&self) -> Closed<'_, T> {
        Closed(self.0.closed())
    }
}

delegate!(
    Sender(.0): close, is_closed, is_empty, is_full, len, capacity, receiver_count, sender_count, same_channel
);
delegate!(
    Receiver(.inner()): close, is_closed, is_empty, is_full, len, capacity, receiver_count, sender_count, same_channel
);
delegate!(impl Clone for Sender(.0) by Sender);
delegate!(impl Clone for Receiver(.inner()) by Receiver::new);
delegate!(impl Clone for WeakSender(.0) by WeakSender);
delegate!(impl Clone for WeakReceiver(.0) by WeakReceiver);
opaque_debug!(write_str " { .. }": Sender<T>, Receiver<T>, WeakSender<T>, WeakReceiver<T>);
opaque_debug!(write_str " { .. }": Send<'_, T>, Recv<'_, T>, Closed<'_, T>);

/// A sender that does not keep the channel open but keeps its messages alive; returned by
/// [`Sender::downgrade`].
pub struct WeakSender<T>(channel::WeakKeepingMessages<T>);

impl<T> WeakSender<T> {
    /// Returns a sender, unless the channel is closed.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::async_channel;
    ///
    /// let (sender, receiver) = async_channel::unbounded();
    /// let other = sender.downgrade().upgrade().unwrap();
    /// drop(sender);
    /// other.try_send(1).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// ```
    pub fn upgrade(&self) -> Option<Sender<T>> {
        self.0.upgrade_sender().filter(|handle| !handle.is_closed()).map(Sender)
    }
}

/// A receiver that does not keep the channel open but keeps its messages alive; returned by
/// [`Receiver::downgrade`].
pub struct WeakReceiver<T>(channel::WeakKeepingMessages<T>);

impl<T> WeakReceiver<T> {
    /// Returns a receiver, unless the channel is closed.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::async_channel;
    ///
    /// let (sender, receiver) = async_channel::unbounded();
    /// let other = receiver.downgrade().upgrade().unwrap();
    /// drop(receiver);
    /// sender.try_send(1).unwrap();
    /// assert_eq!(other.try_recv(), Ok(1));
    /// ```
    pub fn upgrade(&self) -> Option<Receiver<T>> {
        self.0.upgrade_receiver().filter(|handle| !handle.is_closed()).map(Receiver::new)
    }
}

conversions! {
    Sender from Sender: Sender, |handle| handle.0;
    Receiver from Receiver: Receiver::new, |handle| handle.inner().clone();
}

/// A future of this crate's channel under its name in `async-channel`. It is `Unpin`, as in 1.x; in 2.x it is
/// not, so code for either version compiles.
macro_rules! future {
    ($(#[$meta:meta])* $name:ident: $($inner:ident)::+ -> $output:ty) => {
        $(#[$meta])*
        #[must_use = "futures do nothing unless you `.await` or poll them"]
        pub struct $name<'a, T>($($inner)::+<'a, T>);

        impl<T> Future for $name<'_, T> {
            type Output = $output;

            fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<$output> {
                let operation = &mut self.0 .0;
                operation.assert_not_ended(stringify!($name));
                operation.poll_without_budget(context)
            }
        }
    };
}

future! {
    /// Future returned by [`Sender::send`].
    Send: channel::Send -> Result<(), SendError<T>>
}
future! {
    /// Future returned by [`Receiver::recv`].
    Recv: channel::Recv -> Result<T, RecvError>
}
future! {
    /// Future returned by [`Sender::closed`].
    Closed: crate::queue::Closed -> ()
}
