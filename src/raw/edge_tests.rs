//! Unit tests of the edges between segments, and of the events that operations report.

use super::points::Point;
use super::tests::{pass_the_tail, past_the_short_segments, pop_up_to, push_all, LEN, SHORT};
use super::*;
use std::collections::VecDeque;
use std::rc::Rc;

/// Acts like an appender that is stopped before the tail moves: links a segment whose first slot holds `value`.
fn link_and_stop(queue: &RawQueue<u64>, value: u64) -> link::Link<'_, u64> {
    let link = queue.link(&queue.tail, queue.tail.cursor()).unwrap();
    let span = link.next_span();
    let segment = queue.cold.pool.acquire(span, UNBOUNDED);
    // SAFETY: no other thread knows the segment.
    unsafe { segment.slot(span.start).fill(value) };
    link.next().store(segment.address(), Ordering::Release);
    link
}

#[test]
fn the_head_stays_in_the_segment_that_the_tail_has_not_left() {
    let queue = past_the_short_segments();
    (0..LEN).for_each(|n| queue.push(n, UNBOUNDED, &mut Events::default()).unwrap());
    let appender = link_and_stop(&queue, LEN);
    let segment = queue.tail.cursor().address();
    (0..LEN).for_each(|n| assert_eq!(queue.pop(&mut Events::default()), Ok(n)));
    assert_eq!(queue.head.cursor().address(), segment);
    // Like a pop that saw an item, after which the head's word wrapped around.
    queue.leave_used_up_segment(queue.head.cursor());
    assert_eq!(queue.head.cursor().address(), segment);
    assert_eq!(queue.pop(&mut Events::default()), Err(PopError::Empty));
    drop(appender);
    queue.push(LEN + 1, UNBOUNDED, &mut Events::default()).unwrap();
    assert_eq!((queue.pop(&mut Events::default()), queue.pop(&mut Events::default())), (Ok(LEN), Ok(LEN + 1)));
}

#[test]
fn each_operation_reports_what_it_changed() {
    let (queue, events) = (RawQueue::new(), &mut Events::default());
    let check = |queue: &RawQueue<u64>, events: &Events| {
        let claimed = (queue.tail.snapshot(LEN).position - LEN, queue.head.snapshot(LEN).position - LEN);
        assert_eq!((events.pushed as u64, events.freed as u64), claimed);
    };
    for n in 0..3 * LEN {
        queue.push(n, UNBOUNDED, events).unwrap();
        check(&queue, events);
    }
    for size in (1..20).cycle().take(50) {
        push_all(&queue, &mut (0..size).collect(), UNBOUNDED, events).unwrap();
        check(&queue, events);
        assert_eq!(pop_up_to(&queue, &mut Vec::new(), size as usize + 1, events), Ok(size as usize + 1));
        check(&queue, events);
    }
    while queue.pop(events).is_ok() {
        check(&queue, events);
    }
    // A claim beyond the bound that becomes a hole, and frees its slot at once. A push follows: the pop
    // reports both slots.
    let slots = events.freed;
    let Ok(ticket) = queue.try_claim_push_unlimited() else { panic!("there is a slot") };
    assert!(queue.push_slow(0, PushFallback::Misplaced(ticket), 0, events).is_err());
    queue.push(0, UNBOUNDED, events).unwrap();
    queue.pop(events).unwrap();
    assert_eq!((events.freed - slots, events.holes), (3, 1));
    // Slots that are poisoned before a push claims them.
    (0..3).for_each(|_| pass_the_tail(&queue));
    let items = events.pushed;
    queue.push(0, UNBOUNDED, events).unwrap();
    assert_eq!((events.pushed - items, events.holes, queue.holes()), (1, 4, 4));
}

#[test]
fn an_operation_that_moves_the_tail_reports_the_item_of_a_stopped_appender() {
    type Operation = fn(&RawQueue<u64>, &mut Events);
    let operations: [(Operation, usize); 3] = [
        (|queue, events| queue.push(1, UNBOUNDED, events).unwrap(), 2),
        (|queue, events| push_all(queue, &mut VecDeque::from([1, 2]), UNBOUNDED, events).unwrap(), 3),
        (|queue, events| assert!(queue.close(events)), 1),
    ];
    for (operation, items) in operations {
        let queue = past_the_short_segments();
        (0..LEN).for_each(|n| queue.push(n, UNBOUNDED, &mut Events::default()).unwrap());
        let _appender = link_and_stop(&queue, LEN);
        let mut events = Events::default();
        operation(&queue, &mut events);
        assert_eq!(events.pushed, items);
        // Those of the appender and of the operation, in their order.
        (0..LEN).for_each(|n| assert_eq!(queue.pop(&mut Events::default()), Ok(n)));
        let next = || queue.pop(&mut Events::default()).ok();
        assert_eq!((next(), next(), next()), (Some(LEN), (items > 1).then_some(1), (items > 2).then_some(2)));
    }
}

