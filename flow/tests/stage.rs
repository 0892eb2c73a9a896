//! Stages in memory: puts, workers, failures, retries, cancels and shutdowns.

mod common;

use backon::ConstantBuilder;
use common::watchdog;
use futures_lite::future::{block_on, poll_once};
use joinq::Queue;
use joinq_flow::{Cause, Dead, Denied, Failure, Job, Overflow, Refused, Retry, Semaphore, Stage, State};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{mpsc, Arc, Mutex};
use std::thread;
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(5);

fn stage<T: Send + Sync + 'static>(capacity: usize) -> Stage<T> {
    Stage::builder("test").capacity(capacity).build()
}

/// Attempts that follow one another after a millisecond.
fn retry(attempts: u32) -> Retry {
    Retry::new(ConstantBuilder::default().with_delay(Duration::from_millis(1)).without_max_times()).attempts(attempts)
}

/// Runs all jobs on this thread; the stage is closed.
fn run_all<T: Send + Sync + 'static>(stage: &Stage<T>, handler: impl Fn(&Job<T>) -> Result<(), Failure>) {
    stage.close();
    stage.work(handler).wait();
}

#[test]
fn one_worker_begins_jobs_in_the_order_of_the_puts() {
    let _watchdog = watchdog();
    let stage = stage(100);
    for number in 0..100 {
        assert_eq!(stage.try_put(number).unwrap().id(), number + 1);
    }
    let seen = Mutex::new(Vec::new());
    run_all(&stage, |job| {
        seen.lock().unwrap().push(**job);
        Ok(())
    });
    assert_eq!(seen.into_inner().unwrap(), (0..100).collect::<Vec<_>>());
    let stats = stage.stats();
    assert_eq!((stats.put, stats.done, stats.unfinished, stats.used), (100, 100, 0, 0));
}

#[test]
fn a_running_job_takes_capacity_until_it_is_settled() {
    let _watchdog = watchdog();
    let stage: Stage<u32> = stage(1);
    let (begun, has_begun) = mpsc::channel();
    let (go, may_go) = mpsc::channel::<()>();
    let may_go = Mutex::new(may_go);
    thread::scope(|scope| {
        let job = stage.try_put(1).unwrap();
        scope.spawn(|| {
            stage
                .work(|_| {
                    begun.send(()).unwrap();
                    may_go.lock().unwrap().recv()?;
                    Ok(())
                })
                .wait();
        });
        has_begun.recv().unwrap();
        assert_eq!(job.state(), State::Running);
        assert!(stage.try_put(2).unwrap_err().is_full());
        let late = stage.put(2).wait_timeout(SHORT);
        assert_eq!(late.unwrap_err().into_inner(), 2);
        go.send(()).unwrap();
        let second = stage.put(2).wait().unwrap();
        go.send(()).unwrap();
        assert_eq!(second.settled().wait(), State::Done);
        stage.close();
    });
}

#[test]
fn a_waiting_put_gets_its_item_back_when_the_stage_is_closed() {
    let _watchdog = watchdog();
    let stage: Stage<u32> = stage(1);
    let _first = stage.try_put(1).unwrap();
    thread::scope(|scope| {
        let put = scope.spawn(|| stage.put(2).wait());
        thread::sleep(SHORT);
        stage.close();
        assert!(matches!(put.join().unwrap(), Err(Refused::Closed(2))));
    });
    assert!(matches!(stage.try_put(3), Err(Refused::Closed(3))));
}

#[test]
fn a_put_that_is_dropped_leaves_its_capacity_to_the_next() {
    let _watchdog = watchdog();
    let stage: Stage<u32> = stage(1);
    let first = stage.try_put(1).unwrap();
    {
        let mut waiting = pin!(stage.put(2));
        assert!(block_on(poll_once(waiting.as_mut())).is_none());
    }
    let mut put = stage.put(3);
    assert_eq!(put.take(), Some(3));
    drop(put);
    first.cancel();
    run_all(&stage, |_| Ok(()));
    assert_eq!(stage.stats().put, 1);
}

