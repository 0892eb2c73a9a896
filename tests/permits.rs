//! Permits: reserved capacity is not given to others, and is released if it is not used.

mod common;

use common::Probe;
use futures_lite::future::{block_on, poll_once};
use joinq::Queue;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

#[test]
fn reserved_capacity_is_not_given_to_other_puts() {
    let _watchdog = common::watchdog();
    let queue = Queue::with_permits(3);
    let mut permits = queue.try_reserve(2).unwrap();
    assert_eq!((queue.remaining_capacity(), permits.len()), (Some(1), 2));
    queue.try_put(1).unwrap();
    assert!(queue.try_put(2).unwrap_err().is_full());
    assert!(queue.try_reserve(1).unwrap_err().is_full());
    permits.put(3);
    permits.put(4);
    assert!(permits.is_empty());
    assert_eq!(queue.drain().collect::<Vec<_>>(), [1, 3, 4]);
    assert_eq!(queue.remaining_capacity(), Some(3));
}

#[test]
fn dropped_permits_wake_waiting_operations() {
    let _watchdog = common::watchdog();
    let queue = Queue::with_permits(1);
    let permits = queue.try_reserve(1).unwrap();
    let (mut put, mut reserve) = (queue.put(1), queue.reserve(1));
    assert!(block_on(poll_once(&mut put)).is_none() && block_on(poll_once(&mut reserve)).is_none());
    drop(permits);
    block_on(put).unwrap();
    assert_eq!(queue.try_get(), Ok(1));
    assert_eq!(block_on(reserve).unwrap().len(), 1);
    assert_eq!(queue.remaining_capacity(), Some(1));
}

/// The first waiter receives permits one after the other; later waiters do not overtake it.
#[test]
fn a_large_reservation_is_not_starved_by_small_ones() {
    let _watchdog = common::watchdog();
    let queue = Queue::with_permits(3);
    queue.put_many([1, 2, 3]).wait().unwrap();
    let (large, small) = (Probe::pending(queue.reserve(3)), Probe::pending(queue.put(4)));
    for _ in 0..2 {
        queue.try_get().unwrap();
        assert!(!large.is_woken() && !small.is_woken());
        assert!(queue.try_put(5).unwrap_err().is_full() && queue.try_reserve(1).unwrap_err().is_full());
        assert_eq!((queue.remaining_capacity(), queue.try_reserve(0).unwrap().len()), (Some(0), 0));
        assert!(queue.put(6).wait_timeout(Duration::ZERO).is_err());
    }
    queue.try_get().unwrap();
    assert!(large.is_woken() && !small.is_woken());
    let permits = large.ready().unwrap();
    drop(permits);
    assert!(small.is_woken());
    assert_eq!((queue.try_get(), queue.remaining_capacity()), (Ok(4), Some(3)));
}

#[test]
fn many_small_puts_do_not_starve_a_large_reservation() {
    let _watchdog = common::watchdog();
    let queue = Queue::with_permits(8);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let _ = queue.try_put(1);
                    let _ = queue.put(2).wait_timeout(Duration::from_micros(50));
                    let _ = queue.try_get();
                    let _ = queue.try_get();
                }
            });
        }
        (0..200).for_each(|_| drop(queue.reserve(8).wait().unwrap()));
        stop.store(true, Ordering::Relaxed);
    });
    drop(queue.drain());
    assert_eq!(queue.remaining_capacity(), Some(8));
}

#[test]
fn reservations_and_puts_wait_in_one_fifo_queue() {
    let queue = Queue::with_permits(2);
    let held = queue.try_reserve(2).unwrap();
    let first = Probe::pending(queue.reserve(1));
    let second = Probe::pending(queue.put(7));
    let third = Probe::pending(queue.reserve(2));
    drop(held);
    assert!(first.is_woken() && second.is_woken() && !third.is_woken());
    drop(first);
    assert_eq!(queue.try_get(), Ok(7));
    assert!(third.is_woken());
    drop(third.ready().unwrap());
    assert_eq!(queue.remaining_capacity(), Some(2));
}

#[test]
fn a_reservation_dropped_half_way_releases_its_permits() {
    let queue = Queue::with_permits(3);
    let mut held = queue.try_reserve(3).unwrap();
    let large = Probe::pending(queue.reserve(3));
    let small = Probe::pending(queue.reserve(1));
    held.put(1);
    held.put(2);
    assert_eq!((queue.try_get(), queue.try_get(), queue.remaining_capacity()), (Ok(1), Ok(2), Some(0)));
    drop(large);
    assert!(small.is_woken());
    assert_eq!(small.ready().unwrap().len(), 1);
    drop(held);
    assert_eq!(queue.remaining_capacity(), Some(3));
}

/// Subtasks and a lowered capacity leave a debt, which only a reservation that needs permits has to wait for.
#[test]
fn a_reservation_of_no_permits_never_waits() {
    let queue = Queue::with_permits(3);
    queue.try_put_many([1, 2, 3]).unwrap();
    queue.set_capacity(1);
    let waiting = Probe::pending(queue.reserve(1));
    assert!(queue.try_reserve(0).unwrap().is_empty());
    assert!(Probe::new(queue.reserve(0)).ready().unwrap().is_empty());
    drop(waiting);
    queue.close();
    assert!(queue.try_reserve(0).unwrap_err().is_closed());
}

