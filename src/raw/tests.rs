//! Unit tests of the core: what it promises a single thread, at every offset of a segment.

use super::fence::Handshake;
use super::span::Span;
use super::*;
use std::collections::VecDeque;

pub(super) const LEN: u64 = Segment::<u64>::LEN;
/// The slots of the short segments at the beginning of a queue.
pub(super) const SHORT: u64 = 8 + 16 + 32 + 64;

/// An empty queue whose short segments are used up.
pub(super) fn past_the_short_segments() -> RawQueue<u64> {
    let queue = RawQueue::new();
    for n in 0..SHORT {
        queue.push(n, UNBOUNDED, &mut Events::default()).unwrap();
        assert_eq!(queue.pop(&mut Events::default()), Ok(n));
    }
    queue
}

/// A new queue, whose operations take the slow paths, and one whose short segments are used up; with the number of
/// items that have passed.
fn short_and_long() -> [(RawQueue<u64>, u64); 2] {
    [(RawQueue::new(), 0), (past_the_short_segments(), SHORT)]
}

/// Acts like a pop whose claim succeeded after a wrap-around of the head's word: claims ahead of the tail,
/// and poisons the slot.
pub(super) fn pass_the_tail(queue: &RawQueue<u64>) {
    let cursor = queue.head.cursor();
    queue.head.advance(cursor, cursor.advanced(1)).unwrap();
    let claim = Claim { segment: Segment::at(cursor.address()).unwrap(), index: cursor.ticket(), count: 1 };
    assert!(matches!(queue.take(claim), slot::Found::Hole));
}

#[test]
fn items_are_popped_in_fifo_order_across_segments() {
    let queue = RawQueue::new();
    for n in 0..5 * LEN {
        queue.push(n, UNBOUNDED, &mut Events::default()).unwrap();
        assert_eq!(queue.len(), n + 1);
    }
    for n in 0..5 * LEN {
        assert_eq!(queue.pop(&mut Events::default()), Ok(n));
    }
    assert_eq!(queue.pop(&mut Events::default()), Err(PopError::Empty));
    assert_eq!((queue.claims() - queue.holes()), 5 * LEN);
}

#[test]
fn order_and_length_match_a_model() {
    let queue = RawQueue::new();
    let mut model = VecDeque::new();
    for n in 0..20 * LEN {
        for k in 0..n % 7 {
            queue.push(n + k, UNBOUNDED, &mut Events::default()).unwrap();
            model.push_back(n + k);
        }
        for _ in 0..n % 5 {
            assert_eq!(queue.pop(&mut Events::default()).ok(), model.pop_front());
        }
        assert_eq!(queue.len(), model.len() as u64);
    }
    // No pop claimed ahead of the tail.
    assert_eq!(queue.holes(), 0);
}

#[test]
fn the_bound_is_exact_at_every_offset_of_a_segment() {
    for limit in [1, 2, 3, LEN - 1, LEN, LEN + 1, 3 * LEN] {
        let queue = RawQueue::new();
        for round in 0..3 * LEN {
            let mut count = 0;
            while queue.push(round, limit, &mut Events::default()).is_ok() {
                count += 1;
            }
            assert_eq!((queue.push(0, limit, &mut Events::default()), queue.len()), (Err(PushError::Full(0)), limit));
            assert!(count <= limit);
            queue.pop(&mut Events::default()).unwrap();
        }
    }
}

#[test]
fn a_closed_queue_keeps_its_items_at_every_offset_of_a_segment() {
    for items in 0..2 * LEN + 2 {
        let queue = RawQueue::new();
        for n in 0..items {
            queue.push(n, UNBOUNDED, &mut Events::default()).unwrap();
        }
        assert!(queue.close(&mut Events::default()) && !queue.close(&mut Events::default()) && queue.is_closed());
        assert_eq!(queue.push(7, UNBOUNDED, &mut Events::default()), Err(PushError::Closed(7)));
        for n in 0..items {
            assert_eq!(queue.pop(&mut Events::default()), Ok(n));
        }
        assert_eq!(queue.pop(&mut Events::default()), Err(PopError::Closed));
        assert_eq!((queue.claims() - queue.holes()), items);
    }
}

/// Pushes values from the front of `values` until it is empty or a push is refused.
pub(super) fn push_all<T>(
    queue: &RawQueue<T>,
    values: &mut VecDeque<T>,
    limit: u64,
    events: &mut Events,
) -> Result<(), PushError<()>> {
    while !values.is_empty() {
        queue.push_run(values, limit, events)?;
    }
    Ok(())
}

