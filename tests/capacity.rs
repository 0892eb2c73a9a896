//! A bounded queue never holds more items than its capacity, also while operations wait, and `len` is exact.

mod common;

use common::{watchdog, Probe};
use joinq::{bounded, mpsc, Queue, TryPutError};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Puts items until the queue is full, and returns their number.
fn fill(queue: &Queue<usize>) -> usize {
    let mut count = 0;
    while queue.try_put(count).is_ok() {
        count += 1;
        assert_eq!(queue.len(), count);
    }
    assert!(queue.is_full());
    count
}

#[test]
fn waiting_gets_do_not_add_to_the_capacity() {
    for (capacity, waiting) in [(1, 1), (1, 1000), (3, 2)] {
        for queue in [Queue::bounded(capacity), Queue::with_permits(capacity)] {
            let gets: Vec<_> = (0..waiting).map(|_| Probe::pending(queue.get())).collect();
            assert_eq!(fill(&queue), capacity);
            assert_eq!(gets.iter().filter(|get| get.is_woken()).count(), capacity.min(waiting));
            // The items stay in the queue when the gets are cancelled.
            drop(gets);
            assert_eq!((queue.len(), queue.is_full()), (capacity, true));
            assert!(queue.drain().eq(0..capacity));
        }
    }
}

#[test]
fn a_batch_is_put_up_to_the_capacity() {
    let queue = Queue::bounded(2);
    let _gets = [Probe::pending(queue.get()), Probe::pending(queue.get()), Probe::pending(queue.get())];
    let left = queue.try_put_many(0..5).unwrap_err();
    assert!(left.is_full());
    assert_eq!((left.into_inner(), queue.len()), (vec![2, 3, 4], 2));
    let put = Probe::pending(queue.put_many([5, 6, 7]));
    assert_eq!(queue.len(), 2);
    drop(put);
    assert!(queue.drain().eq([0, 1]));
}

#[test]
fn waiting_threads_do_not_add_to_the_capacity() {
    let _watchdog = watchdog();
    let queue = Queue::bounded(1);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| while queue.get().wait().is_ok() {});
        }
        for item in 0..2000 {
            while let Err(TryPutError::Full(_)) = queue.try_put(item) {
                thread::yield_now();
            }
            assert!(queue.len() <= 1);
        }
        queue.close();
    });
}

#[test]
fn a_waiting_receiver_does_not_add_to_the_capacity() {
    let (sender, mut receiver) = mpsc::bounded(1);
    let receive = Probe::pending(receiver.recv());
    sender.try_send(1).unwrap();
    assert!(sender.is_full() && sender.try_send(2).unwrap_err().is_full());
    assert_eq!(receive.ready(), Ok(1));
    let receive = Probe::pending(receiver.recv());
    assert!(sender.try_send_many([3, 4]).unwrap_err().is_full());
    assert_eq!((sender.len(), receive.ready()), (1, Ok(3)));
}

#[test]
fn a_forced_put_keeps_the_latest_item_for_a_waiting_get() {
    for queue in [Queue::bounded(1), Queue::with_permits(1)] {
        let get = Probe::pending(queue.get());
        assert_eq!(queue.force_put(1), Ok(None));
        assert_eq!(queue.force_put(2), Ok(Some(1)));
        assert_eq!((queue.len(), get.ready()), (1, Ok(2)));
    }
    let (sender, receiver) = bounded(2);
    let receive = Probe::pending(receiver.recv());
    let displaced: Vec<_> = (0..5).map(|message| sender.force_send(message).unwrap()).collect();
    assert_eq!(displaced, [None, None, Some(0), Some(1), Some(2)]);
    assert_eq!((receive.ready(), receiver.try_recv()), (Ok(3), Ok(4)));
}

#[test]
fn a_forced_send_to_a_single_receiver_keeps_the_latest_message() {
    let (sender, mut receiver) = mpsc::bounded(1);
    let receive = Probe::pending(receiver.recv());
    assert_eq!(sender.force_send(1), Ok(None));
    assert_eq!(sender.force_send(2), Ok(Some(1)));
    assert!(receive.is_woken());
    assert_eq!(receive.ready(), Ok(2));
    // Over many segments, while the receiver takes almost nothing.
    for message in 3..5000 {
        assert_eq!(sender.force_send(message).unwrap(), (message > 3).then(|| message - 1));
    }
    assert_eq!(receiver.try_recv(), Ok(4999));
    assert!(receiver.try_recv().is_err());
}

/// Senders displace messages while the single receiver takes messages: each message is returned exactly once.
#[test]
fn forced_sends_that_race_with_a_single_receiver_lose_nothing() {
    let _watchdog = watchdog();
    const EACH: usize = 20_000;
    let (sender, mut receiver) = mpsc::bounded(2);
    let mut out: Vec<usize> = thread::scope(|scope| {
        let senders: Vec<_> = (0..2)
            .map(|by| {
                let sender = sender.clone();
                scope.spawn(move || {
                    let messages = (0..EACH).map(|number| 2 * number + by);
                    messages.filter_map(|message| sender.force_send(message).unwrap()).collect::<Vec<_>>()
                })
            })
            .collect();
        drop(sender);
        let received: Vec<usize> = receiver.iter().collect();
        for by in 0..2 {
            assert!(received.iter().filter(|message| *message % 2 == by).is_sorted(), "out of order");
        }
        senders.into_iter().flat_map(|sender| sender.join().unwrap()).chain(received).collect()
    });
    out.sort_unstable();
    assert!(out.iter().copied().eq(0..2 * EACH), "lost or doubled");
}

/// Beside forced puts another thread never counts more items than the capacity, and never drains more at
/// once.
#[test]
fn forced_puts_never_exceed_the_capacity() {
    let _watchdog = watchdog();
    for queue in [Queue::bounded(2), Queue::with_permits(2)] {
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let putters: Vec<_> = (0..2)
                .map(|_| scope.spawn(|| (0..5_000).for_each(|item| assert!(queue.force_put(item).is_ok()))))
                .collect();
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    assert!(queue.len() <= 2);
                    assert!(queue.drain().len() <= 2);
                }
            });
            putters.into_iter().for_each(|putter| putter.join().unwrap());
            done.store(true, Ordering::Relaxed);
        });
        assert!(queue.len() <= 2);
    }
}
