//! Wrong results: closed, empty, full, lengths, capacities.

use crate::common::{watchdog, Item, Ledger, Probe};
use joinq::{bounded, mpsc, unbounded, Queue, Selector, TryGetError, TryPutError};
use std::sync::Arc;

/// The results of `try_put`, `try_get`, `is_closed`, `is_empty` and `is_full` in each state of a queue with permits.
#[test]
fn museum_065_the_result_of_each_state_is_the_documented_one() {
    use TryGetError::{Closed, Empty};
    type State = (Result<(), TryPutError<u8>>, Result<u8, TryGetError>, [bool; 3]);
    fn state(queue: &Queue<u8>) -> State {
        let queries = [queue.is_closed(), queue.is_empty(), queue.is_full()];
        (queue.try_put(9), queue.try_get(), queries)
    }
    let queue = Queue::with_permits(2);
    assert_eq!(state(&queue), (Ok(()), Ok(9), [false, true, false]));
    let mut permits = queue.try_reserve(2).unwrap();
    assert_eq!(state(&queue), (Err(TryPutError::Full(9)), Err(Empty), [false, true, true]));
    permits.put(1);
    assert_eq!(state(&queue), (Err(TryPutError::Full(9)), Ok(1), [false, false, true]));
    queue.close();
    // A permit is held, so that an item may follow.
    assert_eq!(state(&queue), (Err(TryPutError::Closed(9)), Err(Empty), [true, true, false]));
    permits.put(2);
    assert_eq!(state(&queue), (Err(TryPutError::Closed(9)), Ok(2), [true, false, false]));
    drop(permits);
    assert_eq!(state(&queue), (Err(TryPutError::Closed(9)), Err(Closed), [true, true, false]));

    for queue in [Queue::bounded(1), Queue::bounded(0), Queue::unbounded(), Queue::with_permits(1)] {
        let had = queue.try_put(1).is_ok();
        assert_eq!(queue.is_full(), queue.capacity().is_some());
        queue.close();
        assert_eq!(queue.try_put(2), Err(TryPutError::Closed(2)));
        assert_eq!(queue.try_get(), if had { Ok(1) } else { Err(Closed) });
        assert_eq!((queue.try_get(), queue.try_get_many(&mut Vec::new(), 1)), (Err(Closed), Err(Closed)));
    }
}

/// All queries, at each offset of several segments, for one and for several items in the queue.
#[test]
fn museum_066_queries_are_right_at_each_offset_of_a_segment() {
    fn check<T: Clone>(item: T) {
        for inside in [1, 2, 31, 64] {
            let (unbounded, bounded) = (Queue::unbounded(), Queue::bounded(inside));
            let (sender, mut receiver) = mpsc::bounded(inside);
            for _ in 0..700 {
                for n in 0..inside {
                    for queue in [&unbounded, &bounded] {
                        assert_eq!((queue.len(), queue.is_empty()), (n, n == 0));
                        assert!(!queue.is_full() && queue.try_put(item.clone()).is_ok());
                    }
                    assert_eq!((receiver.len(), sender.len(), receiver.is_empty()), (n, n, n == 0));
                    assert!(!receiver.is_full() && sender.try_send(item.clone()).is_ok());
                }
                assert!(bounded.is_full() && sender.is_full() && !unbounded.is_full());
                assert!(bounded.try_put(item.clone()).is_err_and(|error| error.is_full()));
                for n in (0..inside).rev() {
                    assert!(unbounded.try_get().is_ok() && bounded.try_get().is_ok() && receiver.try_recv().is_ok());
                    assert_eq!((unbounded.len(), bounded.len(), receiver.len()), (n, n, n));
                    assert_eq!((unbounded.is_empty(), bounded.is_empty(), sender.is_empty()), (n == 0, n == 0, n == 0));
                }
                assert!(unbounded.try_get().is_err_and(|error| error.is_empty()));
                assert!(receiver.try_recv().is_err_and(|error| error.is_empty()));
                // One more item, so that the next round starts at another offset.
                assert!(unbounded.try_put(item.clone()).is_ok() && unbounded.try_get().is_ok());
                assert!(bounded.try_put(item.clone()).is_ok() && bounded.try_get().is_ok());
                assert!(sender.try_send(item.clone()).is_ok() && receiver.try_recv().is_ok());
            }
        }
    }
    check(1_u64);
    check([1_u8; 600]);
    check(());
}

