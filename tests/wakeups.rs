//! One item wakes one waiter, and no waiter sleeps while an item is available that no other waiter will take.

mod common;

use common::{watchdog, Probe};
use joinq::Queue;
use std::task::Poll;

#[test]
fn one_item_wakes_one_getter() {
    let queue = Queue::unbounded();
    let mut first = Probe::pending(queue.get());
    let second = Probe::pending(queue.get());
    queue.try_put(1).unwrap();
    assert!(first.is_woken());
    assert_eq!(first.poll(), Poll::Ready(Ok(1)));
    drop(first);
    assert!(!second.is_woken(), "the item is taken: there is nothing to be woken for");
    queue.try_put(2).unwrap();
    assert!(second.is_woken());
}

/// A get that begins to wait alone waits in another place than those that follow it.
#[test]
fn gets_are_woken_in_the_order_in_which_they_began_to_wait() {
    let queue = Queue::unbounded();
    let mut waiting: Vec<_> = (0..3).map(|_| Probe::pending(queue.get())).collect();
    for item in 0..12 {
        queue.try_put(item).unwrap();
        let woken: Vec<bool> = waiting.iter().map(Probe::is_woken).collect();
        assert_eq!(woken, [true, false, false]);
        assert_eq!(waiting.remove(0).poll(), Poll::Ready(Ok(item)));
        // In between they all end, so that the next one waits alone.
        if item % 4 == 3 {
            waiting.clear();
        }
        while waiting.len() < 3 {
            waiting.push(Probe::pending(queue.get()));
        }
    }
}

#[test]
fn a_get_that_is_dropped_leaves_its_place_to_the_next() {
    let queue = Queue::unbounded();
    let (first, second) = (Probe::pending(queue.get()), Probe::pending(queue.get()));
    drop(first);
    let third = Probe::pending(queue.get());
    queue.try_put(1).unwrap();
    assert!(second.is_woken() && !third.is_woken());
    drop(second);
    assert!(third.is_woken(), "the item is not taken: the next get may take it");
}

#[test]
fn one_free_slot_wakes_one_putter() {
    let queue = Queue::bounded(1);
    queue.try_put(0).unwrap();
    let mut first = Probe::pending(queue.put(1));
    let second = Probe::pending(queue.put(2));
    assert_eq!(queue.try_get(), Ok(0));
    assert_eq!(first.poll(), Poll::Ready(Ok(())));
    drop(first);
    assert!(!second.is_woken(), "the free slot is used: no other put may be woken");
    assert_eq!(queue.try_get(), Ok(1));
    assert!(second.is_woken());
}

/// While a notified thread has not run yet, no other waiter is notified: the thread does it when it runs.
#[test]
fn a_notified_thread_notifies_waiters_of_items_put_meanwhile() {
    let _watchdog = watchdog();
    let queue = Queue::unbounded();
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| queue.get().wait());
        // Until the thread has registered: it parks soon after.
        std::thread::sleep(std::time::Duration::from_millis(50));
        let tasks = [Probe::pending(queue.get()), Probe::pending(queue.get())];
        queue.try_put_many([1, 2, 3]).unwrap();
        assert!(thread.join().unwrap().is_ok());
        assert!(tasks.iter().all(Probe::is_woken), "an item is in the queue and no waiter is notified");
        tasks.into_iter().for_each(|task| assert!(task.ready().is_ok()));
    });
}

#[cfg(feature = "stream")]
#[test]
fn an_idle_stream_keeps_no_other_getter_asleep() {
    use futures_core::Stream;

    let queue = Queue::unbounded();
    let mut idle = Probe::new(queue.stream());
    assert!(idle.poll_with(|stream, context| stream.poll_next(context)).is_pending());
    let mut other = Probe::new(queue.stream());
    assert!(other.poll_with(|stream, context| stream.poll_next(context)).is_pending());
    let mut getter = Probe::pending(queue.get());
    queue.try_put(1).unwrap();
    // The first stream was polled once in a `select!` that took another branch; it is kept for later.
    assert!(other.is_woken() && getter.is_woken());
    assert_eq!(getter.poll(), Poll::Ready(Ok(1)));
}