/// Pops up to `limit` values.
pub(super) fn pop_up_to<T>(
    queue: &RawQueue<T>,
    values: &mut Vec<T>,
    limit: usize,
    events: &mut Events,
) -> Result<usize, PopError> {
    let before = values.len();
    while values.len() - before < limit {
        match queue.pop_run(values, limit - (values.len() - before), events) {
            Err(error) if values.len() == before => return Err(error),
            Err(_) => break,
            Ok(_) => {}
        }
    }
    Ok(values.len() - before)
}

#[test]
fn batches_cross_segments_and_stop_at_the_bound() {
    for limit in [1, LEN - 1, LEN, LEN + 3, UNBOUNDED] {
        let queue = RawQueue::new();
        for _ in 0..7 {
            let mut values: VecDeque<u64> = (0..2 * LEN + 5).collect();
            let error = push_all(&queue, &mut values, limit, &mut Events::default());
            let went = (2 * LEN + 5).min(limit);
            assert_eq!(error.is_err(), limit < 2 * LEN + 5);
            assert_eq!(values.front().copied(), (went < 2 * LEN + 5).then_some(went));
            let mut out = vec![99];
            assert_eq!(pop_up_to(&queue, &mut out, 3, &mut Events::default()), Ok(3.min(went as usize)));
            pop_up_to(&queue, &mut out, usize::MAX, &mut Events::default()).ok();
            assert!(out[1..].iter().copied().eq(0..went));
        }
        assert_eq!(queue.holes(), 0);
    }
}

#[test]
fn a_claim_after_a_wrap_around_keeps_the_bound() {
    // As if the tail's word had wrapped around between the check and the claim: the checked position is not
    // the claimed one.
    for (queue, passed) in short_and_long() {
        for n in 0..4u64 {
            queue.push(n, 4, &mut Events::default()).unwrap();
        }
        let cursor = queue.tail.cursor();
        queue.tail.advance(cursor, cursor.advanced(1)).unwrap();
        let claim = Claim { segment: Segment::at(cursor.address()).unwrap(), index: cursor.ticket(), count: 1 };
        assert!(!queue.is_within_limit(&claim, 4));
        queue.leave_holes(claim, &mut Events::default());
        queue.push(4, UNBOUNDED, &mut Events::default()).unwrap();
        assert_eq!(queue.claims() - queue.holes(), passed + 5);
        assert!((0..5).all(|n| queue.pop(&mut Events::default()) == Ok(n)));
        assert_eq!(queue.pop(&mut Events::default()), Err(PopError::Empty));
    }
}

#[test]
fn a_slot_poisoned_before_its_push_costs_only_that_slot() {
    for (queue, passed) in short_and_long() {
        queue.push(0, UNBOUNDED, &mut Events::default()).unwrap();
        queue.pop(&mut Events::default()).unwrap();
        pass_the_tail(&queue);
        assert_eq!((queue.len(), queue.pop(&mut Events::default())), (0, Err(PopError::Empty)));
        for n in 1..4 * LEN {
            queue.push(n, 1, &mut Events::default()).unwrap();
            assert_eq!((queue.len(), queue.pop(&mut Events::default())), (1, Ok(n)));
        }
        assert_eq!((queue.claims() - queue.holes()), passed + 4 * LEN);
    }
}

#[test]
fn overaligned_large_and_zero_sized_types_are_supported() {
    #[derive(Debug, PartialEq, Clone, Copy)]
    #[repr(align(4096))]
    struct Page(u8);
    #[derive(Debug, PartialEq)]
    #[repr(align(4096))]
    struct Nothing;
    let pages = RawQueue::new();
    let units = RawQueue::new();
    let larges = RawQueue::new();
    for n in 0..100u8 {
        pages.push(Page(n), UNBOUNDED, &mut Events::default()).unwrap();
        units.push((), UNBOUNDED, &mut Events::default()).unwrap();
        larges.push([n; 5000], UNBOUNDED, &mut Events::default()).unwrap();
    }
    for n in 0..100u8 {
        assert_eq!(pages.pop(&mut Events::default()), Ok(Page(n)));
        assert_eq!(units.pop(&mut Events::default()), Ok(()));
        assert_eq!(larges.pop(&mut Events::default()), Ok([n; 5000]));
    }
    assert_eq!(units.pop(&mut Events::default()), Err(PopError::Empty));
    // In short segments and in long ones.
    let nothings = RawQueue::new();
    for n in 1..=2 * SHORT + LEN {
        nothings.push(Nothing, UNBOUNDED, &mut Events::default()).unwrap();
        assert!(n % 3 == 0 || nothings.pop(&mut Events::default()) == Ok(Nothing));
    }
    assert_eq!(nothings.len(), (2 * SHORT + LEN) / 3);
}

