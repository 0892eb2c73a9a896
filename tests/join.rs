//! Unfinished items: `task_done`, `join`, and the guard that calls `task_done` in its drop.

mod common;

use common::{watchdog, Probe};
use futures_lite::future::{block_on, ready};
use joinq::{JoinTimeoutError, Queue, TaskDoneError};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

#[test]
fn task_done_fails_exactly_when_it_is_called_too_often() {
    let _watchdog = watchdog();
    let queue = Queue::unbounded();
    assert_eq!(queue.task_done(), Err(TaskDoneError));
    // 256 items fill a segment of `u64`s.
    for items in [1, 255, 256, 257, 600] {
        queue.put_many(0..items).wait().unwrap();
        for left in (0..items as usize).rev() {
            assert_eq!(queue.task_done(), Ok(()));
            assert_eq!(queue.unfinished(), left);
        }
        assert_eq!(queue.task_done(), Err(TaskDoneError));
        assert_eq!(queue.try_iter().count(), items as usize);
        assert_eq!(queue.task_done(), Err(TaskDoneError));
    }
}

#[test]
fn tasks_done_counts_all_or_nothing() {
    let _watchdog = watchdog();
    let queue = Queue::unbounded();
    assert_eq!((queue.tasks_done(0), queue.tasks_done(1)), (Ok(()), Err(TaskDoneError)));
    queue.put_many([1, 2, 3]).wait().unwrap();
    for too_many in [4, usize::MAX - 2, usize::MAX] {
        assert_eq!((queue.tasks_done(too_many), queue.unfinished()), (Err(TaskDoneError), 3));
    }
    assert_eq!((queue.tasks_done(2), queue.unfinished()), (Ok(()), 1));
    for too_many in [2, usize::MAX - 1, usize::MAX] {
        assert_eq!((queue.tasks_done(too_many), queue.unfinished()), (Err(TaskDoneError), 1));
    }
    assert_eq!((queue.tasks_done(1), queue.tasks_done(1)), (Ok(()), Err(TaskDoneError)));
}

#[test]
fn as_many_task_done_calls_succeed_as_items_were_put() {
    let _watchdog = watchdog();
    for round in 0..50 {
        let queue = Queue::bounded(if round % 2 == 0 { 3 } else { 300 });
        let accepted: usize = thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..100).for_each(|n| queue.put(n).wait().unwrap()));
                scope.spawn(|| (0..100).for_each(|_| assert!(queue.get().wait().is_ok())));
            }
            let count = || (0..120).filter(|_| queue.task_done().is_ok()).count();
            let threads: Vec<_> = (0..2).map(|_| scope.spawn(count)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        let rest = (0..).take_while(|_| queue.task_done().is_ok()).count();
        assert_eq!((accepted + rest, queue.unfinished()), (200, 0));
    }
}

#[test]
fn refused_puts_do_not_count() {
    let _watchdog = watchdog();
    let queue = Queue::bounded(1);
    queue.try_put(1).unwrap();
    assert!(queue.try_put(2).is_err());
    assert!(queue.put(2).wait_timeout(Duration::ZERO).is_err());
    drop(Probe::pending(queue.put(2)));
    assert!(queue.try_put_many([2, 3]).is_err());
    queue.close();
    assert!(queue.put(2).wait().is_err());
    assert_eq!(queue.unfinished(), 1);
    assert_eq!((queue.task_done(), queue.task_done()), (Ok(()), Err(TaskDoneError)));
}

#[test]
fn a_join_completes_at_once_if_nothing_was_put() {
    let _watchdog = watchdog();
    let queue = Queue::<u8>::unbounded();
    queue.join().wait();
    block_on(queue.join());
    assert_eq!(queue.join().wait_timeout(Duration::ZERO), Ok(()));
    Probe::new(queue.join()).ready();
}

#[test]
fn a_join_waits_for_taken_items_that_are_not_done() {
    let _watchdog = watchdog();
    let queue = Queue::unbounded();
    queue.put_many([1, 2]).wait().unwrap();
    let mut join = Probe::pending(queue.join());
    assert_eq!(queue.try_iter().count(), 2);
    queue.task_done().unwrap();
    assert!(!join.is_woken() && join.poll().is_pending());
    queue.task_done().unwrap();
    assert!(join.is_woken());
    join.ready();
}

#[test]
fn a_join_waits_for_items_that_the_workers_put() {
    let _watchdog = watchdog();
    let (queue, worked) = (Queue::unbounded(), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while let Ok(task) = queue.get_task().wait() {
                    // A tree: each node puts its children.
                    for _ in 0..2 * usize::from(*task > 0) {
                        queue.put(*task - 1).wait().unwrap();
                    }
                    worked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for round in 1..=5 {
            queue.put(8).wait().unwrap();
            queue.join().wait();
            assert_eq!(worked.load(Ordering::Relaxed), round * ((2 << 8) - 1));
        }
        queue.close();
    });
}

