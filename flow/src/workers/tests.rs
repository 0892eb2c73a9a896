//! Workers on a clock that the test moves, polled by the test: the same run each time.

use super::Workers;
use crate::tests_common::Probe;
use crate::time::Time;
use crate::{Failure, Job, Retry, Stage, State};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(super) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const STEP: Duration = Duration::from_millis(5);

/// Runs tasks on the thread of the test.
#[derive(Clone, Default)]
pub(super) struct Tasks(Arc<Mutex<Vec<Probe<Task>>>>);

impl Tasks {
    pub(super) fn spawn(&self) -> impl Fn(Task) + Send + Sync + 'static {
        let tasks = self.clone();
        move |task| tasks.0.lock().unwrap().push(Probe::new(task))
    }

    /// Polls tasks until none wants a poll.
    pub(super) fn run(&self) {
        loop {
            let mut tasks = std::mem::take(&mut *self.0.lock().unwrap());
            let mut any = false;
            tasks.retain_mut(|task| {
                let wants_a_poll = task.wants_a_poll();
                any |= wants_a_poll;
                !(wants_a_poll && task.poll_again().is_ready())
            });
            self.0.lock().unwrap().append(&mut tasks);
            if !any {
                return;
            }
        }
    }

    /// Moves the clock by small steps, with a call before each.
    pub(super) fn run_for(&self, time: &Time, duration: Duration, mut step: impl FnMut()) {
        for _ in 0..duration.as_nanos() / STEP.as_nanos() {
            step();
            self.run();
            time.advance(STEP);
        }
        self.run();
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Aborts one task.
    fn abort(&self) {
        let task = self.0.lock().unwrap().remove(0);
        drop(task);
    }
}

/// A stage whose jobs take 20 ms, and its workers.
fn sleepers(time: &Time, tasks: &Tasks, number: std::ops::RangeInclusive<usize>) -> (Stage<u32>, Workers) {
    let stage: Stage<u32> = Stage::builder("sleep").capacity(10_000).time(time.clone()).build();
    let clock = time.clone();
    let workers = Workers::spawned(&stage, number, tasks.spawn(), move |_: Job<u32>| {
        let sleep = clock.sleep(Duration::from_millis(20));
        async move {
            sleep.await;
            Ok(())
        }
    });
    (stage, workers)
}

#[test]
fn the_number_of_workers_follows_the_rate_and_the_run_time() {
    let (time, tasks) = (Time::fake(), Tasks::default());
    let (stage, workers) = sleepers(&time, &tasks, 1..=12);
    let put = || drop(stage.try_put(0).unwrap());

    // 200 jobs a second of 20 ms: 4 workers at work, so 5 at 80 %, and a little for what is unfinished.
    tasks.run_for(&time, SECOND + STEP, put);
    let mut counts = Vec::new();
    tasks.run_for(&time, 60 * SECOND, || {
        put();
        counts.push(workers.count());
    });
    assert!(counts.iter().all(|count| (5..=6).contains(count)), "{counts:?}");

    // A backlog: as many as there may be, at once.
    (0..1000).for_each(|_| put());
    tasks.run_for(&time, 2 * SECOND, put);
    assert_eq!(workers.count(), 12);

    // Nothing more: one leaves every 30 seconds, down to the least.
    let mut seen = vec![workers.count()];
    tasks.run_for(&time, 400 * SECOND, || {
        let count = workers.count();
        if seen.last() != Some(&count) {
            seen.push(count);
        }
    });
    assert_eq!(seen, (1..=12).rev().collect::<Vec<_>>());
    assert_eq!(stage.stats().unfinished, 0);
    assert_eq!(tasks.count(), 1);
}

#[test]
fn jobs_that_take_long_are_seen_before_one_has_ended() {
    let (time, tasks) = (Time::fake(), Tasks::default());
    let stage: Stage<u32> = Stage::builder("long").time(time.clone()).build();
    let clock = time.clone();
    let workers = Workers::spawned(&stage, 1..=8, tasks.spawn(), move |_: Job<u32>| {
        let sleep = clock.sleep(600 * SECOND);
        async move {
            sleep.await;
            Ok(())
        }
    });
    (0..100).for_each(|_| drop(stage.try_put(0).unwrap()));
    tasks.run_for(&time, 60 * SECOND, || {});
    assert_eq!((workers.count(), stage.stats().running), (8, 8));
}

