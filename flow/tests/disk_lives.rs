//! Stages with one store over many lives: puts, retries, spawned jobs, cancels and panics at random, a store
//! that fails now and then, and a shutdown in the middle of it all. A ledger shows that nothing is lost or
//! done twice.

mod common;
mod memory_store;

use backon::ConstantBuilder;
use common::watchdog;
use joinq_flow::{Change, Failure, Job, Retry, Stage, State, Text};
use memory_store::MemoryStore;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What is known of an item.
#[derive(Clone, Debug, Default)]
struct Entry {
    acknowledged: u32,
    refused: u32,
    runs: u32,
    done: u32,
    cancelled: u32,
    /// Told to end while it ran, or later.
    told: u32,
    dead: u32,
    /// Ended without an attempt that counts: cancelled, or taken out by a shutdown.
    left: u32,
    /// Attempts after it was done or cancelled.
    repeated: u32,
}

#[derive(Default)]
struct Ledger(Mutex<HashMap<String, Entry>>);

impl Ledger {
    fn note(&self, item: &str, change: impl FnOnce(&mut Entry)) {
        change(self.0.lock().unwrap().entry(item.to_owned()).or_default());
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Durable,
    Spill,
}

fn stage(mode: Mode, store: &MemoryStore, capacity: usize) -> Stage<String> {
    let delays = ConstantBuilder::default().with_delay(Duration::from_micros(200)).without_max_times();
    let builder = Stage::builder("lives").capacity(capacity).retry(Retry::new(delays).attempts(3));
    match mode {
        Mode::Durable => builder.durable(store.clone(), Text).build(),
        Mode::Spill => builder.spill(store.clone(), Text).build(),
    }
}

/// Puts an item and keeps the ledger.
fn put(stage: &Stage<String>, ledger: &Arc<Ledger>, item: String, cancel: bool) -> bool {
    let list = ledger.clone();
    let put = stage.put(item.clone()).on_settled(move |job: &Job<String>| {
        list.note(job, |entry| match job.state() {
            State::Done => entry.done += 1,
            State::Dead => entry.dead += 1,
            _ => entry.left += 1,
        });
    });
    match put.wait_timeout(Duration::from_millis(20)) {
        Ok(job) => {
            ledger.note(&item, |entry| entry.acknowledged += 1);
            if cancel {
                match job.cancel() {
                    true => ledger.note(&item, |entry| entry.cancelled += 1),
                    false => ledger.note(&item, |entry| entry.told += 1),
                }
            }
            true
        }
        Err(refused) => {
            assert_eq!(*refused.into_inner(), item);
            ledger.note(&item, |entry| entry.refused += 1);
            false
        }
    }
}

/// Runs a job: the first letter of its item says how.
fn handle(ledger: &Arc<Ledger>, job: &Job<String>) -> Result<(), Failure> {
    ledger.note(job, |entry| {
        entry.repeated += entry.done + entry.cancelled;
        entry.runs += 1;
    });
    match job.as_bytes()[0] {
        b'f' if job.attempt() < 3 => Err("not yet".into()),
        b'd' => Err(Failure::fatal("never")),
        b'p' if job.attempt() == 1 => panic!("as told"),
        b's' => {
            // Each run has a child of its own, since the one of an earlier run may have been lost with it.
            let runs = ledger.0.lock().unwrap()[&**job].runs;
            let child = format!("c{runs}{}", **job);
            ledger.note(&child, |entry| entry.acknowledged += 1);
            job.spawn(child).unwrap();
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The changes in the store of the job with this item.
fn history(store: &MemoryStore, item: &str) -> String {
    let state = store.state();
    let put = state.log.iter().find(|line| line.starts_with("put ") && line.ends_with(&format!(" {item}")));
    let id = put.and_then(|line| line.split(' ').nth(1)).unwrap_or("not stored");
    let of_job = |line: &&String| line.starts_with("life") || line.split(' ').nth(1) == Some(id);
    state.log.iter().filter(of_job).map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// `faults`: of a hundred commits so many fail at most.
fn run(mode: Mode, faults: u32, seed: u64) {
    let _watchdog = watchdog();
    let mut random = fastrand::Rng::with_seed(seed);
    let (store, ledger) = (MemoryStore::default(), Arc::new(Ledger::default()));
    let next = AtomicU64::new(0);
    const LIVES: u32 = 12;
    for life in 0..=LIVES {
        let is_last = life == LIVES;
        store.state().log.push(format!("life {life}"));
        // Some commits fail, but none of the last life.
        let mut fails = random.fork();
        let most = if is_last { 0 } else { random.u32(0..=faults) };
        store.fail(move |_: &[Change<'_>]| (fails.u32(..100) < most).then(|| "a bad sector".into()));
        let stage = stage(mode, &store, random.usize(1..8));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| stage.work(|job: &Job<String>| handle(&ledger, job)).wait());
            }
            let putters: Vec<_> = (0..2)
                .map(|_| {
                    let mut random = random.fork();
                    let (stage, ledger, next) = (&stage, &ledger, &next);
                    scope.spawn(move || {
                        for _ in 0..random.u32(..60) {
                            // Ordering: Relaxed. A number for a name.
                            let number = next.fetch_add(1, Ordering::Relaxed);
                            let kind = random.choice(['o', 'o', 'o', 'f', 'd', 'p', 's']).unwrap();
                            put(stage, ledger, format!("{kind}{number}"), random.u8(..8) == 0);
                        }
                    })
                })
                .collect();
            if is_last {
                putters.into_iter().for_each(|putter| putter.join().unwrap());
                assert_eq!(stage.redrive(0).wait().unwrap(), 0);
                stage.shutdown().wait();
            } else {
                thread::sleep(Duration::from_micros(random.u64(..15_000)));
                let ended = stage.shutdown().wait_timeout(Duration::from_micros(random.u64(..5000)));
                for job in ended.map_or_else(|unsettled| unsettled.left, |_| Vec::new()) {
                    ledger.note(&job, |entry| entry.left += 1);
                }
            }
        });
        stage.join().wait();
        let stats = stage.stats();
        assert_eq!((stats.unfinished, stats.on_disk, stats.used), (0, 0, 0), "seed {seed}, life {life}: {stats:?}");
    }
    assert!(store.state().jobs.is_empty(), "seed {seed}: {} jobs are left", store.state().jobs.len());
    let letters: HashMap<String, u32> = store.state().dead.values().fold(HashMap::new(), |mut letters, row| {
        *letters.entry(String::from_utf8(row.body.clone()).unwrap()).or_default() += 1;
        letters
    });
    let ledger = ledger.0.lock().unwrap();
    for (item, entry) in &*ledger {
        let context = format!("seed {seed}, {mode:?}: `{item}`, {entry:?}, {}", history(&store, item));
        // If the store did not take the end of a job until the shutdown was over, the job runs again.
        assert!(entry.repeated == 0 || faults > 0, "it ran again: {context}");
        assert!(entry.acknowledged + entry.refused == 1, "{context}");
        assert!(entry.done + entry.dead <= 1, "settled twice: {context}");
        if entry.refused == 1 {
            assert_eq!(entry.runs, 0, "refused, and yet it ran: {context}");
        } else if mode == Mode::Durable {
            let ended = entry.runs > 0 || entry.cancelled == 1;
            assert!(ended || item.starts_with('c'), "lost: {context}");
            if item.starts_with('s') && entry.runs > 0 {
                let has_run = |run| ledger.get(&format!("c{run}{item}")).is_some_and(|child| child.runs > 0);
                assert!((1..=entry.runs).any(has_run), "its child is lost: {context}");
            }
            let is_letter = letters.contains_key(item);
            assert!(!(is_letter && entry.done == 1) || faults > 0, "a letter, though it was done: {context}");
            let may_be_letter = item.starts_with('d');
            assert!(!is_letter || may_be_letter || item.starts_with('p'), "dead: {context}");
            assert!(!may_be_letter || is_letter || entry.cancelled + entry.told == 1, "no letter: {context}");
        } else {
            // A job that was in memory may be left there, or end with its process while it runs.
            assert!(entry.runs > 0 || entry.cancelled + entry.left > 0 || item.starts_with('c'), "lost: {context}");
        }
    }
    assert!(letters.values().all(|&count| count == 1));
}

#[test]
fn nothing_is_lost_or_done_twice_over_many_lives_of_a_durable_stage() {
    (0..4).for_each(|_| run(Mode::Durable, 0, fastrand::u64(..)));
}

#[test]
fn nothing_is_lost_or_done_twice_over_many_lives_of_a_stage_that_spills() {
    (0..4).for_each(|_| run(Mode::Spill, 0, fastrand::u64(..)));
}

#[test]
fn nothing_is_lost_by_a_durable_stage_whose_store_fails_now_and_then() {
    (0..4).for_each(|_| run(Mode::Durable, 30, fastrand::u64(..)));
}

#[test]
fn nothing_is_lost_by_a_stage_that_spills_whose_store_fails_now_and_then() {
    (0..4).for_each(|_| run(Mode::Spill, 30, fastrand::u64(..)));
}
