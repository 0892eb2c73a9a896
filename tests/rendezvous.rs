//! Capacity 0: a put completes when its item has been taken.

mod common;

use common::{watchdog, Probe, Tick};
use futures_lite::future::{block_on, ready};
use joinq::{PutError, PutTimeoutError, Queue, TryGetError, TryPutError};
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Barrier;
use std::task::Poll;
use std::thread;
use std::time::Duration;

fn rendezvous<T>() -> Queue<T> {
    Queue::bounded(0)
}

#[test]
fn a_put_completes_only_after_a_get_took_its_item() {
    let queue = rendezvous();
    let mut put = Probe::pending(queue.put(1));
    assert!(put.poll().is_pending());
    assert_eq!(queue.try_get(), Ok(1));
    assert!(put.is_woken());
    assert_eq!(put.ready(), Ok(()));
}

#[test]
fn a_putting_thread_continues_only_after_a_get_took_its_item() {
    let _watchdog = watchdog();
    let queue = rendezvous();
    let went_on = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            queue.put(1).wait().unwrap();
            went_on.store(true, Ordering::SeqCst);
        });
        thread::sleep(Duration::from_millis(10));
        assert!(!went_on.load(Ordering::SeqCst));
        assert_eq!(queue.get().wait(), Ok(1));
    });
}

#[test]
fn a_rendezvous_never_holds_an_item() {
    let queue = rendezvous();
    let _put = Probe::pending(queue.put(1));
    assert_eq!((queue.len(), queue.is_empty(), queue.is_full(), queue.capacity()), (0, true, true, Some(0)));
}

#[test]
fn a_try_put_needs_a_waiting_get() {
    let queue = rendezvous();
    assert_eq!(queue.try_put(1), Err(TryPutError::Full(1)));
    let unpolled = queue.get();
    assert_eq!(queue.try_put(1), Err(TryPutError::Full(1)));
    let get = Probe::pending(unpolled);
    assert_eq!(queue.try_put(2), Ok(()));
    assert_eq!(queue.try_put(3), Err(TryPutError::Full(3)));
    assert!(get.is_woken());
    assert_eq!(get.ready(), Ok(2));
    assert_eq!(queue.try_put(4), Err(TryPutError::Full(4)));
}

#[test]
fn a_batch_is_put_without_waiting_for_as_many_gets_as_wait() {
    let queue = rendezvous();
    let gets = [Probe::pending(queue.get()), Probe::pending(queue.get())];
    assert_eq!(queue.try_put_many([1, 2, 3, 4]), Err(TryPutError::Full(vec![3, 4])));
    let mut got = gets.map(|get| get.ready().unwrap());
    got.sort_unstable();
    assert_eq!(got, [1, 2]);
}

#[test]
fn a_put_that_times_out_returns_its_item() {
    let _watchdog = watchdog();
    let queue = rendezvous();
    for limit in [Duration::ZERO, Duration::from_millis(1)] {
        assert_eq!(queue.put(1).wait_timeout(limit), Err(PutTimeoutError::Timeout(1)));
    }
    assert_eq!(block_on(queue.put(1).until(ready(()))), Err(PutTimeoutError::Timeout(1)));
    assert_eq!(queue.try_get(), Err(TryGetError::Empty));
}

#[test]
fn a_put_completes_at_once_if_a_get_waits() {
    let _watchdog = watchdog();
    let queue = rendezvous();
    let gets = [(); 4].map(|()| Probe::pending(queue.get()));
    assert_eq!(Probe::new(queue.put(1)).ready(), Ok(()));
    assert_eq!(queue.put(2).wait_timeout(Duration::ZERO), Ok(()));
    assert_eq!(block_on(queue.put(3).until(ready(()))), Ok(()));
    assert_eq!(Probe::new(queue.put(4)).ready(), Ok(()));
    assert_eq!(queue.put(5).wait_timeout(Duration::ZERO), Err(PutTimeoutError::Timeout(5)));
    assert_eq!(gets.map(Probe::ready), [Ok(1), Ok(2), Ok(3), Ok(4)]);
}

