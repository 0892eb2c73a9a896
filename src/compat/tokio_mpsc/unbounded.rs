//! The unbounded channel.

use super::error::SendError;
use super::poll_receiver::PollReceiver;
use crate::channel::{self, OnDisconnect};
use crate::queue::Queue;

/// Creates an unbounded channel.
///
/// # Examples
/// ```
/// # futures_lite::future::block_on(async {
/// let (sender, mut receiver) = joinq::compat::tokio_mpsc::unbounded_channel();
/// sender.send(1).unwrap();
/// assert_eq!(receiver.recv().await, Some(1));
/// # });
/// ```
pub fn unbounded_channel<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
    let (sender, receiver) = channel::pair(Queue::unbounded(), OnDisconnect::Drop);
    (UnboundedSender(sender), UnboundedReceiver(PollReceiver::new(receiver)))
}

/// The sending side of [`unbounded_channel`]; it can be cloned and shared.
pub struct UnboundedSender<T>(channel::Sender<T>);

/// A sender that does not keep the channel open; returned by [`UnboundedSender::downgrade`].
pub struct WeakUnboundedSender<T>(channel::WeakKeepingMessages<T>);

/// The single receiver of [`unbounded_channel`]. When it is dropped, the channel is closed and the messages
/// in it are dropped.
pub struct UnboundedReceiver<T>(PollReceiver<T>);

impl<T> UnboundedSender<T> {
    /// Sends a message; never waits.
    ///
    /// # Errors
    /// [`SendError`] with the message if the channel is closed.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = joinq::compat::tokio_mpsc::unbounded_channel();
    /// sender.send('a').unwrap();
    /// drop(receiver);
    /// assert_eq!(sender.send('b').unwrap_err().0, 'b');
    /// ```
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        self.0.try_send(message).map_err(|error| SendError(error.into_inner()))
    }
}

super::sender!(UnboundedSender, WeakUnboundedSender, "unbounded_channel()", "send");
super::receiver!(UnboundedReceiver, "unbounded_channel()", "send");
