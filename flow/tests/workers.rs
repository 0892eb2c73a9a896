//! Workers on threads and on tokio.

mod common;

use common::watchdog;
use joinq_flow::{Failure, Job, Semaphore, Stage, Workers};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread;

#[test]
fn threads_run_all_jobs_and_end_with_the_stage() {
    let _watchdog = watchdog();
    let stage: Stage<usize> = Stage::builder("sum").capacity(10).build();
    let sum = Arc::new(AtomicUsize::new(0));
    let total = sum.clone();
    let workers = Workers::threads(&stage, 3..=3, move |job: &Job<usize>| {
        total.fetch_add(**job, Ordering::Relaxed);
        Ok(())
    });
    (1..=1000).for_each(|number| drop(stage.put(number).wait().unwrap()));
    assert_eq!((workers.count(), stage.stats().workers), (3, 3));
    drop(stage);
    workers.join().wait();
    assert_eq!((sum.load(Ordering::Relaxed), workers.count()), (500_500, 0));
}

#[test]
fn workers_go_on_without_their_handle() {
    let _watchdog = watchdog();
    let stage: Stage<u32, u32> = Stage::builder("double").build();
    drop(Workers::threads(&stage, 1..=2, |job: &Job<u32, u32>| Ok(**job * 2)));
    assert_eq!(stage.put(4).wait().unwrap().output().wait().unwrap(), 8);
}

#[test]
fn idle_threads_go_home_when_they_are_told() {
    let _watchdog = watchdog();
    let stage: Stage<u32> = Stage::builder("idle").build();
    let workers = Workers::threads(&stage, 4..=4, |_: &Job<u32>| Ok(()));
    workers.resize(0..=0);
    workers.join().wait();
    let job = stage.put(1).wait().unwrap();
    workers.resize(1..=1);
    job.settled().wait();
}

#[test]
fn a_thread_with_a_name_that_no_thread_can_have() {
    let _watchdog = watchdog();
    let stage: Stage<u32> = Stage::builder("a\0b").build();
    let workers = Workers::threads(&stage, 1..=1, |_: &Job<u32>| Ok(()));
    stage.put(1).wait().unwrap().settled().wait();
    stage.close();
    workers.join().wait();
}

#[test]
#[should_panic(expected = "stage `none`: 0..=0 allows no worker")]
fn zero_workers_are_refused() {
    let stage: Stage<u32> = Stage::builder("none").build();
    Workers::threads(&stage, 0..=0, |_: &Job<u32>| Ok(()));
}

#[test]
#[should_panic(expected = "3..=2 allows no worker")]
#[allow(clippy::reversed_empty_ranges)]
fn an_empty_range_is_refused() {
    let stage: Stage<u32> = Stage::builder("none").build();
    Workers::threads(&stage, 3..=2, |_: &Job<u32>| Ok(()));
}

#[test]
#[should_panic(expected = "2 workers cannot be started: the function that spawns workers panicked")]
fn a_spawn_that_panics_is_told() {
    let stage: Stage<u32> = Stage::builder("none").build();
    Workers::spawned(&stage, 2..=2, |_| panic!("no runtime"), |_: Job<u32>| async { Ok(()) });
}

/// Counts how many handlers run at the same time.
#[derive(Default)]
struct AtOnce {
    now: AtomicUsize,
    most: AtomicUsize,
    /// The first handlers wait for one another, until so many have run at the same time.
    wanted: AtomicUsize,
}

