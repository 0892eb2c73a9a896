//! Operations that are dropped, forgotten, polled again or moved: no item and no wake-up is lost.

mod common;

use common::{forget, poll, watchdog, Count, Probe, Tick};
use futures_lite::future::{block_on, poll_once, ready};
use joinq::{GetError, Queue, TryGetError};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

fn full() -> Queue<u32> {
    let queue = Queue::bounded(1);
    queue.try_put(0).unwrap();
    queue
}

#[test]
fn an_item_survives_the_get_that_was_woken_for_it_and_dropped() {
    let queue = Queue::unbounded();
    let get = Probe::pending(queue.get());
    queue.try_put(1).unwrap();
    assert!(get.is_woken());
    drop(get);
    assert_eq!(queue.try_get(), Ok(1));
}

#[test]
fn a_woken_get_that_is_dropped_forwards_its_wake_up() {
    let queue = Queue::unbounded();
    let [first, second] = [Probe::pending(queue.get()), Probe::pending(queue.get())];
    queue.try_put(1).unwrap();
    assert!(first.is_woken() && !second.is_woken());
    drop(first);
    assert!(second.is_woken());
    assert_eq!(second.ready(), Ok(1));
}

/// The item entered the queue when a slot became free: the put has no item to drop and no wake-up to forward.
#[test]
fn a_woken_put_that_is_dropped_has_put_its_item() {
    let queue = full();
    let [first, mut second] = [Probe::pending(queue.put(1)), Probe::pending(queue.put(2))];
    assert_eq!(queue.try_get(), Ok(0));
    assert!(first.is_woken() && !second.is_woken());
    drop(first);
    assert!(!second.is_woken() && second.poll().is_pending());
    assert_eq!(queue.try_get(), Ok(1));
    assert!(second.is_woken());
    assert_eq!((second.ready(), queue.try_get()), (Ok(()), Ok(2)));
}

#[test]
fn a_woken_put_has_no_item_to_take_back() {
    let queue = full();
    let [mut first, second] = [Probe::pending(queue.put(1)), Probe::pending(queue.put(2))];
    assert_eq!(queue.try_get(), Ok(0));
    assert_eq!(first.future.take(), None);
    assert!(!second.is_woken());
    assert!(queue.try_iter().eq([1, 2]));
    assert_eq!(second.ready(), Ok(()));
}

#[test]
fn a_woken_put_that_times_out_has_put_its_item() {
    let queue = full();
    let put = Probe::pending(queue.put(1).until(Tick::default()));
    assert_eq!(queue.try_get(), Ok(0));
    assert_eq!((put.ready(), queue.try_get()), (Ok(()), Ok(1)));
}

#[test]
fn a_cancelled_put_lets_the_next_put_complete() {
    let queue = full();
    let [first, second, third] = [1, 2, 3].map(|n| Probe::pending(queue.put(n)));
    drop(second);
    assert_eq!(queue.try_get(), Ok(0));
    assert!(first.is_woken() && !third.is_woken());
    assert_eq!(queue.try_get(), Ok(1));
    assert!(third.is_woken());
    assert_eq!((queue.try_get(), queue.try_get()), (Ok(3), Err(TryGetError::Empty)));
}

#[test]
fn a_woken_get_that_times_out_takes_the_item() {
    let queue = Queue::unbounded();
    let [first, second] =
        [Probe::pending(queue.get().until(Tick::default())), Probe::pending(queue.get().until(Tick::default()))];
    queue.try_put(1).unwrap();
    assert_eq!(first.ready(), Ok(1));
    assert!(second.ready().is_err_and(|error| error.is_timeout()));
}

#[test]
fn an_operation_that_timed_out_takes_no_wake_up() {
    let _watchdog = watchdog();
    let (empty, full) = (Queue::unbounded(), full());
    assert!(block_on(empty.get().until(ready(()))).is_err() && empty.get().wait_timeout(Duration::ZERO).is_err());
    assert!(block_on(full.put(1).until(ready(()))).is_err() && full.put(1).wait_timeout(Duration::ZERO).is_err());
    assert!(block_on(full.join().until(ready(()))).is_err() && full.closed().wait_timeout(Duration::ZERO).is_err());
    let (get, put) = (Probe::pending(empty.get()), Probe::pending(full.put(2)));
    empty.try_put(3).unwrap();
    full.try_get().unwrap();
    assert!(get.is_woken() && put.is_woken());
}

#[test]
fn a_woken_get_that_is_forgotten_does_not_take_the_next_wake_up() {
    let queue = Queue::unbounded();
    let [first, second] = [Probe::pending(queue.get()), Probe::pending(queue.get())];
    queue.try_put(1).unwrap();
    assert!(first.is_woken());
    forget(first);
    queue.try_put(2).unwrap();
    assert!(second.is_woken());
    assert_eq!((second.ready(), queue.try_get()), (Ok(1), Ok(2)));
}

