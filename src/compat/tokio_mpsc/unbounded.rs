//! The channel that always has room.

use super::error::SendError;
use super::reception::Reception;
use crate::channel::{self, OnDisconnect};
use crate::queue::Queue;

/// A channel that always has room.
pub fn unbounded_channel<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
    let (sender, receiver) = channel::pair(Queue::unbounded(), OnDisconnect::Drop);
    (UnboundedSender(sender), UnboundedReceiver(Reception::new(receiver)))
}

/// The sending side of [`unbounded_channel`]; it can be cloned and shared.
pub struct UnboundedSender<T>(channel::Sender<T>);

/// A sender that does not keep the channel open; made by [`UnboundedSender::downgrade`].
pub struct WeakUnboundedSender<T>(channel::WeakAndKeeping<T>);

/// The receiving side of [`unbounded_channel`], of which there is one. When it is dropped the channel is closed and what
/// is inside is dropped.
pub struct UnboundedReceiver<T>(Reception<T>);

impl<T> UnboundedSender<T> {
    /// Sends a message; never waits.
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        self.0.try_send(message).map_err(|error| SendError(error.into_inner()))
    }
}

super::sender!(UnboundedSender, WeakUnboundedSender);
super::receiver!(UnboundedReceiver);
