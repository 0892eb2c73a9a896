//! Stages whose store fails, hangs or panics, whose codec fails, and whose process was killed: no item is
//! lost, none runs out of order, and each wait ends.

mod common;
mod memory_store;

use backon::ConstantBuilder;
use common::watchdog;
use joinq_flow::{
    BoxError, Cause, Change, Codec, Failure, Job, Overflow, Recovered, Refused, Retry, Row, Safe, Stage, State, Store,
    Table, Text,
};
use memory_store::{builder, durable, names, run_all, spill, MemoryStore};
use std::collections::HashSet;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

fn put_all(stage: &Stage<String>, numbers: impl IntoIterator<Item = usize>) -> Vec<Job<String>> {
    names(numbers).into_iter().map(|name| stage.put(name).wait().unwrap()).collect()
}

fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        thread::sleep(Duration::from_millis(1));
    }
}

fn retry() -> Retry {
    Retry::new(ConstantBuilder::default().with_delay(Duration::from_millis(1)).without_max_times())
}

fn is_put(changes: &[Change<'_>]) -> bool {
    changes.iter().any(|change| matches!(change, Change::Put { .. }))
}

#[test]
fn a_done_that_the_store_does_not_take_is_tried_again_and_the_job_stays_unfinished() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    let stage = durable(&store, 10);
    let job = stage.put("a".into()).wait().unwrap();
    store.fail(|changes| changes.iter().any(|change| matches!(change, Change::Done { .. })).then(|| "full".into()));
    stage.close();
    thread::scope(|scope| {
        scope.spawn(|| stage.work(|_| Ok(())).wait());
        until(|| store.state().applies >= 5);
        let stats = stage.stats();
        assert_eq!((stats.unfinished, stats.done, stats.used), (1, 0, 1));
        assert_eq!(stats.store_error.as_deref(), Some("full"));
        assert!(!job.is_done());
        store.heal();
        stage.join().wait();
    });
    let stats = stage.stats();
    assert_eq!((stats.done, stats.used, stats.store_error), (1, 0, None));
    assert!(store.state().jobs.is_empty());
    assert_eq!(store.state().log, ["put 1 a", "started 1", "done 1"]);
}

#[test]
fn the_start_is_committed_before_the_handler_runs() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    let stage = durable(&store, 20);
    put_all(&stage, 0..20);
    stage.close();
    let check = |job: &Job<String>| {
        assert!(store.state().log.contains(&format!("started {}", job.id())), "job {}", job.id());
        Ok(())
    };
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| stage.work(check).wait());
        }
    });
    assert_eq!(stage.stats().panicked, 0);
}

#[test]
fn puts_at_the_same_time_share_a_commit() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    let stage = durable(&store, 1000);
    store.block();
    thread::scope(|scope| {
        for name in names(0..50) {
            scope.spawn(|| stage.put(name).wait().unwrap());
        }
        // The first one waits in the store, the others for it.
        store.until_blocked();
        until(|| stage.stats().unfinished == 50);
        store.unblock();
    });
    let commits = store.state().commits;
    assert!(commits <= 10, "{commits} commits for 50 puts");
    assert_eq!(run_all(&stage).len(), 50);
}

#[test]
fn a_put_that_fails_takes_no_other_put_of_its_commit_with_it() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    let stage = durable(&store, 1000);
    store.fail(|changes| {
        let bad = |change: &Change<'_>| matches!(change, Change::Put { body: b"bad", .. });
        changes.iter().any(bad).then(|| "too large".into())
    });
    store.block();
    let refused = thread::scope(|scope| {
        let puts: Vec<_> = (0..30)
            .map(|number| if number % 10 == 3 { "bad".to_owned() } else { number.to_string() })
            .map(|name| scope.spawn(|| stage.put(name).wait()))
            .collect();
        until(|| stage.stats().unfinished == 30);
        store.unblock();
        puts.into_iter().filter_map(|put| put.join().unwrap().err()).map(Refused::into_inner).collect::<Vec<_>>()
    });
    assert_eq!(refused, ["bad"; 3]);
    store.heal();
    assert_eq!(run_all(&stage).len(), 27);
    assert_eq!((stage.stats().done, stage.stats().used), (27, 0));
}

