//! Numbers of a stage.

use super::Inner;
use crate::disk::Disk;
use crate::Denied;
use std::sync::atomic::Ordering;
use std::sync::PoisonError;
use std::time::Duration;

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
    /// The same by cause.
    pub dead_by: DeadBy,
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
    /// Items that went back to the putter.
    pub refused: u64,
    /// The same by reason.
    pub refused_by: RefusedBy,
    /// Jobs of a stage that [spills](crate::StageBuilder::spill) which went to disk, as there was no free capacity in
    /// memory.
    pub spilled: u64,
    /// Dead letters that no queue has: there is none, or a later letter displaced them.
    pub letters_dropped: u64,
    /// Jobs that are not settled.
    pub unfinished: usize,
    /// The most jobs that were unfinished at the same time; with a store, also items whose commit failed then.
    pub high_water: usize,
    /// Jobs that wait in memory for a worker.
    pub queued: usize,
    /// Jobs that workers have taken.
    pub running: usize,
    /// Jobs that wait for their next attempt.
    pub retrying: usize,
    /// Jobs that are on disk and not in memory.
    pub on_disk: usize,
    /// How long the oldest of the jobs that wait, in memory or on disk, has waited at least. It is taken from the
    /// numbers at earlier calls: a job counts from the first [`stats`](crate::Stage::stats) after its put, and from
    /// each retry anew. With the feature `metrics` the stage looks once a second. Jobs are taken to begin in the order
    /// in which they were put; cancelled jobs and retries among others make it an estimate.
    pub oldest: Duration,
    /// The capacity; jobs, or the sum of their weights.
    pub capacity: usize,
    /// How much of the capacity is taken; all of it as long as more is taken after a lowering.
    pub used: usize,
    /// Workers.
    pub workers: usize,
    /// How many workers the stage needs, as [`desired_workers`](crate::Stage::desired_workers) says for a minute: when
    /// [`Workers`](crate::Workers) between two bounds last asked for it, or with the feature `metrics` a second ago at
    /// most. 0 before.
    pub desired_workers: usize,
    /// Why workers pause, if the last answer of `ready` was an error.
    pub not_ready: Option<Denied>,
    /// The error of the last commit, if that failed.
    pub store_error: Option<String>,
}

/// Dead letters by [`Cause`](crate::Cause); in [`Stats`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadBy {
    /// The last attempt returned an error.
    pub failed: u64,
    /// The handler panicked in the last attempt.
    pub panicked: u64,
    /// The last attempt was dropped.
    pub dropped: u64,
    /// The process ended three times while the job ran.
    pub crashed: u64,
    /// The stage was full, and drops jobs.
    pub evicted: u64,
    /// The bytes in the store are no item.
    pub undecodable: u64,
}

impl DeadBy {
    fn sum(self) -> u64 {
        self.failed + self.panicked + self.dropped + self.crashed + self.evicted + self.undecodable
    }
}

/// Items that went back to the putter, by [reason](crate::Refused); in [`Stats`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefusedBy {
    /// There was no free capacity, or the item was heavier than all of it.
    pub full: u64,
    /// The stage was closed.
    pub closed: u64,
    /// [`admit`](crate::StageBuilder::admit) said no.
    pub denied: u64,
    /// The store or the codec did not take the item.
    pub store: u64,
    /// The timeout had passed.
    pub timeout: u64,
}

impl RefusedBy {
    fn sum(self) -> u64 {
        self.full + self.closed + self.denied + self.store + self.timeout
    }
}

impl<T, R> Inner<T, R> {
    pub(crate) fn stats(&self) -> Stats {
        let counters = &self.counters;
        // What has become of jobs is read before how many there are, so that no more are settled than were put.
        let (done, dead_by, refused_by) = (counters.done.get(), counters.dead.get(), counters.refused.get());
        let (cancelled, left) = (counters.cancelled.get(), counters.left.get());
        let unfinished = self.unfinished.count();
        let on_disk = self.disk.as_ref().map_or(0, Disk::on_disk);
        let (queued, retrying) = (self.queue.len(), self.delayed.len());
        let put = counters.put.get();
        let waiting = (queued + on_disk) as u64;
        let oldest = self.ages.read(self.time.now(), put.saturating_sub(counters.born_dead.get()), waiting);
        // Ordering: Relaxed. A number to show.
        let capacity = self.capacity.load(Ordering::Relaxed);
        let free = self.permits.remaining_capacity().unwrap_or(0);
        Stats {
            put,
            done,
            dead: dead_by.sum(),
            dead_by,
            cancelled,
            left,
            failed: counters.failed.get(),
            retried: counters.retried.get(),
            panicked: counters.panicked.get(),
            evicted: counters.evicted.get(),
            refused: refused_by.sum(),
            refused_by,
            spilled: counters.spilled.get(),
            letters_dropped: counters.letters_dropped.get(),
            unfinished,
            high_water: self.unfinished.high_water(),
            queued,
            running: unfinished.saturating_sub(queued + retrying + on_disk),
            retrying,
            on_disk,
            oldest,
            capacity,
            used: self.weights.capacity(self.most_permits().saturating_sub(free)),
            workers: self.users.workers(),
            desired_workers: self.load.desired(),
            not_ready: self.not_ready.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            store_error: self.disk.as_ref().and_then(Disk::error),
        }
    }
}
