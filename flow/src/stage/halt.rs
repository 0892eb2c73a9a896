//! The end of a shutdown whose deadline is over.

use super::settle::End;
use super::{Inner, Unsettled};
use crate::job::core::Core;
use crate::job::state::Leave;
use crate::job::Job;
use std::mem;
use std::sync::{Arc, PoisonError};

impl<T, R> Inner<T, R> {
    /// Takes out all jobs that are not running, and tells those that run.
    pub(super) fn halt(&self) -> Unsettled<T, R> {
        self.close();
        self.set_halted();
        let on_disk = self.disk.as_ref().map_or(0, |disk| disk.halt(self));
        let taken = self.take_out();
        let stored = taken.iter().filter(|job| job.0.is_stored()).count();
        let left = taken.into_iter().filter(|job| !job.0.is_stored()).collect();
        Unsettled { left, running: self.unfinished.count(), on_disk: on_disk + stored }
    }

    /// No handle and no worker is left, so that no job can run any more.
    pub(crate) fn abandon(&self) {
        // The handles of the jobs learn it by their state.
        drop(self.halt());
    }

    /// Takes out the jobs that wait in memory.
    pub(crate) fn take_out(&self) -> Vec<Job<T, R>> {
        let held_back = mem::take(&mut *self.held_back.lock().unwrap_or_else(PoisonError::into_inner));
        let waiting = held_back.into_iter().chain(self.queue.drain()).chain(self.delayed.take_all());
        waiting.filter_map(|core| self.leave(core)).collect()
    }

    /// Takes a job out, unless it was cancelled.
    fn leave(&self, core: Arc<Core<T, R>>) -> Option<Job<T, R>> {
        // A waker that panics must not keep the other jobs in the stage.
        let mut left = false;
        self.guarded(|| left = self.settle_left(&core));
        if left {
            return Some(Job(core));
        }
        self.guarded(|| drop(core));
        None
    }

    /// Settles a job that is taken out. False if it was cancelled before, or taken out by another thread.
    pub(crate) fn settle_left(&self, core: &Arc<Core<T, R>>) -> bool {
        match core.state.leave() {
            // A row of it stays in the store.
            Leave::Now => self.finish(core, End::Left),
            Leave::Before => return false,
            Leave::Cancelled => {
                self.end(core, End::Cancelled);
                return false;
            }
        }
        true
    }
}
