//! All public errors. An error of a put contains the item, and prints without any bound on the item's type.
//!
//! Knows no other module.

use std::error::Error;
use std::fmt;

/// An error with one cause, which contains a value.
macro_rules! single {
    ($(#[$meta:meta])* $name:ident, $text:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub struct $name<T>(pub T);

        impl<T> $name<T> {
            /// Returns the value that was not put or sent.
            ///
            /// # Examples
            #[doc = concat!("```\nlet error = joinq::", stringify!($name), "(1);")]
            /// assert_eq!(error.into_inner(), 1);
            /// ```
            pub fn into_inner(self) -> T {
                self.0
            }
        }

        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }

        impl<T> fmt::Display for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($text)
            }
        }

        impl<T> Error for $name<T> {}
    };
}

/// An error with two causes, which contains a value.
macro_rules! double {
    ($(#[$meta:meta])* $name:ident from $single:ident,
     $other:ident $is_other:ident $other_doc:literal $other_text:literal, Closed $closed_text:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub enum $name<T> {
            #[doc = $other_doc]
            $other(T),
            /// The queue or channel is closed.
            #[doc(alias = "Disconnected")]
            Closed(T),
        }

        impl<T> $name<T> {
            /// Returns the value that was not put or sent.
            ///
            /// # Examples
            #[doc = concat!("```\nlet error = joinq::", stringify!($name), "::", stringify!($other), "(1);")]
            /// assert_eq!(error.into_inner(), 1);
            /// ```
            pub fn into_inner(self) -> T {
                match self {
                    $name::$other(item) | $name::Closed(item) => item,
                }
            }

            #[doc = concat!("Whether this is [`", stringify!($other), "`](Self::", stringify!($other), ").")]
            ///
            /// # Examples
            #[doc = concat!("```\nuse joinq::", stringify!($name), ";\n")]
            #[doc = concat!("assert!(", stringify!($name), "::", stringify!($other), "(1).", stringify!($is_other), "());")]
            #[doc = concat!("assert!(!", stringify!($name), "::Closed(1).", stringify!($is_other), "());")]
            /// ```
            pub fn $is_other(&self) -> bool {
                matches!(self, $name::$other(_))
            }

            /// Whether this is [`Closed`](Self::Closed).
            ///
            /// # Examples
            #[doc = concat!("```\nuse joinq::", stringify!($name), ";\n")]
            #[doc = concat!("assert!(", stringify!($name), "::Closed(1).is_closed());")]
            #[doc = concat!("assert!(!", stringify!($name), "::", stringify!($other), "(1).is_closed());")]
            /// ```
            #[doc(alias = "is_disconnected")]
            pub fn is_closed(&self) -> bool {
                matches!(self, $name::Closed(_))
            }
        }

        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $name::$other(_) => concat!(stringify!($other), "(..)"),
                    $name::Closed(_) => "Closed(..)",
                })
            }
        }

        impl<T> fmt::Display for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $name::$other(_) => $other_text,
                    $name::Closed(_) => $closed_text,
                })
            }
        }

        impl<T> Error for $name<T> {}

        impl<T> From<$single<T>> for $name<T> {
            fn from($single(item): $single<T>) -> Self {
                $name::Closed(item)
            }
        }
    };
}

/// An error with one cause, without a value.
macro_rules! unit {
    ($(#[$meta:meta])* $name:ident, $text:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name;

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($text)
            }
        }

        impl Error for $name {}
    };
}

/// An error with two causes, without a value.
macro_rules! either {
    ($(#[$meta:meta])* $name:ident from $unit:ident,
     $other:ident $is_other:ident $other_doc:literal $other_text:literal, Closed $closed_text:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            #[doc = $other_doc]
            $other,
            /// The queue or channel is closed and empty.
            #[doc(alias = "Disconnected")]
            Closed,
        }

        impl $name {
            #[doc = concat!("Whether this is [`", stringify!($other), "`](Self::", stringify!($other), ").")]
            ///
            /// # Examples
            #[doc = concat!("```\nuse joinq::", stringify!($name), ";\n")]
            #[doc = concat!("assert!(", stringify!($name), "::", stringify!($other), ".", stringify!($is_other), "());")]
            #[doc = concat!("assert!(!", stringify!($name), "::Closed.", stringify!($is_other), "());")]
            /// ```
            pub fn $is_other(&self) -> bool {
                *self == $name::$other
            }

            /// Whether this is [`Closed`](Self::Closed).
            ///
            /// # Examples
            #[doc = concat!("```\nuse joinq::", stringify!($name), ";\n")]
            #[doc = concat!("assert!(", stringify!($name), "::Closed.is_closed());")]
            #[doc = concat!("assert!(!", stringify!($name), "::", stringify!($other), ".is_closed());")]
            /// ```
            #[doc(alias = "is_disconnected")]
            pub fn is_closed(&self) -> bool {
                *self == $name::Closed
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $name::$other => $other_text,
                    $name::Closed => $closed_text,
                })
            }
        }

        impl Error for $name {}

        impl From<$unit> for $name {
            fn from(_: $unit) -> Self {
                $name::Closed
            }
        }
    };
}

