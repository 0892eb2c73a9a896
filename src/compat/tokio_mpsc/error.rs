//! Errors with the texts of `tokio::sync::mpsc::error`.

use crate::error as own;
use std::error::Error;
use std::fmt;

/// The channel is closed; carries the message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(pub T);

/// Why a message was not sent at once, with the message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// There is no room at this moment.
    Full(T),
    /// The channel is closed.
    Closed(T),
}

/// Why a message was not sent in time, with the message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SendTimeoutError<T> {
    /// Time ran out.
    Timeout(T),
    /// The channel is closed.
    Closed(T),
}

/// Why nothing was received at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// Nothing is inside at this moment.
    Empty,
    /// The channel is closed, and nothing will come any more.
    Disconnected,
}

/// Made by nothing; it exists so that code which names it compiles.
#[derive(Clone, Debug)]
#[doc(hidden)]
#[deprecated(note = "nothing returns this: `recv` returns an `Option`")]
pub struct RecvError(());

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendError { .. }")
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("channel closed")
    }
}

impl<T> Error for SendError<T> {}

/// What the two errors of two kinds, each with the message, have in common.
macro_rules! double {
    ($name:ident, $other:ident: $text:literal) => {
        impl<T> $name<T> {
            /// The message.
            pub fn into_inner(self) -> T {
                match self {
                    $name::$other(message) | $name::Closed(message) => message,
                }
            }
        }

        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                // As text, as the peer has it.
                f.write_str(match self {
                    $name::$other(_) => concat!("\"", stringify!($other), "(..)\""),
                    $name::Closed(_) => "\"Closed(..)\"",
                })
            }
        }

        impl<T> fmt::Display for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $name::$other(_) => $text,
                    $name::Closed(_) => "channel closed",
                })
            }
        }

        impl<T> Error for $name<T> {}
    };
}

double!(TrySendError, Full: "no available capacity");
double!(SendTimeoutError, Timeout: "timed out waiting on send operation");

impl<T> TrySendError<T> {
    /// The same with another message.
    pub(super) fn map<U>(self, map: impl FnOnce(T) -> U) -> TrySendError<U> {
        match self {
            TrySendError::Full(message) => TrySendError::Full(map(message)),
            TrySendError::Closed(message) => TrySendError::Closed(map(message)),
        }
    }
}

impl<T> From<SendError<T>> for TrySendError<T> {
    fn from(SendError(message): SendError<T>) -> Self {
        TrySendError::Closed(message)
    }
}

impl<T> From<own::TrySendError<T>> for TrySendError<T> {
    fn from(error: own::TrySendError<T>) -> Self {
        match error {
            own::TrySendError::Full(message) => TrySendError::Full(message),
            own::TrySendError::Closed(message) => TrySendError::Closed(message),
        }
    }
}

impl<T> From<own::TryPutError<T>> for TrySendError<T> {
    fn from(error: own::TryPutError<T>) -> Self {
        own::TrySendError::from(error).into()
    }
}

impl From<own::TryRecvError> for TryRecvError {
    fn from(error: own::TryRecvError) -> Self {
        match error {
            own::TryRecvError::Empty => TryRecvError::Empty,
            own::TryRecvError::Closed => TryRecvError::Disconnected,
        }
    }
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            TryRecvError::Empty => "receiving on an empty channel",
            TryRecvError::Disconnected => "receiving on a closed channel",
        })
    }
}

impl Error for TryRecvError {}

#[allow(deprecated)]
impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("channel closed")
    }
}

#[allow(deprecated)]
impl Error for RecvError {}