#[test]
fn a_forgotten_put_is_completed_in_fifo_order() {
    let _watchdog = watchdog();
    let queue = Queue::bounded(2);
    queue.put_many([0, 1]).wait().unwrap();
    let [first, second] = [Probe::pending(queue.put(2)), Probe::pending(queue.put(3))];
    forget(first);
    assert_eq!((queue.try_get(), queue.try_get()), (Ok(0), Ok(1)));
    assert!(second.is_woken());
    assert_eq!(second.ready(), Ok(()));
    assert!(queue.try_iter().eq([2, 3]));
}

#[test]
fn a_forgotten_join_does_not_delay_other_joins() {
    let queue = Queue::unbounded();
    queue.try_put(1).unwrap();
    let [first, second] = [Probe::pending(queue.join()), Probe::pending(queue.join())];
    forget(first);
    queue.task_done().unwrap();
    assert!(second.is_woken());
    second.ready();
}

#[test]
fn operations_forgotten_in_any_state_leave_a_queue_that_closes_and_drops() {
    let _watchdog = watchdog();
    let queue = Queue::bounded(1);
    forget(queue.get());
    forget(Probe::pending(queue.get()));
    queue.try_put(1).unwrap();
    forget(queue.put(2));
    forget(Probe::pending(queue.put(3)));
    forget(Probe::pending(queue.closed()));
    forget(Probe::pending(queue.put_many([4, 5])));
    forget(Probe::pending(queue.join()));
    queue.close();
    assert!(queue.try_iter().eq([1]));
    assert_eq!(queue.get().wait(), Err(GetError));
    drop(queue);
    let rendezvous = Queue::bounded(0);
    forget(Probe::pending(rendezvous.put(Box::new(1))));
    assert_eq!(rendezvous.try_get(), Ok(Box::new(1)));
    forget(Probe::pending(rendezvous.put(Box::new(2))));
}

#[test]
fn the_waker_of_the_last_poll_is_the_one_that_is_woken() {
    let queue = Queue::bounded(1);
    let (old, old_waker) = Count::new();
    let mut get = queue.get();
    assert!(poll(&mut get, &old_waker).is_pending());
    let mut get = Probe::pending(get);
    queue.try_put(1).unwrap();
    assert_eq!((old.get(), get.woken.get()), (0, 1));
    assert_eq!(get.poll(), Poll::Ready(Ok(1)));

    queue.try_put(2).unwrap();
    let mut put = queue.put(3);
    assert!(poll(&mut put, &old_waker).is_pending());
    let put = Probe::pending(put);
    let mut join = queue.join();
    assert!(poll(&mut join, &old_waker).is_pending());
    let join = Probe::pending(join);
    queue.try_get().unwrap();
    assert_eq!((old.get(), put.woken.get()), (0, 1));
    drop(put);
    queue.tasks_done(3).unwrap();
    assert_eq!((old.get(), join.woken.get()), (0, 1));
}

/// Two wakers alternate between polls: each time the last one is woken.
#[test]
fn wakers_change_between_polls() {
    let (full, empty) = (full(), Queue::bounded(1));
    let wakers = [Count::new(), Count::new()];
    let (mut put, mut get) = (full.put(1), empty.get());
    for (_, waker) in wakers.iter().cycle().take(7) {
        assert!(poll(&mut put, waker).is_pending() && poll(&mut get, waker).is_pending());
        let kept: usize = wakers.iter().map(|(count, _)| Arc::strong_count(count) - 2).sum();
        assert_eq!(kept, 2, "one for the put and one for the get");
    }
    full.try_get().unwrap();
    empty.try_put(2).unwrap();
    assert_eq!((wakers[0].0.get(), wakers[1].0.get()), (2, 0));
    assert_eq!((poll(&mut put, &wakers[1].1), poll(&mut get, &wakers[1].1)), (Poll::Ready(Ok(())), Poll::Ready(Ok(2))));
}

#[test]
fn a_thousand_waiting_gets_can_all_be_cancelled() {
    let queue = Queue::unbounded();
    let mut gets: Vec<_> = (0..1000).map(|_| Probe::pending(queue.get())).collect();
    (0..3).for_each(|n| queue.try_put(n).unwrap());
    assert!(gets[..3].iter().all(Probe::is_woken) && !gets[3..].iter().any(Probe::is_woken));
    // From the middle outwards; the notifications are forwarded to the gets that remain.
    while gets.len() > 1 {
        drop(gets.remove(gets.len() / 2));
        assert!(gets.iter().filter(|get| get.is_woken()).count() >= gets.len().min(3));
    }
    drop(gets);
    assert!(queue.try_iter().eq(0..3));
    let get = Probe::pending(queue.get());
    queue.try_put(9).unwrap();
    assert!(get.is_woken());
    assert_eq!(get.ready(), Ok(9));
}