#[test]
fn overflow_policies() {
    let _watchdog = watchdog();
    for policy in [Overflow::Reject, Overflow::DropNewest, Overflow::DropOldest] {
        let letters = Arc::new(Queue::unbounded());
        let stage: Stage<u32> =
            Stage::builder("full").capacity(2).overflow(policy).dead_letters(letters.clone()).build();
        let jobs: Vec<_> = (1..=2).map(|item| stage.try_put(item).unwrap()).collect();
        let third = stage.put(3).wait();
        let evicted: Vec<u32> = letters.drain().map(|letter: Dead<u32>| *letter.job).collect();
        let waiting: Vec<_> = jobs.iter().map(|job| job.state()).collect();
        match policy {
            Overflow::Reject => assert!(matches!(third, Err(Refused::Full(3)))),
            Overflow::DropNewest => {
                assert_eq!(third.unwrap().state(), State::Dead);
                assert_eq!(evicted, [3]);
            }
            _ => {
                assert_eq!(third.unwrap().state(), State::Waiting);
                assert_eq!((evicted, waiting), (vec![1], vec![State::Dead, State::Waiting]));
            }
        }
        let stats = stage.stats();
        assert_eq!((stats.unfinished, stats.used), (2, 2), "{policy:?}");
        run_all(&stage, |_| Ok(()));
        let stats = stage.stats();
        assert_eq!(stats.put, stats.done + stats.dead);
    }
}

#[test]
fn drop_oldest_rejects_if_all_jobs_run() {
    let _watchdog = watchdog();
    let stage: Stage<u32> = Stage::builder("full").capacity(1).overflow(Overflow::DropOldest).build();
    let inner = stage.clone();
    let _job = stage.try_put(1).unwrap();
    run_all(&stage.clone(), move |_| {
        assert!(inner.try_put(2).unwrap_err().is_closed());
        Ok(())
    });
    let stage: Stage<u32> = Stage::builder("full").capacity(1).overflow(Overflow::DropOldest).build();
    let inner = stage.clone();
    let _job = stage.try_put(1).unwrap();
    let mut worker = Box::pin(stage.work_async(move |_| {
        let refused = inner.try_put(2).unwrap_err();
        async move {
            assert!(refused.is_full());
            Ok(())
        }
    }));
    assert!(block_on(poll_once(worker.as_mut())).is_none());
    assert_eq!((stage.stats().done, stage.stats().dead), (1, 0));
}

#[test]
fn a_failed_job_is_tried_again_and_then_it_is_a_dead_letter() {
    let _watchdog = watchdog();
    let letters = Arc::new(Queue::unbounded());
    let stage: Stage<u32> = Stage::builder("fail").retry(retry(3)).dead_letters(letters.clone()).build();
    let job = stage.try_put(7).unwrap();
    let attempts = Mutex::new(Vec::new());
    // The close comes first: the retries go on.
    run_all(&stage, |job| {
        attempts.lock().unwrap().push(job.attempt());
        Err("no answer".into())
    });
    assert_eq!(attempts.into_inner().unwrap(), [1, 2, 3]);
    let letter: Dead<u32> = letters.try_get().unwrap();
    assert_eq!(letter.to_string(), "stage `fail`, job 1: gave up after 3 attempts: no answer");
    assert_eq!((job.state(), job.attempt()), (State::Dead, 3));
    assert!(matches!(job.output().wait(), Err(Cause::Failed(_))));
    let stats = stage.stats();
    assert_eq!((stats.failed, stats.retried, stats.dead, stats.used), (3, 2, 1, 0));
}

#[test]
fn a_failure_can_be_final_or_name_its_delay() {
    let _watchdog = watchdog();
    let stage: Stage<u32> = Stage::builder("fail").retry(retry(5)).build();
    let (fatal, later) = (stage.try_put(0).unwrap(), stage.try_put(1).unwrap());
    let calls = AtomicUsize::new(0);
    run_all(&stage, |job| {
        calls.fetch_add(1, Ordering::SeqCst);
        match (**job, job.attempt()) {
            (0, _) => Err(Failure::fatal("never")),
            (_, 1) => Err(Failure::retry_after("busy", Duration::from_millis(2))),
            _ => Ok(()),
        }
    });
    assert_eq!((fatal.state(), later.state(), calls.into_inner()), (State::Dead, State::Done, 3));
}