#[test]
fn several_threads_and_tasks_join_at_once() {
    let _watchdog = watchdog();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let queue = Arc::new(Queue::unbounded());
    queue.put_many(0..50).wait().unwrap();
    let waiting = Probe::pending(queue.join());
    let done = Arc::new(AtomicBool::new(false));
    let tasks: Vec<_> = (0..3)
        .map(|_| {
            let (queue, done) = (queue.clone(), done.clone());
            runtime.spawn(async move {
                queue.join().await;
                assert!(done.load(Ordering::Relaxed), "joined before the last item was done");
            })
        })
        .collect();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                queue.join().wait();
                assert!(done.load(Ordering::Relaxed), "joined before the last item was done");
            });
        }
        for n in 0..50 {
            queue.get().wait().unwrap();
            // `task_done` makes this store visible to the joining thread.
            done.store(n == 49, Ordering::Relaxed);
            queue.task_done().unwrap();
        }
    });
    tasks.into_iter().for_each(|task| runtime.block_on(task).unwrap());
    assert!(waiting.is_woken());
    waiting.ready();
}

#[test]
fn a_guard_counts_its_item_when_it_is_dropped() {
    let _watchdog = watchdog();
    let queue = Queue::unbounded();
    queue.put_many([1, 2, 3]).wait().unwrap();
    let mut first = queue.get_task().wait().unwrap();
    let second = block_on(queue.get_task()).unwrap();
    let third = queue.try_get_task().unwrap();
    assert_eq!((*first, *second, *third), (1, 2, 3));
    *first += 10;
    assert_eq!((*first, format!("{first:?}")), (11, "Task(11)".into()));
    for (task, left) in [(first, 2), (second, 1), (third, 0)] {
        drop(task);
        assert_eq!(queue.unfinished(), left);
    }
    assert!(queue.task_done().is_err() && queue.try_get_task().is_err());
}

#[test]
fn a_guard_counts_its_item_when_the_work_on_it_panics() {
    let _watchdog = watchdog();
    let queue = Queue::unbounded();
    queue.put(1).wait().unwrap();
    let join = Probe::pending(queue.join());
    let work = catch_unwind(AssertUnwindSafe(|| {
        let _task = queue.get_task().wait().unwrap();
        panic!("the work failed");
    }));
    assert!(work.is_err() && join.is_woken());
    join.ready();
}

#[test]
fn a_guard_counts_its_item_even_if_the_drop_of_the_item_panics() {
    let _watchdog = watchdog();
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("the drop failed");
        }
    }
    let queue = Queue::unbounded();
    assert!(queue.put(Bomb).wait().is_ok());
    let task = queue.get_task().wait().unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| drop(task))).is_err());
    assert_eq!(queue.unfinished(), 0);
}

#[test]
fn a_guard_counts_after_its_item_was_dropped() {
    let _watchdog = watchdog();
    static QUEUE: Queue<Parent> = Queue::unbounded();
    struct Parent(usize);
    impl Drop for Parent {
        fn drop(&mut self) {
            // The child is put before the parent counts as done.
            assert!(self.0 == 0 || QUEUE.put(Parent(self.0 - 1)).wait().is_ok());
        }
    }
    assert!(QUEUE.put(Parent(3)).wait().is_ok());
    let join = Probe::pending(QUEUE.join());
    for left in (0..=3).rev() {
        assert!(!join.is_woken());
        drop(QUEUE.try_get_task().unwrap());
        assert_eq!(QUEUE.unfinished(), usize::from(left > 0));
    }
    assert!(join.is_woken());
}

#[test]
fn the_parts_of_a_guard_can_be_used_separately() {
    let _watchdog = watchdog();
    let queue = Queue::unbounded();
    queue.put(String::from("job")).wait().unwrap();
    let (job, done) = queue.get_task().wait().unwrap().into_parts();
    drop(job);
    assert_eq!(queue.unfinished(), 1);
    thread::scope(|scope| drop(scope.spawn(move || drop(done))));
    assert_eq!(queue.unfinished(), 0);
}

#[test]
fn a_guard_that_is_leaked_leaves_its_item_unfinished() {
    let _watchdog = watchdog();
    let queue = Queue::unbounded();
    queue.put(1).wait().unwrap();
    std::mem::forget(queue.get_task().wait().unwrap());
    assert_eq!(queue.unfinished(), 1);
    queue.task_done().unwrap();
}

