//! Errors with the names and texts of `flume`.

use crate::error as own;
use std::error::Error;
use std::fmt;

/// Error returned by [`Receiver::recv`](super::Receiver::recv).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvError {
    /// All senders were dropped and the channel is empty.
    Disconnected,
}

errors! {
    in "joinq::compat::flume";
    impl<T> Error;
    SendError => "sending on a closed channel";
    TrySendError::Full => "sending on a full channel";
    SendTimeoutError::Timeout => "timed out sending on a full channel";
    RecvError::Disconnected => "receiving on a closed channel";
    TryRecvError::Empty => "receiving on an empty channel";
    TryRecvError::Disconnected => "channel is empty and closed";
    RecvTimeoutError::Timeout => "timed out waiting on a channel";
    RecvTimeoutError::Disconnected => "channel is empty and closed";
}

error_conversions! {
    own::PutError<T> => SendError<T> { own::PutError(msg) => SendError(msg) };
    own::GetError => RecvError { own::GetError => RecvError::Disconnected };
}
