//! Code of the user that panics or calls back, stages that end in odd states, and capacities that change: no job is
//! lost, none is kept for ever, and no thread of a stage ends early.
#![cfg(feature = "stream")] // Some take attempts from the stream of a stage.

mod common;
mod memory_store;

use backon::BackoffBuilder;
use common::{poll, watchdog, Probe};
use futures_lite::StreamExt;
use joinq::Queue;
use joinq_flow::{
    Attempt, BoxError, Cause, Change, Codec, Dead, Failure, Job, Jobs, Overflow, Refused, Retry, Stage, StageBuilder,
    State, Text, Workers,
};
use memory_store::{row, MemoryStore};
use std::fmt;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(20);

fn builder(capacity: usize) -> StageBuilder<String> {
    Stage::builder("faults").capacity(capacity)
}

fn put(stage: &Stage<String>, item: &str) -> Job<String> {
    stage.put(item.into()).wait().unwrap()
}

fn next(jobs: &mut Jobs<String>) -> Attempt<String> {
    futures_lite::future::block_on(jobs.next()).expect("a job is there")
}

fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        thread::sleep(Duration::from_millis(1));
    }
}

/// A waker that panics.
struct Rude;

impl Wake for Rude {
    fn wake(self: Arc<Self>) {
        panic!("a waker panics, as the test wants it to")
    }
}

fn rude() -> Waker {
    Waker::from(Arc::new(Rude))
}

#[test]
fn the_output_of_an_evicted_job_is_its_cause_also_before_the_commit() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    let stage = builder(1).overflow(Overflow::DropOldest).durable(store.clone(), Text).build();
    let first = put(&stage, "a");
    store.block();
    thread::scope(|scope| {
        let second = scope.spawn(|| put(&stage, "b"));
        until(|| first.state() == State::Dead);
        let output = catch_unwind(AssertUnwindSafe(|| first.clone().output().wait_timeout(Duration::ZERO)));
        store.unblock();
        assert!(matches!(output, Ok(Ok(Err(Cause::Evicted)))), "{output:?}");
        second.join().unwrap();
    });
}

#[test]
fn a_spawned_job_whose_commit_was_late_runs_although_later_rows_were_read_before() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    let stage = builder(1).spill(store.clone(), Text).build();
    let mut jobs = stage.stream();
    put(&stage, "in memory");
    let attempt = next(&mut jobs);
    put(&stage, "2");
    put(&stage, "3");
    store.fail(|changes| {
        changes.iter().any(|change| matches!(change, Change::Put { id: 4, .. })).then(|| "full".into())
    });
    let late = attempt.spawn("4".into()).unwrap();
    put(&stage, "5");
    // Job 2 comes into memory, and then the rows of 3 and 5 are read.
    attempt.done(());
    until(|| stage.stats().on_disk == 2);
    let worker = thread::spawn(move || {
        while let Some(attempt) = futures_lite::future::block_on(jobs.next()) {
            attempt.done(());
        }
    });
    // The worker waits for its mark, and the loader for the permit of job 2.
    thread::sleep(Duration::from_millis(20));
    store.heal();
    assert_eq!(late.settled().wait_timeout(LONG), Ok(State::Done));
    stage.close();
    worker.join().unwrap();
    assert_eq!((stage.stats().done, stage.stats().left), (5, 0));
}

#[test]
fn requests_that_failed_are_tried_again_during_puts_without_a_pause() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    let stage = builder(1 << 20).durable(store.clone(), Text).build();
    let mut jobs = stage.stream();
    let job = put(&stage, "a");
    let attempt = next(&mut jobs);
    let mut failed = false;
    store.fail(move |changes| {
        let fails = !failed && changes.iter().any(|change| matches!(change, Change::Done { .. }));
        failed |= fails;
        fails.then(|| "full".into())
    });
    attempt.done(());
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while job.state() != State::Done {
                    put(&stage, "more");
                }
            });
        }
    });
}

/// An error that cannot be printed.
#[derive(Debug)]
struct Unprintable;

