//! The unbounded channel.

use super::error::SendError;
use super::poll_receiver::PollReceiver;
use crate::channel::{self, OnDisconnect};
use crate::queue::Queue;

/// Creates an unbounded channel.
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
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        self.0.try_send(message).map_err(|error| SendError(error.into_inner()))
    }
}

super::sender!(
    UnboundedSender,
    WeakUnboundedSender,
    "let (sender, mut receiver) = joinq::compat::tokio_mpsc::unbounded_channel::<char>();"
);
super::receiver!(
    UnboundedReceiver,
    "let (sender, mut receiver) = joinq::compat::tokio_mpsc::unbounded_channel::<char>();",
    "send"
);
