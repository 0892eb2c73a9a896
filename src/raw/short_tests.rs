//! Unit tests of the short segments at the beginning of a queue.

use super::span::Span;
use super::tests::{LEN, SHORT};
use super::*;

fn events() -> Events {
    Events::default()
}

#[test]
fn no_fast_path_claims_a_slot_of_a_short_segment() {
    let queue = RawQueue::new();
    for n in 0..SHORT {
        assert!(matches!(queue.try_claim_push(), Err(PushFallback::General)));
        assert!(matches!(queue.try_claim_push_unlimited(), Err(PushFallback::General)));
        assert!(matches!(queue.try_claim_push_within(3), Err(PushFallback::General)));
        assert!(matches!(queue.try_claim_push_and_look(3), Err(PushFallback::General)));
        queue.push_before_claim_limit(n, 3, &mut events()).unwrap();
        assert!(matches!(queue.try_claim_pop(), Err(PopFallback::General)));
        assert!(matches!(queue.try_claim_pop_and_look(), Err(PopFallback::General)));
        assert_eq!((queue.pop(&mut events()), queue.pop(&mut events())), (Ok(n), Err(PopError::Empty)));
        assert!(queue.tail.cursor().is_short() && queue.looks_empty() && queue.len() == 0);
    }
    queue.push(0, 3, &mut events()).unwrap();
    assert_eq!(queue.pop(&mut events()), Ok(0));
    assert!(!queue.tail.cursor().is_short());
    let Ok(_never_used) = queue.try_claim_push_within(3) else { panic!("a long segment has a fast path") };
}

#[test]
fn the_parts_of_a_segment_do_not_overlap() {
    fn check<T>() {
        let mut span = Span::SENTINEL;
        for _ in 0..6 {
            span = span.next(Segment::<T>::LEN);
            let segment = Segment::<T>::allocate(span, 0);
            let mut parts = vec![(segment.address(), std::mem::size_of::<segment::Header>())];
            for index in span.start..Segment::<T>::LEN {
                // SAFETY: the segment is this test's.
                let slot::Slot { consumer, state, producer, value } = unsafe { segment.slot(index) };
                assert_eq!(value as usize % std::mem::align_of::<T>(), 0);
                parts.extend([consumer, state, producer].map(|byte| (byte as usize, 1)));
                parts.push((value as usize, std::mem::size_of::<T>()));
            }
            parts.sort_unstable();
            assert!(parts.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0), "{} slots", parts.len() / 4);
            // SAFETY: as above; the segment is empty.
            unsafe { segment.free() };
        }
    }
    check::<u8>();
    check::<u64>();
    check::<[u64; 8]>();
    check::<[u8; 4096]>();
}

#[test]
fn a_reused_segment_is_never_a_short_one() {
    let queue = RawQueue::new();
    let mut addresses = Vec::new();
    for n in 0..SHORT + 4 * LEN {
        queue.push(n, UNBOUNDED, &mut events()).unwrap();
        let cursor = queue.tail.cursor();
        if addresses.last() != Some(&cursor.address()) {
            addresses.push(cursor.address());
        }
        assert_eq!(cursor.is_short(), n < SHORT);
        assert_eq!(queue.pop(&mut events()), Ok(n));
        assert!(segment::live::segments() <= 2);
    }
    // Four short segments, and two long ones in turn.
    assert_eq!((addresses.len(), addresses[4] == addresses[6], addresses[5] == addresses[7]), (8, true, true));
}

#[test]
fn a_retired_short_segment_is_freed_when_it_is_done() {
    // A pop is stopped at each slot in turn.
    for slot in 0..SHORT {
        let queue = RawQueue::new();
        let pass = |n| {
            queue.push(n, UNBOUNDED, &mut events()).unwrap();
            assert_eq!(queue.pop(&mut events()), Ok(n));
        };
        (0..slot).for_each(pass);
        queue.push(slot, UNBOUNDED, &mut events()).unwrap();
        // Like a pop that is stopped after its claim.
        let Ok(claim) = queue.claim_pop(1) else { panic!("there is an item") };
        (slot + 1..SHORT + 2).for_each(pass);
        // That of the claim, and a long one.
        assert_eq!(segment::live::segments(), 2, "slot {slot}");
        assert!(matches!(queue.take(claim), slot::Found::Value(value) if value == slot));
        (0..2 * LEN).for_each(pass);
        assert_eq!(segment::live::segments(), 2, "slot {slot}");
    }
}

#[test]
fn a_push_that_loses_the_race_for_a_short_link_keeps_its_item() {
    let queue = RawQueue::new();
    (0..8).for_each(|n| queue.push(n, UNBOUNDED, &mut events()).unwrap());
    let edge = queue.tail.cursor();
    let (first, second) = (queue.link(&queue.tail, edge).unwrap(), queue.tail.cursor());
    assert_eq!((first.next_span().first(), first.next_span().start), (LEN + 8, LEN - 16));
    queue.push(8, UNBOUNDED, &mut events()).unwrap();
    // A late helper finds the link and moves nothing.
    let mut value = Some(9);
    assert!(queue.append(second, &mut value, UNBOUNDED, &mut events()).is_ok() && value == Some(9));
    drop(first);
    assert!((0..9).all(|n| queue.pop(&mut events()) == Ok(n)));
    assert_eq!((queue.pop(&mut events()), queue.len(), queue.claims()), (Err(PopError::Empty), 0, 9));
}