#[test]
fn a_cancelled_put_is_not_delivered() {
    let queue = full();
    drop(Probe::pending(queue.put(1)));
    let mut put = Probe::pending(queue.put(2));
    assert_eq!((put.future.take(), put.future.take()), (Some(2), None));
    assert_eq!((queue.try_get(), queue.try_get()), (Ok(0), Err(TryGetError::Empty)));
}

#[test]
fn a_put_returns_its_item_until_the_item_is_in_the_queue() {
    let queue = Queue::bounded(1);
    let mut unpolled = queue.put(1);
    assert_eq!((unpolled.take(), unpolled.take()), (Some(1), None));
    let mut put = Probe::new(queue.put(2));
    assert_eq!((put.poll(), put.future.take()), (Poll::Ready(Ok(())), None));
    let mut many = Probe::pending(queue.put_many([3, 4]));
    assert_eq!(many.future.take(), [3, 4]);
    queue.close();
    let mut late = Probe::new(queue.put(5));
    assert!(matches!(late.poll(), Poll::Ready(Err(_))));
    assert_eq!(late.future.take(), None);
}

#[test]
fn twenty_thousand_cancelled_operations_leave_no_waker_behind() {
    let (empty, full) = (Queue::<u32>::bounded(1), full());
    let rendezvous = Queue::bounded(0);
    let (count, waker) = Count::new();
    for _ in 0..20_000 {
        assert!(poll(&mut empty.get(), &waker).is_pending());
        assert!(poll(&mut full.put(1), &waker).is_pending());
        assert!(poll(&mut full.join(), &waker).is_pending());
        assert!(poll(&mut full.closed(), &waker).is_pending());
        assert!(poll(&mut rendezvous.put(1), &waker).is_pending());
    }
    drop(waker);
    assert_eq!((count.get(), Arc::strong_count(&count)), (0, 1));
}

#[test]
fn twenty_thousand_polls_leave_no_waker_behind() {
    let queue = Queue::bounded(1);
    let (count, waker) = Count::new();
    let mut get = queue.get();
    for _ in 0..20_000 {
        assert!(poll(&mut get, &waker).is_pending());
        assert!(Arc::strong_count(&count) <= 3);
    }
    queue.try_put(1).unwrap();
    assert_eq!((count.get(), poll(&mut get, &waker)), (1, Poll::Ready(Ok(1))));
    drop(waker);
    // The operation still exists, but it does not wait any more.
    assert_eq!(Arc::strong_count(&count), 1);
    drop(get);
}

#[test]
fn a_finished_operation_keeps_no_waker() {
    let queue = full();
    let mut put = Probe::pending(queue.put(1));
    let mut join = Probe::pending(queue.join());
    queue.try_get().unwrap();
    assert!(put.poll().is_ready());
    queue.tasks_done(2).unwrap();
    assert!(join.poll().is_ready());
    // One reference of the count, one of the waker.
    assert_eq!((Arc::strong_count(&put.woken), Arc::strong_count(&join.woken)), (2, 2));
}

#[test]
fn an_operation_that_is_not_polled_puts_nothing_and_drops_its_item_once() {
    let queue = Queue::unbounded();
    let item = Arc::new(());
    drop(queue.put(item.clone()));
    drop(queue.put_many([item.clone(), item.clone()]));
    drop(queue.put(item.clone()).until(ready(())));
    assert_eq!((Arc::strong_count(&item), queue.len()), (1, 0));
}

#[test]
fn an_operation_that_is_not_polled_takes_no_wake_up() {
    let queue = Queue::unbounded();
    let unpolled = queue.get();
    let get = Probe::pending(queue.get());
    queue.try_put(1).unwrap();
    assert!(get.is_woken());
    drop(unpolled);
    assert_eq!(get.ready(), Ok(1));
}

#[test]
fn two_puts_wake_two_gets() {
    let queue = Queue::unbounded();
    let gets = [Probe::pending(queue.get()), Probe::pending(queue.get())];
    queue.try_put(1).unwrap();
    queue.try_put(2).unwrap();
    assert!(gets.iter().all(Probe::is_woken));
    assert_eq!(gets.map(Probe::ready), [Ok(1), Ok(2)]);
}

#[test]
fn a_batch_wakes_as_many_as_it_serves() {
    let _watchdog = watchdog();
    let queue = Queue::bounded(3);
    let gets = [(); 4].map(|()| Probe::pending(queue.get()));
    queue.try_put_many([1, 2, 3]).unwrap();
    assert_eq!(gets.iter().filter(|get| get.is_woken()).count(), 3);
    let got = gets.map(|mut get| get.poll());
    assert_eq!(got, [Poll::Ready(Ok(1)), Poll::Ready(Ok(2)), Poll::Ready(Ok(3)), Poll::Pending]);

    queue.put_many([1, 2, 3]).wait().unwrap();
    let puts = [4, 5, 6, 7].map(|n| Probe::pending(queue.put(n)));
    assert_eq!(queue.try_get_many(&mut Vec::new(), 3), Ok(3));
    assert_eq!(puts.iter().filter(|put| put.is_woken()).count(), 3);
}

