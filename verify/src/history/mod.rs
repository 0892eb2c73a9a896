//! Small concurrent histories, each checked against the sequential specification.
//!
//! [`program`] makes random programs of a few threads, [`run`] runs them and records when each operation was called
//! and when it returned, and [`check`] searches for an order of the operations that [`spec`] allows and that agrees
//! with the times.

pub mod check;
pub mod faulty;
pub mod program;
pub mod run;
pub mod spec;
pub mod subject;

/// What an operation did, as one step of the sequential specification. A batch is several steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The item was enqueued.
    Put(u8),
    /// There was no free slot.
    PutFull,
    /// The queue was closed.
    PutClosed,
    /// The item was taken.
    Got(u8),
    /// There was no item.
    GotEmpty,
    /// The queue was closed and empty.
    GotClosed,
    /// The answer of `len`.
    Len(usize),
    /// The answer of `is_empty`.
    IsEmpty(bool),
    /// The answer of `is_full`.
    IsFull(bool),
    /// The answer of `is_closed`.
    IsClosed(bool),
    /// The answer of `close`.
    Close(bool),
    /// A permit was taken.
    Reserved,
    /// No permit was free.
    ReserveFull,
    /// The queue was closed before a permit was taken.
    ReserveClosed,
    /// The item was enqueued by a permit that was held.
    PutHeld(u8),
    /// A permit that was held was released.
    Released,
}

/// A step, and the times between which it took place.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    /// Before the call.
    pub called: u64,
    /// After the return.
    pub returned: u64,
    /// What was done.
    pub step: Step,
    /// How many items the call may still put, this one included, until it returns.
    pub puts: usize,
}

/// The records of each thread, in program order. The last one is the thread that empties the queue at the end.
pub type History = Vec<Vec<Record>>;