#[test]
fn a_waiting_retry_keeps_its_capacity_and_no_worker() {
    let _watchdog = watchdog();
    let long = Retry::new(ConstantBuilder::default().with_delay(Duration::from_secs(3600)).without_max_times());
    let stage: Stage<u32> = Stage::builder("fail").capacity(2).retry(long).build();
    let job = stage.try_put(1).unwrap();
    let mut worker = Box::pin(stage.work_async(|job: Job<u32>| async move {
        match *job {
            1 => Err("again".into()),
            _ => Ok(()),
        }
    }));
    assert!(block_on(poll_once(worker.as_mut())).is_none());
    assert_eq!(job.state(), State::Retrying);
    let stats = stage.stats();
    assert_eq!((stats.retrying, stats.used, stats.running), (1, 1, 0));
    let second = stage.try_put(2).unwrap();
    assert!(stage.try_put(3).unwrap_err().is_full());
    assert!(block_on(poll_once(worker.as_mut())).is_none());
    assert!(second.is_done());
}

#[test]
fn a_panic_is_a_failed_attempt_and_the_worker_goes_on() {
    let _watchdog = watchdog();
    let stage: Stage<u32> = stage(10);
    let (bad, good) = (stage.try_put(0).unwrap(), stage.try_put(1).unwrap());
    run_all(&stage, |job| {
        assert!(**job > 0, "zero is bad");
        Ok(())
    });
    assert!(matches!(bad.output().wait(), Err(Cause::Panicked(message)) if message == "zero is bad"));
    assert!(good.is_done());
    assert_eq!(stage.stats().panicked, 1);

    let stage: Stage<u32> = stage_of_tasks();
    let jobs: Vec<_> = (0..3).map(|item| stage.try_put(item).unwrap()).collect();
    stage.close();
    block_on(stage.work_async(|job| {
        assert!(*job != 0, "before the future");
        async move {
            futures_lite::future::yield_now().await;
            assert!(*job != 1, "in the future");
            Ok(())
        }
    }));
    let states: Vec<_> = jobs.iter().map(Job::state).collect();
    assert_eq!(states, [State::Dead, State::Dead, State::Done]);
}

fn stage_of_tasks() -> Stage<u32> {
    stage(10)
}

#[test]
fn panics_of_other_closures_lose_nothing() {
    let _watchdog = watchdog();
    let calls = Arc::new(AtomicUsize::new(0));
    let asked = calls.clone();
    let stage: Stage<u32> = Stage::builder("panics")
        .admit(|item| {
            assert!(*item != 13, "the thirteenth");
            Ok(())
        })
        .ready(move || {
            assert!(asked.fetch_add(1, Ordering::SeqCst) > 0, "the first question");
            Ok(())
        })
        .build();
    assert!(std::panic::catch_unwind(|| stage.try_put(13)).is_err());
    let job = stage.put(1).on_settled(|_| panic!("in the acknowledgement")).wait().unwrap();
    run_all(&stage, |_| Ok(()));
    assert!(job.is_done());
    assert_eq!((stage.stats().panicked, stage.stats().used), (2, 0));
}

#[test]
fn an_item_that_is_not_admitted_comes_back_with_the_reason() {
    let stage: Stage<String> = Stage::builder("names")
        .admit(|name: &String| if name.is_empty() { Err(Denied::new("no name")) } else { Ok(()) })
        .build();
    let refused = stage.put(String::new()).wait().unwrap_err();
    assert_eq!(refused.to_string(), "denied: no name");
    assert_eq!(stage.stats().refused, 1);
    assert!(stage.try_put("a".into()).is_ok());
}

