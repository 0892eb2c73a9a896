//! The capacity changes while the queue is used: raising it serves the waiters in FIFO order, and lowering it
//! removes nothing.

mod common;

use common::{watchdog, Probe};
use joinq::Queue;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread;

/// A queue of each kind whose capacity can change.
fn queues(capacity: usize) -> [Queue<usize>; 2] {
    [Queue::bounded(capacity), Queue::with_permits(capacity)]
}

#[test]
fn a_raised_capacity_is_available_at_once() {
    for queue in queues(1) {
        queue.try_put(0).unwrap();
        queue.set_capacity(3);
        assert_eq!((queue.capacity(), queue.remaining_capacity()), (Some(3), Some(2)));
        queue.try_put_many([1, 2]).unwrap();
        assert!(queue.is_full() && queue.try_put(3).unwrap_err().is_full());
        assert!(queue.drain().eq(0..3));
    }
}

#[test]
fn a_raise_serves_the_waiting_puts_in_fifo_order() {
    for queue in queues(1) {
        let _watchdog = watchdog();
        queue.try_put(0).unwrap();
        let puts: Vec<_> = (1..6).map(|item| Probe::pending(queue.put(item))).collect();
        queue.set_capacity(4);
        assert_eq!(puts.iter().map(Probe::is_woken).collect::<Vec<_>>(), [true, true, true, false, false]);
        assert_eq!(queue.len(), 4);
        drop(puts); // the last two items are dropped with their puts
        assert!(queue.drain().eq(0..4));
    }
}

#[test]
fn a_raise_serves_puts_and_reservations_in_one_order() {
    let _watchdog = watchdog();
    let queue = Queue::with_permits(1);
    queue.try_put(0).unwrap();
    let (first, second, third) =
        (Probe::pending(queue.put(1)), Probe::pending(queue.reserve(1)), Probe::pending(queue.put(2)));
    queue.set_capacity(3);
    assert_eq!((first.is_woken(), second.is_woken(), third.is_woken()), (true, true, false));
    drop(second.ready().unwrap());
    assert!(third.is_woken());
    assert!(queue.drain().eq(0..3));
}

/// Of 7 items none is removed. The queue accepts none until there are fewer than 5.
#[test]
fn a_lowered_capacity_keeps_what_gets_free_until_the_excess_is_gone() {
    for queue in queues(7) {
        queue.try_put_many(0..7).unwrap();
        let put = Probe::pending(queue.put(7));
        queue.set_capacity(5);
        assert_eq!((queue.len(), queue.capacity(), queue.remaining_capacity()), (7, Some(5), Some(0)));
        for left in [6, 5] {
            queue.try_get().unwrap();
            assert_eq!((queue.len(), queue.is_full(), put.is_woken()), (left, true, false));
            assert!(queue.try_put(9).unwrap_err().is_full());
            assert_eq!(queue.remaining_capacity(), Some(0));
        }
        queue.try_get().unwrap();
        assert_eq!((queue.len(), put.is_woken()), (5, true));
        drop(put);
        assert!(queue.drain().eq(3..8));
        assert_eq!(queue.remaining_capacity(), Some(5));
    }
}

#[test]
fn a_batch_that_takes_the_excess_serves_the_waiting_puts() {
    for queue in queues(4) {
        queue.try_put_many(0..4).unwrap();
        let put = Probe::pending(queue.put_many([4, 5]));
        queue.set_capacity(1);
        let mut taken = Vec::new();
        queue.try_get_many(&mut taken, 3).unwrap();
        assert!(!put.is_woken() && queue.len() == 1);
        queue.try_get_many(&mut taken, 1).unwrap();
        assert!(put.is_woken() && queue.len() == 1);
        assert_eq!(taken, [0, 1, 2, 3]);
    }
}