#[test]
fn the_item_of_a_cancelled_put_is_never_delivered() {
    let queue = rendezvous();
    drop(Probe::pending(queue.put(1)));
    let mut put = Probe::pending(queue.put(2));
    assert_eq!(put.future.take(), Some(2));
    let mut get = Probe::pending(queue.get());
    assert!(get.poll().is_pending());
    assert_eq!(queue.try_put(3), Ok(()));
    assert_eq!(get.ready(), Ok(3));
}

#[test]
fn waiting_puts_complete_in_fifo_order() {
    let queue = rendezvous();
    let mut puts = [1, 2, 3, 4].map(|n| Probe::pending(queue.put(n)));
    assert_eq!(puts[1].future.take(), Some(2));
    let mut items = Vec::new();
    assert_eq!(queue.try_get_many(&mut items, 2), Ok(2));
    assert!(puts[0].is_woken() && puts[2].is_woken() && !puts[3].is_woken());
    assert_eq!((Probe::new(queue.get()).ready(), queue.try_get()), (Ok(4), Err(TryGetError::Empty)));
    assert_eq!((items, queue.unfinished()), (vec![1, 3], 3));
}

/// A late get takes the item that was put for a waiting get: then the first waiting put serves the waiting
/// get.
#[test]
fn a_get_whose_item_another_took_is_served_by_a_waiting_put() {
    let queue = rendezvous();
    let mut get = Probe::pending(queue.get());
    queue.try_put(1).unwrap();
    let put = Probe::pending(queue.put(2));
    assert_eq!(queue.try_get(), Ok(1));
    assert!(put.is_woken());
    assert_eq!((put.ready(), get.poll()), (Ok(()), Poll::Ready(Ok(2))));
}

#[test]
fn one_waiting_get_serves_only_one_of_two_try_puts() {
    let _watchdog = watchdog();
    let queue = rendezvous();
    let rounds = 20_000;
    let start = Barrier::new(2);
    let done = AtomicUsize::new(0);
    let offer = |n: usize| {
        start.wait();
        let put = queue.try_put(n).is_ok();
        done.fetch_add(usize::from(put), Ordering::SeqCst);
        start.wait();
    };
    thread::scope(|scope| {
        scope.spawn(|| (0..rounds).for_each(|_| offer(1)));
        for _ in 0..rounds {
            let get = Probe::pending(queue.get());
            offer(2);
            assert_eq!(done.swap(0, Ordering::SeqCst), 1);
            assert!(get.is_woken() && get.ready().is_ok());
        }
    });
    assert_eq!(queue.try_get(), Err(TryGetError::Empty));
}

#[test]
fn a_cancelled_put_does_not_count_as_unfinished() {
    let queue = rendezvous();
    drop(Probe::pending(queue.put(1)));
    assert_eq!(queue.unfinished(), 0);
    assert_eq!(Probe::pending(queue.put(2)).future.take(), Some(2));
    assert_eq!(queue.unfinished(), 0);
    assert_eq!(queue.put(3).wait_timeout(Duration::ZERO), Err(PutTimeoutError::Timeout(3)));
    assert_eq!(queue.unfinished(), 0);
    assert!(queue.task_done().is_err());
    assert_eq!(queue.join().wait_timeout(Duration::ZERO), Ok(()));
}

#[test]
fn a_waiting_put_does_not_delay_a_join() {
    let queue = rendezvous();
    let put = Probe::pending(queue.put(1));
    Probe::new(queue.join()).ready();
    assert_eq!(queue.try_get(), Ok(1));
    let join = Probe::pending(queue.join());
    drop(put);
    queue.task_done().unwrap();
    join.ready();
}

#[test]
fn the_next_put_is_served_after_a_cancelled_put() {
    let queue = rendezvous();
    let first = Probe::pending(queue.put(1));
    let mut second = Probe::pending(queue.put(2));
    drop(first);
    assert!(second.poll().is_pending());
    assert_eq!(queue.try_get(), Ok(2));
    assert_eq!(second.ready(), Ok(()));
}

