//! Waiting: wait queues, wakers, and what operations read of them without a lock.
//!
//! Knows wakers, and gets and puts as kinds of waiters. Does not know the queue or items.
//!
//! There are two ways to wait. Gets, puts and reservations wait in FIFO order in [`Waiters`], which a mutex
//! guards; `join` and `closed` wait in a [`WaitSet`], all of whose waiters are notified at once. In front of
//! each stands a number that is 0 while there is no waiter. An operation that finds 0 pays one relaxed load
//! and takes no lock. The queue adds a third: a get that waits alone has its waker in a cell, without a lock
//! (`queue/getters.rs`); a put pays a load for that as well.
//!
//! Race: a notification is never lost. A waiter (W) waits for a change, which a notifier (N) makes by an RMW
//! of a word.
//! 1. W registers: its waker is stored, and the number of waiters is set.
//! 2. W makes an RMW fence on the word ([`crate::sync::rmw_fence`]): an RMW that changes nothing.
//! 3. W checks once more whether it must wait, and only then waits.
//! 4. If N's RMW comes before step 2, W sees the change in step 3.
//! 5. If it comes after step 2, N has acquired what W did in step 1: its relaxed load sees the number, and N
//!    notifies W.
//!
//! This is Dekker's algorithm with the store-load fence on the waiter's side alone. The notifier needs no
//! fence and no second RMW, so that `put` and `get` pay nothing for waiters that do not exist.

mod counts;
mod queue;
mod selection;
mod wait_set;
mod waiters;
mod wake_list;

pub(crate) use counts::WaiterCounts;
pub(crate) use queue::{WaitQueue, WaiterKey, WaiterState};
pub(crate) use selection::Selection;
pub(crate) use wait_set::{WaitCount, WaitSet, Waiting};
pub(crate) use waiters::{GetterKind, Polled, Unneeded, WaitLists, Waiters, ALL};
pub(crate) use wake_list::{wake_each, wake_one, HeldPanic, WakeList};
