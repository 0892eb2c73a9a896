//! Closing a queue: which operations are woken, and what happens to the items.

mod common;

use common::{watchdog, Probe};
use futures_lite::future::block_on;
use joinq::{GetError, PutError, Queue, TryGetError, TryPutError};
use std::thread;
use std::time::Duration;

#[test]
fn a_batch_ended_by_a_close_returns_the_items_that_are_not_in_the_queue() {
    let queue = Queue::bounded(3);
    let mut put = Probe::pending(queue.put_many(0..10));
    assert_eq!(queue.len(), 3);
    queue.close();
    assert!(put.is_woken());
    assert_eq!(put.poll(), std::task::Poll::Ready(Err(PutError((3..10).collect()))));
    assert!(queue.iter().eq(0..3));
}

#[test]
fn a_batch_that_races_with_a_close_loses_nothing() {
    let _watchdog = watchdog();
    for _ in 0..200 {
        let queue = Queue::bounded(40);
        thread::scope(|scope| {
            let putter = scope.spawn(|| match queue.put_many(0..600).wait() {
                Ok(()) => Vec::new(),
                Err(error) => error.into_inner(),
            });
            let getter = scope.spawn(|| queue.iter().collect::<Vec<_>>());
            for _ in 0..30 {
                thread::yield_now();
            }
            queue.close();
            let (back, got) = (putter.join().unwrap(), getter.join().unwrap());
            assert!(got.into_iter().chain(back).eq(0..600));
        });
    }
}

#[test]
fn a_close_wakes_all_waiters_for_items_for_slots_and_for_the_close() {
    let _watchdog = watchdog();
    let (empty, full) = (Queue::<u8>::bounded(1), Queue::bounded(1));
    full.try_put(1).unwrap();
    let gets: Vec<_> = (0..3).map(|_| Probe::pending(empty.get())).collect();
    let mut items = Vec::new();
    let many = Probe::pending(empty.get_many(&mut items, 2));
    let closed: Vec<_> = (0..3).map(|_| Probe::pending(empty.closed())).collect();
    let puts: Vec<_> = (2..5).map(|n| Probe::pending(full.put(n))).collect();
    assert!(empty.close() && full.close());
    for get in gets {
        assert!(get.is_woken());
        assert_eq!(get.ready(), Err(GetError));
    }
    assert!(many.is_woken());
    assert_eq!(many.ready(), Err(GetError));
    for closed in closed {
        assert!(closed.is_woken());
        closed.ready();
    }
    for (put, n) in puts.into_iter().zip(2..) {
        assert!(put.is_woken());
        assert_eq!(put.ready(), Err(PutError(n)));
    }
    assert_eq!(full.get().wait(), Ok(1));
}

#[test]
fn a_close_wakes_waiting_threads() {
    let _watchdog = watchdog();
    let (empty, full) = (Queue::<u8>::unbounded(), Queue::bounded(1));
    full.try_put(1).unwrap();
    thread::scope(|scope| {
        let get = scope.spawn(|| empty.get().wait());
        let put = scope.spawn(|| full.put(2).wait());
        let closed = scope.spawn(|| empty.closed().wait());
        // So the threads are most likely parked.
        thread::sleep(Duration::from_millis(20));
        empty.close();
        full.close();
        assert_eq!(get.join().unwrap(), Err(GetError));
        assert_eq!(put.join().unwrap(), Err(PutError(2)));
        closed.join().unwrap();
    });
}

#[test]
fn a_join_outlives_a_close_until_the_items_are_done() {
    let _watchdog = watchdog();
    let queue = Queue::unbounded();
    queue.put_many([1, 2]).wait().unwrap();
    let mut join = Probe::pending(queue.join());
    queue.close();
    assert!(join.poll().is_pending());
    assert_eq!(queue.try_iter().count(), 2);
    assert!(join.poll().is_pending());
    queue.tasks_done(2).unwrap();
    assert!(join.is_woken());
    join.ready();
}

#[test]
fn a_closed_queue_returns_each_new_item_and_keeps_its_items() {
    let _watchdog = watchdog();
    let queue = Queue::unbounded();
    queue.try_put(String::from("kept")).unwrap();
    assert!(queue.close());
    assert!(!queue.close() && queue.is_closed());
    let late = || String::from("late");
    assert_eq!(queue.try_put(late()), Err(TryPutError::Closed(late())));
    assert_eq!(queue.put(late()).wait().unwrap_err().into_inner(), "late");
    assert_eq!(block_on(queue.put(late())).unwrap_err().into_inner(), "late");
    assert!(queue.put(late()).wait_timeout(Duration::ZERO).unwrap_err().is_closed());
    assert_eq!(queue.put_many([late(), late()]).wait().unwrap_err().into_inner(), [late(), late()]);
    assert!(queue.try_put_many([late()]).unwrap_err().is_closed());
    assert_eq!(queue.try_get().unwrap(), "kept");
    assert_eq!(queue.try_get(), Err(TryGetError::Closed));
    assert!(queue.get().wait_timeout(Duration::ZERO).unwrap_err().is_closed());
    assert!(queue.try_get_task().is_err_and(|error| error.is_closed()));
}

#[test]
fn exactly_one_of_several_close_calls_returns_true() {
    let _watchdog = watchdog();
    // 256 items fill a segment of `u64`s: then a close seals the link of the segment.
    for items in [0, 1, 255, 256, 257] {
        let queue = Queue::unbounded();
        queue.put_many(0..items).wait().unwrap();
        let closers: usize = thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| usize::from(queue.close()))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(closers, 1);
        assert!(queue.iter().eq(0..items));
    }
}

#[test]
fn a_shutdown_returns_the_remaining_items() {
    let _watchdog = watchdog();
    let queue = Queue::bounded(700);
    queue.put_many(0..600).wait().unwrap();
    assert_eq!(queue.get().wait(), Ok(0));
    let put = Probe::new(queue.put(9));
    assert!(queue.shutdown_now().into_iter().eq(1..600));
    assert!(queue.is_closed() && queue.is_empty());
    assert_eq!(put.ready(), Err(PutError(9)));
    assert_eq!(queue.get().wait(), Err(GetError));
    assert_eq!(queue.shutdown_now(), []);
}

#[test]
fn a_shutdown_under_load_loses_nothing() {
    let _watchdog = watchdog();
    for _ in 0..100 {
        let queue = Queue::bounded(50);
        let mut all = thread::scope(|scope| {
            let putter = scope.spawn(|| {
                let mut back = Vec::new();
                for n in 0..500 {
                    back.extend(queue.put(n).wait().err().map(PutError::into_inner));
                }
                back
            });
            let getter = scope.spawn(|| queue.iter().collect::<Vec<_>>());
            for _ in 0..20 {
                thread::yield_now();
            }
            let mut all = queue.shutdown_now();
            all.extend(putter.join().unwrap());
            all.extend(getter.join().unwrap());
            all
        });
        all.sort_unstable();
        assert!(all.into_iter().eq(0..500));
    }
}
