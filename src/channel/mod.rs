//! The façade: a queue with two kinds of handles, closed when the last handle of either kind goes.
//!
//! Knows the queue and its errors. Knows nothing of the layers below.

mod handles;
pub mod mpsc;
mod operations;

pub use handles::{Receiver, Sender, WeakReceiver, WeakSender};
#[cfg(feature = "stream")]
pub use operations::RecvStream;
#[cfg(feature = "sink")]
pub use operations::SendSink;
pub use operations::{IntoIter, Recv, RecvMany, RecvOwned, Send, SendMany, SendOwned};

pub(crate) use handles::OnDisconnect;
#[cfg(feature = "compat")]
pub(crate) use handles::{pair, WeakAndKeeping};

use crate::queue::Queue;

/// A channel that always has room.
///
/// # Examples
/// ```
/// let (sender, receiver) = joinq::unbounded();
/// std::thread::spawn(move || sender.send("hello").wait());
/// assert_eq!(receiver.recv().wait(), Ok("hello"));
/// assert!(receiver.recv().wait().is_err()); // the sender is gone
/// ```
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    handles::pair(Queue::unbounded(), OnDisconnect::Drop)
}

/// A channel with room for `capacity` messages; with 0 each `send` waits until its message is received.
///
/// Memory is allocated as it is used, so that a large capacity is free.
///
/// # Examples
/// ```
/// let (sender, receiver) = joinq::bounded(1);
/// sender.try_send(1).unwrap();
/// assert!(sender.try_send(2).unwrap_err().is_full());
/// assert_eq!(receiver.try_recv(), Ok(1));
/// ```
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    handles::pair(Queue::bounded(capacity), OnDisconnect::Drop)
}
