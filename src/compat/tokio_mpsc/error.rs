//! Errors with the texts of `tokio::sync::mpsc::error`.

use crate::error as own;
use std::error::Error;
use std::fmt;

/// Error of a send: the channel is closed. It contains the message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(pub T);

/// Error of a send without waiting. It contains the message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// The channel is full.
    Full(T),
    /// The channel is closed.
    Closed(T),
}

/// Error of a send with a timeout. It contains the message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SendTimeoutError<T> {
    /// The operation timed out before a slot became free.
    Timeout(T),
    /// The channel is closed.
    Closed(T),
}

/// Error of a receive without waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// The channel is empty.
    Empty,
    /// The channel is closed, and no message will arrive.
    Disconnected,
}

/// No function returns this error; it exists so that code that names it compiles.
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

/// The methods and traits of an error with two causes, which contains a message.
macro_rules! double {
    ($name:ident, $other:ident: $text:literal) => {
        impl<T> $name<T> {
            /// Returns the message that was not sent.
            ///
            /// # Examples
            /// ```
            #[doc = concat!("use joinq::compat::tokio_mpsc::error::", stringify!($name), ";")]
            ///
            #[doc = concat!("assert_eq!(", stringify!($name), "::", stringify!($other), "('a').into_inner(), 'a');")]
            /// ```
            pub fn into_inner(self) -> T {
                match self {
                    $name::$other(message) | $name::Closed(message) => message,
                }
            }
        }

        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                // With quotation marks, as in tokio.
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
    /// The same error with another message.
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
