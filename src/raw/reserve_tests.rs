//! Unit tests of slots that are claimed before their value is there, at every offset of a segment.

use super::tests::LEN;
use super::*;

fn events() -> Events {
    Events::default()
}

/// A queue whose ends are `offset` slots behind the beginning of a segment.
fn queue_at(offset: u64) -> RawQueue<u64> {
    let queue = RawQueue::new();
    for _ in 0..offset {
        queue.push(0, UNBOUNDED, &mut events()).unwrap();
        queue.pop(&mut events()).unwrap();
    }
    queue
}

#[test]
fn a_reserved_slot_counts_as_an_item_and_keeps_its_place() {
    for offset in 0..2 * LEN + 2 {
        let queue = queue_at(offset);
        queue.push(1, 3, &mut events()).unwrap();
        let slot = queue.reserve(3, &mut events()).unwrap();
        queue.push(3, 3, &mut events()).unwrap();
        assert_eq!(queue.len(), 3);
        assert_eq!(queue.push(4, 3, &mut events()), Err(PushError::Full(4)));
        assert!(matches!(queue.reserve(3, &mut events()), Err(PushError::Full(()))));
        let mut published = events();
        assert_eq!(slot.publish(2, &mut published), None);
        assert_eq!(published, Events { pushed: 1, ..events() });
        assert_eq!([(); 3].map(|()| queue.pop(&mut events())), [Ok(1), Ok(2), Ok(3)]);
        assert_eq!(queue.pop(&mut events()), Err(PopError::Empty));
        assert_eq!(queue.claims() - queue.holes(), offset + 3);
    }
}

#[test]
fn a_pop_does_not_wait_for_a_reserved_slot() {
    for offset in 0..2 * LEN + 2 {
        let queue = queue_at(offset);
        let slot = queue.reserve(2, &mut events()).unwrap();
        assert_eq!(queue.pop(&mut events()), Err(PopError::Empty));
        queue.push(2, 2, &mut events()).unwrap();
        assert_eq!(queue.pop(&mut events()), Ok(2));
        let mut refused = events();
        assert_eq!(slot.publish(1, &mut refused), Some(1));
        assert_eq!(refused, Events { holes: 1, ..events() });
        assert_eq!((queue.len(), queue.claims() - queue.holes()), (0, offset + 1));
    }
}

#[test]
fn an_abandoned_slot_is_free_again() {
    for offset in 0..2 * LEN + 2 {
        let queue = queue_at(offset);
        let mut abandoned = events();
        queue.reserve(1, &mut events()).unwrap().abandon(&mut abandoned);
        assert_eq!(abandoned, Events { freed: 1, holes: 1, ..events() });
        drop(queue.reserve(1, &mut events()).unwrap());
        queue.push(1, 1, &mut events()).unwrap();
        assert_eq!(queue.push(2, 1, &mut events()), Err(PushError::Full(2)));
        assert_eq!(queue.pop(&mut events()), Ok(1));
    }
}

#[test]
fn abandoned_slots_that_the_head_has_passed_cost_nothing() {
    let queue = queue_at(0);
    for round in 0..10 * LEN {
        for left in (1..3).rev() {
            queue.reserve(2, &mut events()).unwrap().abandon(&mut events());
            assert_eq!(queue.len(), 2 - left);
            queue.push(round, 2, &mut events()).unwrap();
        }
        assert_eq!(queue.push(0, 2, &mut events()), Err(PushError::Full(0)));
        assert_eq!([(); 2].map(|()| queue.pop(&mut events())), [Ok(round); 2]);
        assert_eq!((queue.len(), queue.claims() - queue.holes()), (0, 2 * (round + 1)));
    }
    assert!(queue.cold.ahead.entries() <= 2, "the entries are reused");
}

