//! The jobs that wait for their next attempt.

use super::Inner;
use crate::job::core::Core;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// By the time when they are due, and then in the order in which they came.
pub(crate) struct Delayed<T, R>(Mutex<Jobs<T, R>>);

struct Jobs<T, R> {
    by_time: BTreeMap<(Instant, u64), Arc<Core<T, R>>>,
    sequence: u64,
}

impl<T, R> Delayed<T, R> {
    pub(super) fn new() -> Self {
        Delayed(Mutex::new(Jobs { by_time: BTreeMap::new(), sequence: 0 }))
    }

    fn jobs(&self) -> MutexGuard<'_, Jobs<T, R>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn len(&self) -> usize {
        self.jobs().by_time.len()
    }

    fn insert(&self, due: Instant, core: Arc<Core<T, R>>) {
        let mut jobs = self.jobs();
        jobs.sequence += 1;
        let key = (due, jobs.sequence);
        jobs.by_time.insert(key, core);
    }

    /// Takes the jobs that are due.
    fn take_due(&self, now: Instant) -> Vec<Arc<Core<T, R>>> {
        let mut jobs = self.jobs();
        let later = jobs.by_time.split_off(&(now, u64::MAX));
        std::mem::replace(&mut jobs.by_time, later).into_values().collect()
    }

    pub(super) fn take_all(&self) -> Vec<Arc<Core<T, R>>> {
        std::mem::take(&mut self.jobs().by_time).into_values().collect()
    }
}

impl<T: Send + Sync + 'static, R: Send + 'static> Inner<T, R> {
    /// Enqueues a job again after this time. It stays unfinished and keeps its permits meanwhile.
    pub(crate) fn delay(self: &Arc<Self>, core: Arc<Core<T, R>>, delay: Duration) {
        if delay.is_zero() {
            self.enqueue(core);
        } else {
            let due = self.time.after(delay);
            self.delayed.insert(due, core);
            let stage = Arc::downgrade(self);
            self.time.at(
                due,
                Box::new(move || {
                    if let Some(stage) = stage.upgrade() {
                        stage.enqueue_due();
                    }
                }),
            );
        }
        if self.is_halted() {
            // The halt may have come first, and then it has not seen the job.
            self.take_out();
        }
    }

    fn enqueue_due(&self) {
        for core in self.delayed.take_due(self.time.now()) {
            self.enqueue(core);
        }
    }
}