#[test]
fn held_permits_are_not_revoked() {
    let _watchdog = watchdog();
    let queue = Queue::with_permits(4);
    let mut held = queue.try_reserve(4).unwrap();
    queue.set_capacity(1);
    held.put(1);
    held.put(2);
    assert_eq!((queue.len(), held.len(), queue.remaining_capacity()), (2, 2, Some(0)));
    drop(held);
    assert!(queue.try_reserve(1).unwrap_err().is_full());
    queue.try_get().unwrap();
    assert!(queue.try_reserve(1).unwrap_err().is_full());
    queue.try_get().unwrap();
    assert_eq!(queue.remaining_capacity(), Some(1));
}

#[test]
fn a_displaced_item_leaves_the_excess_as_it_is() {
    for queue in queues(4) {
        queue.try_put_many(0..4).unwrap();
        queue.set_capacity(2);
        assert_eq!(queue.force_put(4), Ok(Some(0)));
        assert_eq!(queue.len(), 4);
        assert!(queue.drain().eq(1..5));
        assert_eq!(queue.remaining_capacity(), Some(2));
    }
}

/// The number that was right when it was read does not make the reservation panic.
#[test]
fn a_reservation_beyond_a_lowered_capacity_waits_until_it_is_raised() {
    let _watchdog = watchdog();
    let queue = Queue::<usize>::with_permits(3);
    queue.set_capacity(2);
    assert!(queue.try_reserve(3).unwrap_err().is_full());
    let reserve = Probe::pending(queue.reserve(3));
    queue.set_capacity(3);
    assert!(reserve.is_woken());
    assert_eq!(reserve.ready().unwrap().len(), 3);
}

#[test]
fn a_capacity_changes_the_number_of_permits_by_the_difference() {
    let queue = Queue::<Infallible>::with_permits(5);
    let held = queue.try_reserve(2).unwrap();
    for (capacity, free) in [(1, 0), (3, 1), (2, 0), (9, 7), (9, 7), (5, 3)] {
        queue.set_capacity(capacity);
        assert_eq!((queue.capacity(), queue.remaining_capacity()), (Some(capacity), Some(free)));
    }
    drop(held);
    assert_eq!(queue.remaining_capacity(), Some(5));
}

#[test]
fn the_largest_capacities_are_accepted() {
    let [bounded, permits] = queues(1);
    bounded.set_capacity(usize::MAX);
    permits.set_capacity(usize::MAX);
    assert_eq!((bounded.capacity(), permits.capacity()), (Some(usize::MAX), Some((1 << 30) - 1)));
    for queue in [bounded, permits] {
        queue.try_put_many(0..10).unwrap();
        queue.set_capacity(2);
        assert!(queue.try_put(10).unwrap_err().is_full());
        assert!(queue.drain().eq(0..10));
        assert_eq!(queue.remaining_capacity(), Some(2));
    }
}

#[test]
fn a_closed_queue_accepts_a_new_capacity_and_no_item() {
    for queue in queues(1) {
        queue.try_put(0).unwrap();
        queue.close();
        queue.set_capacity(9);
        assert!(queue.try_put(1).unwrap_err().is_closed());
        assert_eq!(queue.try_get(), Ok(0));
        assert!(queue.try_get().unwrap_err().is_closed());
    }
}

#[test]
fn subtasks_and_a_lowered_capacity_are_one_excess() {
    for queue in queues(2) {
        queue.try_put_many([0, 1]).unwrap();
        let task = queue.try_get_task().unwrap();
        task.put_subtasks([2, 3]).unwrap();
        drop(task);
        queue.set_capacity(1);
        assert_eq!((queue.len(), queue.remaining_capacity()), (3, Some(0)));
        for _ in 0..2 {
            queue.try_get().unwrap();
            assert!(queue.try_put(4).unwrap_err().is_full());
        }
        queue.try_get().unwrap();
        assert_eq!(queue.remaining_capacity(), Some(1));
    }
}

/// Concurrent changes add up: what is left is the last capacity.
#[test]
fn concurrent_changes_are_exact() {
    let _watchdog = watchdog();
    for queue in queues(1) {
        thread::scope(|scope| {
            for seed in 0..4 {
                let queue = &queue;
                scope.spawn(move || {
                    let mut random = fastrand::Rng::with_seed(seed);
                    for _ in 0..5_000 {
                        queue.set_capacity(random.usize(1..100));
                        if queue.try_put(0).is_ok() {
                            queue.try_get().unwrap();
                        }
                    }
                });
            }
        });
        assert_eq!(queue.remaining_capacity(), queue.capacity());
    }
}

