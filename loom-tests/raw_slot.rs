//! Models of a slot: its producer, a consumer that has exceeded its spin limit, and the segment that must
//! outlive both accesses. Each model runs with both handshakes.

#[cfg(loom)]
mod items;
mod support;

#[cfg(loom)]
mod tests {
    use crate::items::{has_holes, item, pop, push, queue, reach_with, settle, Item, Popped, Shared, Tag};
    use crate::support::{explore_once, explore_up_to};
    use joinq::raw::{Handshake, SlotHarness};
    use loom::{sync::Arc, thread};
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// The numbers of items that pass first, so that the next push claims each slot of a segment once.
    const OFFSETS: [usize; 2] = [1, 3];

    /// The number of executions after which a larger model stops.
    const ENOUGH: usize = 20_000;

    fn with_each(model: impl Fn(Handshake)) {
        [Handshake::Rmw, Handshake::Membarrier].into_iter().for_each(model);
    }

    fn producer(queue: &Shared, tags: Vec<Tag>) -> thread::JoinHandle<()> {
        let queue = queue.clone();
        thread::spawn(move || tags.into_iter().for_each(|tag| push(&queue, tag)))
    }

    fn harness(handshake: Handshake) -> Arc<SlotHarness<Item>> {
        Arc::new(SlotHarness::new(handshake))
    }

