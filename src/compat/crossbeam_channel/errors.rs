//! Errors with the names and texts of `crossbeam-channel`.

use crate::error as own;
use std::error::Error;
use std::fmt;

/// Error returned by [`Receiver::recv`](super::Receiver::recv): the channel is disconnected and empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecvError;

errors! {
    in "joinq::compat::crossbeam_channel";
    impl<T: Send> Error;
    SendError => "sending on a disconnected channel";
    TrySendError::Full => "sending on a full channel";
    SendTimeoutError::Timeout => "timed out waiting on send operation";
    RecvError => "receiving on an empty and disconnected channel";
    TryRecvError::Empty => "receiving on an empty channel";
    TryRecvError::Disconnected => "receiving on an empty and disconnected channel";
    RecvTimeoutError::Timeout => "timed out waiting on receive operation";
    RecvTimeoutError::Disconnected => "channel is empty and disconnected";
}

/// Queries of an error with two causes. `$other` is a value with the other cause, for the examples.
macro_rules! error_queries {
    ($name:ident $(<$item:ident>)?, $other:literal $is_other:ident $other_doc:literal, $closed_doc:literal) => {
        impl$(<$item>)? $name$(<$item>)? {
            #[doc = $other_doc]
            ///
            /// # Examples
            #[doc = concat!("```\nuse joinq::compat::crossbeam_channel::", stringify!($name), ";\n")]
            #[doc = concat!("assert!(", stringify!($name), "::", $other, ".", stringify!($is_other), "());\n```")]
            pub fn $is_other(&self) -> bool {
                !self.is_disconnected()
            }

            #[doc = $closed_doc]
            ///
            /// # Examples
            #[doc = concat!("```\nuse joinq::compat::crossbeam_channel::", stringify!($name), ";\n")]
            #[doc = concat!("assert!(!", stringify!($name), "::", $other, ".is_disconnected());\n```")]
            pub fn is_disconnected(&self) -> bool {
                matches!(self, $name::Disconnected { .. })
            }
        }
    };
}

error_queries!(TrySendError<T>, "Full(1)" is_full "Whether the channel was full.", "Whether all receivers were dropped.");
error_queries!(SendTimeoutError<T>, "Timeout(1)" is_timeout "Whether the operation timed out.", "Whether all receivers were dropped.");
error_queries!(TryRecvError, "Empty" is_empty "Whether the channel was empty.", "Whether all senders were dropped.");
error_queries!(RecvTimeoutError, "Timeout" is_timeout "Whether the operation timed out.", "Whether all senders were dropped.");

/// Errors without a message.
macro_rules! selecting {
    ($($name:ident, $text:literal, $doc:literal;)+) => {$(
        #[doc = $doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name;

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad($text)
            }
        }

        impl Error for $name {}
    )+};
}

selecting! {
    TrySelectError, "all operations in select would block",
        "Error returned by [`Select::try_select`](super::Select::try_select): no operation is ready.";
    SelectTimeoutError, "timed out waiting on select",
        "Error returned by [`Select::select_timeout`](super::Select::select_timeout) and \
         [`select_deadline`](super::Select::select_deadline): no operation became ready in time.";
}

/// Error returned by [`Select::try_ready`](super::Select::try_ready): no operation is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TryReadyError;

/// Error returned by [`Select::ready_timeout`](super::Select::ready_timeout) and
/// [`ready_deadline`](super::Select::ready_deadline): no operation became ready in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadyTimeoutError;