/// A list with an entry would send each later push to the exact count.
#[test]
fn an_abandoned_slot_that_the_head_has_passed_is_not_listed() {
    for offset in 0..2 * LEN + 2 {
        let queue = queue_at(offset);
        let slot = queue.reserve(2, &mut events()).unwrap();
        queue.push(2, 2, &mut events()).unwrap();
        assert_eq!(queue.pop(&mut events()), Ok(2));
        let mut abandoned = events();
        slot.abandon(&mut abandoned);
        assert_eq!(abandoned, Events { freed: 1, holes: 1, ..events() });
        assert_eq!((queue.cold.ahead.entries(), queue.len(), queue.claims() - queue.holes()), (0, 0, offset + 1));
    }
}

/// Each count is that of one moment, also while entries of holes are reused. One item goes around, and each of
/// two threads has a slot at times: a thread that has the item finds a free slot.
#[test]
fn counts_are_exact_while_slots_are_abandoned() {
    let queue = RawQueue::new();
    queue.push(0, 2, &mut events()).unwrap();
    std::thread::scope(|scope| {
        let around = || {
            for _ in 0..20_000 {
                if let Ok(item) = queue.pop(&mut events()) {
                    queue.push(item, 2, &mut events()).unwrap();
                }
                if let Ok(slot) = queue.reserve(2, &mut events()) {
                    slot.abandon(&mut events());
                }
            }
        };
        let threads = [scope.spawn(around), scope.spawn(around)];
        while !threads.iter().all(|thread| thread.is_finished()) {
            assert!(queue.len() <= 2);
        }
    });
    assert_eq!(queue.len(), 1);
}

#[test]
fn a_closed_queue_has_no_slot_to_reserve_but_takes_a_value_that_follows() {
    for offset in 0..2 * LEN + 2 {
        let queue = queue_at(offset);
        let slot = queue.reserve(1, &mut events()).unwrap();
        queue.close(&mut events());
        assert!(matches!(queue.reserve(UNBOUNDED, &mut events()), Err(PushError::Closed(()))));
        assert_eq!(slot.publish(1, &mut events()), None);
        assert_eq!((queue.pop(&mut events()), queue.pop(&mut events())), (Ok(1), Err(PopError::Closed)));
    }
}

#[test]
fn many_threads_reserve_publish_and_pop() {
    const ROUNDS: u64 = 2_000;
    let queue = RawQueue::new();
    let (mut sum, mut count) = (0, 0);
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let queue = &queue;
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let mut value = 2 * round + thread;
                    loop {
                        match queue.reserve(4, &mut events()) {
                            Ok(slot) if value % 7 == 0 => slot.abandon(&mut events()),
                            Ok(slot) => match slot.publish(value, &mut events()) {
                                None => break,
                                Some(refused) => value = refused,
                            },
                            Err(_) => std::thread::yield_now(),
                        }
                        if value % 7 == 0 {
                            while queue.push(value, 4, &mut events()).is_err() {
                                std::thread::yield_now();
                            }
                            break;
                        }
                    }
                }
            });
        }
        while count < 2 * ROUNDS {
            match queue.pop(&mut events()) {
                Ok(value) => (sum, count) = (sum + value, count + 1),
                Err(_) => std::thread::yield_now(),
            }
        }
    });
    assert_eq!((sum, queue.len()), (ROUNDS * (2 * ROUNDS - 1), 0));
}

#[test]
fn an_append_returns_a_claim_only_of_a_slot_without_a_value() {
    for offset in [0, super::tests::SHORT, super::tests::SHORT + LEN] {
        for is_filled in [true, false] {
            let queue = queue_at(offset);
            let edge = queue.tail.cursor();
            let mut value = is_filled.then_some(7);
            let Ok(claim) = queue.append(edge, &mut value, UNBOUNDED, &mut events()) else { panic!("it is open") };
            // The ticket of a value that was filled in is used: a get may have taken the value, and the segment may be
            // reused.
            assert_eq!((claim.is_some(), value, queue.len()), (!is_filled, None, 1), "offset {offset}");
            if let Some(claim) = claim {
                assert_eq!(queue.publish_one(claim, 7, &mut events()), None);
            }
            assert_eq!((queue.pop(&mut events()), queue.pop(&mut events())), (Ok(7), Err(PopError::Empty)));
        }
    }
}
