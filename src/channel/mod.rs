//! Channels: a queue with senders and receivers, closed when the last handle of either side is dropped.
//!
//! This module holds all types of a channel. The constructors and the handles are also at the root of the
//! crate; the types of the operations are only here, so that `use joinq::*` does not hide the trait
//! [`Send`](std::marker::Send) of the prelude. [`joinq::mpsc`](crate::mpsc) has the same names for channels
//! with a single consumer.
// Knows the queue, the operations and the errors. Does not know the layers below them.

mod handles;
mod operations;
mod reserve;

pub use handles::{Receiver, Sender, WeakReceiver, WeakSender};
#[cfg(feature = "stream")]
pub use operations::RecvStream;
#[cfg(feature = "sink")]
pub use operations::SendSink;
pub use operations::{IntoIter, Recv, RecvMany, RecvManyOwned, RecvOwned, Send, SendMany, SendManyOwned, SendOwned};
pub use reserve::{with_permits, Permits, PermitsOwned, Reserve, ReserveOwned};

#[cfg(feature = "compat")]
pub(crate) use handles::WeakKeepingMessages;
pub(crate) use handles::{pair, OnDisconnect};

use crate::queue::Queue;

/// Creates an unbounded channel.
///
/// # Examples
/// ```
/// let (sender, receiver) = joinq::unbounded();
/// std::thread::spawn(move || sender.send("hello").wait());
/// assert_eq!(receiver.recv().wait(), Ok("hello"));
/// assert!(receiver.recv().wait().is_err()); // the sender was dropped
/// ```
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    pair(Queue::unbounded(), OnDisconnect::Drop)
}

/// Creates a channel that holds at most `capacity` messages; with 0 each `send` waits until a receive takes
/// its message.
///
/// Memory is allocated as it is used, so a large capacity costs nothing in advance.
///
/// # Examples
/// ```
/// let (sender, receiver) = joinq::bounded(1);
/// sender.try_send(1).unwrap();
/// assert!(sender.try_send(2).unwrap_err().is_full());
/// assert_eq!(receiver.try_recv(), Ok(1));
/// ```
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    pair(Queue::bounded(capacity), OnDisconnect::Drop)
}