#[test]
fn workers_pause_while_the_stage_is_not_ready() {
    let _watchdog = watchdog();
    let ready = Arc::new(AtomicUsize::new(0));
    let asked = ready.clone();
    let stage: Stage<u32> = Stage::builder("ready")
        .ready(move || match asked.load(Ordering::SeqCst) {
            0 => Err(Denied::new("not yet")),
            _ => Ok(()),
        })
        .build();
    let job = stage.try_put(1).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| stage.work(|_| Ok(())).wait());
        while stage.stats().not_ready.is_none() {
            thread::yield_now();
        }
        assert_eq!(job.state(), State::Waiting);
        ready.store(1, Ordering::SeqCst);
        assert_eq!(job.settled().wait(), State::Done);
        stage.close();
    });
    assert_eq!(stage.stats().not_ready, None);
}

#[test]
fn a_job_can_be_cancelled_before_it_runs() {
    let _watchdog = watchdog();
    let stage: Stage<u32> = stage(2);
    let (first, second) = (stage.try_put(1).unwrap(), stage.try_put(2).unwrap());
    assert!(first.cancel());
    assert!(!first.cancel());
    assert_eq!(first.state(), State::Cancelled);
    assert!(matches!(first.clone().output().wait(), Err(Cause::Cancelled)));
    assert_eq!(stage.stats().used, 2, "its capacity is free when its turn comes");
    run_all(&stage, |job| {
        assert_eq!(**job, 2);
        Ok(())
    });
    assert!(second.is_done());
    assert_eq!((stage.stats().cancelled, stage.stats().used), (1, 0));
    assert!(!second.cancel());
}

#[test]
fn the_future_of_a_cancelled_job_is_dropped() {
    let _watchdog = watchdog();
    let stage: Stage<u32> = stage(2);
    let job = stage.try_put(1).unwrap();
    let alive = Arc::new(());
    let held = alive.clone();
    let mut worker = Box::pin(stage.work_async(move |_| {
        let held = held.clone();
        async move {
            std::future::pending::<()>().await;
            drop(held);
            Ok(())
        }
    }));
    assert!(block_on(poll_once(worker.as_mut())).is_none());
    assert_eq!((job.state(), Arc::strong_count(&alive)), (State::Running, 3));
    assert!(!job.cancel());
    assert!(job.is_cancelled());
    job.cancelled().wait();
    assert!(block_on(poll_once(worker.as_mut())).is_none());
    assert_eq!((job.state(), Arc::strong_count(&alive)), (State::Cancelled, 2));
    assert_eq!(stage.stats().used, 0);
}

#[test]
fn a_job_whose_worker_is_dropped_is_tried_again_without_delay() {
    let _watchdog = watchdog();
    let stage: Stage<u32> = Stage::builder("dropped").retry(Retry::default()).build();
    let job = stage.try_put(1).unwrap();
    let mut worker = Box::pin(stage.work_async(|_| std::future::pending()));
    assert!(block_on(poll_once(worker.as_mut())).is_none());
    drop(worker);
    assert_eq!((job.state(), job.attempt()), (State::Retrying, 2));
    run_all(&stage, |_| Ok(()));
    assert!(job.is_done());

    let stage: Stage<u32> = stage_of_tasks();
    let job = stage.try_put(1).unwrap();
    let mut worker = Box::pin(stage.work_async(|_| std::future::pending()));
    assert!(block_on(poll_once(worker.as_mut())).is_none());
    drop(worker);
    assert!(matches!(job.output().wait(), Err(Cause::Dropped)));
}

#[test]
fn a_shutdown_whose_deadline_is_over_returns_what_is_left() {
    let _watchdog = watchdog();
    let long = Retry::new(ConstantBuilder::default().with_delay(Duration::from_secs(3600)).without_max_times());
    let stage: Stage<u32> = Stage::builder("late").retry(long).build();
    for item in 0..4 {
        stage.try_put(item).unwrap();
    }
    let mut worker = Box::pin(stage.work_async(|job: Job<u32>| async move {
        match *job {
            0 => Err("later".into()),
            1 => Ok(()),
            _ => std::future::pending().await,
        }
    }));
    assert!(block_on(poll_once(worker.as_mut())).is_none());
    let late = stage.shutdown().wait_timeout(SHORT).unwrap_err();
    let mut left: Vec<u32> = late.left.iter().map(|job| **job).collect();
    left.sort_unstable();
    assert_eq!((left, late.running), (vec![0, 3], 1));
    assert!(late.left.iter().all(|job| job.state() == State::Cancelled));
    // The running job ends, and then the worker does.
    block_on(worker);
    let stats = stage.stats();
    assert_eq!((stats.done, stats.left, stats.unfinished, stats.used), (1, 3, 0, 0));
    stage.join().wait();
}

