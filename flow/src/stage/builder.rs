//! How a stage is configured.

use super::inner::{Inner, Options};
use super::{Handle, Stage};
use crate::time::Time;
use crate::{Dead, Denied, Overflow, Retry, Semaphore};
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
    time: Time,
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
        let inner = Inner::new(self.name, self.capacity, self.options, None, 0, self.time);
        Ok(Stage(Arc::new(Handle(Arc::new(inner)))))
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
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::Capacity { stage } => {
                write!(f, "stage `{stage}`: the capacity is 0, but a job needs room from its put until it is settled")
            }
        }
    }
}

impl std::error::Error for BuildError {}

impl<T, R> fmt::Debug for StageBuilder<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StageBuilder").field("name", &self.name).field("capacity", &self.capacity).finish_non_exhaustive()
    }
}
