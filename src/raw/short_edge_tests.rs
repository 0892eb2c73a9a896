//! Unit tests of the edges of short segments: helpers that are late, tickets that are used up, and allocations that
//! fail.

use super::cursor::MAX_TICKET;
use super::link::Link;
use super::segment::live;
use super::tests::{LEN, SHORT};
use super::*;
use std::collections::VecDeque;

/// The items at which the short segments end.
const EDGES: [u64; 4] = [8, 24, 56, SHORT];

fn events() -> Events {
    Events::default()
}

fn push(queue: &RawQueue<u64>, n: u64) {
    queue.push(n, UNBOUNDED, &mut events()).unwrap();
}

/// The end that a helper moves.
#[derive(Clone, Copy)]
enum Side {
    Tail,
    Head,
}

/// A helper that took its ticket at an edge and is stopped.
struct Stopped<'q> {
    link: Link<'q, u64>,
    side: Side,
    seen: cursor::Cursor,
}

impl Side {
    fn end(self, queue: &RawQueue<u64>) -> &End {
        match self {
            Side::Tail => &queue.tail,
            Side::Head => &queue.head,
        }
    }

    fn stop(self, queue: &RawQueue<u64>) -> Option<Stopped<'_>> {
        let seen = self.end(queue).cursor();
        // Up to three at each edge.
        let link = (LEN..LEN + 3).contains(&seen.ticket()).then(|| queue.link(self.end(queue), seen)).flatten()?;
        Some(Stopped { link, side: self, seen })
    }
}

impl Stopped<'_> {
    /// The helper goes on, after others have moved the end. It moves nothing and raises no base.
    fn go_on(self, queue: &RawQueue<u64>) {
        let Stopped { link, side, seen } = self;
        let next = link.next().load(Ordering::Acquire);
        let positions = || (queue.tail.snapshot(LEN).position, queue.head.snapshot(LEN).position);
        if next > SEALED && side.end(queue).cursor().address() != seen.address() {
            let before = positions();
            assert!(!queue.cross(side.end(queue), seen, &link, next, 0), "a late helper moved an end");
            assert_eq!(positions(), before);
        }
    }
}

#[test]
fn late_helpers_of_all_edges_go_on_in_any_order() {
    let before = live::segments();
    for ahead in 0..SHORT + 8 {
        let queue = RawQueue::new();
        let mut stopped = Vec::new();
        let mut step = |n: u64| {
            stopped.extend([Side::Tail, Side::Head].into_iter().filter_map(|side| side.stop(&queue)));
            push(&queue, n);
            n
        };
        let mut items: VecDeque<u64> = (0..ahead).map(&mut step).collect();
        for n in ahead..2 * LEN + 100 {
            items.push_back(step(n));
            assert_eq!(queue.pop(&mut events()).ok(), items.pop_front());
        }
        // At the tail alone there are six edges, with that of the sentinel segment.
        assert!(stopped.len() > 6, "{} helpers", stopped.len());
        fastrand::Rng::with_seed(ahead).shuffle(&mut stopped);
        for helper in stopped {
            helper.go_on(&queue);
            assert_eq!(queue.len(), ahead);
        }
        items.into_iter().for_each(|n| assert_eq!(queue.pop(&mut events()), Ok(n)));
    }
    assert_eq!(live::segments(), before, "a segment is not freed");
}

#[test]
fn an_edge_without_tickets_is_left_by_one_of_its_helpers() {
    for items in EDGES {
        let queue = RawQueue::new();
        (0..items).for_each(|n| push(&queue, n));
        (0..items).for_each(|n| assert_eq!(queue.pop(&mut events()), Ok(n)));
        let helpers = |end| (LEN..MAX_TICKET).map(|_| queue.link(end, end.cursor()).unwrap()).collect::<Vec<_>>();
        let [mut at_tail, mut at_head] = [&queue.tail, &queue.head].map(helpers);
        assert!(matches!(queue.try_claim_pop(), Err(PopFallback::General)));
        assert!(matches!(queue.try_claim_pop_and_look(), Err(PopFallback::Empty(PopError::Empty))));
        assert!(matches!(queue.try_claim_push_unlimited(), Err(PushFallback::General)));
        assert!(matches!(queue.try_claim_push(), Err(PushFallback::General)));
        // Like an appender.
        let (appender, left) = (at_tail.pop().unwrap(), queue.head.cursor().address());
        let span = appender.next_span();
        let segment = queue.cold.pool.acquire(span, UNBOUNDED);
        // SAFETY: no other thread knows the segment.
        unsafe { segment.slot(span.start).fill(items) };
        appender.next().store(segment.address(), Ordering::Release);
        assert!(queue.cross(&queue.tail, queue.tail.cursor(), &appender, segment.address(), 1));
        assert_eq!((queue.len(), queue.is_closed()), (1, false));
        let helper = at_head.pop().unwrap();
        assert!(queue.cross(&queue.head, queue.head.cursor(), &helper, segment.address(), 0));
        drop((appender, helper));
        // SAFETY: this thread moved the head out of the segment.
        unsafe { queue.retire(Segment::at(left)) };
        assert_eq!((queue.pop(&mut events()), queue.pop(&mut events())), (Ok(items), Err(PopError::Empty)));
        // The segment that both ends have left is freed with its last helper.
        let before = live::segments();
        drop((at_tail, at_head));
        (0..SHORT + 2 * LEN).for_each(|n| {
            push(&queue, n);
            assert_eq!(queue.pop(&mut events()), Ok(n));
        });
        assert!(live::segments() <= before.max(2), "a helper ticket is outstanding");
    }
}

#[test]
fn allocations_that_fail_at_a_short_edge_use_no_helper_ticket() {
    fn fails(operation: impl FnOnce()) -> bool {
        hooks::fail_the_next_allocation();
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(operation)).is_err()
    }
    // At the edge of the sentinel segment as well.
    for items in [0].into_iter().chain(EDGES) {
        let queue = RawQueue::new();
        (0..items).for_each(|n| push(&queue, n));
        let edge = queue.tail.cursor();
        assert_eq!(edge.ticket(), LEN);
        for _ in 0..MAX_TICKET {
            assert!(fails(|| push(&queue, items)) && fails(|| drop(queue.reserve(UNBOUNDED, &mut events()))));
            assert!(queue.tail.cursor() == edge, "a ticket was used up");
        }
        assert_eq!((queue.len(), queue.claims()), (items, items));
        push(&queue, items);
        (0..=items).for_each(|n| assert_eq!(queue.pop(&mut events()), Ok(n)));
    }
}