#[test]
fn a_job_that_was_spawned_and_cancelled_before_its_commit_ends_once() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    let stage = durable(&store, 10);
    let parent = stage.put("parent".into()).wait().unwrap();
    stage.close();
    let child = Mutex::new(None);
    thread::scope(|scope| {
        scope.spawn(|| {
            stage
                .work(|job: &Job<String>| {
                    store.fail(|changes| is_put(changes).then(|| "full".into()));
                    let spawned = job.spawn("child".into()).unwrap();
                    until(|| store.state().applies >= 4);
                    assert!(spawned.cancel());
                    *child.lock().unwrap() = Some(spawned);
                    Ok(())
                })
                .wait();
        });
        until(|| child.lock().unwrap().is_some());
        assert_eq!(stage.stats().unfinished, 2);
        store.heal();
        stage.join().wait();
    });
    assert!(parent.is_done());
    let stats = stage.stats();
    assert_eq!((stats.done, stats.cancelled, stats.unfinished, stats.on_disk), (1, 1, 0, 0));
    assert_eq!(child.into_inner().unwrap().unwrap().state(), State::Cancelled);
    assert!(store.state().jobs.is_empty());
}

#[test]
fn a_spilled_job_that_is_overtaken_by_a_redriven_one_is_not_lost() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    {
        let mut earlier = store.clone();
        let dead = Change::Dead { id: 1, attempts: 1, error: "no" };
        earlier.apply(&[Change::Put { id: 1, body: b"redriven", trace: "" }, dead], Safe::FromKill).unwrap();
    }
    let stage = spill(&store, 1);
    let first = stage.put("in memory".into()).wait().unwrap();
    // The store hangs while it reads the dead letters, and meanwhile a put gets the next id.
    store.block();
    thread::scope(|scope| {
        let redrive = scope.spawn(|| stage.redrive(10).wait().unwrap());
        store.until_blocked();
        let spilled = scope.spawn(|| stage.put("spilled".into()).wait().unwrap());
        until(|| stage.stats().unfinished == 2);
        store.unblock();
        assert_eq!(redrive.join().unwrap(), 1);
        spilled.join().unwrap();
    });
    assert_eq!(stage.stats().unfinished, 3);
    let mut seen = run_all(&stage);
    seen.sort();
    assert_eq!(seen, ["in memory", "redriven", "spilled"]);
    assert!(first.is_done());
    assert_eq!(stage.stats().store_error, None);
    assert!(store.state().jobs.is_empty());
}

#[test]
fn a_spilled_job_has_an_id_of_its_own() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    let stage = spill(&store, 2);
    let ids: Vec<u64> = put_all(&stage, 0..10).iter().map(Job::id).collect();
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 10, "{ids:?}");
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "not in the order of the puts: {ids:?}");
    run_all(&stage);
}

#[test]
fn bytes_that_are_no_item_become_a_dead_letter_and_stay_in_the_store() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    {
        let mut earlier = store.clone();
        let puts =
            [(1, &b"one"[..]), (2, b"\xff\xfe"), (3, b"three")].map(|(id, body)| Change::Put { id, body, trace: "" });
        earlier.apply(&puts, Safe::FromKill).unwrap();
    }
    let stage = durable(&store, 10);
    assert_eq!(run_all(&stage), ["one", "three"]);
    assert_eq!((stage.stats().done, stage.stats().dead), (2, 1));
    let state = store.state();
    let letter = &state.dead[&2];
    assert_eq!(letter.body, b"\xff\xfe");
    assert!(letter.error.starts_with("the bytes in the store are no item"), "{}", letter.error);
}

/// A codec that panics, or fails, as the item says.
struct Moody;

impl Codec<String> for Moody {
    fn encode(&self, item: &String, bytes: &mut Vec<u8>) -> Result<(), BoxError> {
        match &item[..] {
            "panic" => panic!("as told"),
            "error" => Err("as told".into()),
            _ => Text.encode(item, bytes),
        }
    }

    fn decode(&self, bytes: &[u8]) -> Result<String, BoxError> {
        assert!(bytes != b"worse", "as told");
        Text.decode(bytes)
    }
}