#[test]
fn a_pause_of_a_stage_that_is_not_ready_is_no_run_time() {
    let (time, tasks, is_ready) = (Time::fake(), Tasks::default(), Arc::new(AtomicBool::new(true)));
    let (clock, asked) = (time.clone(), is_ready.clone());
    let ready = move || if asked.load(Ordering::Relaxed) { Ok(()) } else { Err(crate::Denied::new("not yet")) };
    let stage: Stage<u32> = Stage::builder("paused").capacity(10_000).ready(ready).time(time.clone()).build();
    let workers = Workers::spawned(&stage, 1..=100, tasks.spawn(), move |_: Job<u32>| {
        let sleep = clock.sleep(Duration::from_millis(20));
        async move {
            sleep.await;
            Ok(())
        }
    });
    let put = || drop(stage.try_put(0).unwrap());
    tasks.run_for(&time, 10 * SECOND, put);
    is_ready.store(false, Ordering::Relaxed);
    // At the end 4,000 jobs more than at the beginning: 67 a second beside the 200 that come.
    tasks.run_for(&time, 20 * SECOND, put);
    assert!((5..=8).contains(&workers.count()), "{}", workers.count());
}

#[test]
fn a_number_without_a_range_is_not_looked_at() {
    let (time, tasks) = (Time::fake(), Tasks::default());
    let (_stage, workers) = sleepers(&time, &tasks, 3..=3);
    // Only the timer for metrics.
    assert_eq!((time.timers(), workers.count()), (usize::from(cfg!(feature = "metrics")), 3));
}

#[test]
fn a_range_from_zero_begins_a_worker_for_the_first_job() {
    let (time, tasks) = (Time::fake(), Tasks::default());
    let (stage, workers) = sleepers(&time, &tasks, 0..=4);
    tasks.run_for(&time, 3 * SECOND, || {});
    assert_eq!(workers.count(), 0);
    let job = stage.try_put(1).unwrap();
    tasks.run_for(&time, 2 * SECOND, || {});
    assert_eq!((job.state(), workers.count()), (State::Done, 1));
    tasks.run_for(&time, 40 * SECOND, || {});
    assert_eq!(workers.count(), 0);
}

#[test]
fn workers_without_a_handle_are_looked_at_until_the_stage_is_over() {
    let (time, tasks) = (Time::fake(), Tasks::default());
    let (stage, workers) = sleepers(&time, &tasks, 0..=4);
    drop(workers);
    let job = stage.try_put(1).unwrap();
    tasks.run_for(&time, 2 * SECOND, || {});
    assert!(job.is_done());
    drop(stage);
    tasks.run_for(&time, 2 * SECOND, || {});
    assert_eq!((time.timers(), tasks.count()), (0, 0));
}

#[test]
fn a_worker_that_is_aborted_is_replaced_and_its_job_is_run_again() {
    let (time, tasks) = (Time::fake(), Tasks::default());
    let stage: Stage<u32> = Stage::builder("aborted").retry(Retry::default()).time(time.clone()).build();
    let clock = time.clone();
    let workers = Workers::spawned(&stage, 1..=1, tasks.spawn(), move |_: Job<u32>| {
        let sleep = clock.sleep(SECOND);
        async move {
            sleep.await;
            Ok(())
        }
    });
    let job = stage.try_put(1).unwrap();
    tasks.run();
    assert_eq!(job.state(), State::Running);
    // Without a handle of the stage it must not end with its last worker.
    drop(stage);
    tasks.abort();
    assert_eq!((workers.count(), tasks.count()), (1, 1));
    tasks.run_for(&time, 2 * SECOND, || {});
    assert_eq!((job.state(), job.attempt()), (State::Done, 2));
    assert_eq!(workers.count(), 0);
}

