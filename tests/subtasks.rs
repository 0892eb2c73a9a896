//! Subtasks: items that come of the work on other items, and the close that waits for them.

mod common;

use common::{panicking_waker, poll, watchdog, Probe};
use joinq::{GetError, PutError, Queue, TryGetError, TryPutError};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Each bound: a limit, permits, a rendezvous, none.
fn queues<T>() -> [Queue<T>; 4] {
    [Queue::bounded(2), Queue::with_permits(2), Queue::bounded(0), Queue::unbounded()]
}

/// A task of a queue of any bound: its item is put as a get waits.
fn first_task(queue: &Queue<u32>) -> joinq::Task<'_, u32> {
    let mut get = Probe::pending(queue.get_task());
    queue.try_put(0).unwrap();
    match get.poll() {
        std::task::Poll::Ready(Ok(task)) => task,
        other => panic!("{other:?}"),
    }
}

/// With plain puts all workers wait for a slot: each has a task, and the queue is full.
#[test]
fn workers_that_put_more_than_the_capacity_go_on() {
    let _watchdog = watchdog();
    for queue in [Queue::<u32>::bounded(4), Queue::with_permits(4), Queue::bounded(1)] {
        let worked = AtomicUsize::new(0);
        thread::scope(|scope| {
            let _end = queue.shutdown_on_drop();
            for _ in 0..4 {
                scope.spawn(|| {
                    while let Ok(task) = queue.get_task().wait() {
                        worked.fetch_add(1, Ordering::Relaxed);
                        for _ in 0..4 * u32::from(*task > 0) {
                            task.put_subtask(*task - 1).unwrap();
                        }
                    }
                });
            }
            queue.put(5).wait().unwrap();
            queue.join().wait();
        });
        assert_eq!(worked.into_inner(), 1 + 4 + 16 + 64 + 256 + 1024);
    }
}

#[test]
fn a_subtask_exceeds_the_capacity_and_keeps_the_order() {
    for queue in queues() {
        let task = first_task(&queue);
        let capacity = queue.capacity().map_or(2, |capacity| capacity as u32);
        for n in 1..=capacity {
            queue.try_put(n).unwrap();
        }
        task.put_subtask(capacity + 1).unwrap();
        task.put_subtasks(capacity + 2..capacity + 4).unwrap();
        assert_eq!((queue.len(), queue.unfinished()), (capacity as usize + 3, capacity as usize + 4));
        assert!(queue.capacity().is_none() || queue.is_full());
        assert!(queue.capacity().is_none() || queue.remaining_capacity() == Some(0));
        drop(task);
        for n in 1..capacity + 4 {
            assert_eq!(queue.try_get(), Ok(n), "{queue:?}");
        }
        assert_eq!(queue.try_get(), Err(TryGetError::Empty));
    }
}

/// The gets first take what is beyond the capacity; only then is there a free slot.
#[test]
fn a_put_waits_until_fewer_items_than_the_capacity_are_left() {
    for queue in [Queue::bounded(2), Queue::with_permits(2)] {
        let task = first_task(&queue);
        queue.try_put(1).unwrap();
        task.put_subtasks([2, 3, 4]).unwrap();
        let mut put = Probe::pending(queue.put(5));
        for n in 1..=2 {
            assert_eq!(queue.try_get(), Ok(n));
            assert!(put.poll().is_pending());
            assert_eq!(queue.try_put(9), Err(TryPutError::Full(9)));
        }
        assert_eq!(queue.try_get(), Ok(3));
        assert!(put.is_woken());
        assert_eq!(put.ready(), Ok(()));
        assert_eq!((queue.try_get(), queue.try_get(), queue.try_get()), (Ok(4), Ok(5), Err(TryGetError::Empty)));
        // All the capacity is there again.
        assert_eq!((queue.try_put(6), queue.try_put(7)), (Ok(()), Ok(())));
        assert_eq!(queue.try_put(8), Err(TryPutError::Full(8)));
    }
}

#[test]
fn a_subtask_wakes_a_waiting_get() {
    let _watchdog = watchdog();
    for queue in queues() {
        let task = first_task(&queue);
        let get = Probe::pending(queue.get());
        task.put_subtask(1).unwrap();
        assert!(get.is_woken());
        assert_eq!(get.ready(), Ok(1));
    }
}

