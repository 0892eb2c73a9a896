//! The handles and workers of a stage: when the last one is gone, no job can run any more.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The number of workers, and in bit 0 whether there are handles of the stage.
pub(crate) struct Users(AtomicUsize);

const HANDLES: usize = 1;
const WORKER: usize = 2;

impl Users {
    pub(crate) fn new() -> Self {
        Users(AtomicUsize::new(HANDLES))
    }

    pub(crate) fn workers(&self) -> usize {
        // Ordering: Relaxed. A number to show.
        self.0.load(Ordering::Relaxed) / WORKER
    }

    pub(crate) fn add_worker(&self) {
        // Ordering: Relaxed. The caller has a handle, or is a worker.
        self.0.fetch_add(WORKER, Ordering::Relaxed);
    }

    /// A worker leaves; whether no user is left.
    pub(crate) fn remove_worker(&self) -> bool {
        // Ordering: AcqRel. What the others did comes before the end.
        self.0.fetch_sub(WORKER, Ordering::AcqRel) == WORKER
    }

    /// The last handle is dropped; whether no user is left.
    pub(crate) fn remove_handles(&self) -> bool {
        // Ordering: AcqRel, as in `remove_worker`.
        self.0.fetch_and(!HANDLES, Ordering::AcqRel) == HANDLES
    }
}
