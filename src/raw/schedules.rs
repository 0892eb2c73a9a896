//! Schedules, for the tests: 256 segments of items pass between the look and the claim of an operation, so that its word comes
//! back to the same bits.

use super::tests::{pop_up_to, push_all};
use super::*;
use std::collections::VecDeque;
use std::rc::Rc;

/// A segment of eight slots, so that not so many items pass before a word comes back.
type Eighth = [u8; 512];
const TURN: u64 = 256 * Segment::<Eighth>::LEN;

/// For each slot of a segment but the first, which is filled by who appends, and for both ways to claim: an empty queue whose
/// ends are there, and which has its memory.
fn each_turn(test: impl Fn(Rc<RawQueue<Eighth>>, bool)) {
    for slot in 1..Segment::<Eighth>::LEN {
        for batch in [false, true] {
            let queue = Rc::new(RawQueue::new());
            pass(&queue, Segment::<Eighth>::LEN + slot);
            test(queue, batch);
        }
    }
}

fn pass(queue: &RawQueue<Eighth>, items: u64) {
    for _ in 0..items {
        assert!(offer(queue, 0, false) && queue.pop(&mut Events::default()).is_ok());
    }
}

fn offer(queue: &RawQueue<Eighth>, byte: u8, batch: bool) -> bool {
    match batch {
        false => queue.push([byte; 512], 1, &mut Events::default()).is_ok(),
        true => push_all(queue, &mut VecDeque::from([[byte; 512]]), 1, &mut Events::default()).is_ok(),
    }
}

fn byte(queue: &RawQueue<Eighth>, batch: bool) -> Result<u8, PopError> {
    let mut values = Vec::new();
    match batch {
        false => queue.pop(&mut Events::default()).map(|value| value[0]),
        true => pop_up_to(queue, &mut values, 2, &mut Events::default()).map(|_| values[0][0]),
    }
}

#[test]
fn a_put_whose_word_came_back_goes_into_an_empty_queue() {
    each_turn(|queue, batch| {
        let (seen, other) = (queue.tail.cursor(), queue.clone());
        hooks::meanwhile(move || {
            pass(&other, TURN);
            assert!(other.tail.cursor() == seen && other.len() == 0);
        });
        assert!(offer(&queue, 1, batch), "full, though nothing was inside");
        assert_eq!((queue.len(), queue.holes()), (1, 0));
        assert!(!offer(&queue, 2, batch));
        assert_eq!((byte(&queue, batch), byte(&queue, batch)), (Ok(1), Err(PopError::Empty)));
    });
}

#[test]
fn a_put_whose_word_came_back_leaves_a_full_queue_as_it_is() {
    each_turn(|queue, batch| {
        let (seen, other) = (queue.tail.cursor(), queue.clone());
        hooks::meanwhile(move || {
            pass(&other, TURN - 1);
            assert!(offer(&other, 1, false));
            assert!(other.tail.cursor() == seen && other.len() == 1);
        });
        assert!(!offer(&queue, 2, batch), "beyond the bound");
        assert_eq!((queue.len(), queue.holes()), (1, 1));
        assert_eq!(byte(&queue, batch), Ok(1));
        // The hole stands between the head and the tail still.
        assert_eq!(queue.len(), 0);
        assert!(queue.fence_pops(1), "a waiter goes to sleep for a hole");
        assert!(offer(&queue, 3, batch), "full, though nothing is inside");
        assert!(queue.len() == 1 && !offer(&queue, 4, batch));
        assert_eq!((byte(&queue, batch), queue.len()), (Ok(3), 0));
        assert_eq!(byte(&queue, batch), Err(PopError::Empty));
        pass(&queue, TURN);
        assert_eq!(queue.holes(), 1);
    });
}

#[test]
fn a_get_whose_word_came_back_to_an_empty_queue_finds_it_empty() {
    each_turn(|queue, batch| {
        assert!(offer(&queue, 1, false));
        let (seen, other) = (queue.head.cursor(), queue.clone());
        hooks::meanwhile(move || {
            assert_eq!(byte(&other, false), Ok(1));
            pass(&other, TURN - 1);
            assert!(other.head.cursor() == seen && other.len() == 0);
        });
        assert_eq!((byte(&queue, batch), queue.len()), (Err(PopError::Empty), 0));
        // The get has gone ahead of the tail, and its slot was no place for an item.
        assert!(offer(&queue, 2, false));
        assert_eq!((queue.len(), queue.holes()), (1, 1));
        assert!(!offer(&queue, 3, false));
        assert_eq!((byte(&queue, batch), byte(&queue, batch)), (Ok(2), Err(PopError::Empty)));
    });
}