impl fmt::Display for Unprintable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("an error panics, as the test wants it to")
    }
}

impl std::error::Error for Unprintable {}

#[test]
fn an_error_that_cannot_be_printed_does_not_end_the_thread_of_the_store() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    let stage = builder(10).durable(store.clone(), Text).build();
    let mut jobs = stage.stream();
    let job = put(&stage, "a");
    next(&mut jobs).fail(Failure::fatal(Unprintable));
    assert_eq!(job.settled().wait_timeout(LONG), Ok(State::Dead));
    store.fail(|_| Some(Box::new(Unprintable)));
    assert!(matches!(stage.try_put("b".into()), Err(Refused::Store(..))));
    store.heal();
    put(&stage, "c");
}

/// An item whose drop may panic.
struct Item(String);

impl Drop for Item {
    fn drop(&mut self) {
        if self.0 == "rude" && !thread::panicking() {
            panic!("an item panics, as the test wants it to")
        }
    }
}

struct Items;

impl Codec<Item> for Items {
    fn encode(&self, item: &Item, bytes: &mut Vec<u8>) -> Result<(), BoxError> {
        Text.encode(&item.0, bytes)
    }

    fn decode(&self, bytes: &[u8]) -> Result<Item, BoxError> {
        Text.decode(bytes).map(Item)
    }
}

#[test]
fn an_item_whose_drop_panics_does_not_end_the_thread_of_the_store() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    let stage: Stage<Item> = Stage::builder("faults").durable(store.clone(), Items).build();
    let mut jobs = stage.stream();
    drop(stage.put(Item("rude".into())).wait().unwrap());
    let attempt = futures_lite::future::block_on(jobs.next()).unwrap();
    store.block();
    attempt.done(());
    store.unblock();
    assert!(stage.join().wait_timeout(LONG).is_ok());
    let job = stage.put(Item("polite".into())).wait().unwrap();
    futures_lite::future::block_on(jobs.next()).unwrap().done(());
    assert_eq!(job.settled().wait_timeout(LONG), Ok(State::Done));
}

#[test]
fn a_job_that_is_spawned_after_the_end_of_its_stage_is_taken_out() {
    let _watchdog = watchdog();
    let stage = builder(10).build();
    let mut jobs = stage.stream();
    put(&stage, "a");
    let attempt = next(&mut jobs);
    let join = stage.join();
    drop((jobs, stage));
    let child = attempt.spawn("b".into()).unwrap();
    attempt.done(());
    assert_eq!(child.settled().wait_timeout(Duration::ZERO), Ok(State::Cancelled));
    assert!(join.wait_timeout(Duration::ZERO).is_ok());
}

/// Delays that panic.
#[derive(Clone, Debug)]
struct NoDelays;

impl BackoffBuilder for NoDelays {
    type Backoff = std::iter::Empty<Duration>;

    fn build(self) -> Self::Backoff {
        panic!("a retry panics, as the test wants it to")
    }
}

#[test]
fn delays_that_panic_lose_no_job() {
    let _watchdog = watchdog();
    let stage = builder(10).retry(Retry::new(NoDelays)).build();
    let job = put(&stage, "a");
    stage.close();
    let _ = catch_unwind(|| stage.work(|_| Err("no".into())).wait());
    assert_eq!(job.settled().wait_timeout(Duration::ZERO), Ok(State::Dead));
    assert!(stage.join().wait_timeout(Duration::ZERO).is_ok());
}

#[test]
fn a_put_that_waits_for_the_quota_gets_capacity_that_becomes_free_in_memory() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    store.state().dead.insert(1, row(1, vec![0; 1000], ""));
    // Dead letters leave no bytes for a job.
    let stage = builder(1).spill(store.clone(), Text).quota(1100).build();
    let mut jobs = stage.stream();
    put(&stage, "a");
    let attempt = next(&mut jobs);
    let mut waiting = Probe::pending(stage.put("b".into()));
    attempt.done(());
    assert!(waiting.is_woken());
    assert!(matches!(waiting.poll(), Poll::Ready(Ok(_))));
    assert_eq!(**next(&mut jobs), "b");
}