#[test]
fn a_shutdown_finds_a_job_that_a_worker_holds_back() {
    let _watchdog = watchdog();
    let stage: Stage<u32> = Stage::builder("never").ready(|| Err(Denied::new("never"))).build();
    let job = stage.try_put(1).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| stage.work(|_| unreachable!("the stage is never ready")).wait());
        while stage.stats().not_ready.is_none() {
            thread::yield_now();
        }
        let late = stage.shutdown().wait_timeout(SHORT).unwrap_err();
        assert_eq!((late.left.len(), late.running), (1, 0));
        assert_eq!(job.state(), State::Cancelled);
    });
}

#[test]
fn spawned_jobs_go_beyond_the_capacity_and_count_for_join() {
    let _watchdog = watchdog();
    let stage: Stage<u32> = stage(1);
    let root = stage.try_put(1).unwrap();
    run_all(&stage, |job| {
        for child in [2 * **job, 2 * **job + 1] {
            if child < 1000 {
                job.spawn(child).map_err(|refused| refused.to_string())?;
            }
        }
        Ok(())
    });
    assert_eq!((stage.stats().done, stage.stats().used), (999, 0));
    assert!(matches!(root.spawn(5), Err(Refused::Closed(5))));
}

#[test]
fn weights_bound_the_sum_and_too_heavy_items_are_refused() {
    let _watchdog = watchdog();
    let stage: Stage<Vec<u8>> = Stage::builder("bytes").capacity(100).weigh(Vec::len).build();
    assert!(stage.put(vec![0; 101]).wait().unwrap_err().is_full());
    stage.try_put(vec![0; 60]).unwrap();
    assert!(stage.try_put(vec![0; 41]).unwrap_err().is_full());
    stage.try_put(vec![0; 40]).unwrap();
    assert_eq!(stage.stats().used, 100);
    run_all(&stage, |_| Ok(()));
    assert_eq!(stage.stats().used, 0);
}

#[test]
fn the_capacity_can_be_changed() {
    let _watchdog = watchdog();
    let stage: Stage<u32> = stage(1);
    stage.try_put(1).unwrap();
    thread::scope(|scope| {
        let put = scope.spawn(|| stage.put(2).wait().unwrap());
        thread::sleep(SHORT);
        stage.set_capacity(3);
        put.join().unwrap();
    });
    stage.try_put(3).unwrap();
    stage.set_capacity(2);
    assert_eq!((stage.stats().used, stage.stats().capacity, stage.stats().unfinished), (2, 2, 3));
    assert!(stage.try_put(4).unwrap_err().is_full());
}

#[test]
fn a_capacity_of_zero_is_refused() {
    let error = Stage::<u8>::builder("none").capacity(0).try_build().unwrap_err();
    assert!(error.to_string().contains("stage `none`: the capacity is 0"));
}

#[test]
fn an_idle_worker_asks_the_source() {
    let _watchdog = watchdog();
    let next = AtomicUsize::new(0);
    let stage: Stage<usize> = Stage::builder("source")
        .when_empty(Duration::from_millis(1), move || match next.fetch_add(1, Ordering::SeqCst) {
            0 => None,
            1 => panic!("a source that panics"),
            number => Some(number),
        })
        .build();
    let (seen, items) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| stage.work(|job: &Job<usize>| Ok(seen.send(**job)?)).wait());
        assert_eq!((items.recv().unwrap(), items.recv().unwrap()), (2, 3));
        stage.close();
    });
    assert_eq!(stage.stats().panicked, 1);
}