#[test]
fn a_codec_that_panics_is_the_putters_panic_or_a_dead_letter() {
    let _watchdog = watchdog();
    for keeps_all in [true, false] {
        let store = MemoryStore::default();
        store.clone().apply(&[Change::Put { id: 1, body: b"worse", trace: "" }], Safe::FromKill).unwrap();
        let stage = match keeps_all {
            true => builder(2).durable(store.clone(), Moody).build(),
            false => builder(2).spill(store.clone(), Moody).build(),
        };
        stage.join().wait();
        assert_eq!((stage.stats().dead, store.state().dead.len()), (1, 1));
        put_all(&stage, 0..if keeps_all { 1 } else { 2 });
        let before = (stage.stats().used, stage.stats().unfinished);
        assert!(catch_unwind(AssertUnwindSafe(|| stage.put("panic".into()).wait())).is_err());
        let refused = stage.put("error".into()).wait().unwrap_err();
        assert!(matches!(refused, Refused::Store(_, _)), "{refused}");
        assert_eq!(refused.into_inner(), "error");
        assert_eq!((stage.stats().used, stage.stats().unfinished), before);
        assert_eq!(run_all(&stage).len(), before.1);
    }
}

#[test]
fn the_third_crash_of_a_job_is_its_end_and_others_are_not_blamed() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    {
        let mut earlier = store.clone();
        let puts =
            [(1, &b"poison"[..]), (2, b"two"), (3, b"three")].map(|(id, body)| Change::Put { id, body, trace: "" });
        earlier.apply(&puts, Safe::FromKill).unwrap();
    }
    for _ in 0..3 {
        // A process that is killed while it runs the first job leaves this.
        let mut killed = store.clone();
        killed.recover().unwrap();
        killed.apply(&[Change::Started { id: 1 }], Safe::FromKill).unwrap();
    }
    let stage = durable(&store, 10);
    assert_eq!(run_all(&stage), ["two", "three"]);
    assert_eq!((stage.stats().done, stage.stats().dead), (2, 1));
    assert_eq!(store.state().dead[&1].error, Cause::Crashed.to_string());
    assert_eq!(store.state().dead[&1].body, b"poison");
}

#[test]
fn two_crashes_are_forgiven_after_a_failure() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    {
        let mut earlier = store.clone();
        earlier.apply(&[Change::Put { id: 1, body: b"shaky", trace: "" }], Safe::FromKill).unwrap();
        for _ in 0..2 {
            earlier.apply(&[Change::Started { id: 1 }], Safe::FromKill).unwrap();
            earlier.recover().unwrap();
        }
    }
    let stage = builder(10).durable(store.clone(), Text).retry(retry()).build();
    let runs = AtomicUsize::new(0);
    stage.close();
    stage
        .work(|job: &Job<String>| {
            // Relaxed: one worker.
            match runs.fetch_add(1, Ordering::Relaxed) {
                0 => Err(Failure::from("not yet")),
                _ => {
                    assert_eq!((store.state().jobs[&1].0.crashes, job.attempt()), (0, 2));
                    Ok(())
                }
            }
        })
        .wait();
    assert_eq!((stage.stats().done, stage.stats().panicked), (1, 0));
}

#[test]
fn redriven_letters_run_again_after_the_jobs_that_are_there() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    let stage = durable(&store, 10);
    let letters = put_all(&stage, 0..5);
    let fails = AtomicBool::new(true);
    let seen = Mutex::new(Vec::new());
    thread::scope(|scope| {
        scope.spawn(|| {
            stage
                .work(|job: &Job<String>| {
                    seen.lock().unwrap().push((job.to_string(), job.attempt()));
                    // Relaxed: it changes while no job runs.
                    match fails.load(Ordering::Relaxed) {
                        true => Err(Failure::from("no")),
                        false => Ok(()),
                    }
                })
                .wait();
        });
        stage.join().wait();
        assert_eq!(store.state().dead.len(), 5);
        fails.store(false, Ordering::Relaxed);
        seen.lock().unwrap().clear();
        assert_eq!(stage.redrive(2).wait().unwrap(), 2);
        assert_eq!(stage.redrive(10).wait().unwrap(), 3);
        assert_eq!(stage.redrive(10).wait().unwrap(), 0);
        stage.put("last".into()).wait().unwrap();
        stage.join().wait();
        stage.close();
    });
    let expected: Vec<_> = names(0..5).into_iter().chain(["last".into()]).map(|name| (name, 1)).collect();
    assert_eq!(seen.into_inner().unwrap(), expected);
    assert!(letters.iter().all(|job| job.state() == State::Dead));
    assert!(store.state().dead.is_empty() && store.state().jobs.is_empty());
}

