//! `counts` tells how many items were ever put, got and marked done, for every kind of queue.

mod common;

use common::{watchdog, Probe};
use joinq::Queue;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// The three numbers, and that they agree with the numbers of items in the queue.
fn counts(queue: &Queue<usize>) -> (u64, u64, u64) {
    let counts = queue.counts();
    assert_eq!((counts.put - counts.got) as usize, queue.len());
    assert_eq!((counts.put - counts.done) as usize, queue.unfinished());
    (counts.put, counts.got, counts.done)
}

fn queues(capacity: usize) -> [Queue<usize>; 3] {
    [Queue::unbounded(), Queue::bounded(capacity), Queue::with_permits(capacity)]
}

#[test]
fn a_new_queue_has_counted_nothing() {
    for queue in queues(2).iter().chain([&Queue::bounded(0)]) {
        assert_eq!(counts(queue), (0, 0, 0));
    }
}

/// Over several segments, one by one and in batches.
#[test]
fn each_item_is_counted_once() {
    for queue in queues(1000) {
        for round in 1..=2_000 {
            queue.try_put(0).unwrap();
            queue.try_put_many([1, 2]).unwrap();
            assert_eq!(queue.try_get_many(&mut Vec::new(), 2), Ok(2));
            drop(queue.try_get_task().unwrap());
            queue.tasks_done(1).unwrap();
            assert_eq!(counts(&queue), (3 * round, 3 * round, 2 * round));
        }
    }
}

#[test]
fn the_item_of_a_put_that_waits_is_not_counted() {
    for queue in [Queue::bounded(1), Queue::with_permits(1)] {
        queue.try_put(0).unwrap();
        let (first, second) = (Probe::pending(queue.put(1)), Probe::pending(queue.put(2)));
        assert_eq!(counts(&queue), (1, 0, 0));
        queue.try_get().unwrap();
        assert_eq!(counts(&queue), (2, 1, 0));
        drop((first, second));
        queue.try_get().unwrap();
        assert_eq!(counts(&queue), (2, 2, 0));
    }
}

#[test]
fn an_item_of_a_rendezvous_is_counted_when_it_is_handed_over() {
    let queue = Queue::bounded(0);
    let put = Probe::pending(queue.put(1));
    assert_eq!(counts(&queue), (0, 0, 0));
    assert_eq!(queue.try_get(), Ok(1));
    assert_eq!(counts(&queue), (1, 1, 0));
    drop(put);
    let get = Probe::pending(queue.get());
    queue.try_put(2).unwrap();
    assert_eq!((queue.counts().put, queue.counts().got), (2, 1));
    assert_eq!(get.ready(), Ok(2));
    assert_eq!(queue.counts().got, 2);
    assert_eq!(queue.force_put(3), Ok(Some(3))); // no get waits
    assert_eq!(queue.counts().put, 2);
}

#[test]
fn items_that_are_removed_count_as_got_and_done() {
    for queue in queues(2) {
        queue.try_put_many([0, 1]).unwrap();
        if queue.is_full() {
            assert_eq!(queue.force_put(2), Ok(Some(0)));
            assert_eq!(counts(&queue), (3, 1, 1));
        } else {
            assert_eq!(queue.force_put(2), Ok(None));
            drop(queue.try_get_task().unwrap());
        }
        assert_eq!(queue.drain().count(), 2);
        assert_eq!(counts(&queue), (3, 3, 3));
        queue.try_put(3).unwrap();
        assert_eq!(queue.shutdown_now(), [3]);
        assert!(queue.try_put(4).is_err());
        assert_eq!(counts(&queue), (4, 4, 4));
    }
}

#[test]
fn subtasks_are_counted_also_after_the_close() {
    for queue in queues(1).into_iter().chain([Queue::bounded(0)]) {
        let mut put = Probe::new(queue.put(0));
        let _ = put.poll();
        let task = queue.try_get_task().unwrap();
        task.put_subtask(1).unwrap();
        task.put_subtasks([2, 3]).unwrap();
        assert_eq!((queue.counts().put, queue.counts().got), (4, 1));
        queue.close_when_done();
        task.put_subtask(4).unwrap(); // a late item
        drop(task);
        assert_eq!((queue.counts().put, queue.counts().done), (5, 1));
        while queue.try_get_task().is_ok() {}
        assert_eq!(counts(&queue), (5, 5, 5));
    }
}

#[test]
fn items_that_permits_put_after_the_close_are_counted() {
    let queue = Queue::with_permits(3);
    let mut permits = queue.try_reserve(3).unwrap();
    permits.put(0);
    queue.close();
    permits.put(1);
    drop(permits);
    assert_eq!(counts(&queue), (2, 0, 0));
    assert_eq!(queue.iter().count(), 2);
    assert_eq!(counts(&queue), (2, 2, 0));
}

#[test]
fn the_counts_do_not_depend_on_the_capacity_that_changes() {
    for queue in [Queue::bounded(4), Queue::with_permits(4)] {
        queue.try_put_many(0..4).unwrap();
        queue.set_capacity(1);
        assert_eq!(counts(&queue), (4, 0, 0));
        queue.try_get().unwrap();
        queue.set_capacity(9);
        assert_eq!(counts(&queue), (4, 1, 0));
    }
}

/// Threads put and get, and poison slots of each other, while a thread reads. No reading is out of order, and
/// the last one is exact.
#[test]
fn readings_beside_other_threads_are_in_order_and_the_last_is_exact() {
    const EACH: u64 = 20_000;
    let _watchdog = watchdog();
    for queue in queues(16) {
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut last = 0;
                while !over.load(Ordering::Relaxed) {
                    let seen = queue.counts();
                    assert!(seen.done <= seen.got && seen.got <= seen.put, "{seen:?}");
                    // Of 4 producers each may be counted twice for a moment.
                    assert!(seen.put <= 4 * EACH + 4 && seen.put + 4 >= last, "{seen:?} after {last}");
                    last = last.max(seen.put);
                }
            });
            for _ in 0..4 {
                scope.spawn(|| (0..EACH).for_each(|_| queue.put(0).wait().unwrap()));
            }
            for _ in 0..4 {
                scope.spawn(|| while queue.get_task().wait().is_ok() {});
            }
            while queue.counts().done < 4 * EACH {
                thread::yield_now();
            }
            queue.close();
            over.store(true, Ordering::Relaxed);
            reader.join().unwrap();
        });
        assert_eq!(counts(&queue), (4 * EACH, 4 * EACH, 4 * EACH));
    }
}