#[test]
fn a_closed_queue_returns_subtasks() {
    for queue in queues() {
        let task = first_task(&queue);
        queue.close();
        assert_eq!(task.put_subtask(1), Err(PutError(1)));
        assert_eq!(task.put_subtasks([1, 2]), Err(PutError(vec![1, 2])));
        assert_eq!((queue.unfinished(), queue.try_get()), (1, Err(TryGetError::Closed)));
    }
}

#[test]
fn a_displacing_put_takes_one_item_of_a_queue_beyond_its_capacity() {
    for queue in [Queue::bounded(2), Queue::with_permits(2)] {
        let task = first_task(&queue);
        task.put_subtasks(1..=4).unwrap();
        assert_eq!(queue.force_put(5), Ok(Some(1)));
        assert!(queue.drain().eq(2..=5));
    }
}

#[test]
fn a_reservation_waits_until_the_subtasks_are_taken() {
    let queue = Queue::with_permits(2);
    let task = first_task(&queue);
    task.put_subtasks(1..=4).unwrap();
    let mut reservation = Probe::pending(queue.reserve(2));
    for n in 1..=3 {
        assert_eq!(queue.try_get(), Ok(n));
        assert!(reservation.poll().is_pending());
    }
    assert_eq!(queue.try_get(), Ok(4));
    assert_eq!(reservation.ready().unwrap().len(), 2);
}

#[test]
fn a_close_when_done_refuses_puts_and_takes_subtasks() {
    for queue in queues() {
        let task = first_task(&queue);
        assert!(queue.close_when_done());
        assert!(queue.is_closed());
        assert!(!queue.close_when_done());
        assert_eq!(queue.try_put(9), Err(TryPutError::Closed(9)));
        assert_eq!(queue.force_put(9), Err(PutError(9)));
        let get = Probe::pending(queue.get_task());
        task.put_subtask(1).unwrap();
        assert!(get.is_woken());
        let second = get.ready().unwrap();
        assert_eq!(*second, 1);
        drop(task);
        second.put_subtasks([2, 3, 4]).unwrap();
        drop(second);
        assert_eq!((queue.len(), queue.unfinished()), (3, 3));
        let mut items = Vec::new();
        assert_eq!(queue.try_get_many(&mut items, 2), Ok(2));
        assert_eq!((items, queue.try_get()), (vec![2, 3], Ok(4)));
        assert_eq!(queue.try_get(), Err(TryGetError::Empty));
        let end = Probe::pending(queue.get());
        let join = Probe::pending(queue.join());
        queue.tasks_done(3).unwrap();
        assert!(end.is_woken() && join.is_woken());
        assert_eq!(end.ready(), Err(GetError));
        assert_eq!(queue.try_get(), Err(TryGetError::Closed));
    }
}

#[test]
fn a_close_when_done_of_an_idle_queue_ends_it_at_once() {
    for queue in queues::<u32>() {
        let get = Probe::pending(queue.get());
        let closed = Probe::pending(queue.closed());
        assert!(queue.close_when_done());
        assert!(get.is_woken() && closed.is_woken());
        assert_eq!(get.ready(), Err(GetError));
        assert!(!queue.close());
    }
}

#[test]
fn a_close_when_done_returns_the_items_of_waiting_puts() {
    for queue in [Queue::bounded(1), Queue::with_permits(1), Queue::bounded(0)] {
        if queue.capacity() == Some(1) {
            queue.try_put(0).unwrap();
        }
        let put = Probe::pending(queue.put(1));
        queue.close_when_done();
        assert!(put.is_woken());
        assert_eq!(put.ready(), Err(PutError(1)));
    }
}

#[test]
fn a_close_after_a_close_when_done_refuses_subtasks() {
    for queue in queues() {
        let task = first_task(&queue);
        queue.close_when_done();
        task.put_subtask(1).unwrap();
        assert_eq!(queue.try_get(), Ok(1));
        let get = Probe::pending(queue.get());
        assert!(!queue.close());
        assert!(get.is_woken());
        assert_eq!(get.ready(), Err(GetError));
        assert_eq!(task.put_subtask(2), Err(PutError(2)));
    }
}