#[test]
fn a_redrive_that_fails_leaves_the_letters_and_the_count() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    let stage = durable(&store, 10);
    put_all(&stage, 0..3);
    thread::scope(|scope| {
        scope.spawn(|| stage.work(|_| Err(Failure::fatal("no"))).wait());
        stage.join().wait();
        store.full();
        assert_eq!(stage.redrive(10).wait().unwrap_err().to_string(), "the disk is full");
        assert_eq!((stage.stats().unfinished, stage.stats().on_disk), (0, 0));
        assert_eq!(store.state().dead.len(), 3);
        store.heal();
        stage.close();
    });
    stage.join().wait();
    assert_eq!(stage.redrive(10).wait().unwrap(), 0, "the stage has ended");
}

#[test]
fn a_quota_that_is_used_up_has_puts_wait_or_refuses_them() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    let item = "x".repeat(100);
    // Three items with their rows.
    let quota = 3 * 164;
    let stage = builder(1).spill(store.clone(), Text).quota(quota).build();
    for _ in 0..4 {
        stage.put(item.clone()).wait().unwrap();
    }
    assert!(stage.try_put(item.clone()).unwrap_err().is_full());
    assert!(stage.put(item.clone()).wait_timeout(Duration::from_millis(5)).unwrap_err().is_timeout());
    assert!(stage.put("y".repeat(1000)).wait().unwrap_err().is_full(), "it can never be within the quota");
    thread::scope(|scope| {
        let put = scope.spawn(|| stage.put(item.clone()).wait().unwrap());
        scope.spawn(|| stage.work(|_| Ok(())).wait());
        put.join().unwrap();
        stage.join().wait();
        stage.close();
    });
    assert_eq!((stage.stats().done, store.bytes()), (5, 0));

    let stage = builder(1).spill(store.clone(), Text).quota(quota).overflow(Overflow::Reject).build();
    for _ in 0..4 {
        stage.put(item.clone()).wait().unwrap();
    }
    assert!(stage.put(item.clone()).wait().unwrap_err().is_full());
    assert_eq!(run_all(&stage).len(), 4);
}

#[test]
fn a_refused_put_gives_its_share_of_the_quota_back() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    let stage = builder(1).spill(store.clone(), Text).quota(200).build();
    stage.put("in memory".into()).wait().unwrap();
    for _ in 0..5 {
        store.full();
        let refused = stage.put("x".repeat(100)).wait().unwrap_err();
        assert!(matches!(refused, Refused::Store(_, _)), "{refused}");
        store.heal();
    }
    stage.put("x".repeat(100)).wait_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!(run_all(&stage).len(), 2);
}

#[test]
fn a_shutdown_with_a_timeout_ends_though_the_store_hangs() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    let stage = durable(&store, 10);
    put_all(&stage, 0..3);
    store.block();
    thread::scope(|scope| {
        let put = scope.spawn(|| stage.put("late".into()).wait());
        store.until_blocked();
        let late = stage.shutdown().wait_timeout(Duration::from_millis(1)).unwrap_err();
        assert_eq!((late.left.len(), late.on_disk), (0, 3));
        store.unblock();
        // Its row was written; it runs in the next life.
        put.join().unwrap().unwrap();
    });
    stage.join().wait();
    assert_eq!(store.state().jobs.len(), 4);
    assert_eq!(run_all(&durable(&store, 10)), ["0", "1", "2", "late"]);
}

#[test]
fn a_job_that_runs_at_the_end_of_a_shutdown_counts_neither_crash_nor_attempt() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    let stage = durable(&store, 10);
    put_all(&stage, 0..3);
    let running = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            stage
                .work(|job: &Job<String>| {
                    running.store(true, Ordering::SeqCst);
                    until(|| job.is_cancelled());
                    Err(Failure::from("told to end"))
                })
                .wait();
        });
        until(|| running.load(Ordering::SeqCst));
        let late = stage.shutdown().wait_timeout(Duration::from_millis(1)).unwrap_err();
        assert_eq!(late.left.len(), 0);
        stage.join().wait();
    });
    let recovered = store.clone().recover().unwrap();
    assert_eq!(recovered.jobs, 3);
    for (row, _) in store.state().jobs.values() {
        assert_eq!((row.attempts, row.crashes), (0, 0), "job {}", row.id);
    }
}