/// Pushes until the tail is in a new segment, whose address is returned.
fn fill_up(queue: &RawQueue<u64>) -> usize {
    let before = queue.tail.cursor().address();
    while queue.tail.cursor().address() == before {
        queue.push(0, UNBOUNDED, &mut Events::default()).unwrap();
    }
    queue.tail.cursor().address()
}

/// Pops until the head is in another segment.
fn use_up(queue: &RawQueue<u64>) {
    let before = queue.head.cursor().address();
    while queue.head.cursor().address() == before {
        queue.pop(&mut Events::default()).unwrap();
    }
}

#[test]
fn an_append_reuses_a_retired_segment_that_is_done() {
    let queue = past_the_short_segments();
    let first = fill_up(&queue);
    fill_up(&queue);
    queue.pop(&mut Events::default()).unwrap();
    let Ok(ticket) = queue.try_claim_pop() else { panic!("there are items") };
    use_up(&queue);
    ticket.take(drop);
    assert_eq!(fill_up(&queue), first);
}

#[test]
fn retiring_a_segment_recycles_an_earlier_one_that_is_done() {
    let queue = past_the_short_segments();
    let first = fill_up(&queue);
    fill_up(&queue);
    queue.pop(&mut Events::default()).unwrap();
    let Ok(ticket) = queue.try_claim_pop() else { panic!("there are items") };
    use_up(&queue);
    fill_up(&queue);
    ticket.take(drop);
    // The second segment is done. It would become the spare if the first one were not rechecked.
    use_up(&queue);
    assert_eq!(fill_up(&queue), first);
}

#[test]
fn a_dropped_queue_frees_all_its_segments() {
    // One linked, one spare, and two retired.
    let queue = past_the_short_segments();
    fill_up(&queue);
    for _ in 0..2 {
        fill_up(&queue);
        // The second pop loads the tail's word.
        (0..2).for_each(|_| assert_eq!(queue.pop(&mut Events::default()), Ok(0)));
        let Ok(_never_used) = queue.try_claim_pop() else { panic!("there are items") };
        use_up(&queue);
    }
    fill_up(&queue);
    use_up(&queue);
    assert_eq!(segment::live::segments(), 4);
    drop(queue);
    assert_eq!(segment::live::segments(), 0);
}

#[test]
fn the_head_leaves_a_segment_with_its_last_item() {
    // An empty queue must not keep the segment: the last short one, and a long one.
    fn one_by_one(items: u64, mut pop: impl FnMut() -> Result<u64, PopError>) {
        (0..items).for_each(|n| assert_eq!(pop(), Ok(n)));
    }
    for (items, is_single, batch) in [SHORT, SHORT + LEN].into_iter().flat_map(|items| {
        [(false, false), (false, true), (true, false), (true, true)].map(|(is_single, batch)| (items, is_single, batch))
    }) {
        let mut queue = RawQueue::new();
        let mut single = is_single.then(|| queue.single_consumer());
        (0..=items).for_each(|n| queue.push(n, UNBOUNDED, &mut Events::default()).unwrap());
        let mut values = Vec::new();
        let (most, all) = (items as usize, Ok(items as usize));
        match (&mut single, batch) {
            (None, false) => one_by_one(items, || queue.pop(&mut Events::default())),
            (None, true) => assert_eq!(pop_up_to(&queue, &mut values, most, &mut Events::default()), all),
            (Some(single), false) => one_by_one(items, || match queue.peek_ready(single) {
                Some(ready) => Ok(ready.take(|n| n)),
                None => queue.pop_single_slow(single),
            }),
            (Some(single), true) => assert_eq!(queue.pop_many_single(single, &mut values, most), all),
        }
        assert_eq!(queue.head.cursor().address(), queue.tail.cursor().address(), "{items} {is_single} {batch}");
    }
}

#[test]
fn the_head_leaves_a_segment_that_the_tail_leaves_during_the_last_pop() {
    let queue = Rc::new(past_the_short_segments());
    (0..LEN).for_each(|n| queue.push(n, UNBOUNDED, &mut Events::default()).unwrap());
    (0..LEN - 1).for_each(|n| assert_eq!(queue.pop(&mut Events::default()), Ok(n)));
    let other = queue.clone();
    hooks::run_before_the_claim(move || other.push(LEN, UNBOUNDED, &mut Events::default()).unwrap());
    assert_eq!((queue.pop(&mut Events::default()), queue.len()), (Ok(LEN - 1), 1));
    assert_eq!(queue.head.cursor().address(), queue.tail.cursor().address());
}

