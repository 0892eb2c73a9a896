//! The order of items, capacities, batches and iterators.

mod common;

use common::watchdog;
use joinq::{Queue, TryGetError, TryPutError};
use std::thread;

/// Capacities around every edge: 1, powers of two, and the 256 slots of a segment of `u64`s.
const CAPACITIES: [usize; 8] = [1, 2, 3, 63, 64, 65, 256, 257];

#[test]
fn items_are_returned_in_fifo_order() {
    let queue = Queue::unbounded();
    for n in 0..2000 {
        queue.try_put(n).unwrap();
    }
    assert!((0..2000).all(|n| queue.try_get() == Ok(n)));
    assert_eq!(queue.try_get(), Err(TryGetError::Empty));
}

#[test]
fn the_bound_is_exact_at_every_offset_of_a_segment() {
    for capacity in CAPACITIES {
        let queue = Queue::bounded(capacity);
        let mut offset = 0;
        while offset < 520 * capacity.max(2) && offset < 40_000 {
            for n in 0..capacity {
                assert_eq!((queue.len(), queue.is_full(), queue.is_empty()), (n, false, n == 0));
                queue.try_put(n).unwrap();
            }
            assert_eq!((queue.try_put(9), queue.len()), (Err(TryPutError::Full(9)), capacity));
            assert!(queue.is_full() && !queue.is_empty());
            assert!((0..capacity).all(|n| queue.try_get() == Ok(n)));
            // One more item, so that the next round starts at another offset of the segment.
            queue.try_put(0).unwrap();
            queue.try_get().unwrap();
            offset += capacity + 1;
        }
        assert_eq!(queue.try_get(), Err(TryGetError::Empty));
    }
}

#[test]
fn a_batch_stops_exactly_at_the_bound_at_every_offset() {
    for capacity in CAPACITIES {
        let queue = Queue::bounded(capacity);
        for shift in 0..260 {
            let rest = queue.try_put_many(0..capacity + 3).unwrap_err();
            assert!(rest.is_full());
            assert_eq!(rest.into_inner(), [capacity, capacity + 1, capacity + 2]);
            let mut got = vec![usize::MAX];
            assert_eq!(queue.try_get_many(&mut got, usize::MAX), Ok(capacity), "shift {shift}");
            assert!(got[0] == usize::MAX && got[1..].iter().copied().eq(0..capacity));
            assert_eq!(queue.try_get_many(&mut got, 1), Err(TryGetError::Empty));
            queue.try_put(0).unwrap();
            queue.try_get().unwrap();
        }
    }
}

#[test]
fn any_capacity_is_accepted() {
    for capacity in [usize::MAX, usize::MAX - 1, isize::MAX as usize, isize::MAX as usize + 1] {
        let queue = Queue::bounded(capacity);
        assert_eq!((queue.capacity(), queue.len()), (Some(capacity), 0));
        queue.try_put_many(0..1000).unwrap();
        assert!(!queue.is_full());
        assert!(queue.try_iter().eq(0..1000));
    }
    assert_eq!(Queue::<u8>::unbounded().capacity(), None);
    assert!(!Queue::<u8>::unbounded().is_full());
}

#[test]
fn an_empty_batch_completes_at_once() {
    let _watchdog = watchdog();
    let queue = Queue::<u8>::bounded(1);
    assert_eq!(queue.put_many([]).wait(), Ok(()));
    assert_eq!(queue.try_put_many([]), Ok(()));
    let mut items = Vec::new();
    assert_eq!(queue.get_many(&mut items, 0).wait(), Ok(0));
    assert_eq!(queue.try_get_many(&mut items, 0), Ok(0));
    assert!(items.is_empty() && queue.is_empty());
}

#[test]
fn a_batch_larger_than_the_capacity_waits_and_is_put_whole() {
    let _watchdog = watchdog();
    let queue = Queue::bounded(3);
    thread::scope(|scope| {
        scope.spawn(|| queue.put_many(0..1000).wait().unwrap());
        let mut got = Vec::new();
        while got.len() < 1000 {
            let before = got.len();
            let count = queue.get_many(&mut got, 10).wait().unwrap();
            assert!(count >= 1 && got.len() == before + count);
        }
        assert!(got.into_iter().eq(0..1000));
    });
}

#[test]
fn the_iterators_yield_the_items_in_the_queue_and_end_as_documented() {
    let _watchdog = watchdog();
    let queue = Queue::unbounded();
    queue.put_many(0..10).wait().unwrap();
    assert!(queue.try_iter().take(3).eq(0..3));
    assert!(queue.try_iter().eq(3..10));
    assert_eq!(queue.try_iter().next(), None);
    queue.put_many(0..10).wait().unwrap();
    queue.close();
    assert!((&queue).into_iter().take(5).eq(0..5));
    let mut iter = queue.iter();
    assert!(iter.by_ref().eq(5..10));
    assert_eq!((iter.next(), iter.next()), (None, None));
}

#[test]
fn an_iterator_waits_for_items() {
    let _watchdog = watchdog();
    let queue = Queue::bounded(1);
    thread::scope(|scope| {
        scope.spawn(|| {
            (0..500).for_each(|n| queue.put(n).wait().unwrap());
            queue.close();
        });
        assert!(queue.iter().eq(0..500));
    });
}
