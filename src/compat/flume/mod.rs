#![doc = include_str!("../../../docs/migration/flume.md")]

mod errors;

pub use errors::{RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError};

use crate::channel::{self, OnDisconnect};
use crate::error;
use crate::queue::{Queue, QueueRef};
use std::collections::VecDeque;
use std::iter::FusedIterator;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

pub mod r#async;
pub mod select;

pub use select::Selector;

/// Creates an unbounded channel.
///
/// # Examples
/// ```
/// use joinq::compat::flume;
///
/// let (sender, receiver) = flume::unbounded();
/// std::thread::spawn(move || sender.send("hello"));
/// assert_eq!(receiver.recv(), Ok("hello"));
/// assert!(receiver.recv().is_err()); // the sender was dropped
/// ```
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    handles(Queue::unbounded())
}

/// Creates a channel that holds at most `cap` messages; with 0 each `send` waits until its message is
/// received.
///
/// # Examples
/// ```
/// use joinq::compat::flume;
///
/// let (sender, receiver) = flume::bounded(1);
/// sender.send(1).unwrap();
/// assert!(sender.try_send(2).is_err()); // full
/// assert_eq!(receiver.recv(), Ok(1));
/// ```
pub fn bounded<T>(cap: usize) -> (Sender<T>, Receiver<T>) {
    handles(Queue::with_surplus(cap))
}

fn handles<T>(queue: Queue<T>) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = channel::pair(queue, OnDisconnect::Keep);
    (Sender(sender), Receiver(receiver))
}

/// The sending side.
pub struct Sender<T>(channel::Sender<T>);

impl<T> Sender<T> {
    /// Sends a message without waiting.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::flume;
    ///
    /// let (sender, receiver) = flume::bounded(1);
    /// assert_eq!(sender.try_send(1), Ok(()));
    /// assert_eq!(sender.try_send(2), Err(flume::TrySendError::Full(2)));
    /// drop(receiver);
    /// assert_eq!(sender.try_send(3), Err(flume::TrySendError::Disconnected(3)));
    /// ```
    pub fn try_send(&self, msg: T) -> Result<(), TrySendError<T>> {
        Ok(self.0.try_send(msg)?)
    }

    /// Sends a message; blocks this thread while the channel is full.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::flume;
    ///
    /// let (sender, receiver) = flume::bounded(1);
    /// sender.send(1).unwrap();
    /// drop(receiver);
    /// assert_eq!(sender.send(2).unwrap_err().into_inner(), 2);
    /// ```
    pub fn send(&self, msg: T) -> Result<(), SendError<T>> {
        let Some(send) = self.begin_send(msg)? else { return Ok(()) };
        Ok(send.wait()?)
    }

    /// [`send`](Sender::send) that blocks at most until `deadline`.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::flume;
    /// use std::time::{Duration, Instant};
    ///
    /// let (sender, receiver) = flume::bounded(0);
    /// let late = sender.send_deadline(1, Instant::now() + Duration::from_millis(1));
    /// assert_eq!(late, Err(flume::SendTimeoutError::Timeout(1)));
    /// ```
    pub fn send_deadline(&self, msg: T, deadline: Instant) -> Result<(), SendTimeoutError<T>> {
        let Some(send) = self.begin_send(msg)? else { return Ok(()) };
        Ok(send.wait_deadline(deadline)?)
    }

    /// [`send`](Sender::send) that blocks for at most `dur`.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::flume;
    /// use std::time::Duration;
    ///
    /// let (sender, receiver) = flume::bounded(0);
    /// let late = sender.send_timeout(1, Duration::from_millis(1));
    /// assert_eq!(late, Err(flume::SendTimeoutError::Timeout(1)));
    /// ```
    pub fn send_timeout(&self, msg: T, dur: Duration) -> Result<(), SendTimeoutError<T>> {
        let Some(send) = self.begin_send(msg)? else { return Ok(()) };
        Ok(send.wait_timeout(dur)?)
    }

    /// Sends a message if that is possible without waiting, with capacity 0 also to a waiting receiver, which
    /// may be a task of this very thread. Otherwise returns the send to wait for.
    fn begin_send(&self, msg: T) -> Result<Option<channel::Send<'_, T>>, SendError<T>> {
        match self.0.try_send(msg) {
            Ok(()) => Ok(None),
            Err(error::TrySendError::Full(msg)) => Ok(Some(self.0.send(msg))),
            Err(error::TrySendError::Closed(msg)) => Err(SendError(msg)),
        }
    }

    /// Returns a sender that does not keep the channel open.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::flume;
    ///
    /// let (sender, receiver) = flume::unbounded::<u32>();
    /// let weak = sender.downgrade();
    /// drop(sender);
    /// assert!(receiver.is_disconnected() && weak.upgrade().is_none());
    /// ```
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender(self.0.downgrade())
    }
}

/// The receiving side.
pub struct Receiver<T>(channel::Receiver<T>);

