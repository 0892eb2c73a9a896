//! The errors under their names and texts in `crossbeam-channel`.

use crate::error as own;
use std::error::Error;
use std::fmt;

/// [`Receiver::recv`](super::Receiver::recv) from a channel that is disconnected and empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecvError;

errors! {
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

/// How to ask an error of two kinds for its kind.
macro_rules! kinds {
    ($name:ident $(<$item:ident>)?, $is_other:ident $other_doc:literal, $closed_doc:literal) => {
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
    };
}

kinds!(TrySendError<T>, is_full "Whether there was no room.", "Whether all receivers are gone.");
kinds!(SendTimeoutError<T>, is_timeout "Whether the time was over.", "Whether all receivers are gone.");
kinds!(TryRecvError, is_empty "Whether nothing was inside.", "Whether all senders are gone and nothing is left.");
kinds!(RecvTimeoutError, is_timeout "Whether the time was over.", "Whether all senders are gone and nothing is left.");
