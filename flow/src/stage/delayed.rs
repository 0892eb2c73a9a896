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
        self.enqueue_again(self.delayed.take_due(self.time.now()));
    }

    /// Enqueues jobs whose delay is over.
    fn enqueue_again(&self, jobs: Vec<Arc<Core<T, R>>>) {
        for core in jobs {
            // A waker that panics must not keep the other jobs from the queue.
            self.guarded(|| self.enqueue(core));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::tests_common::Probe;
    use crate::time::Time;
    use crate::{Failure, Job, Retry, Stage, State};
    use std::time::Duration;

    #[test]
    fn a_job_whose_delay_is_over_during_the_end_of_its_stage_is_taken_out() {
        let time = Time::fake();
        let stage: Stage<u32> = Stage::builder("late").time(time.clone()).retry(Retry::default()).build();
        let mut worker =
            Probe::new(Box::pin(stage.work_async(|_: Job<u32>| async { Err::<(), Failure>("no".into()) })));
        let job = stage.put(1).wait().unwrap();
        assert!(worker.poll().is_pending());
        drop(worker);
        // The thread for timers has taken the job, and comes to enqueue it after the halt, which does not see
        // the job.
        let inner = stage.inner().clone();
        let due = inner.delayed.take_due(time.now() + Duration::from_secs(10));
        assert_eq!(due.len(), 1);
        let unsettled = stage.shutdown().wait_timeout(Duration::ZERO).unwrap_err();
        assert_eq!((unsettled.left.len(), unsettled.running), (0, 1));
        inner.enqueue_again(due);
        assert_eq!((job.state(), stage.stats().unfinished), (State::Cancelled, 0));
    }
}