/// 8 putters and 8 getters beside a capacity that changes at random. No putter sleeps while there is a free
/// slot: the items all pass, and after each lowering to 1 the number of items falls to that.
#[test]
fn puts_and_gets_go_on_while_the_capacity_changes() {
    const ITEMS: usize = 20_000;
    let _watchdog = watchdog();
    for queue in queues(8) {
        let (queue, over, got) = (Arc::new(queue), AtomicBool::new(false), AtomicUsize::new(0));
        thread::scope(|scope| {
            for putter in 0..8 {
                let queue = &queue;
                scope.spawn(move || {
                    for item in (putter..ITEMS).step_by(8) {
                        queue.put(item).wait().unwrap();
                    }
                });
            }
            for _ in 0..8 {
                let (queue, got) = (&queue, &got);
                scope.spawn(move || {
                    while let Ok(item) = queue.get().wait() {
                        got.fetch_add(item, Ordering::Relaxed);
                        queue.task_done().unwrap();
                    }
                });
            }
            scope.spawn(|| {
                let mut random = fastrand::Rng::with_seed(1);
                while !over.load(Ordering::Relaxed) {
                    queue.set_capacity(random.usize(1..20));
                    thread::yield_now();
                }
            });
            while queue.counts().put < ITEMS as u64 {
                thread::yield_now();
            }
            queue.join().wait();
            over.store(true, Ordering::Relaxed);
            queue.close();
        });
        assert_eq!(got.into_inner(), ITEMS * (ITEMS - 1) / 2);
        assert_eq!(queue.remaining_capacity(), queue.capacity());
    }
}

/// 8 threads take a permit each, again and again, while the number of permits changes. After each change all
/// permits are taken at once: then no thread has one. From then on no more threads than that have one.
#[test]
fn no_more_permits_are_in_use_than_the_last_capacity_allows() {
    const UNKNOWN: usize = usize::MAX;
    let _watchdog = watchdog();
    let permits = Queue::<Infallible>::with_permits(8);
    let (inside, allowed, over) = (AtomicUsize::new(0), AtomicUsize::new(UNKNOWN), AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let _permit = permits.reserve(1).wait().unwrap();
                    let others = inside.fetch_add(1, Ordering::SeqCst);
                    // The number is set while all permits are held, so not between this permit and now.
                    assert!(others < allowed.load(Ordering::SeqCst));
                    thread::yield_now();
                    inside.fetch_sub(1, Ordering::SeqCst);
                }
            });
        }
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..2_000 {
            let capacity = random.usize(1..=8);
            allowed.store(UNKNOWN, Ordering::SeqCst);
            permits.set_capacity(capacity);
            let all = permits.reserve(capacity).wait().unwrap();
            assert_eq!(inside.load(Ordering::SeqCst), 0);
            allowed.store(capacity, Ordering::SeqCst);
            drop(all);
            for _ in 0..random.usize(..4) {
                thread::yield_now();
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    assert_eq!(permits.remaining_capacity(), permits.capacity());
}

#[test]
fn a_channel_has_a_capacity_that_changes_too() {
    let (sender, receiver) = joinq::bounded(1);
    sender.try_send(1).unwrap();
    let send = Probe::pending(sender.send(2));
    receiver.set_capacity(3);
    assert!(send.is_woken() && sender.remaining_capacity() == Some(1));
    let (sender, receiver) = joinq::with_permits::<u8>(1);
    sender.set_capacity(2);
    assert_eq!((sender.try_reserve(2).unwrap().len(), receiver.capacity()), (2, Some(2)));
    let (sender, receiver) = joinq::mpsc::bounded(1);
    receiver.set_capacity(2);
    assert!(sender.try_send(1).is_ok() && sender.try_send(2).is_ok() && receiver.is_full());
}