#[test]
fn helper_tickets_do_not_count_as_items() {
    let queue = past_the_short_segments();
    queue.push(0, UNBOUNDED, &mut Events::default()).unwrap();
    queue.pop(&mut Events::default()).unwrap();
    (1..LEN).for_each(|n| queue.push(n, UNBOUNDED, &mut Events::default()).unwrap());
    // Like threads that are stopped at the edge.
    let helpers = [(); 3].map(|()| queue.link(&queue.tail, queue.tail.cursor()).unwrap());
    (1..LEN / 2).for_each(|n| assert_eq!(queue.pop(&mut Events::default()), Ok(n)));
    assert_eq!((queue.len(), queue.claims()), (LEN / 2, SHORT + LEN));
    assert!(queue.fence_pops(LEN / 2 + 1) && !queue.fence_pops(LEN / 2));
    queue.push(LEN, UNBOUNDED, &mut Events::default()).unwrap();
    (LEN / 2..=LEN).for_each(|n| assert_eq!(queue.pop(&mut Events::default()), Ok(n)));
    drop(helpers);
    assert_eq!(queue.pop(&mut Events::default()), Err(PopError::Empty));
    // No pop claimed ahead of the tail.
    queue.push(0, UNBOUNDED, &mut Events::default()).unwrap();
    assert_eq!((queue.pop(&mut Events::default()), queue.holes()), (Ok(0), 0));
}

#[test]
fn helper_tickets_end_before_the_bits_of_a_word() {
    // At the edge of each short segment, and of the first long one, at both ends.
    for items in [8, 24, 56, SHORT, SHORT + LEN] {
        let queue = RawQueue::new();
        (0..items).for_each(|n| queue.push(n, UNBOUNDED, &mut Events::default()).unwrap());
        (0..items).for_each(|n| assert_eq!(queue.pop(&mut Events::default()), Ok(n)));
        let edge = queue.tail.cursor();
        assert!((edge.ticket(), edge.is_short(), queue.head.cursor()) == (LEN, items <= SHORT, edge));
        for end in [&queue.tail, &queue.head] {
            let link = || queue.link(end, end.cursor());
            let helpers: Vec<_> = (LEN..cursor::MAX_TICKET).map(|_| link()).collect();
            assert!(helpers.iter().all(Option::is_some) && link().is_none());
            let now = end.cursor();
            // The other bits are as before: S, C, the sequence and the address.
            assert!((now.is_short(), now.is_closed(), now.parity()) == (edge.is_short(), false, edge.parity()));
            assert!(now == edge.advanced(cursor::MAX_TICKET - LEN), "only the ticket has changed");
        }
        assert_eq!((queue.len(), queue.claims(), queue.pop(&mut Events::default())), (0, items, Err(PopError::Empty)));
    }
}

#[test]
fn a_misplaced_claim_is_used_within_the_bound_and_becomes_a_hole_beyond_it() {
    for (limit, answer, holes) in [(2, Ok(()), 0), (1, Err(PushError::Full(1)), 1)] {
        let queue = past_the_short_segments();
        queue.push(0, UNBOUNDED, &mut Events::default()).unwrap();
        let Ok(ticket) = queue.try_claim_push_unlimited() else { panic!("there is a slot") };
        assert_eq!(queue.push_slow(1, PushFallback::Misplaced(ticket), limit, &mut Events::default()), answer);
        assert_eq!((queue.claims() - SHORT, queue.holes(), queue.len()), (2, holes, 2 - holes));
        assert_eq!(queue.pop(&mut Events::default()), Ok(0));
        assert_eq!(queue.pop(&mut Events::default()), if holes == 0 { Ok(1) } else { Err(PopError::Empty) });
    }
}

#[test]
fn each_slot_of_a_misplaced_batch_is_a_hole() {
    let queue = past_the_short_segments();
    queue.push(0, UNBOUNDED, &mut Events::default()).unwrap();
    let seen = queue.tail.cursor();
    queue.tail.advance(seen, seen.advanced(3)).unwrap();
    let (segment, index) = (Segment::at(seen.address()).unwrap(), seen.ticket());
    queue.leave_holes(Claim { segment, index, count: 3 }, &mut Events::default());
    // SAFETY: the head has not left the segment.
    let published = |index| unsafe { segment.slot(index).is_published() };
    assert!((index..index + 3).all(published) && !published(index + 3));
    assert_eq!((queue.len(), queue.holes()), (1, 3));
}

