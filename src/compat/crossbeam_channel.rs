#![doc = include_str!("../../docs/migration/crossbeam-channel.md")]

mod branch;
mod errors;
mod macros;
mod ready;
mod select;
mod timer;

#[doc(inline)]
pub use crate::__crossbeam_channel_select as select;
/// The name under which the tests of `crossbeam-channel` call the macro.
#[doc(hidden)]
pub use crate::__crossbeam_channel_select as crossbeam_channel_internal;
#[doc(inline)]
pub use crate::__crossbeam_channel_select_biased as select_biased;
pub use errors::{
    ReadyTimeoutError, RecvError, RecvTimeoutError, SelectTimeoutError, SendError, SendTimeoutError, TryReadyError,
    TryRecvError, TrySelectError, TrySendError,
};
pub use select::{Select, SelectedOperation};

/// What the macros name.
#[doc(hidden)]
pub mod internal {
    pub use super::branch::{select, select_timeout, try_select, Precedence, RecvBranch, SendBranch};
}

use crate::channel::{self, OnDisconnect};
use crate::error;
use crate::queue::{Found, Queue, QueueRef};
use crate::select::{run, Completes, GetBranch, Limit, Order};
use std::iter::FusedIterator;
use std::sync::Arc;
use std::time::{Duration, Instant};
use timer::{sleep_until, Timer};

/// Creates a channel that holds at most `cap` messages; with 0 each `send` waits for a receiver.
///
/// The messages that are in the channel when the last receiver is dropped are kept until the last sender is
/// dropped.
///
/// # Examples
/// ```
/// use joinq::compat::crossbeam_channel;
///
/// let (sender, receiver) = crossbeam_channel::bounded(1);
/// sender.send(1).unwrap();
/// assert!(sender.try_send(2).is_err()); // full
/// assert_eq!(receiver.recv(), Ok(1));
/// ```
pub fn bounded<T>(cap: usize) -> (Sender<T>, Receiver<T>) {
    handles(Queue::bounded(cap), if cap == 0 { OnDisconnect::Drop } else { OnDisconnect::KeepUntilPanic })
}

/// Creates an unbounded channel.
///
/// The messages that are in the channel when the last receiver is dropped are dropped with it.
///
/// # Examples
/// ```
/// use joinq::compat::crossbeam_channel;
///
/// let (sender, receiver) = crossbeam_channel::unbounded();
/// std::thread::spawn(move || sender.send("hello"));
/// assert_eq!(receiver.recv(), Ok("hello"));
/// assert!(receiver.recv().is_err()); // the sender was dropped
/// ```
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    handles(Queue::unbounded(), OnDisconnect::Drop)
}

fn handles<T>(queue: Queue<T>, on_disconnect: OnDisconnect) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = channel::pair(queue, on_disconnect);
    (Sender(sender), receiver.into())
}

/// Creates a receiver of one message, which arrives after `duration`: the instant of its arrival.
///
/// The channel is never disconnected.
///
/// # Examples
/// ```
/// use joinq::compat::crossbeam_channel::{after, never, select};
/// use std::time::Duration;
///
/// let receiver = never::<u32>();
/// select! {
///     recv(receiver) -> _ => unreachable!(),
///     recv(after(Duration::from_millis(1))) -> _ => println!("timed out"),
/// }
/// ```
pub fn after(duration: Duration) -> Receiver<Instant> {
    Instant::now().checked_add(duration).map_or_else(never, at)
}

/// Creates a receiver of one message, which arrives at `when`: that instant.
///
/// The channel is never disconnected.
///
/// # Examples
/// ```
/// use std::time::{Duration, Instant};
///
/// let when = Instant::now() + Duration::from_millis(1);
/// assert_eq!(joinq::compat::crossbeam_channel::at(when).recv(), Ok(when));
/// ```
pub fn at(when: Instant) -> Receiver<Instant> {
    timer(when, None)
}