#[test]
fn a_delivered_item_cannot_be_taken_back() {
    let queue = rendezvous();
    let mut put = Probe::pending(queue.put(1));
    assert_eq!(queue.try_get(), Ok(1));
    assert_eq!(put.future.take(), None);

    let until = Probe::pending(queue.put(2).until(Tick::default()));
    assert_eq!(queue.try_get(), Ok(2));
    assert_eq!(until.ready(), Ok(()));
}

#[test]
fn a_close_returns_the_item_of_a_waiting_put() {
    let queue = rendezvous();
    let put = Probe::pending(queue.put(1));
    let behind = Probe::pending(queue.put(2));
    queue.close();
    assert!(put.is_woken() && behind.is_woken());
    assert_eq!(put.ready(), Err(PutError(1)));
    assert_eq!(behind.ready(), Err(PutError(2)));
    assert_eq!(queue.try_get(), Err(TryGetError::Closed));
}

#[test]
fn a_close_returns_the_item_of_a_waiting_thread() {
    let _watchdog = watchdog();
    let queue = rendezvous();
    thread::scope(|scope| {
        let put = scope.spawn(|| queue.put(1).wait());
        thread::sleep(Duration::from_millis(10));
        queue.close();
        assert_eq!(put.join().unwrap(), Err(PutError(1)));
    });
    queue.join().wait_timeout(Duration::ZERO).unwrap();
}

#[test]
fn the_item_of_a_waiting_put_is_returned_to_the_put_or_to_the_shutdown() {
    let queue = rendezvous();
    let put = Probe::pending(queue.put(1));
    let left = queue.shutdown_now();
    match put.ready() {
        Ok(()) => assert_eq!(left, [1]),
        Err(error) => assert_eq!((error.into_inner(), left), (1, vec![])),
    }
    assert_eq!(queue.unfinished(), 0);
}

#[test]
fn a_cancelled_get_leaves_the_item_of_a_try_put_for_the_next() {
    let _watchdog = watchdog();
    let queue = rendezvous();
    let get = Probe::pending(queue.get());
    assert_eq!(queue.try_put(1), Ok(()));
    drop(get);
    assert_eq!(queue.try_put(2), Err(TryPutError::Full(2)));
    let mut put = Probe::pending(queue.put(3));
    assert_eq!(queue.get().wait(), Ok(1));
    assert!(put.poll().is_pending());
    assert_eq!(queue.get().wait(), Ok(3));
    assert_eq!(put.ready(), Ok(()));
}

#[test]
fn a_cancelled_get_is_not_served_by_a_later_try_put() {
    let _watchdog = watchdog();
    let queue = rendezvous();
    drop(Probe::pending(queue.get()));
    assert_eq!(queue.try_put(1), Err(TryPutError::Full(1)));
    assert!(queue.get().wait_timeout(Duration::from_millis(1)).is_err());
    assert_eq!(queue.try_put(1), Err(TryPutError::Full(1)));
    assert!(block_on(queue.get().until(ready(()))).is_err());
    assert_eq!(queue.try_put(1), Err(TryPutError::Full(1)));
}

#[test]
fn a_change_between_the_last_attempt_and_the_timeout_counts() {
    let _watchdog = watchdog();
    let queue = rendezvous();
    // The timer is polled after the operation, so it runs between the last attempt and the timeout.
    let put_at_the_end = poll_fn(|_| Poll::Ready(queue.try_put(1)));
    assert_eq!(block_on(queue.get().until(put_at_the_end)), Ok(1));
    let get_at_the_end = poll_fn(|_| Poll::Ready(queue.try_get()));
    assert_eq!(block_on(queue.put(2).until(get_at_the_end)), Ok(()));
    let close_at_the_end = poll_fn(|_| Poll::Ready(queue.close()));
    assert!(block_on(queue.get().until(close_at_the_end)).is_err_and(|error| error.is_closed()));
}

