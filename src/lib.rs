#![doc = include_str!("../README.md")]
#![warn(rust_2018_idioms)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod channel;
#[cfg(feature = "compat")]
pub mod compat;
mod error;
#[cfg(any(doc, doctest))]
pub mod guide;
mod join;
pub mod mpsc;
mod operation;
pub mod queue;
mod select;
mod sync;
mod wait;

#[cfg(loom)]
#[doc(hidden)]
pub mod raw;
#[cfg(not(loom))]
mod raw;

pub use channel::{bounded, unbounded, with_permits, Receiver, Sender, WeakReceiver, WeakSender};
pub use error::{
    ClosedTimeoutError, GetError, GetTimeoutError, JoinTimeoutError, PutError, PutTimeoutError, RecvError,
    RecvTimeoutError, SendError, SendTimeoutError, TaskDoneError, TryGetError, TryPutError, TryRecvError, TrySendError,
};
pub use operation::{Linger, Until};
pub use queue::{Queue, Task};
pub use select::{SelectTimeoutError, Selector, TrySelectError};