#[test]
fn a_worker_that_is_dropped_before_it_began_is_tried_again_later() {
    let (time, tasks) = (Time::fake(), Tasks::default());
    let (stage, workers) = sleepers(&time, &tasks, 2..=2);
    // As a runtime that has ended does.
    tasks.abort();
    assert_eq!(workers.count(), 1);
    tasks.run_for(&time, 2 * SECOND, || {});
    assert_eq!((workers.count(), tasks.count()), (2, 2));
    drop(stage);
    tasks.run();
    assert_eq!(workers.count(), 0);
}

#[test]
fn idle_workers_leave_at_once_and_busy_ones_after_their_job() {
    let (time, tasks) = (Time::fake(), Tasks::default());
    let (stage, workers) = sleepers(&time, &tasks, 4..=4);
    let job = stage.try_put(1).unwrap();
    tasks.run();
    workers.resize(0..=0);
    tasks.run();
    assert_eq!((workers.count(), job.state()), (1, State::Running));
    tasks.run_for(&time, SECOND, || {});
    assert_eq!((workers.count(), job.state()), (0, State::Done));
    assert!(Probe::new(workers.join()).poll().is_ready());

    // They come back.
    let job = stage.try_put(2).unwrap();
    workers.resize(2..=2);
    tasks.run_for(&time, SECOND, || {});
    assert_eq!((workers.count(), job.state()), (2, State::Done));
}

#[test]
fn a_worker_that_dies_takes_the_place_of_one_that_was_to_leave() {
    let (time, tasks) = (Time::fake(), Tasks::default());
    let (_stage, workers) = sleepers(&time, &tasks, 3..=3);
    tasks.run();
    workers.resize(2..=2);
    tasks.abort();
    tasks.run();
    assert_eq!((workers.count(), tasks.count()), (2, 2));
}

#[test]
fn a_worker_that_goes_home_gives_back_a_job_that_may_not_begin_yet() {
    let (time, tasks) = (Time::fake(), Tasks::default());
    let ready = Arc::new(Mutex::new(Err(crate::Denied::new("not yet"))));
    let asked = ready.clone();
    let stage: Stage<u32> =
        Stage::builder("paused").ready(move || asked.lock().unwrap().clone()).time(time.clone()).build();
    let handler = |_: Job<u32>| async { Ok::<(), Failure>(()) };
    let workers = Workers::spawned(&stage, 1..=1, tasks.spawn(), handler);
    let job = stage.try_put(1).unwrap();
    tasks.run();
    assert_eq!((stage.stats().running, job.state()), (1, State::Waiting));
    workers.resize(0..=0);
    tasks.run();
    assert_eq!((workers.count(), stage.stats().queued), (0, 1));
    *ready.lock().unwrap() = Ok(());
    workers.resize(1..=1);
    tasks.run();
    assert_eq!(job.state(), State::Done);
}

#[test]
fn a_spawn_that_panics_later_is_tried_again() {
    let (time, tasks) = (Time::fake(), Tasks::default());
    let stage: Stage<u32> = Stage::builder("spawn").time(time.clone()).build();
    let (spawn, calls) = (tasks.spawn(), Mutex::new(0));
    let flaky = move |task| {
        let call = {
            let mut calls = calls.lock().unwrap();
            *calls += 1;
            *calls
        };
        assert!(call != 2, "the second spawn panics, as the test wants it to");
        spawn(task);
    };
    let workers = Workers::spawned(&stage, 1..=1, flaky, |_: Job<u32>| async { Ok(()) });
    workers.resize(2..=2);
    assert_eq!(workers.count(), 1);
    tasks.run_for(&time, 2 * SECOND, || {});
    assert_eq!(workers.count(), 2);
}

#[test]
fn after_the_last_worker_has_gone_the_stage_has_none() {
    let (time, tasks) = (Time::fake(), Tasks::default());
    let (stage, workers) = sleepers(&time, &tasks, 2..=2);
    tasks.run();
    let mut join = Probe::pending(workers.join());
    assert_eq!(stage.stats().workers, 2);
    workers.resize(0..=0);
    tasks.run();
    assert!(join.poll().is_ready());
    assert_eq!(stage.stats().workers, 0);
}
