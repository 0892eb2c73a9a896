//! Batches that linger: up to a number of items, or until a time after the first.

mod common;

use common::{watchdog, Probe};
use futures_lite::future::{block_on, poll_once};
use joinq::{GetError, Queue, RecvError};
use std::cell::Cell;
use std::future::{pending, ready};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

/// A timer that completes when the test says so.
#[derive(Default)]
struct Timer {
    created: Cell<bool>,
    over: Cell<bool>,
}

impl Timer {
    async fn run(&self) {
        self.created.set(true);
        std::future::poll_fn(|_| if self.over.get() { Poll::Ready(()) } else { Poll::Pending }).await;
    }
}

#[test]
fn a_full_batch_does_not_linger() {
    let _watchdog = watchdog();
    let queue = Queue::unbounded();
    queue.put_many(0..5).wait().unwrap();
    let mut batch = Vec::new();
    assert_eq!(queue.get_many(&mut batch, 3).wait_linger(Duration::MAX), Ok(3));
    assert_eq!(block_on(queue.get_many(&mut batch, 2).linger(pending::<()>)), Ok(2));
    assert_eq!(batch, [0, 1, 2, 3, 4]);
}

#[test]
fn a_batch_of_no_items_completes_at_once() {
    let queue = Queue::<u8>::unbounded();
    let mut batch = Vec::new();
    assert_eq!(queue.get_many(&mut batch, 0).wait_linger(Duration::MAX), Ok(0));
    assert_eq!(block_on(queue.get_many(&mut batch, 0).linger(pending::<()>)), Ok(0));
}

#[test]
fn the_timer_begins_with_the_first_item_and_ends_the_batch() {
    let (queue, timer) = (Queue::bounded(2), Timer::default());
    let mut batch = Vec::new();
    let mut get = Probe::pending(Box::pin(queue.get_many(&mut batch, 9).linger(|| timer.run())));
    assert!(!timer.created.get());
    queue.try_put(1).unwrap();
    assert!(get.is_woken() && get.poll().is_pending() && timer.created.get());
    // Each item wakes it, and is taken at once, so that the queue does not fill.
    for n in 2..6 {
        queue.try_put(n).unwrap();
        assert!(get.poll().is_pending());
        assert!(queue.is_empty());
    }
    queue.try_put(6).unwrap();
    timer.over.set(true);
    assert_eq!(get.ready(), Ok(6));
    assert_eq!(batch, [1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_close_ends_a_batch_with_its_items_and_then_is_an_error() {
    let _watchdog = watchdog();
    let queue = Queue::unbounded();
    queue.put_many([1, 2]).wait().unwrap();
    let mut batch = Vec::new();
    thread::scope(|scope| {
        let getter = scope.spawn(|| queue.get_many(&mut batch, 3).wait_linger(Duration::MAX));
        while !queue.is_empty() {
            thread::yield_now();
        }
        queue.close();
        assert_eq!(getter.join().unwrap(), Ok(2));
    });
    assert_eq!(queue.get_many(&mut batch, 3).wait_linger(Duration::MAX), Err(GetError));
    assert_eq!(block_on(queue.get_many(&mut batch, 3).linger(|| ready(()))), Err(GetError));
    assert_eq!(batch, [1, 2]);
}

#[test]
fn a_dropped_batch_leaves_its_items_in_the_vector() {
    let queue = Queue::unbounded();
    queue.put_many([1, 2]).wait().unwrap();
    let mut batch = Vec::new();
    let lingering = queue.get_many(&mut batch, 3).linger(pending::<()>);
    assert_eq!(block_on(poll_once(lingering)), None);
    assert_eq!(batch, [1, 2]);
    // It no longer waits: the next item is for others.
    let other = Probe::pending(queue.get());
    queue.try_put(3).unwrap();
    assert!(other.is_woken());
    assert_eq!(other.ready(), Ok(3));
}

/// A batch that ends while it was notified forwards the notification, and so does one that is dropped.
#[test]
fn an_ended_batch_keeps_no_notification() {
    let (queue, timer) = (Queue::unbounded(), Timer::default());
    queue.try_put(1).unwrap();
    let mut batch = Vec::new();
    let get = Probe::pending(Box::pin(queue.get_many(&mut batch, 2).linger(|| timer.run())));
    let other = Probe::pending(queue.get());
    queue.try_put(2).unwrap();
    assert!(get.is_woken() && !other.is_woken());
    drop(get);
    assert!(other.is_woken());
    assert_eq!(other.ready(), Ok(2));
}

#[test]
fn channels_linger_too() {
    let _watchdog = watchdog();
    let (sender, receiver) = joinq::bounded(4);
    let (single_sender, mut single) = joinq::mpsc::unbounded();
    sender.send_many([1, 2]).wait().unwrap();
    single_sender.send_many([1, 2]).wait().unwrap();
    let mut batch = Vec::new();
    assert_eq!(receiver.recv_many(&mut batch, 9).wait_linger(Duration::ZERO), Ok(2));
    assert_eq!(single.recv_many(&mut batch, 9).wait_linger(Duration::ZERO), Ok(2));
    sender.send(3).wait().unwrap();
    single_sender.send(3).wait().unwrap();
    assert_eq!(block_on(receiver.recv_many(&mut batch, 9).linger(|| ready(()))), Ok(1));
    assert_eq!(block_on(single.recv_many(&mut batch, 9).linger(|| ready(()))), Ok(1));
    drop((sender, single_sender));
    assert_eq!(receiver.recv_many(&mut batch, 9).wait_linger(Duration::MAX), Err(RecvError));
    assert_eq!(block_on(single.recv_many(&mut batch, 9).linger(|| ready(()))), Err(RecvError));
    assert_eq!(batch, [1, 2, 1, 2, 3, 3]);
}

/// With capacity 0 each item is handed over while the batch lingers.
#[test]
fn a_rendezvous_fills_a_batch_that_lingers() {
    let _watchdog = watchdog();
    let queue = Queue::bounded(0);
    thread::scope(|scope| {
        scope.spawn(|| (0..3).for_each(|n| queue.put(n).wait().unwrap()));
        let mut batch = Vec::new();
        assert_eq!(queue.get_many(&mut batch, 3).wait_linger(Duration::MAX), Ok(3));
        assert_eq!(batch, [0, 1, 2]);
    });
}

/// The wait ends at any moment relative to the puts, also between an item's arrival and its notification.
#[test]
fn each_appended_item_is_counted() {
    let _watchdog = watchdog();
    let queue = Queue::bounded(64);
    thread::scope(|scope| {
        let _close = queue.close_on_drop();
        scope.spawn(|| {
            while queue.put(()).wait().is_ok() {
                for _ in 0..200 {
                    std::hint::spin_loop();
                }
            }
        });
        let begin = Instant::now();
        for round in (0..20_000).take_while(|_| begin.elapsed() < Duration::from_secs(1)) {
            let mut batch = Vec::new();
            let count = queue.get_many(&mut batch, 1000).wait_linger(Duration::from_nanos(round % 2000)).unwrap();
            assert_eq!(count, batch.len(), "in round {round}");
        }
    });
}