#[test]
fn a_close_releases_the_permits_of_a_pending_reservation() {
    let queue = Queue::<u8>::with_permits(3);
    let held = queue.try_reserve(1).unwrap();
    let half = Probe::pending(queue.reserve(3));
    let put = Probe::pending(queue.put(1));
    let get = Probe::pending(queue.get());
    queue.close();
    assert!(half.is_woken() && put.is_woken() && !get.is_woken());
    drop(held);
    assert!(get.is_woken());
    assert!(get.ready().is_err());
    assert_eq!(queue.remaining_capacity(), Some(3));
    assert_eq!(put.ready().unwrap_err().into_inner(), 1);
    assert!(half.ready().is_err());
}

/// Permits granted to a reservation that was not polled since are released: the queue was closed first.
#[test]
fn a_close_releases_permits_granted_to_a_reservation_not_polled_since() {
    let queue = Queue::<u8>::with_permits(1);
    let held = queue.try_reserve(1).unwrap();
    let reserve = Probe::pending(queue.reserve(1));
    drop(held);
    queue.close();
    assert!(queue.try_get().unwrap_err().is_closed());
    assert!(reserve.ready().is_err());
}

#[test]
fn a_forced_put_loses_nothing_to_a_close() {
    let _watchdog = common::watchdog();
    for round in 0..2000 {
        let queue = Queue::with_permits(2);
        queue.put_many([0, 1]).wait().unwrap();
        let came_out = std::thread::scope(|scope| {
            let force = scope.spawn(|| (2..6).map(|n| queue.force_put(n)).collect::<Vec<_>>());
            if round % 2 == 0 {
                std::thread::yield_now();
            }
            queue.close();
            force.join().unwrap()
        });
        let mut all: Vec<i32> = queue.drain().collect();
        for out in came_out {
            match out {
                Ok(oldest) => all.extend(oldest),
                Err(error) => all.push(error.into_inner()),
            }
        }
        all.sort_unstable();
        assert_eq!((all, queue.remaining_capacity()), (vec![0, 1, 2, 3, 4, 5], Some(2)));
        assert!(queue.try_get().unwrap_err().is_closed());
    }
}

#[test]
fn permits_outlive_a_close() {
    let _watchdog = common::watchdog();
    let queue = Queue::with_permits(2);
    let mut permits = queue.try_reserve(2).unwrap();
    assert!(queue.close() && queue.is_closed() && !queue.close());
    assert!(queue.try_put(1).unwrap_err().is_closed() && queue.try_reserve(1).unwrap_err().is_closed());
    assert!(queue.try_get().unwrap_err().is_empty(), "a permit is held");
    permits.put(7);
    assert_eq!(queue.get().wait(), Ok(7));
    let mut get = queue.get();
    assert!(block_on(poll_once(&mut get)).is_none());
    drop(permits);
    assert!(block_on(get).is_err());
}

#[test]
fn reservations_work_with_timeouts_and_joins() {
    let _watchdog = common::watchdog();
    let queue = Queue::with_permits(1);
    let mut permits = queue.reserve(1).wait().unwrap();
    assert!(queue.reserve(1).wait_timeout(Duration::from_millis(1)).unwrap_err().is_timeout());
    permits.put(1);
    assert_eq!(queue.unfinished(), 1);
    drop(queue.try_get_task().unwrap());
    queue.join().wait();
}

#[test]
fn batches_are_put_as_permits_become_free() {
    let _watchdog = common::watchdog();
    let queue = Queue::with_permits(3);
    let rest = queue.try_put_many(0..5).unwrap_err();
    assert!(rest.is_full() && rest.into_inner() == [3, 4]);
    assert_eq!(queue.force_put(9), Ok(Some(0)));
    let mut got = Vec::new();
    assert_eq!(queue.try_get_many(&mut got, 9), Ok(3));
    assert_eq!((got, queue.remaining_capacity()), (vec![1, 2, 9], Some(3)));
}

#[test]
fn permits_under_load_never_exceed_the_capacity() {
    let _watchdog = common::watchdog();
    let queue = Queue::with_permits(4);
    std::thread::scope(|scope| {
        for worker in 0..3 {
            let queue = &queue;
            scope.spawn(move || {
                for n in 0..3000 {
                    match (n + worker) % 3 {
                        0 => queue.put(n).wait().unwrap(),
                        1 => queue.reserve(2).wait().unwrap().put(n),
                        _ => {
                            let mut permits = queue.reserve(3).wait().unwrap();
                            permits.put(n);
                        }
                    }
                    assert!(queue.len() <= 4);
                }
            });
        }
        scope.spawn(|| (0..9000).for_each(|_| assert!(queue.get().wait().is_ok())));
    });
    assert_eq!((queue.len(), queue.remaining_capacity()), (0, Some(4)));
}