/// Creates a receiver of a message every `duration`: the instant of its arrival.
///
/// There is at most one message in the channel, so that a receiver that is late misses some. The channel is
/// never disconnected.
///
/// # Examples
/// ```
/// use std::time::{Duration, Instant};
///
/// let ticker = joinq::compat::crossbeam_channel::tick(Duration::from_millis(1));
/// let begin = Instant::now();
/// (0..3).for_each(|_| drop(ticker.recv()));
/// assert!(begin.elapsed() >= Duration::from_millis(2));
/// ```
pub fn tick(duration: Duration) -> Receiver<Instant> {
    Instant::now().checked_add(duration).map_or_else(never, |when| timer(when, Some(duration)))
}

/// Creates a receiver to which no message ever arrives, and which is never disconnected.
///
/// # Examples
/// ```
/// use joinq::compat::crossbeam_channel::{never, TryRecvError};
///
/// assert_eq!(never::<u32>().try_recv(), Err(TryRecvError::Empty));
/// ```
pub fn never<T>() -> Receiver<T> {
    Receiver(Flavor::Never)
}

fn timer(when: Instant, period: Option<Duration>) -> Receiver<Instant> {
    Receiver(Flavor::Timer(Ticks { timer: Arc::new(Timer::new(when, period)), message: |arrival| arrival }))
}

/// The sending side; it can be cloned and shared.
pub struct Sender<T>(channel::Sender<T>);

/// The receiving side; it can be cloned and shared, and each message goes to one receiver.
pub struct Receiver<T>(Flavor<T>);

enum Flavor<T> {
    Channel(channel::Receiver<T>),
    Timer(Ticks<T>),
    Never,
}

/// A timer whose messages are of type `T`, which is `Instant`.
struct Ticks<T> {
    timer: Arc<Timer>,
    message: fn(Instant) -> T,
}

impl<T> Sender<T> {
    /// Sends a message without blocking; with capacity 0, only if a receiver is waiting.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::crossbeam_channel;
    ///
    /// let (sender, receiver) = crossbeam_channel::bounded(1);
    /// assert_eq!(sender.try_send(1), Ok(()));
    /// assert_eq!(sender.try_send(2), Err(crossbeam_channel::TrySendError::Full(2)));
    /// drop(receiver);
    /// assert_eq!(sender.try_send(3), Err(crossbeam_channel::TrySendError::Disconnected(3)));
    /// ```
    pub fn try_send(&self, msg: T) -> Result<(), TrySendError<T>> {
        Ok(self.0.try_send(msg)?)
    }

    /// Sends a message; blocks this thread while the channel is full, or with capacity 0 until the message is
    /// received.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::crossbeam_channel;
    ///
    /// let (sender, receiver) = crossbeam_channel::bounded(1);
    /// sender.send(1).unwrap();
    /// drop(receiver);
    /// assert_eq!(sender.send(2).unwrap_err().into_inner(), 2);
    /// ```
    pub fn send(&self, msg: T) -> Result<(), SendError<T>> {
        Ok(self.0.send(msg).wait()?)
    }

    /// [`send`](Sender::send) that blocks for at most `timeout`, of any length. A send that need not wait
    /// succeeds even with a timeout of zero.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::crossbeam_channel;
    /// use std::time::Duration;
    ///
    /// let (sender, receiver) = crossbeam_channel::bounded(0);
    /// let late = sender.send_timeout(1, Duration::from_millis(1));
    /// assert_eq!(late, Err(crossbeam_channel::SendTimeoutError::Timeout(1)));
    /// ```
    pub fn send_timeout(&self, msg: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        match Instant::now().checked_add(timeout) {
            Some(deadline) => self.send_deadline(msg, deadline),
            None => Ok(self.send(msg)?),
        }
    }

    /// [`send`](Sender::send) that blocks at most until `deadline`. A send that need not wait succeeds even
    /// after it.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::crossbeam_channel;
    /// use std::time::{Duration, Instant};
    ///
    /// let (sender, receiver) = crossbeam_channel::bounded(0);
    /// let late = sender.send_deadline(1, Instant::now() + Duration::from_millis(1));
    /// assert_eq!(late, Err(crossbeam_channel::SendTimeoutError::Timeout(1)));
    /// ```
    pub fn send_deadline(&self, msg: T, deadline: Instant) -> Result<(), SendTimeoutError<T>> {
        if deadline <= Instant::now() {
            // With capacity 0 a waiting send would have to wait for a receive, for which there is no time.
            return self.0.try_send(msg).map_err(|error| match error {
                crate::TrySendError::Full(msg) => SendTimeoutError::Timeout(msg),
                crate::TrySendError::Closed(msg) => SendTimeoutError::Disconnected(msg),
            });
        }
        Ok(self.0.send(msg).wait_deadline(deadline)?)
    }
}