#[test]
fn a_shutdown_after_a_close_when_done_removes_late_subtasks() {
    for queue in queues() {
        let task = first_task(&queue);
        queue.close_when_done();
        task.put_subtasks([1, 2]).unwrap();
        assert_eq!(queue.shutdown_now(), [1, 2]);
        assert_eq!(queue.unfinished(), 1);
        assert_eq!(task.put_subtasks([3]), Err(PutError(vec![3])));
        drop(task);
        assert_eq!(queue.unfinished(), 0);
    }
}

#[test]
fn a_close_when_done_after_a_close_does_nothing() {
    for queue in queues() {
        let task = first_task(&queue);
        queue.close();
        assert!(!queue.close_when_done());
        assert_eq!(task.put_subtask(1), Err(PutError(1)));
        assert_eq!(queue.get().wait(), Err(GetError));
    }
}

#[test]
fn a_held_permit_keeps_a_closing_queue_from_its_end() {
    let queue = Queue::with_permits(2);
    let mut permits = queue.try_reserve(2).unwrap();
    queue.close_when_done();
    let mut get = Probe::pending(queue.get());
    permits.put(1);
    assert!(get.is_woken());
    assert_eq!(get.poll(), std::task::Poll::Ready(Ok(1)));
    queue.task_done().unwrap();
    let get = Probe::pending(queue.get());
    drop(permits);
    assert!(get.is_woken());
    assert_eq!(get.ready(), Err(GetError));
    assert_eq!(queue.try_get(), Err(TryGetError::Closed));
}

/// Each worker retries each item a few times, while the queue is closed in two steps at any moment.
#[test]
fn workers_end_after_the_last_retry() {
    let _watchdog = watchdog();
    for round in 0..200 {
        let queue = Arc::new(
            [Queue::bounded(2), Queue::with_permits(2), Queue::unbounded()].into_iter().nth(round % 3).unwrap(),
        );
        let done = Arc::new(AtomicUsize::new(0));
        let workers: Vec<_> = (0..2)
            .map(|_| {
                let (queue, done) = (queue.clone(), done.clone());
                thread::spawn(move || {
                    while let Ok(task) = queue.clone().get_task_owned().wait() {
                        match *task {
                            0 => _ = done.fetch_add(1, Ordering::Relaxed),
                            tries => task.put_subtask(tries - 1).unwrap(),
                        }
                    }
                })
            })
            .collect();
        let putter = {
            let queue = queue.clone();
            thread::spawn(move || (0..50).take_while(|_| queue.put(3).wait().is_ok()).count())
        };
        for _ in 0..round {
            thread::yield_now();
        }
        queue.close_when_done();
        let put = putter.join().unwrap();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        assert_eq!((done.load(Ordering::Relaxed), queue.unfinished()), (put, 0));
    }
}

#[test]
fn a_guard_closes_the_queue_when_it_is_dropped() {
    let queue = Queue::unbounded();
    queue.try_put(1).unwrap();
    drop(queue.close_on_drop());
    assert_eq!((queue.is_closed(), queue.try_get()), (true, Ok(1)));
    let queue = Queue::unbounded();
    queue.try_put(1).unwrap();
    drop(queue.shutdown_on_drop());
    assert_eq!((queue.try_get(), queue.unfinished()), (Err(TryGetError::Closed), 0));
}

/// A worker that leaves early takes nothing from the others.
#[test]
fn a_guard_for_panics_does_nothing_otherwise() {
    let queue = Arc::new(Queue::unbounded());
    queue.try_put(1).unwrap();
    drop(queue.shutdown_on_panic());
    drop(queue.clone().shutdown_on_panic_owned());
    assert_eq!((queue.is_closed(), queue.len()), (false, 1));
    let guard = queue.clone().shutdown_on_panic_owned();
    let worker = thread::spawn(move || {
        let _guard = guard;
        panic!("a worker");
    });
    assert!(worker.join().is_err());
    assert_eq!((queue.is_closed(), queue.unfinished()), (true, 0));
}

/// Without the guard the scope would wait for its threads, and these for items.
#[test]
fn a_panic_in_a_scope_does_not_hang_with_a_guard() {
    let _watchdog = watchdog();
    let queue = Queue::<u32>::unbounded();
    let panicked = std::panic::catch_unwind(|| {
        thread::scope(|scope| {
            let _close = queue.close_on_drop();
            scope.spawn(|| queue.iter().count());
            panic!("before the close");
        });
    });
    assert!(panicked.is_err() && queue.is_closed());
}