#[test]
fn a_put_that_is_heavier_than_a_lowered_capacity_is_refused_and_others_go_on() {
    let _watchdog = watchdog();
    let stage = builder(10).weigh(String::len).build();
    let mut jobs = stage.stream();
    put(&stage, "1234567890");
    let attempt = next(&mut jobs);
    let mut heavy = Probe::pending(stage.put("12345678".into()));
    let mut light = Probe::pending(stage.put("1".into()));
    stage.set_capacity(5);
    attempt.done(());
    assert!(heavy.is_woken());
    assert!(matches!(heavy.poll(), Poll::Ready(Err(Refused::Full(_)))));
    assert!(light.is_woken());
    assert!(matches!(light.poll(), Poll::Ready(Ok(_))));
}

#[test]
fn a_job_on_disk_that_is_heavier_than_a_lowered_capacity_is_loaded() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    let stage = builder(10).weigh(String::len).spill(store.clone(), Text).build();
    put(&stage, "1234567890");
    put(&stage, "12345678");
    stage.set_capacity(5);
    Workers::threads(&stage, 1..=1, |_: &Job<String>| Ok(()));
    assert!(stage.join().wait_timeout(LONG).is_ok());
}

#[test]
fn dead_letters_that_are_not_read_do_not_keep_their_stage() {
    let _watchdog = watchdog();
    let item = Arc::new(());
    let letters: Arc<Queue<Dead<Arc<()>>>> = Arc::new(Queue::unbounded());
    let stage = Stage::builder("faults").dead_letters(letters.clone()).build();
    stage.put(item.clone()).wait().unwrap();
    stage.close();
    stage.work(|_| Err(Failure::fatal("no"))).wait();
    assert_eq!(letters.len(), 1);
    drop(stage);
    drop(letters);
    assert_eq!(Arc::strong_count(&item), 1);
}

#[test]
fn a_waker_that_panics_does_not_keep_a_stage_from_its_end() {
    let _watchdog = watchdog();
    let stage = builder(10).build();
    let mut jobs = stage.stream();
    put(&stage, "a");
    let attempt = next(&mut jobs);
    stage.close();
    let mut join = stage.join();
    assert!(poll(&mut join, &rude()).is_pending());
    let _ = catch_unwind(AssertUnwindSafe(|| attempt.done(())));
    assert!(matches!(Probe::new(jobs.next()).poll(), Poll::Ready(None)));
}

#[test]
fn a_waker_that_panics_does_not_keep_a_job_from_telling_its_end() {
    let _watchdog = watchdog();
    let stage = builder(1).build();
    let mut jobs = stage.stream();
    let job = put(&stage, "a");
    let attempt = next(&mut jobs);
    let settled = Probe::pending(job.settled());
    let mut waiting = stage.put("b".into());
    assert!(poll(&mut waiting, &rude()).is_pending());
    let _ = catch_unwind(AssertUnwindSafe(|| attempt.done(())));
    assert!(settled.is_woken());
}

#[test]
fn a_waker_that_panics_keeps_no_job_in_a_stage_without_handles() {
    let _watchdog = watchdog();
    let stage = builder(10).build();
    let [first, second] = ["a", "b"].map(|item| put(&stage, item));
    let mut settled = first.settled();
    assert!(poll(&mut settled, &rude()).is_pending());
    let _ = catch_unwind(AssertUnwindSafe(|| drop(stage)));
    assert_eq!((first.state(), second.state()), (State::Cancelled, State::Cancelled));
}