#[test]
fn museum_074_neither_clones_nor_cancellations_change_the_capacity() {
    let _watchdog = watchdog();
    for (sender, receiver) in [bounded(3), joinq::with_permits(3)] {
        let handles: Vec<_> = (0..50).map(|_| (sender.clone(), receiver.clone())).collect();
        for round in 0..50 {
            let sent = handles.iter().filter(|(sender, _)| sender.try_send(round).is_ok()).count();
            assert_eq!((sent, sender.len(), sender.remaining_capacity()), (3, 3, Some(0)));
            // Sends that wait, and are dropped before or after a message was taken.
            let waiting: Vec<_> = handles.iter().map(|(sender, _)| Probe::pending(sender.send(round))).collect();
            let kept = waiting.into_iter().skip(round % 5 * 10).collect::<Vec<_>>();
            assert_eq!(receiver.try_recv(), Ok(round));
            drop(kept);
            assert!(receiver.len() <= 3);
            drop(handles[round].1.drain());
            assert_eq!((sender.len(), sender.remaining_capacity()), (0, Some(3)));
        }
    }
}

#[test]
fn museum_078_operations_that_are_never_polled_drop_their_items_once() {
    let _watchdog = watchdog();
    for make in [Queue::bounded, Queue::with_permits] {
        let ledger = Ledger::new();
        let mut ids = 0..;
        let mut item = || ledger.item(ids.next().unwrap());
        let queue: Arc<Queue<Item>> = Arc::new(make(4));
        drop(queue.put(item()));
        drop(queue.put_many([item(), item()]));
        drop(queue.clone().put_owned(item()));
        drop(queue.clone().put_many_owned([item(), item()]));
        drop(queue.put(item()).until(std::future::ready(())));
        let mut lent = Some(item());
        drop(Selector::new().put(&queue, &mut lent, |_| ()));
        drop(lent);
        drop((queue.get(), queue.get_task(), queue.clone().get_owned(), queue.join(), queue.closed()));
        let (sender, receiver) = unbounded();
        drop(sender.send(item()));
        drop(sender.send_many([item(), item()]));
        drop(sender.clone().into_send(item()));
        drop(sender.clone().into_send_many([item(), item()]));
        let mut lent = Some(item());
        drop(Selector::new().send(&sender, &mut lent, |_| ()));
        drop(lent);
        drop((receiver.recv(), receiver.clone().into_recv()));
        assert!(queue.is_empty() && receiver.is_empty());
        assert_eq!(ledger.dropped(), 15);
        ledger.settle();
    }
}

/// Both queues are closed with items. A select reports the end of a queue only after its last item, and a select
/// over one queue twice takes each item once.
#[test]
fn museum_079_a_select_takes_the_items_of_each_queue_before_its_end() {
    let _watchdog = watchdog();
    for biased in [false, true] {
        let queues = [Queue::unbounded(), Queue::bounded(300)];
        for (at, queue) in queues.iter().enumerate() {
            queue.try_put_many((0..300).map(|n| (at, n))).unwrap();
            queue.close();
        }
        let [mut got, mut ended] = [[0; 2], [0; 2]];
        while ended.contains(&0) {
            let selector = if biased { Selector::biased() } else { Selector::new() };
            let mut selector = selector;
            for at in [0, 1, 0] {
                if ended[at] == 0 {
                    selector = selector.get(&queues[at], move |got| (at, got));
                }
            }
            match selector.wait() {
                (at, Ok(item)) => {
                    assert_eq!(item, (at, got[at]));
                    got[at] += 1;
                }
                (at, Err(_)) => {
                    assert_eq!(got[at], 300, "the end of queue {at} before its last item");
                    ended[at] += 1;
                }
            }
        }
    }
}

/// The vector has items, with and without spare capacity, in each state of the queue.
#[test]
fn museum_080_a_batch_is_appended_to_what_the_vector_holds() {
    let _watchdog = watchdog();
    for held in [0, 1, 3, 1000] {
        for inside in [0, 1, 5, 700] {
            for limit in [0, 1, 5, 700, usize::MAX] {
                for closed in [false, true] {
                    let queue = Queue::unbounded();
                    queue.try_put_many(0..inside).unwrap();
                    if closed {
                        queue.close();
                    }
                    let mut items = vec![usize::MAX; held];
                    let got = queue.try_get_many(&mut items, limit);
                    let count = inside.min(limit);
                    assert!(items[..held].iter().all(|&item| item == usize::MAX));
                    assert!(items[held..].iter().copied().eq(0..count));
                    match got {
                        Ok(got) => assert_eq!(got, count),
                        Err(error) => assert!(inside == 0 && error.is_closed() == closed, "{error:?}"),
                    }
                    let mut get = Probe::new(queue.get_many(&mut items, limit));
                    let ready = get.poll().is_ready();
                    drop(get);
                    assert_eq!(ready, limit == 0 || closed || inside > limit, "{held} {inside} {limit} {closed}");
                    assert!(items[held..].iter().copied().eq(0..items.len() - held));
                }
            }
        }
    }
}