#[test]
fn a_join_ends_when_all_workers_have_panicked() {
    let _watchdog = watchdog();
    let queue = Queue::unbounded();
    queue.put_many(0..10).wait().unwrap();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let _guard = queue.shutdown_on_panic();
                    while let Ok(task) = queue.get_task().wait() {
                        assert!(*task < 3, "no worker survives this");
                    }
                })
            })
            .collect();
        queue.join().wait_timeout(Duration::from_secs(30)).unwrap();
        assert!(workers.into_iter().map(|worker| worker.join()).filter(Result::is_err).count() > 0);
    });
}

/// A closing queue whose last item is finished while a join and a get wait with wakers that panic.
#[test]
fn a_panicking_waker_does_not_keep_a_closing_queue_from_its_end() {
    for queue in queues() {
        let task = first_task(&queue);
        assert!(queue.close_when_done());
        let (mut join, mut get) = (queue.join(), queue.get());
        assert!(poll(&mut join, &panicking_waker()).is_pending() && poll(&mut get, &panicking_waker()).is_pending());
        let other = Probe::pending(queue.get());
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(task))).is_err());
        assert!(other.is_woken());
        assert_eq!(other.ready(), Err(GetError));
    }
}

/// The first step unwinds because a waker panics; both steps are done nevertheless.
#[test]
fn a_close_when_done_that_unwinds_has_closed_the_queue() {
    for queue in queues::<u32>() {
        let mut get = queue.get();
        assert!(poll(&mut get, &panicking_waker()).is_pending());
        let closed = Probe::pending(queue.closed());
        let other = Probe::pending(queue.get());
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| queue.close_when_done())).is_err());
        assert!(closed.is_woken() && other.is_woken());
        assert_eq!(other.ready(), Err(GetError));
    }
}

/// A subtask whose get has a waker that panics is in the queue, once, and its permit is used.
#[test]
fn a_subtask_that_unwinds_is_in_the_queue() {
    for queue in queues() {
        let task = first_task(&queue);
        let mut get = queue.get();
        assert!(poll(&mut get, &panicking_waker()).is_pending());
        let put = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| task.put_subtask(1)));
        assert!(put.is_err());
        drop(get);
        assert_eq!((queue.try_get(), queue.try_get()), (Ok(1), Err(TryGetError::Empty)));
        drop(task);
        queue.task_done().unwrap();
        assert_eq!(queue.unfinished(), 0);
        assert!(queue.capacity().is_none() || queue.remaining_capacity() == queue.capacity());
    }
}

/// A waker panics in the notification of the close; the items are removed nevertheless.
#[test]
fn a_shutdown_that_unwinds_has_removed_the_items() {
    for queue in [Queue::bounded(1), Queue::with_permits(1), Queue::unbounded()] {
        queue.try_put(1).unwrap();
        let mut closed = queue.closed();
        assert!(poll(&mut closed, &panicking_waker()).is_pending());
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| queue.shutdown_now())).is_err());
        assert_eq!((queue.len(), queue.unfinished()), (0, 0));
    }
}

/// A select waits at a queue with capacity 0, where it is not among the waiting gets.
#[test]
fn a_close_when_done_ends_a_select() {
    let _watchdog = watchdog();
    let queue = Queue::bounded(0);
    let task = first_task(&queue);
    thread::scope(|scope| {
        let select = scope.spawn(|| joinq::Selector::new().get(&queue, |got| got).wait());
        // It may begin to wait before or after each of these steps.
        thread::sleep(Duration::from_millis(20));
        queue.close_when_done();
        thread::sleep(Duration::from_millis(20));
        drop(task);
        assert_eq!(select.join().unwrap(), Err(GetError));
    });
}

/// At the end of a segment as well, where a put without an item would claim the first slot of the next one.
#[test]
fn an_empty_batch_of_subtasks_puts_nothing() {
    let _watchdog = watchdog();
    for queue in queues() {
        for passed in 1..600 {
            let task = first_task(&queue);
            task.put_subtasks([]).unwrap();
            assert_eq!((queue.counts().put, queue.unfinished(), queue.len()), (passed, 1, 0));
            drop(task);
            assert!(Probe::new(queue.join()).poll().is_ready());
        }
    }
}