#[test]
fn an_append_after_a_wrap_around_keeps_the_bound() {
    // As if the tail's word had wrapped around between the check and the append: the queue is full by now.
    let queue = past_the_short_segments();
    (0..LEN).for_each(|n| queue.push(n, LEN, &mut Events::default()).unwrap());
    let mut value = Some(LEN);
    let appended = queue.append(queue.tail.cursor(), &mut value, LEN, &mut Events::default());
    assert!(matches!(appended, Err(PushError::Full(()))), "beyond the bound");
    assert_eq!((value, queue.len()), (Some(LEN), LEN));
}

/// Between the load of the tail's word and the swing another thread takes a helper ticket.
#[test]
fn an_append_beside_a_helper_that_takes_a_ticket_moves_the_tail() {
    let queue = Rc::new(past_the_short_segments());
    (0..LEN).for_each(|n| queue.push(n, UNBOUNDED, &mut Events::default()).unwrap());
    let other = queue.clone();
    hooks::run_at(&[Point::ClaimLimitCleared], move || {
        assert!(other.link(&other.tail, other.tail.cursor()).is_some());
    });
    queue.push(LEN, UNBOUNDED, &mut Events::default()).unwrap();
    assert_eq!(queue.len(), LEN + 1, "a push has returned before its item is in the queue");
}

/// A pop contests a slot, and finds the value of its producer before it poisons the slot.
#[test]
fn a_push_whose_value_the_contesting_pop_takes_is_reported() {
    let queue: &'static RawQueue<u64> = Box::leak(Box::new(past_the_short_segments()));
    queue.push(0, UNBOUNDED, &mut Events::default()).unwrap();
    let Ok(ticket) = queue.try_claim_push_unlimited() else { panic!("there is a slot") };
    queue.pop(&mut Events::default()).unwrap();
    let contested = Rc::new(std::cell::Cell::new(None));
    let publication = contested.clone();
    hooks::run_at(&[Point::SlotContested], move || publication.set(ticket.publish(1).err()));
    assert_eq!(queue.pop(&mut Events::default()), Ok(1));
    let mut events = Events::default();
    queue.push_contested(contested.take().unwrap(), UNBOUNDED, &mut events).unwrap();
    assert_eq!((events.pushed, queue.holes(), queue.len()), (1, 0, 0));
}

/// The flag of a consumer of the segment's first use does not stand for that of its second.
#[test]
fn a_segment_is_reused_a_second_time_only_after_its_consumer() {
    let queue = past_the_short_segments();
    let first = fill_up(&queue);
    fill_up(&queue);
    use_up(&queue);
    use_up(&queue);
    assert_eq!(fill_up(&queue), first);
    use_up(&queue);
    queue.pop(&mut Events::default()).unwrap();
    fill_up(&queue);
    queue.pop(&mut Events::default()).unwrap();
    let Ok(ticket) = queue.try_claim_pop() else { panic!("there are items") };
    assert_eq!(queue.head.cursor().address(), first);
    use_up(&queue);
    assert_ne!(fill_up(&queue), first, "a consumer still uses the segment");
    ticket.take(drop);
}

#[test]
fn a_segment_that_is_reused_is_like_a_new_one() {
    let queue = past_the_short_segments();
    let first = fill_up(&queue);
    fill_up(&queue);
    use_up(&queue);
    use_up(&queue);
    let span = span::Span::long(9 * LEN);
    let segment = queue.cold.pool.acquire(span, UNBOUNDED);
    assert_eq!(segment.address(), first);
    // SAFETY: this thread has acquired the segment.
    unsafe {
        assert_eq!((segment.base(), segment.header().next.load(Ordering::Relaxed)), (9 * LEN, 0));
        assert!((0..LEN).all(|index| !segment.slot(index).is_published()) && !segment.is_reclaimable());
    }
    // SAFETY: this thread owns the segment, which has no value in it.
    unsafe { queue.cold.pool.recycle(segment) };
}

#[test]
fn a_pop_claims_no_slot_ahead_of_the_tail() {
    let queue = past_the_short_segments();
    for n in 0..2 * LEN {
        (0..n % 4).for_each(|k| queue.push(k, UNBOUNDED, &mut Events::default()).unwrap());
        (0..n % 4).for_each(|k| assert_eq!(queue.pop(&mut Events::default()), Ok(k)));
        assert_eq!(queue.pop(&mut Events::default()), Err(PopError::Empty));
    }
    assert_eq!(queue.holes(), 0);
}
