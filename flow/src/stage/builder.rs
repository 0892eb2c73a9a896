//! How a stage is configured.

use super::inner::{Inner, Options};
use super::Stage;
use crate::disk::{Disk, Keeps};
use crate::time::Time;
use crate::{BoxError, Codec, Dead, Denied, Overflow, Retry, Semaphore, Store};
use joinq::Queue;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Configures a stage; returned by [`Stage::builder`].
#[must_use = "a stage is created by `build`"]
pub struct StageBuilder<T, R = ()> {
    name: String,
    capacity: usize,
    options: Options<T, R>,
    store: Option<StoreOptions<T>>,
    quota: u64,
    time: Time,
}

struct StoreOptions<T> {
    store: Box<dyn Store>,
    codec: Box<dyn Codec<T>>,
    keeps: Keeps,
}

impl<T: Send + Sync + 'static, R: Send + 'static> StageBuilder<T, R> {
    pub(super) fn new(name: String) -> Self {
        StageBuilder {
            name,
            capacity: 1000,
            options: Options {
                overflow: Overflow::Wait,
                admit: None,
                ready: None,
                weigh: None,
                limit: None,
                retry: None,
                dead_letters: None,
                when_empty: None,
            },
            store: None,
            quota: u64::MAX,
            time: Time::real(),
        }
    }

    /// How many jobs may be unfinished in memory at the same time: waiting, running and retrying ones together. With
    /// [`weigh`](StageBuilder::weigh), the sum of their weights. The default is 1000.
    ///
    /// A capacity of up to 2^30 - 1 is exact. A larger one is rounded down to a multiple of a power of two (to 1 KiB for a
    /// capacity of 1 TiB), and weights are rounded up to it.
    pub fn capacity(mut self, capacity: usize) -> Self {
        self.capacity = capacity;
        self
    }

    /// What each item weighs, for example its size in bytes: the capacity is the sum of weights then. It should be quick
    /// and always the same for an item. A weight of 0 counts as 1. An item that is heavier than the whole capacity is
    /// refused as [`Full`](crate::Refused::Full).
    pub fn weigh(mut self, weigh: impl Fn(&T) -> usize + Send + Sync + 'static) -> Self {
        self.options.weigh = Some(Box::new(weigh));
        self
    }

