//! How far a close in two steps has come.
//!
//! Knows one word. Does not know the queue.
//!
//! From the first step on the core is closed, so that a put fails. Workers still put subtasks, as late items. A
//! get that finds nothing waits as long as a subtask is possible: until no permit is held and no item is
//! unfinished. After the first step no permit is reserved any more, and without an unfinished item there is no
//! guard by which a subtask could be put. So the queue is at its end once no permit was held and then no item
//! was unfinished. The operation that makes the last of the two conditions true ends the queue. Each checks
//! both after an RMW on the count of items done: the one that finishes an item by that count itself, the one
//! that releases a permit or leaves a hole by an RMW fence. So of two such operations the later one sees what
//! the earlier one did.

use crate::sync::{AtomicU8, Ordering};

/// Not closed, or closed in one step.
const NEVER: u8 = 0;
/// The core is closed, and subtasks are accepted.
pub(super) const ACCEPTS: u8 = 1;
/// Subtasks are refused too.
pub(super) const ENDED: u8 = 2;

/// How far a close in two steps has come. It changes under the mutex only.
pub(super) struct SecondStep(AtomicU8);

impl SecondStep {
    crate::sync::const_fn! {
        pub(super) const fn new() -> Self {
            SecondStep(AtomicU8::new(NEVER))
        }
    }

    /// Whether subtasks are accepted after a close. Exact under the mutex.
    pub(super) fn is_open(&self) -> bool {
        // Ordering: Acquire, T2. Pairs with the end (T3): a get that finds it sees each late item.
        self.0.load(Ordering::Acquire) == ACCEPTS
    }

    pub(super) fn set(&self, state: u8) {
        // Ordering: Release, T3. Before the close of the core, and after the last late item (T2).
        self.0.store(state, Ordering::Release);
    }
}