#[test]
fn a_spilled_job_that_is_cancelled_ends_at_once_and_never_runs() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    let stage = spill(&store, 1);
    let jobs = put_all(&stage, 0..30);
    // 1 is in memory, the next one waits for its permit; the others are only on disk.
    let (kept, dropped) = (jobs[10].clone(), jobs[20].clone());
    assert!(kept.cancel());
    assert_eq!(kept.settled().wait(), State::Cancelled);
    assert!(dropped.cancel());
    drop(dropped);
    drop(jobs);
    until(|| stage.stats().cancelled == 2);
    assert_eq!(stage.stats().unfinished, 28);
    assert_eq!(store.state().jobs.len(), 27 + usize::from(stage.stats().on_disk == 28));
    let seen = run_all(&stage);
    assert_eq!(seen, names((0..30).filter(|number| ![10, 20].contains(number))));
    assert!(store.state().jobs.is_empty());
}

#[test]
fn jobs_are_acknowledged_once_also_if_they_were_on_disk_and_their_handles_are_dropped() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    let stage = spill(&store, 2);
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    for name in names(0..20) {
        let list = acknowledged.clone();
        let put = stage.put(name).on_settled(move |job| list.lock().unwrap().push(job.to_string()));
        drop(put.wait().unwrap());
    }
    assert_eq!(run_all(&stage), names(0..20));
    assert_eq!(*acknowledged.lock().unwrap(), names(0..20));
}

#[test]
fn attempts_start_in_the_order_of_the_puts_across_memory_and_disk() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    let stage = spill(&store, 4);
    let seen = Mutex::new(Vec::new());
    let was_on_disk = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            stage
                .work(|job: &Job<String>| {
                    seen.lock().unwrap().push(job.to_string());
                    if fastrand::u8(..10) == 0 {
                        thread::sleep(Duration::from_micros(fastrand::u64(..300)));
                    }
                    Ok(())
                })
                .wait();
        });
        for name in names(0..3000) {
            stage.put(name).wait().unwrap();
            if stage.stats().on_disk > 0 {
                was_on_disk.store(true, Ordering::SeqCst);
            }
            // Now and then the disk runs empty.
            if fastrand::u8(..100) == 0 {
                stage.join().wait();
            }
        }
        stage.join().wait();
        assert_eq!(stage.stats().on_disk, 0);
        stage.close();
    });
    assert!(was_on_disk.into_inner(), "nothing was spilled");
    assert!(*seen.lock().unwrap() == names(0..3000), "out of order");
    assert!(store.state().jobs.is_empty());
}

#[test]
fn each_putter_keeps_its_order_with_many_of_them() {
    let _watchdog = watchdog();
    for keeps_all in [true, false] {
        let store = MemoryStore::default();
        let stage = if keeps_all { durable(&store, 5) } else { spill(&store, 5) };
        let seen = Mutex::new(Vec::new());
        thread::scope(|scope| {
            scope.spawn(|| {
                stage
                    .work(|job: &Job<String>| {
                        seen.lock().unwrap().push(job.to_string());
                        Ok(())
                    })
                    .wait();
            });
            let putters: Vec<_> = (0..4)
                .map(|putter| {
                    let stage = stage.clone();
                    scope.spawn(move || {
                        for number in 0..300 {
                            stage.put(format!("{putter} {number}")).wait().unwrap();
                        }
                    })
                })
                .collect();
            putters.into_iter().for_each(|putter| putter.join().unwrap());
            stage.join().wait();
            stage.close();
        });
        let seen = seen.into_inner().unwrap();
        for putter in 0..4 {
            let prefix = format!("{putter} ");
            let numbers: Vec<&str> = seen.iter().filter_map(|name| name.strip_prefix(&prefix)).collect();
            assert!(numbers == names(0..300), "putter {putter} is out of order");
        }
        assert!(store.state().jobs.is_empty());
    }
}

#[test]
fn capacity_changes_while_jobs_are_loaded() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    let stage = spill(&store, 1);
    put_all(&stage, 0..500);
    let most = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                stage
                    .work(|_| {
                        most.fetch_max(stage.stats().used, Ordering::SeqCst);
                        Ok(())
                    })
                    .wait();
            });
        }
        for _ in 0..200 {
            stage.set_capacity(fastrand::usize(1..20));
            thread::yield_now();
        }
        stage.set_capacity(1);
        stage.join().wait();
        stage.close();
    });
    assert_eq!(stage.stats().done, 500);
    assert!(most.into_inner() <= 20);
}

