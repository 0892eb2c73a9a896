//! Unit tests of the single consumer.

use super::tests::{LEN, SHORT};
use super::*;
use std::rc::Rc;

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

fn push(queue: &RawQueue<u64>, values: std::ops::Range<u64>) {
    values.for_each(|n| queue.push(n, UNBOUNDED, &mut Events::default()).unwrap());
}

/// A queue whose short segments are used up by its single consumer.
fn past_the_short_segments() -> (RawQueue<u64>, SingleConsumer<u64>) {
    let mut queue = RawQueue::new();
    let mut single = queue.single_consumer();
    push(&queue, 0..SHORT);
    assert_eq!(queue.pop_many_single(&mut single, &mut Vec::new(), SHORT as usize), Ok(SHORT as usize));
    (queue, single)
}

#[test]
#[should_panic(expected = "the queue is already in use")]
fn a_queue_has_one_single_consumer() {
    let mut queue: RawQueue<u64> = RawQueue::new();
    let _single = queue.single_consumer();
    queue.single_consumer();
}

#[test]
#[should_panic(expected = "the queue has a single consumer")]
fn no_other_thread_pops_beside_the_single_consumer() {
    let (queue, _single) = past_the_short_segments();
    push(&queue, 0..2);
    let _ = queue.pop(&mut Events::default());
}

#[test]
fn other_threads_pop_after_the_single_consumer_has_ended() {
    let (queue, mut single) = past_the_short_segments();
    push(&queue, 0..2);
    queue.end_single_consumer(&mut single);
    assert!(!queue.has_single_consumer());
    assert_eq!((queue.pop(&mut Events::default()), queue.pop(&mut Events::default())), (Ok(0), Ok(1)));
}

#[test]
fn a_dropped_queue_drops_the_items_of_its_single_consumer() {
    let value = Rc::new(());
    let mut queue = RawQueue::new();
    let _single = queue.single_consumer();
    (0..3).for_each(|_| assert!(queue.push(value.clone(), UNBOUNDED, &mut Events::default()).is_ok()));
    drop(queue);
    assert_eq!(Rc::strong_count(&value), 1);
}

#[test]
fn the_segments_of_a_single_consumer_are_reused() {
    let (queue, mut single) = past_the_short_segments();
    for n in 0..8 * LEN {
        push(&queue, n..n + 1);
        assert_eq!((queue.len(), queue.pop_single_slow(&mut single), queue.len()), (1, Ok(n), 0));
    }
    // The one in use, and the spare.
    assert!(segment::live::segments() <= 2);
}

#[test]
fn the_single_consumer_stays_in_the_segment_that_the_tail_has_not_left() {
    let (queue, mut single) = past_the_short_segments();
    push(&queue, 0..LEN);
    let mut values = Vec::new();
    assert_eq!(queue.pop_many_single(&mut single, &mut values, LEN as usize), Ok(LEN as usize));
    assert_eq!(queue.head.cursor().address(), queue.tail.cursor().address());
    assert_eq!(queue.pop_single_slow(&mut single), Err(PopError::Empty));
    assert_eq!(queue.head.cursor().address(), queue.tail.cursor().address());
}

#[test]
fn the_single_consumer_may_pop_at_an_edge() {
    let (queue, single) = past_the_short_segments();
    push(&queue, 0..1);
    assert!(queue.head.cursor().ticket() >= LEN, "the head is at the edge");
    assert!(queue.may_pop_single(&single), "a consumer that spins would miss the next segment");
}

#[test]
fn a_batch_of_the_single_consumer_ends_before_a_slot_that_is_not_published() {
    let (queue, mut single) = past_the_short_segments();
    push(&queue, 0..1);
    let Ok(ticket) = queue.try_claim_push_unlimited() else { panic!("there is a slot") };
    push(&queue, 2..3);
    let mut values = Vec::new();
    assert_eq!(queue.pop_many_single(&mut single, &mut values, 3), Ok(2));
    assert_eq!(values, [0, 2]);
    let Err(contested) = ticket.publish(1) else { panic!("the consumer has passed the slot") };
    queue.push_contested(contested, UNBOUNDED, &mut Events::default()).unwrap();
    assert_eq!((queue.pop_single_slow(&mut single), queue.holes()), (Ok(1), 1));
}

#[test]
fn a_batch_of_the_single_consumer_passes_no_slot_without_an_item() {
    let (queue, mut single) = past_the_short_segments();
    for n in 0..LEN {
        push(&queue, n..n + 1);
        let mut values = Vec::new();
        assert_eq!((queue.pop_many_single(&mut single, &mut values, 3), values), (Ok(1), vec![n]));
        assert_eq!((queue.pop_single_slow(&mut single), queue.len()), (Err(PopError::Empty), 0));
    }
    assert_eq!(queue.holes(), 0);
}

/// The tail's ticket is below that of the head, but in another segment.
#[test]
fn the_single_consumer_passes_a_claimed_slot_behind_which_the_tail_is_in_the_next_segment() {
    let (queue, mut single) = past_the_short_segments();
    push(&queue, 0..LEN - 1);
    let Ok(ticket) = queue.try_claim_push_unlimited() else { panic!("there is a slot") };
    push(&queue, LEN..LEN + 1);
    let (mut values, items) = (Vec::new(), LEN as usize);
    assert_eq!(queue.pop_many_single(&mut single, &mut values, items - 1), Ok(items - 1));
    assert_eq!(queue.pop_single_slow(&mut single), Ok(LEN));
    assert!(ticket.publish(LEN - 1).is_err());
}