#[test]
fn the_queue_and_its_segments_have_the_promised_sizes() {
    let line = std::mem::align_of::<LineStart>();
    assert_eq!(std::mem::size_of::<RawQueue<u64>>(), 2 * line);
    let queue = RawQueue::<u64>::new();
    assert_eq!(std::ptr::addr_of!(queue.head) as usize - std::ptr::addr_of!(queue.tail) as usize, line);
    assert!(Segment::<u64>::bytes() as u64 <= (8 + 4) * LEN);
}

#[test]
fn pushes_rejected_at_the_end_of_a_segment_use_no_ticket() {
    let queue = past_the_short_segments();
    for n in 0..LEN {
        queue.push(n, LEN, &mut Events::default()).unwrap();
    }
    for _ in 0..2 * cursor::MAX_TICKET {
        assert_eq!(queue.push(0, LEN, &mut Events::default()), Err(PushError::Full(0)));
        assert_eq!(push_all(&queue, &mut VecDeque::from([0]), LEN, &mut Events::default()), Err(PushError::Full(())));
        assert_eq!(queue.tail.cursor().ticket(), LEN);
    }
    queue.pop(&mut Events::default()).unwrap();
    queue.push(0, LEN, &mut Events::default()).unwrap();
    assert!(queue.close(&mut Events::default()));
}

#[test]
fn a_batch_that_finds_a_poisoned_slot_claims_one_slot_more() {
    for (queue, _) in short_and_long() {
        queue.push(0, UNBOUNDED, &mut Events::default()).unwrap();
        queue.pop(&mut Events::default()).unwrap();
        pass_the_tail(&queue);
        let mut values = (1..=6).collect();
        assert_eq!(push_all(&queue, &mut values, 6, &mut Events::default()), Ok(()));
        assert_eq!((queue.len(), queue.holes()), (6, 1));
        assert!((1..=6).all(|n| queue.pop(&mut Events::default()) == Ok(n)));
    }
}

/// The handshakes that this system has. Queries the kernel, so that a segment may use `membarrier`.
fn handshakes() -> Vec<Handshake> {
    if fence::HAS_MEMBARRIER && fence::heavy() {
        vec![Handshake::Rmw, Handshake::Membarrier]
    } else {
        eprintln!("skipped: there is no `membarrier`");
        vec![Handshake::Rmw]
    }
}

