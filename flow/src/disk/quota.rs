//! How many bytes of jobs may be on disk.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a row takes beside its body, at least.
const ROW: u64 = 64;

/// The bytes in the store as of the last commit, and those of puts that are to be committed.
pub(super) struct Quota {
    limit: u64,
    used: Mutex<Used>,
}

struct Used {
    stored: u64,
    in_flight: u64,
}

fn cost(len: usize) -> u64 {
    len as u64 + ROW
}

impl Quota {
    pub(super) fn new(limit: u64, stored: u64) -> Self {
        Quota { limit, used: Mutex::new(Used { stored, in_flight: 0 }) }
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn fits(&self, len: usize) -> bool {
        cost(len) <= self.limit
    }

    pub(super) fn try_take(&self, len: usize) -> bool {
        let mut used = self.used();
        let fits = used.stored + used.in_flight + cost(len) <= self.limit;
        if fits {
            used.in_flight += cost(len);
        }
        fits
    }

    /// A put that has taken its share is committed or refused.
    pub(super) fn end_put(&self, len: usize) {
        self.used().in_flight -= cost(len);
    }

    /// After a commit.
    pub(super) fn set_stored(&self, stored: u64) {
        self.used().stored = stored;
    }
}
