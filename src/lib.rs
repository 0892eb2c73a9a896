#![doc = include_str!("../README.md")]
#![warn(rust_2018_idioms)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod channel;
#[cfg(feature = "compat")]
pub mod compat;
mod error;
mod join;
pub mod mpsc;
mod operation;
mod queue;
mod select;
mod sync;
mod wait;

#[cfg(loom)]
#[doc(hidden)]
pub mod raw;
#[cfg(not(loom))]
mod raw;

pub use channel::{bounded, unbounded, Receiver, Sender, WeakReceiver, WeakSender};
pub use error::{
    ClosedTimeoutError, GetError, GetTimeoutError, JoinTimeoutError, PutError, PutTimeoutError, RecvError,
    RecvTimeoutError, SendError, SendTimeoutError, TaskDoneError, TryGetError, TryPutError, TryRecvError, TrySendError,
};
pub use operation::Until;
#[cfg(feature = "stream")]
pub use queue::GetStream;
#[cfg(feature = "sink")]
pub use queue::PutSink;
pub use queue::{
    Closed, Done, Drain, Get, GetMany, GetOwned, GetTask, Iter, Join, Permits, Put, PutMany, PutOwned, Queue, Reserve,
    Task, TryIter,
};

pub use select::{SelectTimeoutError, Selector, TrySelectError};

/// The pages of `docs/`, so that each code block in them is compiled and run.
#[cfg(doctest)]
mod docs {
    #[doc = include_str!("../docs/design.md")]
    mod design {}
    #[doc = include_str!("../docs/memory-orderings.md")]
    mod memory_orderings {}
    #[doc = include_str!("../docs/migration/python-queue.md")]
    mod python_queue {}
    #[doc = include_str!("../docs/verification.md")]
    mod verification {}
}