/// A store that panics.
struct Panics {
    store: MemoryStore,
    in_load: Arc<AtomicBool>,
    in_apply: Arc<AtomicBool>,
}

impl Store for Panics {
    fn recover(&mut self) -> Result<Recovered, BoxError> {
        self.store.recover()
    }

    fn apply(&mut self, changes: &[Change<'_>], safe: Safe) -> Result<(), BoxError> {
        assert!(!self.in_apply.load(Ordering::SeqCst), "as told");
        self.store.apply(changes, safe)
    }

    fn load(&mut self, table: Table, after: u64, limit: usize, rows: &mut Vec<Row>) -> Result<(), BoxError> {
        assert!(!self.in_load.load(Ordering::SeqCst), "as told");
        self.store.load(table, after, limit, rows)
    }

    fn bytes(&self) -> u64 {
        self.store.bytes()
    }
}

impl Drop for Panics {
    fn drop(&mut self) {
        panic!("a store that panics when it is closed");
    }
}

#[test]
fn a_store_that_panics_is_one_that_fails() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    let (in_load, in_apply) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
    let panics = Panics { store: store.clone(), in_load: in_load.clone(), in_apply: in_apply.clone() };
    let stage = builder(1).spill(panics, Text).build();
    put_all(&stage, 0..5);
    until(|| stage.stats().store_error.is_some());
    assert!(stage.redrive(1).wait().is_err());
    in_load.store(false, Ordering::SeqCst);
    in_apply.store(true, Ordering::SeqCst);
    assert_eq!(stage.put("refused".into()).wait().unwrap_err().into_inner(), "refused");
    in_apply.store(false, Ordering::SeqCst);
    assert_eq!(run_all(&stage), names(0..5));
    assert!(store.state().jobs.is_empty());
}

/// A store that cannot read its rows for a while.
#[test]
fn rows_that_cannot_be_read_are_tried_again() {
    let _watchdog = watchdog();
    struct Unreadable(MemoryStore, Arc<AtomicUsize>);
    impl Store for Unreadable {
        fn recover(&mut self) -> Result<Recovered, BoxError> {
            self.0.recover()
        }
        fn apply(&mut self, changes: &[Change<'_>], safe: Safe) -> Result<(), BoxError> {
            self.0.apply(changes, safe)
        }
        fn load(&mut self, table: Table, after: u64, limit: usize, rows: &mut Vec<Row>) -> Result<(), BoxError> {
            if self.1.fetch_add(1, Ordering::SeqCst) < 2 {
                return Err("a bad sector".into());
            }
            self.0.load(table, after, limit, rows)
        }
        fn bytes(&self) -> u64 {
            self.0.bytes()
        }
    }
    let store = MemoryStore::default();
    let loads = Arc::new(AtomicUsize::new(0));
    let stage = builder(1).spill(Unreadable(store.clone(), loads.clone()), Text).build();
    put_all(&stage, 0..5);
    assert_eq!(run_all(&stage), names(0..5));
    assert!(loads.load(Ordering::SeqCst) < 20, "a loop");
}

#[cfg(feature = "sqlite")]
#[test]
fn the_file_can_be_opened_again_as_soon_as_a_closed_stage_is_joined() {
    use joinq_flow::SqliteStore;
    let _watchdog = watchdog();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    for round in 0..30 {
        let store = SqliteStore::open(&path).unwrap().safe(Safe::FromKill);
        let stage: Stage<String> = builder(10).durable(store, Text).build();
        put_all(&stage, 0..3);
        match round % 3 {
            0 => assert_eq!(run_all(&stage).len(), 3),
            1 => {
                thread::scope(|scope| {
                    scope.spawn(|| stage.work(|_| Ok(())).wait());
                    assert_eq!(stage.shutdown().wait().done, 3);
                });
            }
            _ => {
                stage.shutdown().wait_timeout(Duration::ZERO).unwrap_err();
                stage.join().wait();
                let mut store = SqliteStore::open(&path).unwrap();
                assert_eq!(store.recover().unwrap().jobs, 3);
                drop(store);
                let stage: Stage<String> = builder(10).durable(SqliteStore::open(&path).unwrap(), Text).build();
                assert_eq!(run_all(&stage).len(), 3);
            }
        }
    }
}