impl<T> Receiver<T> {
    /// Receives a message without blocking.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::crossbeam_channel;
    ///
    /// let (sender, receiver) = crossbeam_channel::unbounded();
    /// assert_eq!(receiver.try_recv(), Err(crossbeam_channel::TryRecvError::Empty));
    /// sender.send(1).unwrap();
    /// drop(sender);
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// assert_eq!(receiver.try_recv(), Err(crossbeam_channel::TryRecvError::Disconnected));
    /// ```
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        match self.buffered() {
            Some(receiver) => Ok(receiver.try_recv()?),
            None => self.try_recv_other(),
        }
    }

    /// Receives a message; blocks this thread while the channel is empty.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::crossbeam_channel;
    ///
    /// let (sender, receiver) = crossbeam_channel::unbounded();
    /// std::thread::spawn(move || sender.send(1));
    /// assert_eq!(receiver.recv(), Ok(1));
    /// assert!(receiver.recv().is_err()); // the sender was dropped
    /// ```
    #[inline]
    pub fn recv(&self) -> Result<T, RecvError> {
        match self.buffered() {
            Some(receiver) => Ok(receiver.recv().wait()?),
            None => self.recv_other(Limit::None).map_err(|_| RecvError),
        }
    }

    /// [`recv`](Receiver::recv) that blocks for at most `timeout`, of any length. A receive that need not
    /// wait succeeds even with a timeout of zero.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::crossbeam_channel;
    /// use std::time::Duration;
    ///
    /// let (sender, receiver) = crossbeam_channel::unbounded::<u32>();
    /// let late = receiver.recv_timeout(Duration::from_millis(1));
    /// assert_eq!(late, Err(crossbeam_channel::RecvTimeoutError::Timeout));
    /// ```
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        match Instant::now().checked_add(timeout) {
            Some(deadline) => self.recv_deadline(deadline),
            None => Ok(self.recv()?),
        }
    }

    /// [`recv`](Receiver::recv) that blocks at most until `deadline`. A receive that need not wait succeeds
    /// even after it.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::crossbeam_channel;
    /// use std::time::{Duration, Instant};
    ///
    /// let (sender, receiver) = crossbeam_channel::unbounded::<u32>();
    /// let late = receiver.recv_deadline(Instant::now() + Duration::from_millis(1));
    /// assert_eq!(late, Err(crossbeam_channel::RecvTimeoutError::Timeout));
    /// ```
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        match self.buffered() {
            Some(receiver) => Ok(receiver.recv().wait_deadline(deadline)?),
            None => self.recv_other(Limit::Deadline(deadline)),
        }
    }

    /// The channel, if it has a buffer.
    #[inline]
    fn buffered(&self) -> Option<&channel::Receiver<T>> {
        match &self.0 {
            Flavor::Channel(receiver) if !receiver.queue().is_rendezvous() => Some(receiver),
            _ => None,
        }
    }

    #[cold]
    fn try_recv_other(&self) -> Result<T, TryRecvError> {
        match &self.0 {
            Flavor::Channel(receiver) => loop {
                match receiver.queue().try_get_beside_selects().map_err(error::TryRecvError::from)? {
                    Found::Item(msg) => return Ok(msg),
                    Found::Later(later) => {
                        if let Ok(msg) = later.get().wait() {
                            return Ok(msg);
                        }
                    }
                }
            },
            Flavor::Timer(ticks) => ticks.timer.try_recv().map(ticks.message),
            Flavor::Never => Err(TryRecvError::Empty),
        }
    }

    /// With capacity 0 a receive is a select of one operation, so that it is matched with a sender that
    /// selects.
    #[cold]
    fn recv_other(&self, limit: Limit) -> Result<T, RecvTimeoutError> {
        let deadline = match limit {
            Limit::Deadline(deadline) => Some(deadline),
            _ => None,
        };
        match &self.0 {
            Flavor::Channel(receiver) => {
                let mut branch = GetBranch::new(receiver.queue());
                match run(&mut [(0, &mut branch)], limit, Order::AsListed) {
                    Some(_) => branch.output().map_err(|_| RecvTimeoutError::Disconnected),
                    None => Err(RecvTimeoutError::Timeout),
                }
            }
            Flavor::Timer(ticks) => ticks.timer.recv(deadline).map(ticks.message),
            Flavor::Never => {
                sleep_until(deadline);
                Err(RecvTimeoutError::Timeout)
            }
        }
    }

    /// Whether the channel contains no messages; always true with capacity 0.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::crossbeam_channel::bounded;
    ///
    /// let (sender, receiver) = bounded(1);
    /// sender.send(1).unwrap();
    /// assert!(!receiver.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the number of messages is the capacity; always true with capacity 0.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::crossbeam_channel::bounded;
    ///
    /// let (sender, receiver) = bounded(1);
    /// sender.send(1).unwrap();
    /// assert!(receiver.is_full());
    /// ```
    pub fn is_full(&self) -> bool {
        self.capacity() == Some(self.len())
    }

    /// The number of messages in the channel; always 0 with capacity 0.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::crossbeam_channel::bounded;
    ///
    /// let (sender, receiver) = bounded(1);
    /// sender.send(1).unwrap();
    /// assert_eq!(receiver.len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        match &self.0 {
            Flavor::Channel(receiver) => receiver.len(),
            Flavor::Timer(ticks) => usize::from(ticks.timer.has_message()),
            Flavor::Never => 0,
        }
    }

    /// The capacity; `None` if the channel is unbounded.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::crossbeam_channel::bounded;
    ///
    /// let (sender, receiver) = bounded(1);
    /// sender.send(1).unwrap();
    /// assert_eq!(receiver.capacity(), Some(1));
    /// ```
    pub fn capacity(&self) -> Option<usize> {
        match &self.0 {
            Flavor::Channel(receiver) => receiver.capacity(),
            Flavor::Timer(_) => Some(1),
            Flavor::Never => Some(0),
        }
    }

    /// Whether both belong to the same channel.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::crossbeam_channel::bounded;
    ///
    /// let (sender, receiver) = bounded(1);
    /// sender.send(1).unwrap();
    /// assert!(receiver.same_channel(&receiver.clone()));
    /// ```
    pub fn same_channel(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Flavor::Channel(a), Flavor::Channel(b)) => a.same_channel(b),
            (Flavor::Timer(a), Flavor::Timer(b)) => Arc::ptr_eq(&a.timer, &b.timer),
            (Flavor::Never, Flavor::Never) => true,
            _ => false,
        }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Receiver(match &self.0 {
            Flavor::Channel(receiver) => Flavor::Channel(receiver.clone()),
            Flavor::Timer(Ticks { timer, message }) => Flavor::Timer(Ticks { timer: timer.clone(), message: *message }),
            Flavor::Never => Flavor::Never,
        })
    }
}

