//! Numbers of what has happened in a stage.

use super::stats::{DeadBy, RefusedBy};
use crate::{Cause, Refused};
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        // Ordering: Relaxed. A number to show.
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// Adds one, and returns the sum.
    pub(crate) fn next(&self) -> u64 {
        // Ordering: Relaxed, as in `add`.
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn get(&self) -> u64 {
        // Ordering: Relaxed, as in `add`.
        self.0.load(Ordering::Relaxed)
    }
}

/// Only `put` and `done` are written for a job that succeeds at once.
#[derive(Default)]
pub(crate) struct Counters {
    /// Jobs that were accepted. In a stage without a store the number is the id of the last one.
    pub(crate) put: Counter,
    pub(crate) done: Counter,
    pub(crate) dead: ByCause,
    pub(crate) cancelled: Counter,
    /// Jobs that a shutdown has taken out.
    pub(crate) left: Counter,
    pub(crate) failed: Counter,
    pub(crate) retried: Counter,
    pub(crate) panicked: Counter,
    pub(crate) evicted: Counter,
    pub(crate) refused: ByReason,
    /// Jobs that went to disk, as there was no free capacity in memory.
    pub(crate) spilled: Counter,
    /// Jobs that were dead letters from the start, and never in the queue.
    pub(crate) born_dead: Counter,
    /// Dead letters that a full queue of dead letters has displaced, or for which there is no queue.
    pub(crate) letters_dropped: Counter,
}

/// Dead letters.
#[derive(Default)]
pub(crate) struct ByCause {
    failed: Counter,
    panicked: Counter,
    dropped: Counter,
    crashed: Counter,
    evicted: Counter,
    undecodable: Counter,
}

impl ByCause {
    pub(crate) fn by(&self, cause: &Cause) -> &Counter {
        match cause {
            // The last two do not make dead letters.
            Cause::Failed(_) | Cause::Cancelled | Cause::ShutDown => &self.failed,
            Cause::Panicked(_) => &self.panicked,
            Cause::Dropped => &self.dropped,
            Cause::Crashed => &self.crashed,
            Cause::Evicted => &self.evicted,
            Cause::Undecodable(_) => &self.undecodable,
        }
    }

    pub(super) fn get(&self) -> DeadBy {
        DeadBy {
            failed: self.failed.get(),
            panicked: self.panicked.get(),
            dropped: self.dropped.get(),
            crashed: self.crashed.get(),
            evicted: self.evicted.get(),
            undecodable: self.undecodable.get(),
        }
    }
}

/// Refused items.
#[derive(Default)]
pub(crate) struct ByReason {
    full: Counter,
    closed: Counter,
    denied: Counter,
    store: Counter,
    timeout: Counter,
}

impl ByReason {
    #[cold]
    pub(crate) fn count<T>(&self, refused: &Refused<T>) {
        let counter = match refused {
            Refused::Full(_) => &self.full,
            Refused::Closed(_) => &self.closed,
            Refused::Denied(..) => &self.denied,
            Refused::Store(..) => &self.store,
            Refused::Timeout(_) => &self.timeout,
        };
        counter.add(1);
    }

    pub(super) fn get(&self) -> RefusedBy {
        RefusedBy {
            full: self.full.get(),
            closed: self.closed.get(),
            denied: self.denied.get(),
            store: self.store.get(),
            timeout: self.timeout.get(),
        }
    }
}
