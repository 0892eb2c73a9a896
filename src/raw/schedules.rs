//! Unit tests with fixed schedules: 256 segments of items pass between the check and the claim of an
//! operation, so that the sequence number wraps around and the word has the same bits again.

use super::tests::{pop_up_to, push_all};
use super::*;
use std::collections::VecDeque;
use std::rc::Rc;

/// A type whose segment has eight slots, so that a wrap-around takes fewer items.
type Large = [u8; 4096];
/// The number of items after which a word has the same bits again.
const WRAP_AROUND: u64 = 256 * Segment::<Large>::LEN;

/// How values are pushed and popped.
#[derive(Clone, Copy)]
enum By {
    One,
    Batch,
}

/// Runs `test` for each slot of a segment except the first, which the appender fills, and for single and
/// batch claims. The queue is empty, its ends are at the slot, and its segments are allocated.
fn at_each_slot(test: impl Fn(Rc<RawQueue<Large>>, By)) {
    for slot in 1..Segment::<Large>::LEN {
        for by in [By::One, By::Batch] {
            let queue = Rc::new(RawQueue::new());
            pass(&queue, Segment::<Large>::LEN + slot);
            test(queue, by);
        }
    }
}

fn pass(queue: &RawQueue<Large>, items: u64) {
    for _ in 0..items {
        assert!(offer(queue, 0, By::One) && queue.pop(&mut Events::default()).is_ok());
    }
}

fn offer(queue: &RawQueue<Large>, byte: u8, by: By) -> bool {
    match by {
        By::One => queue.push([byte; 4096], 1, &mut Events::default()).is_ok(),
        By::Batch => push_all(queue, &mut VecDeque::from([[byte; 4096]]), 1, &mut Events::default()).is_ok(),
    }
}

fn byte(queue: &RawQueue<Large>, by: By) -> Result<u8, PopError> {
    let mut values = Vec::new();
    match by {
        By::One => queue.pop(&mut Events::default()).map(|value| value[0]),
        By::Batch => pop_up_to(queue, &mut values, 2, &mut Events::default()).map(|_| values[0][0]),
    }
}

#[test]
fn a_push_after_a_wrap_around_succeeds_in_an_empty_queue() {
    at_each_slot(|queue, by| {
        let (seen, other) = (queue.tail.cursor(), queue.clone());
        hooks::run_before_the_claim(move || {
            pass(&other, WRAP_AROUND);
            assert!(other.tail.cursor() == seen && other.len() == 0);
        });
        assert!(offer(&queue, 1, by), "full, though the queue was empty");
        assert_eq!((queue.len(), queue.holes()), (1, 0));
        assert!(!offer(&queue, 2, by));
        assert_eq!((byte(&queue, by), byte(&queue, by)), (Ok(1), Err(PopError::Empty)));
    });
}

#[test]
fn a_push_after_a_wrap_around_fails_in_a_full_queue() {
    at_each_slot(|queue, by| {
        let (seen, other) = (queue.tail.cursor(), queue.clone());
        hooks::run_before_the_claim(move || {
            pass(&other, WRAP_AROUND - 1);
            assert!(offer(&other, 1, By::One));
            assert!(other.tail.cursor() == seen && other.len() == 1);
        });
        assert!(!offer(&queue, 2, by), "beyond the bound");
        assert_eq!((queue.len(), queue.holes()), (1, 1));
        assert_eq!(byte(&queue, by), Ok(1));
        // The hole is still between the head and the tail.
        assert_eq!(queue.len(), 0);
        assert!(queue.fence_pops(1), "a push would wait for a hole");
        assert!(offer(&queue, 3, by), "full, though the queue is empty");
        assert!(queue.len() == 1 && !offer(&queue, 4, by));
        assert_eq!((byte(&queue, by), queue.len()), (Ok(3), 0));
        assert_eq!(byte(&queue, by), Err(PopError::Empty));
        pass(&queue, WRAP_AROUND);
        assert_eq!(queue.holes(), 1);
    });
}

#[test]
fn a_pop_after_a_wrap_around_finds_an_empty_queue_empty() {
    at_each_slot(|queue, by| {
        assert!(offer(&queue, 1, By::One));
        let (seen, other) = (queue.head.cursor(), queue.clone());
        hooks::run_before_the_claim(move || {
            assert_eq!(byte(&other, By::One), Ok(1));
            pass(&other, WRAP_AROUND - 1);
            assert!(other.head.cursor() == seen && other.len() == 0);
        });
        assert_eq!((byte(&queue, by), queue.len()), (Err(PopError::Empty), 0));
        // The pop claimed ahead of the tail and poisoned its slot, so that the push needed another slot.
        assert!(offer(&queue, 2, By::One));
        assert_eq!((queue.len(), queue.holes()), (1, 1));
        assert!(!offer(&queue, 3, By::One));
        assert_eq!((byte(&queue, by), byte(&queue, by)), (Ok(2), Err(PopError::Empty)));
    });
}

/// Runs `test` for each slot at which a push can claim before the claim limit, with a queue of at most three items that
/// is empty and whose tail is at the slot.
fn before_the_claim_limit(test: impl Fn(Rc<RawQueue<Large>>)) {
    for slot in 2..Segment::<Large>::LEN {
        let queue = Rc::new(RawQueue::new());
        pass(&queue, Segment::<Large>::LEN + slot - 1);
        assert!(offer_before(&queue, 0) && queue.pop(&mut Events::default()).is_ok());
        assert!(queue.tail.cursor().is_before(queue.tail.claim_limit(), Segment::<Large>::LEN));
        test(queue);
    }
}

fn offer_before(queue: &RawQueue<Large>, byte: u8) -> bool {
    queue.push_before_claim_limit([byte; 4096], 3, &mut Events::default()).is_ok()
}

#[test]
fn a_push_before_the_claim_limit_after_a_wrap_around_fails_in_a_full_queue() {
    before_the_claim_limit(|queue| {
        let (seen, other) = (queue.tail.cursor(), queue.clone());
        hooks::run_before_the_claim(move || {
            pass(&other, WRAP_AROUND - 3);
            assert!((1..=3).all(|byte| offer_before(&other, byte)) && !offer_before(&other, 4));
            assert!(other.tail.cursor() == seen && other.len() == 3);
        });
        assert!(!offer_before(&queue, 4), "beyond the bound");
        assert_eq!((queue.len(), queue.holes()), (3, 1));
        assert!((1..=3).all(|value| byte(&queue, By::One) == Ok(value)));
        assert_eq!((byte(&queue, By::One), queue.len()), (Err(PopError::Empty), 0));
    });
}

#[test]
fn a_push_before_the_claim_limit_after_a_wrap_around_succeeds_in_an_empty_queue() {
    before_the_claim_limit(|queue| {
        let (seen, other) = (queue.tail.cursor(), queue.clone());
        hooks::run_before_the_claim(move || {
            pass(&other, WRAP_AROUND);
            assert!(other.tail.cursor() == seen && other.len() == 0);
        });
        assert!(offer_before(&queue, 1), "full, though the queue was empty");
        assert_eq!((queue.len(), queue.holes(), byte(&queue, By::One)), (1, 0, Ok(1)));
    });
}