delegate!(Sender(.0): is_empty, is_full, len, capacity, same_channel);
delegate!(impl Clone for Sender(.0) by Sender);
opaque_debug!(pad " { .. }": Sender<T>, Receiver<T>, Iter<'_, T>, TryIter<'_, T>, IntoIter<T>);

conversions! {
    Sender from Sender: Sender, |handle| handle.0;
}

impl<T> From<crate::Receiver<T>> for Receiver<T> {
    /// Converts a handle; it remains a handle of the same channel and is counted as one.
    fn from(handle: crate::Receiver<T>) -> Self {
        Receiver(Flavor::Channel(handle))
    }
}

impl<T> TryFrom<Receiver<T>> for crate::Receiver<T> {
    type Error = Receiver<T>;

    /// Converts a handle; it remains a handle of the same channel and is counted as one. A receiver of
    /// [`after`], [`at`], [`tick`] or [`never`](never()) comes back as the error.
    fn try_from(handle: Receiver<T>) -> Result<Self, Receiver<T>> {
        match handle.0 {
            Flavor::Channel(receiver) => Ok(receiver),
            other => Err(Receiver(other)),
        }
    }
}

iterators!(receiver);

// Once disconnected and empty, a channel stays so.
impl<T> FusedIterator for Iter<'_, T> {}
impl<T> FusedIterator for IntoIter<T> {}