#[test]
fn workers_finish_a_stage_whose_handles_are_dropped() {
    let _watchdog = watchdog();
    let stage: Stage<u32> = stage(10);
    let jobs: Vec<_> = (0..5).map(|item| stage.try_put(item).unwrap()).collect();
    let worker = stage.work_async(|_| async { Ok(()) });
    drop(stage);
    block_on(worker);
    assert!(jobs.iter().all(Job::is_done));
}

#[test]
fn jobs_of_a_stage_without_handles_and_workers_are_taken_out() {
    let _watchdog = watchdog();
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let stage: Stage<Counted> = stage(10);
    let job = stage.try_put(Counted(dropped.clone())).unwrap();
    stage.try_put(Counted(dropped.clone())).unwrap();
    drop(stage);
    assert!(matches!(job.clone().output().wait(), Err(Cause::ShutDown)));
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
    drop(job);
    assert_eq!(dropped.load(Ordering::SeqCst), 2);
}

#[test]
fn a_full_queue_of_dead_letters_drops_the_oldest() {
    let _watchdog = watchdog();
    let letters = Arc::new(Queue::bounded(2));
    let stage: Stage<u32> = Stage::builder("dead").dead_letters(letters.clone()).build();
    for item in 0..5 {
        stage.try_put(item).unwrap();
    }
    run_all(&stage, |_| Err("dead".into()));
    let kept: Vec<u32> = letters.drain().map(|letter: Dead<u32>| *letter.job).collect();
    assert_eq!((kept, stage.stats().letters_dropped), (vec![3, 4], 3));
}

#[test]
fn an_acknowledgement_runs_once_and_before_join() {
    let _watchdog = watchdog();
    let stage: Stage<u32> = stage(10);
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    for item in 0..3 {
        let list = acknowledged.clone();
        let put = stage.put(item).on_settled(move |job| list.lock().unwrap().push((**job, job.state())));
        put.wait().unwrap();
    }
    thread::scope(|scope| {
        scope.spawn(|| stage.work(|job| if **job == 1 { Err("no".into()) } else { Ok(()) }).wait());
        stage.join().wait();
        let list = acknowledged.lock().unwrap().clone();
        assert_eq!(list, [(0, State::Done), (1, State::Dead), (2, State::Done)]);
        stage.close();
    });
}

#[test]
fn a_job_goes_back_when_a_worker_is_dropped_that_holds_it_back() {
    let _watchdog = watchdog();
    let ready = Arc::new(AtomicUsize::new(0));
    let asked = ready.clone();
    let stage: Stage<u32> = Stage::builder("ready")
        .ready(move || match asked.load(Ordering::SeqCst) {
            0 => Err(Denied::new("not yet")),
            _ => Ok(()),
        })
        .build();
    let job = stage.try_put(1).unwrap();
    let mut worker = Box::pin(stage.work_async(|_| async { Ok(()) }));
    assert!(block_on(poll_once(worker.as_mut())).is_none());
    assert_eq!((stage.stats().queued, stage.stats().running), (0, 1));
    drop(worker);
    assert_eq!((job.state(), stage.stats().queued), (State::Waiting, 1));
    ready.store(1, Ordering::SeqCst);
    run_all(&stage, |_| Ok(()));
    assert!(job.is_done());
}

#[test]
fn a_worker_that_is_dropped_after_a_shutdown_has_taken_its_job_out_leaves_the_job_alone() {
    let _watchdog = watchdog();
    let limit = Semaphore::new(1);
    let stage: Stage<u32> = Stage::builder("limited").limit(&limit).build();
    let other = limit.try_acquire(1).unwrap();
    let job = stage.put(1).wait().unwrap();
    let mut worker = Box::pin(stage.work_async(|_: Job<u32>| async { Ok(()) }));
    // It has taken the job, and waits for the limit.
    assert!(block_on(poll_once(&mut worker)).is_none());
    assert_eq!(stage.stats().queued, 0);
    let unsettled = stage.shutdown().wait_timeout(Duration::ZERO).unwrap_err();
    assert_eq!((unsettled.left.len(), unsettled.running), (1, 0));
    drop(worker);
    stage.join().wait();
    assert_eq!((job.state(), stage.stats().left), (State::Cancelled, 1));
    drop(other);
}
