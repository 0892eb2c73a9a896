//! `flume`'s errors: this crate's own, under its names and with its texts.

use crate::error;
use std::error::Error;
use std::fmt;

/// The text of an error as `Debug` or `Display`, and that it is one.
macro_rules! texts {
    ($name:ident$(<$param:ident>)?, debug { $($shape:pat => $debug:literal),+ }) => {
        impl$(<$param>)? fmt::Debug for $name$(<$param>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $($shape => $debug),+
                })
            }
        }
    };
    ($name:ident$(<$param:ident>)?, display { $($shape:pat => $display:literal),+ }) => {
        impl$(<$param>)? fmt::Display for $name$(<$param>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self {
                    $($shape => $display),+
                })
            }
        }

        impl$(<$param>)? Error for $name$(<$param>)? {}
    };
}

/// Which error becomes which, here and from this crate's own.
macro_rules! becomes {
    ($($from:ty => $to:ident$(<$param:ident>)? { $($shape:pat => $made:expr),+ };)+) => {$(
        impl$(<$param>)? From<$from> for $to$(<$param>)? {
            fn from(error: $from) -> Self {
                match error {
                    $($shape => $made),+
                }
            }
        }
    )+};
}

/// All receivers are gone; the message comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(pub T);

/// The message was not sent; it comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// There is no room at this moment.
    Full(T),
    /// All receivers are gone.
    Disconnected(T),
}

/// The message was not sent in time; it comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SendTimeoutError<T> {
    /// The time was over before there was room.
    Timeout(T),
    /// All receivers are gone.
    Disconnected(T),
}

/// Nothing was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvError {
    /// All senders are gone and nothing is left.
    Disconnected,
}

/// Nothing was received at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// There is no message at this moment.
    Empty,
    /// All senders are gone and nothing is left.
    Disconnected,
}

/// Nothing was received in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvTimeoutError {
    /// The time was over before a message came.
    Timeout,
    /// All senders are gone and nothing is left.
    Disconnected,
}

impl<T> SendError<T> {
    /// The message that was not sent.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> TrySendError<T> {
    /// The message that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            TrySendError::Full(message) | TrySendError::Disconnected(message) => message,
        }
    }
}

impl<T> SendTimeoutError<T> {
    /// The message that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            SendTimeoutError::Timeout(message) | SendTimeoutError::Disconnected(message) => message,
        }
    }
}

texts! { SendError<T>, debug { SendError(_) => "SendError(..)" } }
texts! { SendError<T>, display { SendError(_) => "sending on a closed channel" } }
texts! { TrySendError<T>, debug {
    TrySendError::Full(_) => "Full(..)",
    TrySendError::Disconnected(_) => "Disconnected(..)"
} }
texts! { TrySendError<T>, display {
    TrySendError::Full(_) => "sending on a full channel",
    TrySendError::Disconnected(_) => "sending on a closed channel"
} }
texts! { SendTimeoutError<T>, debug { _ => "SendTimeoutError(..)" } }
texts! { SendTimeoutError<T>, display {
    SendTimeoutError::Timeout(_) => "timed out sending on a full channel",
    SendTimeoutError::Disconnected(_) => "sending on a closed channel"
} }
texts! { RecvError, display { RecvError::Disconnected => "receiving on a closed channel" } }
texts! { TryRecvError, display {
    TryRecvError::Empty => "receiving on an empty channel",
    TryRecvError::Disconnected => "channel is empty and closed"
} }
texts! { RecvTimeoutError, display {
    RecvTimeoutError::Timeout => "timed out waiting on a channel",
    RecvTimeoutError::Disconnected => "channel is empty and closed"
} }

becomes! {
    SendError<T> => TrySendError<T> { SendError(message) => TrySendError::Disconnected(message) };
    SendError<T> => SendTimeoutError<T> { SendError(message) => SendTimeoutError::Disconnected(message) };
    RecvError => TryRecvError { RecvError::Disconnected => TryRecvError::Disconnected };
    RecvError => RecvTimeoutError { RecvError::Disconnected => RecvTimeoutError::Disconnected };

    error::SendError<T> => SendError<T> { error::SendError(message) => SendError(message) };
    error::PutError<T> => SendError<T> { error::PutError(message) => SendError(message) };
    error::TrySendError<T> => TrySendError<T> {
        error::TrySendError::Full(message) => TrySendError::Full(message),
        error::TrySendError::Closed(message) => TrySendError::Disconnected(message)
    };
    error::SendTimeoutError<T> => SendTimeoutError<T> {
        error::SendTimeoutError::Timeout(message) => SendTimeoutError::Timeout(message),
        error::SendTimeoutError::Closed(message) => SendTimeoutError::Disconnected(message)
    };
    error::GetError => RecvError { error::GetError => RecvError::Disconnected };
    error::RecvError => RecvError { error::RecvError => RecvError::Disconnected };
    error::TryRecvError => TryRecvError {
        error::TryRecvError::Empty => TryRecvError::Empty,
        error::TryRecvError::Closed => TryRecvError::Disconnected
    };
    error::RecvTimeoutError => RecvTimeoutError {
        error::RecvTimeoutError::Timeout => RecvTimeoutError::Timeout,
        error::RecvTimeoutError::Closed => RecvTimeoutError::Disconnected
    };
}
