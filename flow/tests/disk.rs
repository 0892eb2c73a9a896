//! Stages with a store: `durable` and `spill`.

mod common;
mod memory_store;

use backon::ConstantBuilder;
use common::{poll, watchdog, Count};
use joinq_flow::{Change, Failure, Job, Retry, State, Text};
use memory_store::{builder, durable, names, run_all, MemoryStore};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

#[test]
fn a_durable_job_is_in_the_store_until_it_is_settled() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    let stage = durable(&store, 10);
    let job = stage.put("a".into()).wait().unwrap();
    assert_eq!(job.id(), 1);
    assert_eq!(store.state().jobs.len(), 1);
    assert_eq!(run_all(&stage), ["a"]);
    assert!(job.is_done());
    assert_eq!(store.state().jobs.len(), 0);
}

#[test]
fn jobs_that_were_left_run_in_the_next_life_and_before_new_ones() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    let stage = durable(&store, 100);
    for name in names(0..50) {
        stage.put(name).wait().unwrap();
    }
    let late = stage.shutdown().wait_timeout(Duration::from_millis(1)).unwrap_err();
    assert_eq!((late.left.len(), late.running, late.on_disk), (0, 0, 50));
    stage.join().wait();

    let stage = durable(&store, 7);
    assert_eq!(stage.stats().unfinished, 50);
    assert!(stage.try_put("early".into()).unwrap_err().is_full());
    let seen = Mutex::new(Vec::new());
    thread::scope(|scope| {
        let put = scope.spawn(|| stage.put("50".into()).wait().unwrap().id());
        scope.spawn(|| {
            stage
                .work(|job: &Job<String>| {
                    seen.lock().unwrap().push(job.to_string());
                    Ok(())
                })
                .wait();
        });
        assert_eq!(put.join().unwrap(), 51);
        stage.join().wait();
        assert_eq!(*seen.lock().unwrap(), names(0..51));
        stage.close();
    });
}

#[test]
fn spilled_jobs_keep_their_order_and_join_waits_for_them() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    let stage = builder(3).spill(store.clone(), Text).build();
    let jobs: Vec<_> = names(0..40).into_iter().map(|name| stage.put(name).wait().unwrap()).collect();
    let stats = stage.stats();
    assert_eq!((stats.unfinished, stats.used), (40, 3));
    assert!(stats.on_disk >= 36, "{stats:?}");
    assert_eq!(run_all(&stage), names(0..40));
    assert!(jobs.iter().all(Job::is_done));
    assert_eq!((stage.stats().on_disk, stage.stats().done, store.state().jobs.len()), (0, 40, 0));
}

#[test]
fn a_put_that_the_store_does_not_take_comes_back() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    let stage = durable(&store, 10);
    store.full();
    let refused = stage.put("a".into()).wait().unwrap_err();
    assert!(refused.to_string().starts_with("the store did not take the item"), "{refused}");
    assert_eq!(refused.into_inner(), "a");
    let stats = stage.stats();
    assert!(stats.store_error.is_some());
    assert_eq!((stats.unfinished, stats.used), (0, 0));
    store.heal();
    stage.put("b".into()).wait().unwrap();
    assert_eq!(stage.stats().store_error, None);
    assert_eq!(run_all(&stage), ["b"]);
}

#[test]
fn attempts_count_over_restarts() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    let hour = Retry::new(ConstantBuilder::default().with_delay(Duration::from_secs(3600)).without_max_times());
    let stage = builder(10).durable(store.clone(), Text).retry(hour.clone()).build();
    let job = stage.put("a".into()).wait().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| stage.work(|_| Err(Failure::from("not yet"))).wait());
        while job.state() != State::Retrying {
            thread::yield_now();
        }
        let late = stage.shutdown().wait_timeout(Duration::from_millis(1)).unwrap_err();
        assert_eq!((late.left.len(), late.on_disk), (0, 1));
    });
    stage.join().wait();
    let stage = builder(10).durable(store.clone(), Text).retry(hour).build();
    while stage.stats().retrying == 0 {
        thread::yield_now();
    }
    assert_eq!(stage.stats().queued, 0, "it is not due yet");
}

#[test]
fn jobs_on_disk_are_loaded_while_puts_never_pause() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    let stage = builder(1).spill(store.clone(), Text).build();
    stage.put("in memory".into()).wait().unwrap();
    let (loaded, has_loaded) = std::sync::mpsc::channel();
    let (mut worker, feeder) = (Box::pin(stage.work_async(|_: Job<String>| async { Ok(()) })), stage.clone());
    let (mut commits, mut puts) = (0, Vec::new());
    let (_, waker) = Count::new();
    // Each commit brings the next put, so that the thread of the store always has a request.
    store.fail(move |_| {
        commits += 1;
        if commits == 10 {
            // Now there is free capacity in memory for a job on disk.
            assert!(poll(&mut worker, &waker).is_pending());
        }
        if commits == 1000 || commits > 10 && feeder.stats().queued > 0 {
            let _ = loaded.send(commits);
        } else {
            let mut put = feeder.put("on disk".into());
            assert!(poll(&mut put, &waker).is_pending());
            puts.push(put);
        }
        None
    });
    stage.put("on disk".into()).wait().unwrap();
    let commits = has_loaded.recv().unwrap();
    assert!(commits <= 12, "a job was loaded after {commits} commits");
    store.heal();
    run_all(&stage);
}

#[test]
fn a_cancelled_job_on_disk_does_not_run_while_the_store_cannot_remove_its_row() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    let stage = builder(1).spill(store.clone(), Text).build();
    let jobs: Vec<_> = names(0..3).into_iter().map(|name| stage.put(name).wait().unwrap()).collect();
    store.fail(|changes| {
        changes.iter().any(|change| matches!(change, Change::Done { .. })).then(|| "the disk is full".into())
    });
    assert!(jobs[1].cancel());
    while stage.stats().store_error.is_none() {
        thread::yield_now();
    }
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
        // The first job is in memory only, so that its end needs no commit. Then the rows are read, and the
        // mark of the next start waits for the store.
        while seen.lock().unwrap().is_empty() || stage.stats().running == 0 {
            thread::yield_now();
        }
        store.heal();
        stage.close();
    });
    stage.join().wait();
    assert_eq!((seen.into_inner().unwrap(), jobs[1].state()), (names([0, 2]), State::Cancelled));
    assert!(store.state().jobs.is_empty());
}
