//! Unit tests of the single consumer.

use super::tests::{LEN, SHORT};
use super::*;

#[test]
fn the_single_consumer_takes_no_item_twice_if_a_conversion_unwinds() {
    let mut queue = RawQueue::new();
    let mut single = queue.single_consumer();
    for n in 0..SHORT {
        queue.push(n, UNBOUNDED, &mut Events::default()).unwrap();
        assert!(queue.peek_ready(&mut single).is_none(), "a short segment has its own path");
        assert_eq!(queue.pop_single_slow(&mut single), Ok(n));
    }
    (0..3).for_each(|n| queue.push(n, UNBOUNDED, &mut Events::default()).unwrap());
    assert_eq!(queue.pop_single_slow(&mut single), Ok(0));
    let ready = queue.peek_ready(&mut single).unwrap();
    let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ready.take(|n| panic!("{n}"))));
    assert!(unwound.is_err());
    assert_eq!(queue.pop_single_slow(&mut single), Ok(2));
}

#[test]
fn a_batch_of_the_single_consumer_ends_with_the_last_item() {
    let mut queue = RawQueue::new();
    let mut single = queue.single_consumer();
    let mut values = vec![99];
    for count in [1, LEN - 1, LEN, 3 * LEN + 1] {
        (0..count).for_each(|n| queue.push(n, UNBOUNDED, &mut Events::default()).unwrap());
        assert_eq!(queue.pop_many_single(&mut single, &mut values, usize::MAX), Ok(count as usize));
        assert!(values.drain(1..).eq(0..count));
        assert_eq!(queue.pop_many_single(&mut single, &mut values, 1), Err(PopError::Empty));
    }
}

#[test]
#[should_panic(expected = "the single consumer of another queue")]
fn a_single_consumer_that_has_ended_is_rejected_by_its_queue() {
    let mut queue: RawQueue<u64> = RawQueue::new();
    let mut single = queue.single_consumer();
    queue.end_single_consumer(&mut single);
    let _ = queue.pop_single_slow(&mut single);
}

#[test]
#[should_panic(expected = "the single consumer of another queue")]
fn a_single_consumer_that_has_ended_is_rejected_by_other_queues() {
    let mut queue: RawQueue<u64> = RawQueue::new();
    let mut single = queue.single_consumer();
    queue.end_single_consumer(&mut single);
    let _ = RawQueue::new().pop_single_slow(&mut single);
}