impl AtOnce {
    fn run(&self) -> Result<(), Failure> {
        self.most.fetch_max(self.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        thread::yield_now();
        while self.most.load(Ordering::SeqCst) < self.wanted.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        self.now.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }

    /// From here on so many handlers are to run at the same time.
    fn want(&self, number: usize) {
        self.most.store(0, Ordering::SeqCst);
        self.wanted.store(number, Ordering::SeqCst);
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

#[test]
fn as_many_handlers_run_as_there_are_workers_and_never_more() {
    let _watchdog = watchdog();
    let stage: Stage<u32> = Stage::builder("bounded").build();
    let at_once = Arc::new(AtOnce::default());
    let seen = at_once.clone();
    let workers = Workers::threads(&stage, 1..=1, move |_: &Job<u32>| seen.run());
    for number in [1, 5, 2, 8, 3, 1] {
        workers.resize(number..=number);
        // Workers above the number may still be at a job.
        while workers.count() > number {
            thread::yield_now();
        }
        stage.join().wait();
        at_once.want(number);
        (0..2000).for_each(|job| drop(stage.put(job).wait().unwrap()));
        stage.join().wait();
        assert_eq!(at_once.most(), number);
    }
    stage.close();
    workers.join().wait();
}

/// A limit that two stages share, with more workers than permits, and which is changed meanwhile.
#[test]
fn as_many_handlers_run_as_the_limit_of_two_stages_allows_and_never_more() {
    let _watchdog = watchdog();
    let limit = Semaphore::new(2);
    let at_once = Arc::new(AtOnce::default());
    let stages: [Stage<u32>; 2] =
        ["left", "right"].map(|name| Stage::builder(name).capacity(20_000).limit(&limit).build());
    let workers = stages.each_ref().map(|stage| {
        let seen = at_once.clone();
        Workers::threads(stage, 3..=3, move |_: &Job<u32>| seen.run())
    });
    let mut served = 0;
    for most in [2, 5, 1, 3, 4] {
        limit.set_limit(most);
        at_once.want(most);
        for job in 0..10_000 {
            stages.iter().for_each(|stage| drop(stage.put(job).wait().unwrap()));
        }
        stages.iter().for_each(|stage| stage.join().wait());
        served += 20_000;
        assert_eq!(at_once.most(), most, "the limit");
    }
    // Each of the waits was served.
    assert_eq!(served, 100_000);
    assert_eq!(stages.each_ref().map(|stage| stage.stats().done), [50_000; 2]);
    drop(stages);
    workers.iter().for_each(|workers| workers.join().wait());
    assert_eq!(limit.available(), limit.limit());
}

#[cfg(feature = "tokio")]
mod on_tokio {
    use super::*;
    use std::time::Duration;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap()
    }

    #[test]
    fn tasks_run_all_jobs() {
        let _watchdog = watchdog();
        runtime().block_on(async {
            let stage: Stage<u32, u32> = Stage::builder("tasks").capacity(10).build();
            let workers = Workers::tokio(&stage, 2..=4, |job: Job<u32, u32>| async move {
                tokio::task::yield_now().await;
                Ok(*job + 1)
            });
            let mut sum = 0;
            for number in 0..1000 {
                let job = stage.put(number).await.unwrap();
                sum += job.output().await.unwrap();
            }
            assert_eq!(sum, 500_500);
            stage.close();
            workers.join().await;
        });
    }

    #[test]
    fn a_runtime_that_ends_leaves_the_jobs_to_other_workers() {
        let _watchdog = watchdog();
        let stage: Stage<u32> = Stage::builder("ended").retry(joinq_flow::Retry::default()).build();
        let runtime = runtime();
        let workers = runtime
            .block_on(async { Workers::tokio(&stage, 2..=2, |_: Job<u32>| async { std::future::pending().await }) });
        let jobs: Vec<_> = (0..5).map(|number| stage.put(number).wait().unwrap()).collect();
        while stage.stats().running < 2 {
            thread::sleep(Duration::from_millis(1));
        }
        drop(runtime);
        workers.join().wait();
        let others = Workers::threads(&stage, 1..=1, |_: &Job<u32>| Ok(()));
        stage.join().wait();
        assert!(jobs.iter().all(Job::is_done));
        assert_eq!(stage.stats().done, 5);
        stage.close();
        others.join().wait();
    }
}