#[test]
fn a_shutdown_counts_only_the_items_that_it_returns() {
    let _watchdog = watchdog();
    let queue = Queue::unbounded();
    queue.put_many(0..10).wait().unwrap();
    let task = queue.get_task().wait().unwrap();
    let join = Probe::pending(queue.join());
    assert_eq!(queue.shutdown_now().len(), 9);
    // One item was taken before the shutdown, and the join still waits for it.
    assert!(!join.is_woken() && queue.unfinished() == 1);
    drop(task);
    assert!(join.is_woken());
    join.ready();
}

#[test]
fn a_shutdown_ends_a_join_if_no_item_was_taken() {
    let _watchdog = watchdog();
    let queue = Queue::unbounded();
    queue.put_many(0..10).wait().unwrap();
    let join = Probe::pending(queue.join());
    assert_eq!(queue.shutdown_now().len(), 10);
    assert!(join.is_woken());
    join.ready();
}

#[test]
fn a_shutdown_ends_a_join_even_if_its_items_were_counted_before() {
    let _watchdog = watchdog();
    let queue = Queue::unbounded();
    queue.put_many([1, 2]).wait().unwrap();
    // Allowed, as in Python: two items were put, and one call was made before.
    queue.task_done().unwrap();
    assert_eq!(queue.shutdown_now(), [1, 2]);
    assert_eq!(queue.unfinished(), 0);
}

#[test]
fn a_join_with_a_timeout_reports_that_it_timed_out() {
    let _watchdog = watchdog();
    let queue = Queue::unbounded();
    queue.put(1).wait().unwrap();
    assert_eq!(queue.join().wait_timeout(Duration::from_millis(1)), Err(JoinTimeoutError));
    assert_eq!(block_on(queue.join().until(ready(()))), Err(JoinTimeoutError));
    queue.task_done().unwrap();
    assert_eq!(queue.join().wait_timeout(Duration::ZERO), Ok(()));
}

#[test]
fn every_way_to_put_counts() {
    let _watchdog = watchdog();
    let queue = Queue::bounded(100);
    queue.try_put(1).unwrap();
    queue.put(2).wait().unwrap();
    queue.put(3).wait_timeout(Duration::MAX).unwrap();
    block_on(queue.put(4)).unwrap();
    block_on(queue.put(5).until(ready(()))).unwrap();
    assert_eq!(queue.unfinished(), 5);
    queue.put_many(0..10).wait().unwrap();
    block_on(queue.put_many(0..10)).unwrap();
    queue.try_put_many(0..10).unwrap();
    assert_eq!(queue.unfinished(), 35);
    assert_eq!(queue.try_put_many(0..100).unwrap_err().into_inner().len(), 35);
    assert_eq!(queue.unfinished(), 100);
    let mut part = Probe::pending(queue.put_many(0..4));
    queue.get().wait().unwrap();
    assert!(part.poll().is_pending());
    assert_eq!((part.future.take().len(), queue.unfinished()), (3, 101));
}

#[test]
fn every_way_to_put_counts_at_a_rendezvous() {
    let queue = Queue::bounded(0);
    let put = Probe::pending(queue.put(1));
    assert_eq!(queue.try_get(), Ok(1));
    assert_eq!((put.ready(), queue.unfinished()), (Ok(()), 1));
    let get = Probe::pending(queue.get());
    queue.try_put(2).unwrap();
    assert_eq!((get.ready(), queue.unfinished()), (Ok(2), 2));
    queue.tasks_done(2).unwrap();
    assert!(queue.task_done().is_err());
}

/// Each thread puts an item and joins: its own item must be done when its join returns.
fn assert_no_join_returns_early(queue: &Queue<(usize, usize)>, rounds: usize) {
    const JOINERS: usize = 3;
    let done: Vec<_> = (0..JOINERS * rounds).map(|_| AtomicBool::new(false)).collect();
    thread::scope(|scope| {
        let (done, workers) = (&done, 2);
        for _ in 0..workers {
            scope.spawn(move || {
                while let Ok((joiner, round)) = queue.get().wait() {
                    thread::yield_now();
                    done[joiner * rounds + round].store(true, Ordering::Relaxed);
                    queue.task_done().unwrap();
                }
            });
        }
        let joiners = [0, 1, 2].map(|joiner| {
            scope.spawn(move || {
                for round in 0..rounds {
                    queue.put((joiner, round)).wait().unwrap();
                    if round % 2 == 0 {
                        queue.join().wait();
                    } else {
                        block_on(queue.join());
                    }
                    assert!(done[joiner * rounds + round].load(Ordering::Relaxed), "a join returned too early");
                }
            })
        });
        joiners.into_iter().for_each(|joiner| joiner.join().unwrap());
        queue.close();
    });
    assert_eq!(queue.unfinished(), 0);
}

