//! A check of the memory that a run of threads and tasks leaves behind.

use crate::allocator::{faults, live_bytes};
use std::thread::scope;

/// What the allocator has seen.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Bytes that were allocated in the run and not freed.
    pub left: i64,
    /// Deallocations with another layout than the allocation, or of a block that was freed before.
    pub wrong: u64,
}

/// Does the work on a thread of its own, whose thread locals are freed with it: first `warm_up`, which allocates what is
/// used for ever, and then `work`. No other thread must allocate meanwhile.
pub fn measured<R: Send>(warm_up: impl FnOnce() + Send, work: impl FnOnce() -> R + Send) -> (R, Memory) {
    scope(|scope| {
        let warmed_up = scope.spawn(warm_up).join();
        assert!(warmed_up.is_ok(), "the warm-up has panicked");
        // The threads below allocate and free their own names and results.
        let (live, (wrong, _)) = (live_bytes(), faults());
        let result = scope.spawn(work).join();
        let Ok(result) = result else { panic!("the work has panicked") };
        let (left, (after, _)) = (live_bytes() - live, faults());
        (result, Memory { left, wrong: after - wrong })
    })
}

impl Memory {
    /// The fault, if any.
    pub fn fault(&self) -> Option<String> {
        if self.wrong > 0 {
            return Some(format!("{} wrong deallocations; the first: {}", self.wrong, faults().1));
        }
        (self.left != 0).then(|| format!("{} bytes are live at the end", self.left))
    }
}
