//! All public errors. Each hands the item back where there is one, and prints without asking anything of its type.

use std::error::Error;
use std::fmt;

/// An error that carries one value whatever went wrong.
macro_rules! single {
    ($(#[$meta:meta])* $name:ident, $text:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub struct $name<T>(pub T);

        impl<T> $name<T> {
            /// What did not go in.
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

/// An error of two kinds, each with the value.
macro_rules! double {
    ($(#[$meta:meta])* $name:ident from $single:ident,
     $other:ident $is_other:ident $other_doc:literal $other_text:literal, Closed $closed_text:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub enum $name<T> {
            #[doc = $other_doc]
            $other(T),
            /// It is closed: nothing goes in any more.
            Closed(T),
        }

        impl<T> $name<T> {
            /// What did not go in.
            pub fn into_inner(self) -> T {
                match self {
                    $name::$other(item) | $name::Closed(item) => item,
                }
            }

            #[doc = $other_doc]
            pub fn $is_other(&self) -> bool {
                matches!(self, $name::$other(_))
            }

            /// It is closed.
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

/// An error without a value.
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

/// An error of two kinds without a value.
macro_rules! either {
    ($(#[$meta:meta])* $name:ident from $unit:ident,
     $other:ident $is_other:ident $other_doc:literal $other_text:literal, Closed $closed_text:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            #[doc = $other_doc]
            $other,
            /// It is closed and nothing is left inside.
            Closed,
        }

        impl $name {
            #[doc = $other_doc]
            pub fn $is_other(&self) -> bool {
                *self == $name::$other
            }

            /// It is closed and nothing is left inside.
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
    /// [`put`](crate::Queue::put) on a closed queue; the item comes back.
    PutError, "putting into a closed queue"
}
double! {
    /// [`try_put`](crate::Queue::try_put) did not put; the item comes back.
    TryPutError from PutError,
    Full is_full "There is no room at this moment." "putting into a full queue", Closed "putting into a closed queue"
}
double! {
    /// [`put`](crate::Queue::put) with a limit of time did not put; the item comes back.
    PutTimeoutError from PutError,
    Timeout is_timeout "The time was over before there was room." "timed out putting into a full queue",
    Closed "putting into a closed queue"
}
unit! {
    /// [`get`](crate::Queue::get) on a queue that is closed and has nothing left.
    GetError, "getting from an empty and closed queue"
}
either! {
    /// [`try_get`](crate::Queue::try_get) got nothing.
    TryGetError from GetError,
    Empty is_empty "There is nothing inside at this moment." "getting from an empty queue",
    Closed "getting from an empty and closed queue"
}
either! {
    /// [`get`](crate::Queue::get) with a limit of time got nothing.
    GetTimeoutError from GetError,
    Timeout is_timeout "The time was over before an item came." "timed out getting from an empty queue",
    Closed "getting from an empty and closed queue"
}
unit! {
    /// [`task_done`](crate::Queue::task_done) was called more often than items were put; nothing was counted.
    TaskDoneError, "task_done called more often than items were put"
}
unit! {
    /// [`join`](crate::Queue::join) with a limit of time: the time was over before all items were done.
    JoinTimeoutError, "timed out joining a queue with unfinished items"
}
unit! {
    /// [`closed`](crate::Queue::closed) with a limit of time: the time was over and the queue is open still.
    ClosedTimeoutError, "timed out waiting for a queue to be closed"
}

single! {
    /// [`send`](crate::Sender::send) into a channel that is closed; the message comes back.
    SendError, "sending into a closed channel"
}
double! {
    /// [`try_send`](crate::Sender::try_send) did not send; the message comes back.
    TrySendError from SendError,
    Full is_full "There is no room at this moment." "sending into a full channel", Closed "sending into a closed channel"
}
double! {
    /// [`send`](crate::Sender::send) with a limit of time did not send; the message comes back.
    SendTimeoutError from SendError,
    Timeout is_timeout "The time was over before there was room." "timed out sending into a full channel",
    Closed "sending into a closed channel"
}
unit! {
    /// [`recv`](crate::Receiver::recv) from a channel that is closed and has nothing left.
    RecvError, "receiving from an empty and closed channel"
}
either! {
    /// [`try_recv`](crate::Receiver::try_recv) received nothing.
    TryRecvError from RecvError,
    Empty is_empty "There is nothing inside at this moment." "receiving from an empty channel",
    Closed "receiving from an empty and closed channel"
}
either! {
    /// [`recv`](crate::Receiver::recv) with a limit of time received nothing.
    RecvTimeoutError from RecvError,
    Timeout is_timeout "The time was over before a message came." "timed out receiving from an empty channel",
    Closed "receiving from an empty and closed channel"
}

/// The channel's name for an error of the queue.
macro_rules! renamed {
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

renamed! {
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