#[test]
fn a_get_that_overtakes_a_woken_get_leaves_its_own_wake_up_to_that_get() {
    let queue = Queue::unbounded();
    let [mut first, second] = [Probe::pending(queue.get()), Probe::pending(queue.get())];
    queue.try_put(1).unwrap();
    assert!(first.is_woken() && !second.is_woken());
    // The second get overtakes the first.
    assert_eq!(second.ready(), Ok(1));
    assert!(first.poll().is_pending());
    let third = Probe::pending(queue.get());
    queue.try_put(2).unwrap();
    queue.try_put(3).unwrap();
    assert!(first.woken.get() == 2 && third.is_woken());
    assert_eq!((first.ready(), third.ready()), (Ok(2), Ok(3)));
}

#[test]
fn a_get_that_completes_does_not_take_a_later_wake_up() {
    let queue = Queue::unbounded();
    let [mut first, second] = [Probe::pending(queue.get()), Probe::pending(queue.get())];
    queue.try_put(1).unwrap();
    assert_eq!(first.poll(), Poll::Ready(Ok(1)));
    queue.try_put(2).unwrap();
    drop(first);
    assert!(second.is_woken());
    assert_eq!(second.ready(), Ok(2));
}

#[test]
fn a_cancelled_first_waiter_does_not_delay_the_next() {
    let queue = full();
    let [batch, next] = [Probe::pending(queue.put_many([1, 2, 3])), Probe::pending(queue.put_many([4]))];
    drop(batch);
    queue.try_get().unwrap();
    assert!(next.is_woken());
    assert_eq!((next.ready(), queue.try_get()), (Ok(()), Ok(4)));
}

#[test]
fn an_idle_waiter_is_woken_once_for_each_event_of_its_kind() {
    let queue = Queue::bounded(1);
    queue.try_put(0).unwrap();
    let closed = Probe::pending(queue.closed());
    let mut join = Probe::pending(queue.join());
    for n in 1..=100 {
        let mut put = Probe::pending(queue.put(n));
        assert_eq!(queue.try_get(), Ok(n - 1));
        assert_eq!((put.poll(), put.woken.get()), (Poll::Ready(Ok(())), 1));
    }
    assert_eq!((closed.woken.get(), join.woken.get()), (0, 0));
    queue.tasks_done(101).unwrap();
    assert_eq!((join.woken.get(), join.poll()), (1, Poll::Ready(())));
    queue.close();
    queue.close();
    assert_eq!(closed.woken.get(), 1);
}

#[test]
fn an_operation_can_move_from_one_executor_to_another() {
    let _watchdog = watchdog();
    static QUEUE: Queue<u32> = Queue::unbounded();
    let queue = &QUEUE;
    let first = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let second = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    for n in 0..50 {
        let mut get = queue.get();
        // The first executor polls the operation once and drops out.
        let mut polled = first.block_on(first.spawn(async move { (poll_once(&mut get).await, Some(get)) })).unwrap();
        assert!(polled.0.is_none());
        let got = second.spawn(polled.1.take().unwrap());
        queue.put(n).wait().unwrap();
        assert_eq!(block_on(got).unwrap(), Ok(n));
    }
}

#[tokio::test]
async fn a_timer_of_a_runtime_ends_a_wait() {
    let _watchdog = watchdog();
    let queue = full();
    let tick = || tokio::time::sleep(Duration::from_millis(2));
    assert!(queue.put(1).until(tick()).await.is_err_and(|error| error.is_timeout() && error.into_inner() == 1));
    assert!(queue.join().until(tick()).await.is_err());
    assert!(tokio::time::timeout(Duration::from_millis(2), queue.put(2)).await.is_err());
    assert_eq!(queue.get().until(tick()).await, Ok(0));
    assert!(tokio::time::timeout(Duration::from_millis(2), queue.get()).await.is_err());
    assert!(queue.get().until(tick()).await.is_err_and(|error| error.is_timeout()));
    assert_eq!(queue.try_put(3), Ok(()));
    assert_eq!(tokio::time::timeout(Duration::MAX, queue.get()).await.unwrap(), Ok(3));
}

#[tokio::test]
async fn any_future_can_end_the_wait_of_a_get() {
    let _watchdog = watchdog();
    let queue = Queue::<u32>::unbounded();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let get = queue.get().until(stopped);
    stop.send(()).unwrap();
    assert!(get.await.is_err_and(|error| error.is_timeout()));
}