    /// What a put does when there is no free capacity. The default is [`Overflow::Wait`].
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.options.overflow = overflow;
        self
    }

    /// Asked for each item that is put, on the thread or in the task that puts it, before there is room for it. A denied
    /// item goes back with the reason, as [`Refused::Denied`](crate::Refused::Denied). A panic is the putter's.
    pub fn admit(mut self, admit: impl Fn(&T) -> Result<(), Denied> + Send + Sync + 'static) -> Self {
        self.options.admit = Some(Box::new(admit));
        self
    }

    /// Asked before a worker begins a job, for example whether a server is up. While the answer is an error this worker
    /// pauses, and asks again after 10 ms, then after 20 ms, and so on up to 1 s. The reason is in the stage's
    /// [`Stats`](crate::Stats). A panic counts as a denial.
    pub fn ready(mut self, ready: impl Fn() -> Result<(), Denied> + Send + Sync + 'static) -> Self {
        self.options.ready = Some(Box::new(ready));
        self
    }

    /// At most as many jobs run at the same time as this semaphore has permits, in all stages that share it. A worker
    /// acquires a permit for each job before it begins.
    pub fn limit(mut self, limit: &Semaphore) -> Self {
        self.options.limit = Some(limit.clone());
        self
    }

    /// When a failed job is tried again. Without this a job has one attempt.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.options.retry = Some(retry);
        self
    }

    /// Where dead letters go. If this queue is full, each displaces the oldest one; without a queue, or if it is closed,
    /// they are only counted. (A store keeps those of its jobs in any case.)
    pub fn dead_letters(mut self, letters: Arc<Queue<Dead<T, R>>>) -> Self {
        self.options.dead_letters = Some(letters);
        self
    }

    /// A worker that has waited this long for a job asks `source` for an item. After a vain answer it waits twice as
    /// long, up to 32 times; a job resets that. The source is not asked in a closed stage, nor in a full one (if all
    /// its jobs run or are to be retried). A panic counts as a vain answer.
    pub fn when_empty(mut self, wait: Duration, source: impl Fn() -> Option<T> + Send + Sync + 'static) -> Self {
        self.options.when_empty = Some((wait, Box::new(source)));
        self
    }

    /// Keeps all jobs in a store until they are settled: a job whose put has returned runs at least once, also if the
    /// process is killed in between. The handler may run again after a kill, so its effects should bear a repetition;
    /// [`Job::id`](crate::Job::id) stays the same.
    ///
    /// The jobs that an earlier process has left in the store come first: new puts wait until these are in memory.
    ///
    /// A start that does not end, because the process does, counts as a crash of the job; after the third the job is a
    /// dead letter with [`Cause::Crashed`](crate::Cause::Crashed).
    pub fn durable(self, store: impl Store, codec: impl Codec<T>) -> Self {
        self.store(store, codec, Keeps::All)
    }

    /// Puts items for which there is no room in memory into a store, from where they are loaded in their order. The
    /// stage's [`Overflow`] applies when the [`quota`](StageBuilder::quota) of the store is used up.
    ///
    /// Jobs on disk survive the process and then run at least once; those in memory do not. While there are jobs on disk,
    /// each new one goes to their end.
    pub fn spill(self, store: impl Store, codec: impl Codec<T>) -> Self {
        self.store(store, codec, Keeps::Excess)
    }

    fn store(mut self, store: impl Store, codec: impl Codec<T>, keeps: Keeps) -> Self {
        self.store = Some(StoreOptions { store: Box::new(store), codec: Box::new(codec), keeps });
        self
    }

    /// How many bytes the jobs of a stage that [spills](StageBuilder::spill) may take in its store, as
    /// [`Store::bytes`] counts them. The default is no limit. Jobs that are spawned go beyond it.
    pub fn quota(mut self, bytes: u64) -> Self {
        self.quota = bytes;
        self
    }

    #[cfg(test)]
    pub(crate) fn time(mut self, time: Time) -> Self {
        self.time = time;
        self
    }

    /// Creates the stage.
    ///
    /// # Panics
    /// If [`try_build`](StageBuilder::try_build) fails.
    #[track_caller]
    pub fn build(self) -> Stage<T, R> {
        match self.try_build() {
            Ok(stage) => stage,
            Err(error) => panic!("{error}"),
        }
    }

    /// Creates the stage.
    ///
    /// # Errors
    /// If the capacity is 0, or if what the store contains cannot be read.
    pub fn try_build(self) -> Result<Stage<T, R>, BuildError> {
        if self.capacity == 0 {
            return Err(BuildError::Capacity { stage: self.name });
        }
        let StageBuilder { name, capacity, options, store, quota, time } = self;
        let Some(StoreOptions { store, codec, keeps }) = store else {
            return Ok(Stage::new(Arc::new(Inner::new(name, capacity, options, None, time))));
        };
        let (disk, store, recovered) = match Disk::new(store, codec, keeps, quota) {
            Ok(opened) => opened,
            Err(error) => return Err(BuildError::Store { stage: name, error }),
        };
        let inner = Arc::new(Inner::new(name, capacity, options, Some(disk), time));
        inner.unfinished.add_recovered(recovered.jobs as usize);
        // From here on a drop of the stage closes it.
        let stage = Stage::new(inner.clone());
        match Disk::start(inner, store) {
            Ok(()) => Ok(stage),
            Err(error) => Err(BuildError::Store { stage: stage.name().to_owned(), error: error.into() }),
        }
    }
}

/// Why a stage cannot be created.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// The capacity is 0.
    Capacity {
        /// The name of the stage.
        stage: String,
    },
    /// What the store contains cannot be read, or its thread cannot be started.
    Store {
        /// The name of the stage.
        stage: String,
        /// Why.
        error: BoxError,
    },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::Capacity { stage } => {
                write!(f, "stage `{stage}`: the capacity is 0, but a job needs room from its put until it is settled")
            }
            BuildError::Store { stage, error } => write!(f, "stage `{stage}`: {error}"),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            BuildError::Capacity { .. } => None,
            BuildError::Store { error, .. } => Some(&**error),
        }
    }
}

impl<T, R> fmt::Debug for StageBuilder<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StageBuilder")
            .field("name", &self.name)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}