    fn in_thread<R: 'static>(
        harness: &Arc<SlotHarness<Item>>,
        part: impl FnOnce(&SlotHarness<Item>) -> R + 'static,
    ) -> thread::JoinHandle<R> {
        let harness = harness.clone();
        thread::spawn(move || part(&harness))
    }

    /// The producer's result and the consumer's agree, and each of the two outcomes occurs. A producer whose
    /// slot is poisoned sees what the consumer did before: it has advanced the head.
    #[test]
    fn a_slot_is_full_or_poisoned_for_both_owners() {
        with_each(|handshake| {
            let seen = std::sync::Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
            let count = seen.clone();
            explore_once(move || {
                let harness = harness(handshake);
                let head = Arc::new(loom::sync::atomic::AtomicUsize::new(0));
                let passed = head.clone();
                let producer = in_thread(&harness, move |harness| {
                    let pushed = harness.push(item((0, 0)));
                    assert!(pushed.is_ok() || passed.load(Ordering::Relaxed) == 1);
                    pushed
                });
                head.store(1, Ordering::Relaxed);
                let popped = harness.take();
                let pushed = producer.join().unwrap();
                assert_eq!(pushed.is_ok(), popped.is_some());
                count[usize::from(popped.is_some())].fetch_add(1, Ordering::Relaxed);
                drop((pushed, popped));
                assert!(harness.reuse());
            });
            let seen = [0, 1].map(|outcome| seen[outcome].load(Ordering::Relaxed));
            println!("    poisoned and full: {seen:?}");
            assert!(!seen.contains(&0));
        });
    }

    /// A third thread reuses the slot if it may. Then the producer and the consumer have finished.
    #[test]
    fn a_slot_is_reused_only_after_both_owners_have_finished() {
        with_each(|handshake| {
            for first in [0, 1, 2] {
                explore_once(move || {
                    let harness = harness(handshake);
                    // Each of the three parts runs once in the model's main thread, which runs first.
                    let push = |harness: &SlotHarness<Item>| harness.push(item((0, 0))).is_ok();
                    let take = |harness: &SlotHarness<Item>| harness.take().is_some();
                    let reuse = |harness: &SlotHarness<Item>| {
                        if harness.reuse() {
                            assert!(harness.push(item((1, 0))).is_ok());
                            assert!(harness.take().is_some());
                        }
                        true
                    };
                    let (pushed, popped) = match first {
                        0 => {
                            let (take, reuse) = (in_thread(&harness, take), in_thread(&harness, reuse));
                            (push(&harness), take.join().unwrap() & reuse.join().unwrap())
                        }
                        1 => {
                            let (push, reuse) = (in_thread(&harness, push), in_thread(&harness, reuse));
                            let popped = take(&harness) & reuse.join().unwrap();
                            (push.join().unwrap(), popped)
                        }
                        _ => {
                            let (push, take) = (in_thread(&harness, push), in_thread(&harness, take));
                            reuse(&harness);
                            (push.join().unwrap(), take.join().unwrap())
                        }
                    };
                    assert_eq!(pushed, popped);
                    assert!(harness.reuse());
                });
            }
        });
    }

    /// A producer that leaves a hole, a consumer, and a third thread that reuses the slot if it may.
    #[test]
    fn a_slot_without_a_value_is_a_hole_for_both_owners() {
        with_each(|handshake| {
            explore_once(move || {
                let harness = harness(handshake);
                let producer = in_thread(&harness, SlotHarness::leave_hole);
                let consumer = in_thread(&harness, |harness| assert!(harness.take().is_none()));
                if harness.reuse() {
                    assert!(harness.push(item((1, 0))).is_ok());
                    assert!(harness.take().is_some());
                }
                producer.join().unwrap();
                consumer.join().unwrap();
                assert!(harness.reuse());
            });
        });
    }

    /// In a whole queue: the pop takes the item, poisons its slot, or comes before the push.
    #[test]
    fn a_pop_takes_the_item_of_a_push_or_poisons_its_slot() {
        with_each(|handshake| {
            for passed in OFFSETS {
                reach_with(&[(handshake, ENOUGH)], "a hole", move || {
                    let (queue, _) = queue(passed, 0);
                    let producer = producer(&queue, vec![(0, 0)]);
                    let mut popped = Popped::default();
                    let _ = pop(&queue, &mut popped);
                    producer.join().unwrap();
                    let holes = has_holes(&queue);
                    settle(&queue, [popped], [vec![(0, 0)]]);
                    holes
                });
            }
        });
    }

    /// Two pops, each with a slot of its own, and two pushes of one thread: the order is kept whatever is
    /// poisoned.
    #[test]
    fn the_order_is_kept_over_two_slots_that_may_be_poisoned() {
        with_each(|handshake| {
            explore_up_to(20_000, move || {
                handshake.fix();
                let (queue, _) = queue(1, 0);
                let producer = producer(&queue, vec![(0, 0), (0, 1)]);
                let mut popped = Popped::default();
                let _ = pop(&queue, &mut popped);
                let _ = pop(&queue, &mut popped);
                producer.join().unwrap();
                settle(&queue, [popped], [vec![(0, 0), (0, 1)]]);
            });
        });
    }

    /// An item is popped before its producer has finished with the slot. The segment is reused only after
    /// that.
    #[test]
    fn a_segment_is_reused_only_after_its_producer_has_finished() {
        with_each(|handshake| {
            reach_with(&[(handshake, ENOUGH)], "an item", move || {
                let (queue, _) = queue(1, 0);
                let producer = producer(&queue, vec![(0, 0)]);
                let mut popped = Popped::default();
                let _ = pop(&queue, &mut popped);
                let item = !popped.0.is_empty();
                for number in 0..3 {
                    push(&queue, (1, number));
                    let _ = pop(&queue, &mut popped);
                }
                producer.join().unwrap();
                settle(&queue, [popped], [vec![(0, 0)], vec![(1, 0), (1, 1), (1, 2)]]);
                item
            });
        });
    }

    /// The producer has finished and the consumer has not. The segment is reused only after that.
    #[test]
    fn a_segment_is_reused_only_after_its_consumer_has_finished() {
        with_each(|handshake| {
            explore_up_to(20_000, move || {
                handshake.fix();
                let (queue, before) = queue(1, 1);
                let consumer = queue.clone();
                let consumer = thread::spawn(move || {
                    let mut popped = Popped::default();
                    let _ = pop(&consumer, &mut popped);
                    popped
                });
                let mut popped = Popped::default();
                for number in 0..3 {
                    push(&queue, (1, number));
                    let _ = pop(&queue, &mut popped);
                }
                let other = consumer.join().unwrap();
                settle(&queue, [popped, other], [before, vec![(1, 0), (1, 1), (1, 2)]]);
            });
        });
    }

    /// A consumer poisons a slot and its producer takes its value back, while a third thread reuses segments.
    #[test]
    fn a_segment_is_reused_only_after_a_poisoned_producer_has_finished() {
        with_each(|handshake| {
            reach_with(&[(handshake, ENOUGH)], "a hole", move || {
                let (queue, _) = queue(1, 0);
                let producer = producer(&queue, vec![(0, 0)]);
                let consumer = queue.clone();
                let consumer = thread::spawn(move || {
                    let mut popped = Popped::default();
                    let _ = pop(&consumer, &mut popped);
                    popped
                });
                let mut popped = Popped::default();
                for number in 0..3 {
                    push(&queue, (1, number));
                    let _ = pop(&queue, &mut popped);
                }
                producer.join().unwrap();
                let other = consumer.join().unwrap();
                let holes = has_holes(&queue);
                settle(&queue, [popped, other], [vec![(0, 0)], vec![(1, 0), (1, 1), (1, 2)]]);
                holes
            });
        });
    }

    /// A segment is reused with another handshake than before.
    #[test]
    fn the_handshake_changes_with_the_segment() {
        with_each(|handshake| {
            explore_up_to(20_000, move || {
                Handshake::Rmw.fix();
                let (queue, before) = queue(1, 1);
                handshake.fix();
                let producer = producer(&queue, vec![(0, 0), (0, 1)]);
                let mut popped = Popped::default();
                for _ in 0..3 {
                    let _ = pop(&queue, &mut popped);
                }
                Handshake::Membarrier.fix();
                push(&queue, (1, 0));
                let _ = pop(&queue, &mut popped);
                producer.join().unwrap();
                settle(&queue, [popped], [before, vec![(0, 0), (0, 1)], vec![(1, 0)]]);
            });
        });
    }
}