impl<T> Receiver<T> {
    /// Receives a message without waiting.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::flume;
    ///
    /// let (sender, receiver) = flume::unbounded();
    /// assert_eq!(receiver.try_recv(), Err(flume::TryRecvError::Empty));
    /// sender.send(1).unwrap();
    /// drop(sender);
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// assert_eq!(receiver.try_recv(), Err(flume::TryRecvError::Disconnected));
    /// ```
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        Ok(self.0.try_recv()?)
    }

    /// Receives a message; blocks this thread while the channel is empty.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::flume;
    ///
    /// let (sender, receiver) = flume::unbounded();
    /// std::thread::spawn(move || sender.send(1));
    /// assert_eq!(receiver.recv(), Ok(1));
    /// assert!(receiver.recv().is_err()); // the sender was dropped
    /// ```
    pub fn recv(&self) -> Result<T, RecvError> {
        Ok(self.0.recv().wait()?)
    }

    /// [`recv`](Receiver::recv) that blocks at most until `deadline`.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::flume;
    /// use std::time::{Duration, Instant};
    ///
    /// let (sender, receiver) = flume::unbounded::<u32>();
    /// let late = receiver.recv_deadline(Instant::now() + Duration::from_millis(1));
    /// assert_eq!(late, Err(flume::RecvTimeoutError::Timeout));
    /// ```
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        Ok(self.0.recv().wait_deadline(deadline)?)
    }

    /// [`recv`](Receiver::recv) that blocks for at most `dur`.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::flume;
    /// use std::time::Duration;
    ///
    /// let (sender, receiver) = flume::unbounded::<u32>();
    /// let late = receiver.recv_timeout(Duration::from_millis(1));
    /// assert_eq!(late, Err(flume::RecvTimeoutError::Timeout));
    /// ```
    pub fn recv_timeout(&self, dur: Duration) -> Result<T, RecvTimeoutError> {
        Ok(self.0.recv().wait_timeout(dur)?)
    }

    /// Removes the messages that are in the channel at the time of the call.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::flume;
    ///
    /// let (sender, receiver) = flume::unbounded();
    /// sender.send(1).unwrap();
    /// sender.send(2).unwrap();
    /// assert_eq!(receiver.drain().collect::<Vec<_>>(), [1, 2]);
    /// ```
    pub fn drain(&self) -> Drain<'_, T> {
        let mut messages = Vec::new();
        // With capacity 0 as well: then the queue may contain messages for waiting receivers.
        let _ = self.0.try_recv_many(&mut messages, self.0.queue().stored());
        Drain { queue: messages.into(), _phantom: PhantomData }
    }
}

/// A view of a channel that counts messages as `flume` does.
struct View<'a, T>(&'a Queue<T>);

impl<T> View<'_, T> {
    fn is_disconnected(&self) -> bool {
        self.0.is_closed()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// False if there are more messages than the capacity, as is possible while receivers wait.
    fn is_full(&self) -> bool {
        self.capacity() == Some(self.len())
    }

    /// Includes the messages for waiting receivers, so it may exceed the capacity.
    fn len(&self) -> usize {
        match self.capacity() {
            Some(0) => 0,
            _ => self.0.stored(),
        }
    }

    fn capacity(&self) -> Option<usize> {
        self.0.capacity()
    }
}

impl<T> Sender<T> {
    fn view(&self) -> View<'_, T> {
        View(self.0.queue())
    }
}

impl<T> Receiver<T> {
    fn view(&self) -> View<'_, T> {
        View(self.0.queue())
    }
}

impl<T> QueueRef<T> for Sender<T> {
    fn queue(&self) -> &Queue<T> {
        self.0.queue()
    }
}

impl<T> QueueRef<T> for Receiver<T> {
    fn queue(&self) -> &Queue<T> {
        self.0.queue()
    }
}

delegate!(Sender(.view()): is_disconnected, is_empty, is_full, len, capacity);
delegate!(Receiver(.view()): is_disconnected, is_empty, is_full, len, capacity);
delegate!(Sender(.0): sender_count, receiver_count, same_channel);
delegate!(Receiver(.0): sender_count, receiver_count, same_channel);
delegate!(impl Clone for Sender(.0) by Sender);
delegate!(impl Clone for Receiver(.0) by Receiver);
delegate!(impl Clone for WeakSender(.0) by WeakSender);
opaque_debug!(write_str "": Sender<T>, Receiver<T>, WeakSender<T>);

conversions! {
    Sender from Sender: Sender, |handle| handle.0;
    Receiver from Receiver: Receiver, |handle| handle.0;
}

iterators!(receiver);
opaque_debug!(field receiver: Iter<'_, T>, TryIter<'_, T>, IntoIter<T>);

/// A sender that does not keep the channel open; returned by [`Sender::downgrade`].
pub struct WeakSender<T>(channel::WeakSender<T>);

impl<T> WeakSender<T> {
    /// Returns a sender, unless all senders were dropped.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::flume;
    ///
    /// let (sender, receiver) = flume::unbounded();
    /// let other = sender.downgrade().upgrade().unwrap();
    /// drop(sender);
    /// other.send(1).unwrap();
    /// assert_eq!(receiver.recv(), Ok(1));
    /// ```
    pub fn upgrade(&self) -> Option<Sender<T>> {
        self.0.upgrade().map(Sender)
    }
}

/// Iterator over the messages removed by [`Receiver::drain`].
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