#[test]
fn a_join_never_returns_while_an_item_put_before_it_is_unfinished() {
    let _watchdog = watchdog();
    for queue in [Queue::bounded(0), Queue::bounded(1), Queue::bounded(300), Queue::unbounded()] {
        assert_no_join_returns_early(&queue, 1500);
    }
}

/// The number of unfinished items reaches zero while two joins wait; the next item is put before they are
/// polled.
#[test]
fn a_woken_join_completes_though_an_item_was_put_since() {
    let _watchdog = watchdog();
    for queue in [Queue::unbounded(), Queue::bounded(2), Queue::with_permits(2)] {
        queue.try_put(1).unwrap();
        let joins = [Probe::pending(queue.join()), Probe::pending(queue.join())];
        queue.task_done().unwrap();
        queue.try_put(2).unwrap();
        let mut late = Probe::pending(queue.join());
        for join in joins {
            assert!(join.is_woken());
            join.ready();
        }
        assert!(!late.is_woken() && late.poll().is_pending());
        queue.task_done().unwrap();
        late.ready();
    }
}

/// A join that saw a zero completes, for each way in which the last item is finished and for each way to
/// wait.
#[test]
fn a_join_completes_after_each_way_to_finish() {
    let _watchdog = watchdog();
    let queue = Queue::unbounded();
    queue.put_many([1, 2]).wait().unwrap();
    let join = Probe::pending(queue.join());
    queue.tasks_done(2).unwrap();
    queue.try_put(3).unwrap();
    join.ready();

    let mut join = Probe::pending(queue.join());
    drop(queue.try_iter().collect::<Vec<_>>());
    queue.try_put(4).unwrap();
    assert!(join.poll().is_pending());
    drop((queue.try_get_task().unwrap(), queue.task_done()));
    queue.try_put(5).unwrap();
    // Polled after the timeout, and with another waker.
    assert_eq!(join.future.wait_timeout(Duration::ZERO), Ok(()));

    let join = Probe::pending(queue.join());
    assert_eq!(queue.shutdown_now(), [5]);
    join.ready();
}

/// A woken join is not polled until after the second zero.
#[test]
fn a_woken_join_that_was_not_polled_completes_by_a_later_zero() {
    let _watchdog = watchdog();
    let queue = Queue::unbounded();
    queue.try_put(1).unwrap();
    let join = Probe::pending(queue.join());
    for n in 0..3 {
        queue.task_done().unwrap();
        queue.try_put(n).unwrap();
    }
    join.ready();
}

#[test]
fn a_join_that_begins_with_an_unfinished_item_ignores_an_earlier_zero() {
    let _watchdog = watchdog();
    let queue = Queue::unbounded();
    for n in 0..3 {
        queue.try_put(n).unwrap();
        let woken = Probe::pending(queue.join());
        queue.task_done().unwrap();
        queue.try_put(n).unwrap();
        let mut join = queue.join();
        assert!(common::poll(&mut join, &common::Count::new().1).is_pending());
        woken.ready();
        assert_eq!(join.wait_timeout(Duration::from_millis(1)), Err(JoinTimeoutError));
        queue.task_done().unwrap();
    }
}

/// A join that is not polled again stays registered, and other joins complete nevertheless.
#[test]
fn a_join_that_is_never_polled_again_does_not_delay_other_joins() {
    let _watchdog = watchdog();
    let queue = Queue::unbounded();
    let mut kept = Vec::new();
    for n in 0..3 {
        queue.try_put(n).unwrap();
        kept.push(Probe::pending(queue.join()));
        let join = Probe::pending(queue.join());
        queue.task_done().unwrap();
        queue.try_put(n).unwrap();
        join.ready();
        queue.task_done().unwrap();
    }
    queue.join().wait();
    drop(kept);
    queue.join().wait();
}

/// Items that leave the queue other than by a get count as done, and a join completes.
#[test]
fn displaced_and_drained_items_count_as_done() {
    for queue in [Queue::bounded(1), Queue::with_permits(1)] {
        assert_eq!(queue.force_put("old"), Ok(None));
        assert_eq!(queue.force_put("new"), Ok(Some("old")));
        let join = Probe::pending(queue.join());
        drop(queue.get_task().wait());
        assert!(join.is_woken());
        join.ready();

        queue.try_put("drained").unwrap();
        let join = Probe::pending(queue.join());
        assert!(queue.drain().eq(["drained"]));
        assert!(join.is_woken());
        join.ready();
        assert!(queue.task_done().is_err());
    }
}
