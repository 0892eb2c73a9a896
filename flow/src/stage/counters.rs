//! Numbers of what has happened in a stage.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        // Ordering: Relaxed. A number to show.
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        // Ordering: Relaxed, as in `add`.
        self.0.load(Ordering::Relaxed)
    }
}

/// Only `done` is written for a job that succeeds at once.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) done: Counter,
    pub(crate) dead: Counter,
    pub(crate) cancelled: Counter,
    /// Jobs that a shutdown has taken out.
    pub(crate) left: Counter,
    pub(crate) failed: Counter,
    pub(crate) retried: Counter,
    pub(crate) panicked: Counter,
    pub(crate) evicted: Counter,
    pub(crate) refused: Counter,
    /// Dead letters that a full queue of dead letters has displaced, or for which there is no queue.
    pub(crate) letters_dropped: Counter,
}
