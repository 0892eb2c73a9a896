#![doc = include_str!("../../docs/migration/std-mpsc.md")]

use crate::channel::{self, OnDisconnect};
use crate::queue::Queue;
use std::cell::Cell;
use std::marker::PhantomData;
use std::panic::RefUnwindSafe;
use std::time::Duration;

#[doc(no_inline)]
pub use std::sync::mpsc::{RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError};

/// Creates an unbounded channel.
///
/// The messages that are in the channel when the receiver is dropped are dropped with it.
///
/// # Examples
/// ```
/// use joinq::compat::std_mpsc as mpsc;
///
/// let (sender, receiver) = mpsc::channel();
/// std::thread::spawn(move || sender.send("hello"));
/// assert_eq!(receiver.recv(), Ok("hello"));
/// assert!(receiver.recv().is_err()); // the sender was dropped
/// ```
#[must_use]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = channel::pair(Queue::unbounded(), OnDisconnect::Drop);
    (Sender(sender), Receiver::new(receiver))
}

/// Creates a channel that holds at most `bound` messages; with 0 each `send` waits for the receiver.
///
/// The messages that are in the channel when the receiver is dropped are dropped with it.
///
/// # Examples
/// ```
/// use joinq::compat::std_mpsc as mpsc;
///
/// let (sender, receiver) = mpsc::sync_channel(1);
/// sender.send(1).unwrap();
/// assert!(sender.try_send(2).is_err()); // full
/// assert_eq!(receiver.recv(), Ok(1));
/// ```
#[must_use]
pub fn sync_channel<T>(bound: usize) -> (SyncSender<T>, Receiver<T>) {
    let (sender, receiver) = channel::pair(Queue::bounded(bound), OnDisconnect::Drop);
    (SyncSender(sender), Receiver::new(receiver))
}

/// The sending side of [`channel()`]; it can be cloned and shared.
pub struct Sender<T>(channel::Sender<T>);

/// The sending side of [`sync_channel`]; it can be cloned and shared.
pub struct SyncSender<T>(channel::Sender<T>);

/// The single receiver; it can be moved to another thread, but not shared.
pub struct Receiver<T> {
    receiver: channel::Receiver<T>,
    unshared: PhantomData<Cell<()>>,
}

// `Cell` is there only to forbid sharing. The channel itself is unwind safe.
impl<T> RefUnwindSafe for Receiver<T> {}

impl<T> Sender<T> {
    /// Sends a message; never blocks.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::std_mpsc as mpsc;
    ///
    /// let (sender, receiver) = mpsc::channel();
    /// sender.send(1).unwrap();
    /// drop(receiver);
    /// assert_eq!(sender.send(2).unwrap_err().0, 2);
    /// ```
    pub fn send(&self, t: T) -> Result<(), SendError<T>> {
        send(&self.0, t)
    }
}

impl<T> SyncSender<T> {
    /// Sends a message; blocks this thread while the channel is full, or with capacity 0 until the message is
    /// received.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::std_mpsc as mpsc;
    ///
    /// let (sender, receiver) = mpsc::sync_channel(0);
    /// std::thread::spawn(move || sender.send(1).unwrap()); // waits until the message is received
    /// assert_eq!(receiver.recv(), Ok(1));
    /// ```
    pub fn send(&self, t: T) -> Result<(), SendError<T>> {
        send(&self.0, t)
    }

    /// Sends a message without blocking; with capacity 0, only if the receiver is waiting.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::std_mpsc::{self as mpsc, TrySendError};
    ///
    /// let (sender, receiver) = mpsc::sync_channel(1);
    /// sender.try_send(1).unwrap();
    /// assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
    /// drop(receiver);
    /// assert_eq!(sender.try_send(3), Err(TrySendError::Disconnected(3)));
    /// ```
    pub fn try_send(&self, t: T) -> Result<(), TrySendError<T>> {
        self.0.try_send(t).map_err(|error| match error {
            crate::TrySendError::Full(t) => TrySendError::Full(t),
            crate::TrySendError::Closed(t) => TrySendError::Disconnected(t),
        })
    }
}

fn send<T>(sender: &channel::Sender<T>, t: T) -> Result<(), SendError<T>> {
    sender.send(t).wait().map_err(|error| SendError(error.0))
}

impl<T> Receiver<T> {
    fn new(receiver: channel::Receiver<T>) -> Self {
        Receiver { receiver, unshared: PhantomData }
    }

    /// Receives a message without blocking.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::std_mpsc::{self as mpsc, TryRecvError};
    ///
    /// let (sender, receiver) = mpsc::channel();
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// sender.send(1).unwrap();
    /// drop(sender);
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    /// ```
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.receiver.try_recv().map_err(|error| match error {
            crate::TryRecvError::Empty => TryRecvError::Empty,
            crate::TryRecvError::Closed => TryRecvError::Disconnected,
        })
    }

    /// Receives a message; blocks this thread while the channel is empty.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::std_mpsc as mpsc;
    ///
    /// let (sender, receiver) = mpsc::channel();
    /// std::thread::spawn(move || sender.send(1));
    /// assert_eq!(receiver.recv(), Ok(1));
    /// assert!(receiver.recv().is_err()); // the sender was dropped
    /// ```
    pub fn recv(&self) -> Result<T, RecvError> {
        self.receiver.recv().wait().map_err(|_| RecvError)
    }

    /// [`recv`](Receiver::recv) that blocks for at most `timeout`, of any length. A receive that need not
    /// wait succeeds even with a timeout of zero.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::std_mpsc::{self as mpsc, RecvTimeoutError};
    /// use std::time::Duration;
    ///
    /// let (sender, receiver) = mpsc::channel::<u32>();
    /// let received = receiver.recv_timeout(Duration::from_millis(1));
    /// assert_eq!(received, Err(RecvTimeoutError::Timeout));
    /// drop(sender);
    /// let received = receiver.recv_timeout(Duration::MAX);
    /// assert_eq!(received, Err(RecvTimeoutError::Disconnected));
    /// ```
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.receiver.recv().wait_timeout(timeout).map_err(|error| match error {
            crate::RecvTimeoutError::Timeout => RecvTimeoutError::Timeout,
            crate::RecvTimeoutError::Closed => RecvTimeoutError::Disconnected,
        })
    }
}

delegate!(impl Clone for Sender(.0) by Sender);
delegate!(impl Clone for SyncSender(.0) by SyncSender);
opaque_debug!(write_str " { .. }": Sender<T>, SyncSender<T>, Receiver<T>);

conversions! {
    SyncSender from Sender: SyncSender, |handle| handle.0;
    Receiver from Receiver: Receiver::new, |handle| handle.receiver;
}

impl<T> From<Sender<T>> for crate::Sender<T> {
    /// Converts a handle; it remains a handle of the same channel and is counted as one.
    fn from(handle: Sender<T>) -> Self {
        handle.0
    }
}

impl<T> TryFrom<crate::Sender<T>> for Sender<T> {
    type Error = crate::Sender<T>;

    /// Converts a sender of an unbounded channel, whose [`send`](Sender::send) never blocks.
    ///
    /// # Errors
    /// The sender itself if its channel is bounded; it can be converted into a [`SyncSender`].
    fn try_from(handle: crate::Sender<T>) -> Result<Self, crate::Sender<T>> {
        match handle.capacity() {
            None => Ok(Sender(handle)),
            Some(_) => Err(handle),
        }
    }
}

iterators!(rx, "channel");
opaque_debug!(field rx: Iter<'_, T>, TryIter<'_, T>, IntoIter<T>);
