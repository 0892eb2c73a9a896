//! Numbers of a stage.

use super::Inner;
use crate::disk::Disk;
use crate::Denied;
use std::sync::atomic::Ordering;
use std::sync::PoisonError;

/// Numbers of a stage; returned by [`Stage::stats`](crate::Stage::stats).
///
/// They are read one after another while the stage goes on, so that sums may be off by the jobs that move
/// meanwhile. When nothing moves they are exact: `put` is `done + dead + cancelled + left + unfinished`, and
/// `unfinished` is `queued + running + retrying + on_disk`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Jobs that were accepted, those of earlier processes included that the store still had.
    pub put: u64,
    /// Jobs that are done.
    pub done: u64,
    /// Jobs that became dead letters, evicted ones included.
    pub dead: u64,
    /// Jobs that were cancelled.
    pub cancelled: u64,
    /// Jobs that a shutdown has taken out, or left in the store.
    pub left: u64,
    /// Failed attempts.
    pub failed: u64,
    /// Failed attempts after which the job was to be tried again.
    pub retried: u64,
    /// Panics of handlers and of other closures of the user.
    pub panicked: u64,
    /// Jobs that were dropped, as the stage was full.
    pub evicted: u64,
    /// Items that were refused, as the stage was full, or denied.
    pub refused: u64,
    /// Dead letters that no queue has: there is none, or a later letter displaced them.
    pub letters_dropped: u64,
    /// Jobs that are not settled.
    pub unfinished: usize,
    /// Jobs that wait in memory for a worker.
    pub queued: usize,
    /// Jobs that workers have taken.
    pub running: usize,
    /// Jobs that wait for their next attempt.
    pub retrying: usize,
    /// Jobs that are on disk and not in memory.
    pub on_disk: usize,
    /// The capacity; jobs, or the sum of their weights.
    pub capacity: usize,
    /// How much of the capacity is taken; all of it as long as more is taken after a lowering.
    pub used: usize,
    /// Workers.
    pub workers: usize,
    /// Why workers pause, if the last answer of `ready` was an error.
    pub not_ready: Option<Denied>,
    /// The error of the last commit, if that failed.
    pub store_error: Option<String>,
}

impl<T, R> Inner<T, R> {
    pub(crate) fn stats(&self) -> Stats {
        let counters = &self.counters;
        let (done, dead) = (counters.done.get(), counters.dead.get());
        let (cancelled, left) = (counters.cancelled.get(), counters.left.get());
        let unfinished = self.unfinished.count();
        let on_disk = self.disk.as_ref().map_or(0, Disk::on_disk);
        let (queued, retrying) = (self.queue.len(), self.delayed.len());
        // Ordering: Relaxed. A number to show.
        let capacity = self.capacity.load(Ordering::Relaxed);
        let free = self.permits.remaining_capacity().unwrap_or(0);
        Stats {
            put: done + dead + cancelled + left + unfinished as u64,
            done,
            dead,
            cancelled,
            left,
            failed: counters.failed.get(),
            retried: counters.retried.get(),
            panicked: counters.panicked.get(),
            evicted: counters.evicted.get(),
            refused: counters.refused.get(),
            letters_dropped: counters.letters_dropped.get(),
            unfinished,
            queued,
            running: unfinished.saturating_sub(queued + retrying + on_disk),
            retrying,
            on_disk,
            capacity,
            used: self.weights.capacity(self.most_permits().saturating_sub(free)),
            workers: self.users.workers(),
            not_ready: self.not_ready.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            store_error: self.disk.as_ref().and_then(Disk::error),
        }
    }
}