#[test]
fn a_put_by_an_acknowledgement_on_the_thread_of_the_store_is_refused_and_does_not_wait_for_itself() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    let stage = builder(10).durable(store.clone(), Text).build();
    let (sender, answers) = channel();
    let again = stage.clone();
    let acknowledge = move |job: &Job<String>| {
        sender.send(again.try_put("no".into()).map(drop)).unwrap();
        sender.send(again.put("no".into()).wait().map(drop)).unwrap();
        job.spawn("yes".into()).unwrap();
    };
    stage.put("a".into()).on_settled(acknowledge).wait().unwrap();
    let mut jobs = stage.stream();
    next(&mut jobs).done(());
    for _ in 0..2 {
        let answer = answers.recv_timeout(LONG).expect("the thread of the store waits for itself");
        assert!(matches!(answer, Err(Refused::Store(..))), "{answer:?}");
    }
    assert_eq!(**next(&mut jobs), "yes");
}

#[test]
fn a_job_that_was_cancelled_and_fails_after_the_end_of_its_stage_leaves_no_row() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    let stage = builder(10).durable(store.clone(), Text).build();
    let mut jobs = stage.stream();
    let job = put(&stage, "a");
    let attempt = next(&mut jobs);
    assert!(!job.cancel());
    assert!(stage.shutdown().wait_timeout(Duration::ZERO).is_err());
    attempt.fail("cancelled");
    assert!(stage.join().wait_timeout(LONG).is_ok());
    assert!(store.state().jobs.is_empty());
}

/// A codec that panics.
struct NoCodec;

impl Codec<String> for NoCodec {
    fn encode(&self, _: &String, _: &mut Vec<u8>) -> Result<(), BoxError> {
        panic!("a codec panics, as the test wants it to")
    }

    fn decode(&self, _: &[u8]) -> Result<String, BoxError> {
        panic!("a codec panics, as the test wants it to")
    }
}

#[test]
fn a_codec_that_panics_with_an_item_of_the_source_does_not_end_the_worker() {
    let _watchdog = watchdog();
    let asked = AtomicBool::new(false);
    let letters = Arc::new(Queue::unbounded());
    let stage = builder(10)
        .durable(MemoryStore::default(), NoCodec)
        .dead_letters(letters.clone())
        .when_empty(Duration::from_millis(1), move || (!asked.swap(true, Ordering::SeqCst)).then(|| "a".into()))
        .build();
    thread::scope(|scope| {
        let worker = scope.spawn(|| stage.work(|_| Ok(())).wait());
        let letter: Dead<String> = letters.get().wait_timeout(LONG).expect("the item comes out");
        assert!(matches!(letter.cause, Cause::Panicked(_)));
        stage.close();
        worker.join().unwrap();
    });
}

#[test]
fn jobs_whose_rows_are_gone_are_left() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    let stage = builder(1).spill(store.clone(), Text).build();
    let mut jobs = stage.stream();
    put(&stage, "in memory");
    let attempt = next(&mut jobs);
    let [_, lost, cancelled] = ["2", "3", "4"].map(|item| put(&stage, item));
    store.state().jobs.clear();
    attempt.done(());
    next(&mut jobs).done(());
    assert_eq!(lost.settled().wait_timeout(LONG), Ok(State::Cancelled));
    assert_eq!(cancelled.settled().wait_timeout(LONG), Ok(State::Cancelled));
    assert!(!lost.cancel());
    assert!(stage.join().wait_timeout(LONG).is_ok());
    assert_eq!((stage.stats().done, stage.stats().left, stage.stats().on_disk), (2, 2, 0));
}

#[test]
fn the_last_handle_may_be_dropped_on_the_thread_of_the_store() {
    let _watchdog = watchdog();
    let stage = builder(10).durable(MemoryStore::default(), Text).build();
    let mut jobs = stage.stream();
    let join = stage.join();
    let handle = stage.clone();
    stage.put("a".into()).on_settled(move |_| drop(handle)).wait().unwrap();
    let waiting = put(&stage, "b");
    let attempt = next(&mut jobs);
    drop((stage, jobs));
    attempt.done(());
    assert_eq!(waiting.settled().wait_timeout(LONG), Ok(State::Cancelled));
    assert!(join.wait_timeout(LONG).is_ok());
}
