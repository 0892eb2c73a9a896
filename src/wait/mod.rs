//! Waiting: wait queues, wakers, and what the fast paths read of them.
//!
//! Knows wakers. Does not know queues or items.

mod consumer_waker;
mod queue;
mod wait_set;

pub(crate) use consumer_waker::ConsumerWaker;
pub(crate) use queue::{resume_panic, wake_each, WaitQueue, WaiterKey, WaiterState, WakeList};
pub(crate) use wait_set::{WaitSet, Waiting};