#[test]
fn putters_and_getters_exchange_each_item_exactly_once() {
    let _watchdog = watchdog();
    let queue = rendezvous();
    let mut got = thread::scope(|scope| {
        let putters = [0, 1, 2].map(|n| {
            let queue = &queue;
            scope.spawn(move || {
                for item in n * 1000..(n + 1) * 1000 {
                    match n {
                        0 => queue.put(item).wait().unwrap(),
                        1 => block_on(queue.put(item)).unwrap(),
                        _ => {
                            while queue.try_put(item).is_err() {
                                thread::yield_now()
                            }
                        }
                    }
                }
            })
        });
        let getters = [0, 1, 2].map(|n| {
            let queue = &queue;
            scope.spawn(move || {
                let mut got = Vec::new();
                while match n {
                    0 => queue.get().wait().map(|item| got.push(item)),
                    1 => block_on(queue.get()).map(|item| got.push(item)),
                    _ => queue.get_many(&mut got, 3).wait().map(drop),
                }
                .is_ok()
                {}
                got
            })
        });
        putters.into_iter().for_each(|putter| putter.join().unwrap());
        queue.close();
        getters.into_iter().flat_map(|getter| getter.join().unwrap()).collect::<Vec<_>>()
    });
    got.sort_unstable();
    assert!(got.into_iter().eq(0..3000));
}

#[test]
fn items_of_puts_that_time_out_are_delivered_or_returned() {
    let _watchdog = watchdog();
    let queue = rendezvous();
    thread::scope(|scope| {
        let putters: Vec<_> = (0..2)
            .map(|n| {
                let queue = &queue;
                scope.spawn(move || {
                    let limit = Duration::from_micros(5);
                    let put = |item: &usize| queue.put(*item).wait_timeout(limit).is_ok();
                    (n * 1500..(n + 1) * 1500).filter(put).collect::<Vec<_>>()
                })
            })
            .collect();
        let getter = scope.spawn(|| queue.iter().collect::<Vec<_>>());
        let put: Vec<_> = putters.into_iter().flat_map(|putter| putter.join().unwrap()).collect();
        queue.close();
        let mut got = getter.join().unwrap();
        got.sort_unstable();
        assert_eq!(got, put);
    });
}

#[test]
fn a_batch_hands_over_one_item_after_the_other() {
    let _watchdog = watchdog();
    let queue = rendezvous();
    let mut put = Probe::pending(queue.put_many([1, 2, 3]));
    let mut items = Vec::new();
    assert_eq!(queue.get_many(&mut items, 10).wait(), Ok(1));
    assert_eq!(queue.try_get(), Err(TryGetError::Empty));
    assert!(put.is_woken() && put.poll().is_pending());
    assert_eq!(queue.get().wait(), Ok(2));
    assert!(put.poll().is_pending());
    assert_eq!(put.future.take(), [3]);
    assert_eq!((items, queue.try_get()), (vec![1], Err(TryGetError::Empty)));
    assert_eq!(queue.unfinished(), 2);
}

#[test]
fn batches_are_handed_over_in_order() {
    let _watchdog = watchdog();
    let queue = rendezvous();
    thread::scope(|scope| {
        scope.spawn(|| {
            queue.put_many(0..500).wait().unwrap();
            queue.close();
        });
        let mut got = Vec::new();
        while queue.get_many(&mut got, 7).wait().is_ok() {}
        assert!(got.into_iter().eq(0..500));
    });
}

#[test]
fn a_batch_ended_by_a_close_returns_the_items_that_were_not_taken() {
    let queue = rendezvous();
    let mut put = Probe::pending(queue.put_many([1, 2, 3]));
    assert_eq!(queue.try_get(), Ok(1));
    assert!(put.poll().is_pending());
    queue.close();
    assert_eq!(put.poll(), Poll::Ready(Err(PutError(vec![2, 3]))));
}
