//! The errors under their names and texts in `crossbeam-channel`.

use std::error::Error;
use std::fmt;

/// [`Sender::send`](super::Sender::send) into a disconnected channel; the message comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(pub T);

/// [`Sender::try_send`](super::Sender::try_send) did not send; the message comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// There is no room at this moment; with capacity 0, no receiver is waiting.
    Full(T),
    /// All receivers are gone.
    Disconnected(T),
}

/// [`Sender::send_timeout`](super::Sender::send_timeout) or [`send_deadline`](super::Sender::send_deadline) did not
/// send; the message comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SendTimeoutError<T> {
    /// The time was over before there was room; with capacity 0, before a receiver came.
    Timeout(T),
    /// All receivers are gone.
    Disconnected(T),
}

/// [`Receiver::recv`](super::Receiver::recv) from a channel that is disconnected and empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecvError;

/// [`Receiver::try_recv`](super::Receiver::try_recv) received nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// There is nothing inside at this moment; with capacity 0, no sender is waiting.
    Empty,
    /// All senders are gone and nothing is left inside.
    Disconnected,
}

/// [`Receiver::recv_timeout`](super::Receiver::recv_timeout) or [`recv_deadline`](super::Receiver::recv_deadline)
/// received nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvTimeoutError {
    /// The time was over before a message came.
    Timeout,
    /// All senders are gone and nothing is left inside.
    Disconnected,
}

impl<T> SendError<T> {
    /// The message that was not sent.
    pub fn into_inner(self) -> T {
        self.0
    }
}

// The quotation marks are part of what `crossbeam-channel` prints.
impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"SendError(..)\"")
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrySendError::Full(_) => "\"Full(..)\"",
            TrySendError::Disconnected(_) => "\"Disconnected(..)\"",
        })
    }
}

impl<T> fmt::Debug for SendTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"SendTimeoutError(..)\"")
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("sending on a disconnected channel")
    }
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("receiving on an empty and disconnected channel")
    }
}

impl<T: Send> Error for SendError<T> {}
impl<T: Send> Error for TrySendError<T> {}
impl<T: Send> Error for SendTimeoutError<T> {}
impl Error for RecvError {}
impl Error for TryRecvError {}
impl Error for RecvTimeoutError {}

/// The two texts of an error of two kinds, and how to ask for the kind.
macro_rules! kinds {
    ($name:ident $(<$item:ident>)?, $other:ident $is_other:ident $other_doc:literal $other_text:literal,
     $closed_doc:literal $closed_text:literal) => {
        impl$(<$item>)? $name$(<$item>)? {
            #[doc = $other_doc]
            pub fn $is_other(&self) -> bool {
                !self.is_disconnected()
            }

            #[doc = $closed_doc]
            pub fn is_disconnected(&self) -> bool {
                matches!(self, $name::Disconnected { .. })
            }
        }

        impl$(<$item>)? fmt::Display for $name$(<$item>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self {
                    $name::$other { .. } => $other_text,
                    $name::Disconnected { .. } => $closed_text,
                })
            }
        }
    };
}

kinds!(TrySendError<T>, Full is_full "Whether there was no room." "sending on a full channel",
    "Whether all receivers are gone." "sending on a disconnected channel");
kinds!(SendTimeoutError<T>, Timeout is_timeout "Whether the time was over." "timed out waiting on send operation",
    "Whether all receivers are gone." "sending on a disconnected channel");
kinds!(TryRecvError, Empty is_empty "Whether nothing was inside." "receiving on an empty channel",
    "Whether all senders are gone and nothing is left." "receiving on an empty and disconnected channel");
kinds!(RecvTimeoutError, Timeout is_timeout "Whether the time was over." "timed out waiting on receive operation",
    "Whether all senders are gone and nothing is left." "channel is empty and disconnected");

impl<T> TrySendError<T> {
    /// The message that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            TrySendError::Full(msg) | TrySendError::Disconnected(msg) => msg,
        }
    }
}

impl<T> SendTimeoutError<T> {
    /// The message that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            SendTimeoutError::Timeout(msg) | SendTimeoutError::Disconnected(msg) => msg,
        }
    }
}

impl<T> From<SendError<T>> for TrySendError<T> {
    fn from(error: SendError<T>) -> Self {
        TrySendError::Disconnected(error.0)
    }
}

impl<T> From<SendError<T>> for SendTimeoutError<T> {
    fn from(error: SendError<T>) -> Self {
        SendTimeoutError::Disconnected(error.0)
    }
}

impl From<RecvError> for TryRecvError {
    fn from(_: RecvError) -> Self {
        TryRecvError::Disconnected
    }
}

impl From<RecvError> for RecvTimeoutError {
    fn from(_: RecvError) -> Self {
        RecvTimeoutError::Disconnected
    }
}

pub(super) fn send<T>(error: crate::SendError<T>) -> SendError<T> {
    SendError(error.0)
}

pub(super) fn try_send<T>(error: crate::TrySendError<T>) -> TrySendError<T> {
    match error {
        crate::TrySendError::Full(msg) => TrySendError::Full(msg),
        crate::TrySendError::Closed(msg) => TrySendError::Disconnected(msg),
    }
}

pub(super) fn too_late<T>(error: crate::TrySendError<T>) -> SendTimeoutError<T> {
    match error {
        crate::TrySendError::Full(msg) => SendTimeoutError::Timeout(msg),
        crate::TrySendError::Closed(msg) => SendTimeoutError::Disconnected(msg),
    }
}

pub(super) fn send_timeout<T>(error: crate::SendTimeoutError<T>) -> SendTimeoutError<T> {
    match error {
        crate::SendTimeoutError::Timeout(msg) => SendTimeoutError::Timeout(msg),
        crate::SendTimeoutError::Closed(msg) => SendTimeoutError::Disconnected(msg),
    }
}

pub(super) fn recv(_: crate::RecvError) -> RecvError {
    RecvError
}

pub(super) fn try_recv(error: crate::TryRecvError) -> TryRecvError {
    match error {
        crate::TryRecvError::Empty => TryRecvError::Empty,
        crate::TryRecvError::Closed => TryRecvError::Disconnected,
    }
}

pub(super) fn recv_timeout(error: crate::RecvTimeoutError) -> RecvTimeoutError {
    match error {
        crate::RecvTimeoutError::Timeout => RecvTimeoutError::Timeout,
        crate::RecvTimeoutError::Closed => RecvTimeoutError::Disconnected,
    }
}