single! {
    #[doc(alias = "ShutDown")]
    /// Error returned by [`put`](crate::Queue::put): the queue is closed. It contains the item.
    PutError, "putting into a closed queue"
}
double! {
    /// Error returned by [`try_put`](crate::Queue::try_put). It contains the item.
    TryPutError from PutError,
    Full is_full "The queue is full." "putting into a full queue", Closed "putting into a closed queue"
}
double! {
    /// Error returned by [`put`](crate::Queue::put) with a timeout or deadline. It contains the item.
    PutTimeoutError from PutError,
    Timeout is_timeout "The operation timed out before a slot became free." "timed out putting into a full queue",
    Closed "putting into a closed queue"
}
unit! {
    /// Error returned by [`get`](crate::Queue::get): the queue is closed and empty.
    GetError, "getting from an empty and closed queue"
}
either! {
    /// Error returned by [`try_get`](crate::Queue::try_get).
    TryGetError from GetError,
    Empty is_empty "The queue is empty." "getting from an empty queue",
    Closed "getting from an empty and closed queue"
}
either! {
    /// Error returned by [`get`](crate::Queue::get) with a timeout or deadline.
    GetTimeoutError from GetError,
    Timeout is_timeout "The operation timed out before an item arrived." "timed out getting from an empty queue",
    Closed "getting from an empty and closed queue"
}
unit! {
    /// Error returned by [`task_done`](crate::Queue::task_done): it was called more often than items were
    /// put. Nothing was counted.
    TaskDoneError, "task_done called more often than items were put"
}
unit! {
    /// Error returned by [`join`](crate::Queue::join) with a timeout or deadline: it timed out while items
    /// were unfinished.
    JoinTimeoutError, "timed out joining a queue with unfinished items"
}
unit! {
    /// Error returned by [`closed`](crate::Queue::closed) with a timeout or deadline: it timed out while the
    /// queue was open.
    ClosedTimeoutError, "timed out waiting for a queue to be closed"
}

single! {
    /// Error returned by [`send`](crate::Sender::send): the channel is closed. It contains the message.
    SendError, "sending into a closed channel"
}
double! {
    /// Error returned by [`try_send`](crate::Sender::try_send). It contains the message.
    TrySendError from SendError,
    Full is_full "The channel is full." "sending into a full channel", Closed "sending into a closed channel"
}
double! {
    /// Error returned by [`send`](crate::Sender::send) with a timeout or deadline. It contains the message.
    SendTimeoutError from SendError,
    Timeout is_timeout "The operation timed out before a slot became free." "timed out sending into a full channel",
    Closed "sending into a closed channel"
}
unit! {
    /// Error returned by [`recv`](crate::Receiver::recv): the channel is closed and empty.
    RecvError, "receiving from an empty and closed channel"
}
either! {
    /// Error returned by [`try_recv`](crate::Receiver::try_recv).
    TryRecvError from RecvError,
    Empty is_empty "The channel is empty." "receiving from an empty channel",
    Closed "receiving from an empty and closed channel"
}
either! {
    /// Error returned by [`recv`](crate::Receiver::recv) with a timeout or deadline.
    RecvTimeoutError from RecvError,
    Timeout is_timeout "The operation timed out before a message arrived." "timed out receiving from an empty channel",
    Closed "receiving from an empty and closed channel"
}

/// Conversions of the queue's errors into the channel's.
macro_rules! channel_errors {
    ($($queue:ident$(<$item:ident>)? => $channel:ident { $($variant:pat => $to:expr),* };)*) => {$(
        impl$(<$item>)? From<$queue$(<$item>)?> for $channel$(<$item>)? {
            fn from(error: $queue$(<$item>)?) -> Self {
                match error {
                    $($variant => $to),*
                }
            }
        }
    )*};
}

channel_errors! {
    PutError<T> => SendError { PutError(item) => SendError(item) };
    TryPutError<T> => TrySendError {
        TryPutError::Full(item) => TrySendError::Full(item),
        TryPutError::Closed(item) => TrySendError::Closed(item)
    };
    PutTimeoutError<T> => SendTimeoutError {
        PutTimeoutError::Timeout(item) => SendTimeoutError::Timeout(item),
        PutTimeoutError::Closed(item) => SendTimeoutError::Closed(item)
    };
    GetError => RecvError { GetError => RecvError };
    TryGetError => TryRecvError {
        TryGetError::Empty => TryRecvError::Empty,
        TryGetError::Closed => TryRecvError::Closed
    };
    GetTimeoutError => RecvTimeoutError {
        GetTimeoutError::Timeout => RecvTimeoutError::Timeout,
        GetTimeoutError::Closed => RecvTimeoutError::Closed
    };
}