#[test]
#[should_panic(expected = "with_permits")]
fn permits_need_a_queue_made_with_permits() {
    let _watchdog = common::watchdog();
    let _ = Queue::<u8>::bounded(1).try_reserve(1);
}

#[test]
fn the_last_permit_wakes_a_get_that_waits_for_the_end() {
    let _watchdog = common::watchdog();
    let (count, waker) = common::Count::new();
    let queue = Queue::<u8>::with_permits(100);
    let permits = queue.try_reserve(1).unwrap();
    queue.close();
    let mut get = queue.get();
    assert!(common::poll(&mut get, &waker).is_pending());
    drop(permits);
    assert_eq!(count.get(), 1);
    assert!(common::poll(&mut get, &waker).is_ready());
}

#[cfg(feature = "stream")]
#[test]
fn the_last_permit_wakes_a_stream_that_waits_for_the_end() {
    let _watchdog = common::watchdog();
    use futures_core::Stream;

    let queue = Queue::<u8>::with_permits(100);
    let permits = queue.try_reserve(1).unwrap();
    queue.close();
    let mut stream = common::Probe::new(queue.stream());
    assert!(stream.poll_with(|stream, context| stream.poll_next(context)).is_pending());
    drop(permits);
    assert!(stream.is_woken());
    assert!(stream.poll_with(|stream, context| stream.poll_next(context)).is_ready());
}

/// A close may overtake a put between its permit and its slot; then the put returns its item.
#[test]
fn closed_and_empty_is_final() {
    let _watchdog = common::watchdog();
    for round in 0..5_000 {
        let queue = Queue::with_permits(1);
        std::thread::scope(|scope| {
            scope.spawn(|| queue.try_put(1).is_ok());
            scope.spawn(|| queue.close());
            while !(queue.is_closed() && queue.is_empty()) {
                let _ = queue.try_get();
            }
        });
        assert!(queue.try_get().unwrap_err().is_closed(), "round {round}: an item after closed and empty");
    }
}

#[test]
fn a_shutdown_leaves_only_items_put_with_permits() {
    let _watchdog = common::watchdog();
    for round in 0..3_000 {
        let queue = Queue::with_permits(2);
        let permits = queue.try_reserve(1).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| queue.try_put(1).is_ok());
            scope.spawn(|| queue.shutdown_now());
        });
        assert_eq!((queue.len(), queue.unfinished()), (0, 0), "round {round}");
        drop(permits);
        assert!(queue.join().wait_timeout(std::time::Duration::from_secs(30)).is_ok());
    }
}

/// Permits granted to a reservation that is never polled do not delay the end for the gets.
#[test]
fn a_forgotten_reservation_does_not_delay_the_end() {
    for granted in [false, true] {
        let queue = Queue::<u8>::with_permits(2);
        let held = queue.try_reserve(1).unwrap();
        let reserve = Probe::pending(queue.reserve(2));
        if granted {
            drop(held);
            assert!(reserve.is_woken());
        } else {
            common::forget(held);
        }
        common::forget(reserve);
        let get = Probe::pending(queue.get());
        queue.close();
        // A held permit can be used after the close; a permit granted to an unpolled reservation cannot.
        assert_eq!(get.is_woken(), granted);
        if granted {
            assert!(get.ready().is_err());
        }
    }
}

#[test]
fn items_put_with_a_permit_after_the_close_arrive_last_and_count() {
    let queue = Queue::with_permits(4);
    let mut permits = queue.try_reserve(3).unwrap();
    queue.try_put(0).unwrap();
    permits.put(1);
    let join = Probe::pending(queue.join());
    queue.close();
    permits.put(2);
    assert_eq!((queue.len(), queue.unfinished(), queue.is_empty()), (3, 3, false));
    let mut items = Vec::new();
    assert_eq!(queue.get_many(&mut items, 2).wait(), Ok(2));
    let mut last = Probe::new(queue.get());
    assert_eq!(last.poll(), Poll::Ready(Ok(2)));
    let get = Probe::pending(queue.get());
    permits.put(3);
    assert!(get.is_woken());
    assert_eq!(get.ready(), Ok(3));
    assert!(queue.try_get().unwrap_err().is_closed());
    assert_eq!((items, queue.unfinished()), (vec![0, 1], 4));
    queue.tasks_done(4).unwrap();
    join.ready();
}

/// The last permit is released unused: waiting gets are notified of the end.
#[test]
fn the_last_permit_ends_the_waits_of_gets() {
    let queue = Queue::<u8>::with_permits(2);
    let permits = queue.try_reserve(2).unwrap();
    let get = Probe::pending(queue.get());
    queue.close();
    assert!(!get.is_woken() && queue.try_get().unwrap_err().is_empty());
    drop(permits);
    assert!(get.is_woken());
    assert!(get.ready().is_err());
}

#[test]
fn a_reservation_after_the_close_is_refused() {
    let queue = Queue::<u8>::with_permits(2);
    let permits = queue.try_reserve(1).unwrap();
    queue.close();
    assert!(queue.try_reserve(1).unwrap_err().is_closed());
    assert!(queue.reserve(1).wait().is_err());
    drop(permits);
}