#[test]
fn producer_and_consumer_agree_on_each_slot() {
    // Both threads reach a slot at the same time, within some nanoseconds, and the consumer's spin limit is
    // 0.
    const ROUNDS: u64 = 100;
    let synchronize = |mine: &AtomicU64, other: &AtomicU64, n: u64, late: u64| {
        mine.store(n + 1, Ordering::Relaxed);
        let mut probes = 0;
        while other.load(Ordering::Relaxed) <= n {
            probes += 1;
            if probes < 1000 {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
        for step in 0..late {
            std::hint::black_box(step);
        }
    };
    for handshake in handshakes() {
        handshake.fix();
        let segments: Vec<usize> =
            (0..ROUNDS).map(|base| Segment::<u64>::allocate(Span::long(base * LEN), 0).address()).collect();
        // SAFETY: the segments outlive the threads, and are long.
        let slot = |n: u64| unsafe { Segment::<u64>::at(segments[(n / LEN) as usize]).unwrap().long_slot(n % LEN) };
        let (pushing, popping) = (AtomicU64::new(0), AtomicU64::new(0));
        let (kept, taken) = std::thread::scope(|scope| {
            let producer = scope.spawn(|| {
                let mut kept = Vec::new();
                for n in 0..ROUNDS * LEN {
                    synchronize(&pushing, &popping, n, n % 128);
                    // SAFETY: only this thread pushes, once into each slot; the segments outlive the threads.
                    match unsafe { slot(n).push(n) } {
                        None => kept.push(n),
                        Some(back) => assert_eq!(back, n),
                    }
                }
                kept
            });
            let consumer = scope.spawn(|| {
                let mut taken = Vec::new();
                for n in 0..ROUNDS * LEN {
                    synchronize(&popping, &pushing, n, 127 - n % 128);
                    // SAFETY: as above; only this thread takes.
                    if let slot::Found::Value(value) = unsafe { slot(n).take(handshake) } {
                        taken.push(value);
                    }
                }
                taken
            });
            (producer.join().unwrap(), consumer.join().unwrap())
        });
        assert!(kept == taken, "{handshake:?}: {} kept, {} taken", kept.len(), taken.len());
        println!("{handshake:?}: {} slots poisoned of {}", ROUNDS * LEN - kept.len() as u64, ROUNDS * LEN);
        for at in segments {
            let segment = Segment::<u64>::at(at).unwrap();
            // SAFETY: the threads have ended.
            unsafe {
                segment.leave(0);
                segment.leave(0);
                assert!(segment.is_reclaimable());
                segment.free();
            }
        }
    }
}

#[test]
fn no_item_is_lost_by_either_handshake() {
    const EACH: u64 = 200_000;
    for handshake in handshakes() {
        let queue = RawQueue::new();
        let produce = |producer: u64| {
            handshake.fix();
            (0..EACH).for_each(|n| queue.push(2 * n + producer, UNBOUNDED, &mut Events::default()).unwrap());
        };
        let consume = || {
            handshake.fix();
            let (mut sum, mut last) = (0, [None; 2]);
            loop {
                match queue.pop(&mut Events::default()) {
                    Ok(n) => {
                        let last = &mut last[(n % 2) as usize];
                        assert!(*last < Some(n), "{last:?} before {n}");
                        *last = Some(n);
                        sum += n;
                    }
                    Err(PopError::Closed) => return sum,
                    Err(PopError::Empty) => std::hint::spin_loop(),
                }
            }
        };
        let sum: u64 = std::thread::scope(|scope| {
            let producers = [0, 1].map(|producer| scope.spawn(move || produce(producer)));
            let consumers = [(), ()].map(|()| scope.spawn(consume));
            producers.into_iter().for_each(|producer| producer.join().unwrap());
            queue.close(&mut Events::default());
            consumers.into_iter().map(|consumer| consumer.join().unwrap()).sum()
        });
        assert_eq!(sum, (0..2 * EACH).sum::<u64>());
        println!("{handshake:?}: {} holes for {} items", queue.holes(), 2 * EACH);
    }
}

#[test]
fn the_handshake_changes_with_the_segment() {
    let queue = RawQueue::new();
    let mut next = 0;
    for handshake in handshakes().into_iter().cycle().take(4) {
        handshake.fix();
        for _ in 0..3 * LEN {
            queue.push(next, UNBOUNDED, &mut Events::default()).unwrap();
            assert_eq!(queue.pop(&mut Events::default()), Ok(next));
            next += 1;
            // A hole in every segment.
            if next % LEN == LEN / 2 {
                pass_the_tail(&queue);
            }
        }
    }
    assert_eq!(queue.len(), 0);
}

#[test]
fn a_cursor_of_an_earlier_generation_does_not_make_a_queue_full() {
    let queue: RawQueue<u64> = RawQueue::new();
    let limit = 4;
    let pass = || {
        queue.push(0, limit, &mut Events::default()).unwrap();
        queue.pop(&mut Events::default()).unwrap();
    };
    (0..2 * LEN + 100).for_each(|_| pass());
    let seen = queue.tail.cursor();
    // The segment is reused, and the head is at its beginning: by the tickets alone the head is a hundred
    // behind `seen`.
    while queue.tail.cursor().address() != seen.address() || queue.tail.cursor().ticket() != 1 {
        pass();
    }
    let position = queue.tail.position_of(seen);
    assert!(matches!(queue.head_below_limit(seen, position, limit), Err(PushFallback::General)));
}

#[test]
fn a_failed_allocation_uses_no_helper_ticket() {
    let queue = past_the_short_segments();
    for n in 0..LEN {
        queue.push(n, UNBOUNDED, &mut Events::default()).unwrap();
    }
    let edge = queue.tail.cursor();
    // More often than an edge has helper tickets. If each failure used a ticket, later pushes would wait
    // forever.
    for _ in 0..2 * cursor::MAX_TICKET {
        hooks::fail_the_next_allocation();
        let push = || queue.push(LEN, UNBOUNDED, &mut Events::default());
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(push)).is_err());
        assert!(queue.tail.cursor() == edge, "a ticket was used up");
    }
    assert_eq!((queue.len(), queue.claims()), (LEN, SHORT + LEN));
    let mut reused = false;
    for n in LEN..5 * LEN {
        queue.push(n, UNBOUNDED, &mut Events::default()).unwrap();
        assert_eq!(queue.pop(&mut Events::default()), Ok(n - LEN));
        reused |= n >= 2 * LEN && queue.tail.cursor().address() == edge.address();
    }
    assert!(reused, "a helper ticket is outstanding");
}
