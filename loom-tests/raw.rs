//! Models of the core, `joinq::raw`: order, no lost item, batches and counts.

#[cfg(loom)]
mod items;
mod support;

#[cfg(loom)]
mod tests {
    use crate::items::{
        explore_capped, has_holes, item, pop, pop_up_to, push, push_all, queue, reach, settle, Popped, Shared, BEFORE,
    };
    use crate::support::explore_large;
    use joinq::raw::{Events, PopError, RawQueue, UNBOUNDED};
    use loom::sync::atomic::{AtomicBool, Ordering};
    use loom::sync::Arc;
    use loom::thread;
    use std::collections::VecDeque;

    /// The first push of a queue makes its first segment while another thread pops.
    #[test]
    fn a_push_makes_the_first_segment_during_a_pop() {
        explore_capped(|| {
            let (queue, _) = queue(0, 0);
            let producer = queue.clone();
            let producer = thread::spawn(move || (0..3).for_each(|n| push(&producer, (0, n))));
            let mut popped = Popped::default();
            for _ in 0..2 {
                let _ = pop(&queue, &mut popped);
            }
            producer.join().unwrap();
            settle(&queue, [popped], [(0..3).map(|n| (0, n)).collect()]);
        });
    }

    /// Of two pushes one claims the last slot and the other appends, while another thread pops.
    #[test]
    fn two_pushes_cross_an_edge_during_a_pop() {
        reach("a hole", || {
            let (queue, before) = queue(0, 1);
            let producers = [0, 1].map(|by| {
                let queue = queue.clone();
                thread::spawn(move || push(&queue, (by, 0)))
            });
            let mut popped = Popped::default();
            assert_eq!(pop(&queue, &mut popped), Ok(()));
            let _ = pop(&queue, &mut popped);
            let _ = producers.map(|producer| producer.join().unwrap());
            let holes = has_holes(&queue);
            settle(&queue, [popped], [before, vec![(0, 0), (1, 0)]]);
            holes
        });
    }

    /// Two pops and one item: one of them takes it.
    #[test]
    fn one_of_two_pops_takes_the_only_item() {
        explore_capped(|| {
            let (queue, before) = queue(0, 1);
            let other = queue.clone();
            let other = thread::spawn(move || {
                let mut popped = Popped::default();
                let answer = pop(&other, &mut popped);
                (popped, answer)
            });
            let mut mine = Popped::default();
            let answer = pop(&queue, &mut mine);
            let (theirs, other_answer) = other.join().unwrap();
            assert!(answer.is_ok() != other_answer.is_ok());
            assert_eq!(answer.and(other_answer), Err(PopError::Empty));
            settle(&queue, [mine, theirs], [before]);
        });
    }

    /// Two pops and a push, with one item in the queue.
    #[test]
    fn two_pops_during_a_push_take_each_item_once() {
        explore_capped(|| {
            let (queue, before) = queue(0, 1);
            let consumers = [0, 1].map(|_| {
                let queue = queue.clone();
                thread::spawn(move || {
                    let mut popped = Popped::default();
                    let _ = pop(&queue, &mut popped);
                    popped
                })
            });
            push(&queue, (0, 0));
            let all_popped = consumers.map(|consumer| consumer.join().unwrap());
            settle(&queue, all_popped, [before, vec![(0, 0)]]);
        });
    }

    /// A pop does not miss an item that was pushed before it began, at any offset of a segment.
    #[test]
    fn a_finished_push_is_not_missed() {
        for passed in 0..3 {
            explore_capped(move || {
                let (queue, _) = queue(passed, 0);
                let done = Arc::new(AtomicBool::new(false));
                let producer = (queue.clone(), done.clone());
                let producer = thread::spawn(move || {
                    push(&producer.0, (0, 0));
                    producer.1.store(true, Ordering::Release);
                    push(&producer.0, (0, 1));
                });
                let mut popped = Popped::default();
                let finished = done.load(Ordering::Acquire);
                let answer = pop(&queue, &mut popped);
                assert!(answer.is_ok() || !finished);
                producer.join().unwrap();
                settle(&queue, [popped], [vec![(0, 0), (0, 1)]]);
            });
        }
    }

    /// One thread pushes, then pops, so that an item is in the queue all the time: no pop finds it empty.
    #[test]
    fn a_queue_with_items_is_never_reported_empty() {
        explore_capped(|| {
            let (queue, before) = queue(0, 1);
            let worker = queue.clone();
            let worker = thread::spawn(move || {
                let mut popped = Popped::default();
                for n in 0..2 {
                    push(&worker, (0, n));
                    assert_eq!(pop(&worker, &mut popped), Ok(()));
                }
                popped
            });
            let mut popped = Popped::default();
            assert_eq!(pop(&queue, &mut popped), Ok(()));
            let other = worker.join().unwrap();
            settle(&queue, [popped, other], [before, vec![(0, 0), (0, 1)]]);
        });
    }

    /// The length is that of one moment: never more than the queue held at any time.
    #[test]
    fn len_is_exact_while_items_pass() {
        explore_capped(|| {
            let (queue, _) = queue(0, 0);
            let worker = queue.clone();
            let worker = thread::spawn(move || {
                let mut popped = Popped::default();
                for n in 0..3 {
                    push(&worker, (0, n));
                    assert_eq!(pop(&worker, &mut popped), Ok(()));
                }
                popped
            });
            for _ in 0..2 {
                assert!(queue.len() <= 1);
            }
            let popped = worker.join().unwrap();
            settle(&queue, [popped], [(0..3).map(|n| (0, n)).collect()]);
        });
    }

    /// Claims a slot, and leaves a hole in it.
    fn abandon(queue: &Shared) {
        queue.reserve(UNBOUNDED, &mut Events::default()).expect("an open queue").abandon(&mut Events::default());
    }

    /// While entries of the list of holes ahead are reused for other holes, at most the one claim of a slot that is not
    /// abandoned yet counts as an item.
    #[test]
    fn holes_do_not_count_as_items_while_their_entries_are_reused() {
        explore_large(|| {
            let (queue, _) = queue(0, 0);
            (0..2).for_each(|_| abandon(&queue));
            let reader = queue.clone();
            let reader = thread::spawn(move || reader.len());
            assert!(pop(&queue, &mut Popped::default()).is_err());
            (0..2).for_each(|_| abandon(&queue));
            let len = reader.join().unwrap();
            assert!(len <= 1, "{len} items");
            assert_eq!(queue.len(), 0);
        });
    }

    /// While the queue only grows, or only shrinks, two successive lengths do the same, and both are within
    /// the extremes.
    #[test]
    fn len_is_monotonic_while_the_queue_only_grows_or_only_shrinks() {
        explore_capped(|| {
            let (queue, _) = queue(0, 0);
            let producer = queue.clone();
            let producer = thread::spawn(move || (0..3).for_each(|n| push(&producer, (0, n))));
            let (first, second) = (queue.len(), queue.len());
            assert!(first <= second && second <= 3);
            producer.join().unwrap();
            settle(&queue, [], [(0..3).map(|n| (0, n)).collect()]);
        });
        explore_capped(|| {
            let (queue, before) = queue(0, 5);
            let consumer = queue.clone();
            let consumer = thread::spawn(move || {
                let mut popped = Popped::default();
                (0..3).for_each(|_| assert_eq!(pop(&consumer, &mut popped), Ok(())));
                popped
            });
            let (first, second) = (queue.len(), queue.len());
            assert!(first >= second && second >= 2);
            let popped = consumer.join().unwrap();
            settle(&queue, [popped], [before]);
        });
    }

    /// `len` and `is_closed` during a push, a close and a pop.
    #[test]
    fn len_and_is_closed_are_consistent_during_a_push_and_a_pop() {
        explore_capped(|| {
            let (queue, before) = queue(0, 1);
            let producer = queue.clone();
            let producer = thread::spawn(move || {
                push(&producer, (0, 0));
                producer.close(&mut Events::default());
                assert!(producer.is_closed());
            });
            let consumer = queue.clone();
            let consumer = thread::spawn(move || {
                let mut popped = Popped::default();
                assert_eq!(pop(&consumer, &mut popped), Ok(()));
                popped
            });
            let closed = queue.is_closed();
            let len = queue.len();
            assert!(len <= 2);
            assert!(!closed || queue.is_closed());
            producer.join().unwrap();
            let popped = consumer.join().unwrap();
            assert_eq!(queue.len(), 1);
            settle(&queue, [popped], [before, vec![(0, 0)]]);
        });
    }

    /// A batch keeps its order even if a pop poisons slots of it.
    #[test]
    fn a_batch_keeps_its_order_across_a_poisoned_slot() {
        for passed in [0, 1] {
            reach("a hole", move || {
                let (queue, before) = queue(passed, 1);
                let producer = queue.clone();
                let producer = thread::spawn(move || {
                    let mut values: VecDeque<_> = (0..4).map(|n| item((0, n))).collect();
                    assert_eq!(push_all(&producer, &mut values, UNBOUNDED), Ok(()));
                });
                let mut popped = Popped::default();
                for _ in 0..3 {
                    let _ = pop(&queue, &mut popped);
                }
                producer.join().unwrap();
                let holes = has_holes(&queue);
                settle(&queue, [popped], [before, (0..4).map(|n| (0, n)).collect()]);
                holes
            });
        }
    }

    /// Batches on both sides, and a single push at the same time.
    #[test]
    fn batch_pushes_and_batch_pops_keep_the_order() {
        reach("a hole", || {
            let (queue, _) = queue(0, 0);
            let many = queue.clone();
            let many = thread::spawn(move || {
                let mut values: VecDeque<_> = (0..3).map(|n| item((0, n))).collect();
                assert_eq!(push_all(&many, &mut values, UNBOUNDED), Ok(()));
            });
            let one = queue.clone();
            let one = thread::spawn(move || push(&one, (1, 0)));
            let mut out = Vec::new();
            if let Ok(count) = pop_up_to(&queue, &mut out, 3) {
                assert_eq!(count, out.len());
            }
            many.join().unwrap();
            one.join().unwrap();
            let holes = has_holes(&queue);
            let mut popped = Popped::default();
            out.into_iter().for_each(|item| popped.note(item));
            settle(&queue, [popped], [vec![(0, 0), (0, 1), (0, 2), (1, 0)]]);
            holes
        });
    }

    /// A batch sees two items, and another pop takes one of them. The batch claims the remaining one, and no
    /// slot that no push has claimed. (`settle` would find that slot poisoned.)
    #[test]
    fn a_batch_claims_no_more_items_than_are_available() {
        reach("a batch of one", || {
            let (queue, before) = queue(1, 2);
            let other = queue.clone();
            let other = thread::spawn(move || {
                let mut popped = Popped::default();
                let _ = pop(&other, &mut popped);
                popped
            });
            let mut out = Vec::new();
            assert!(pop_up_to(&queue, &mut out, 2).is_ok());
            let other = other.join().unwrap();
            let one = out.len() == 1;
            let mut popped = Popped::default();
            out.into_iter().for_each(|item| popped.note(item));
            settle(&queue, [popped, other], [before]);
            one
        });
    }

    /// A batch sees one item, which another pop takes, and then finds another one. It claims that, and no slot ahead of
    /// the tail.
    #[test]
    fn a_batch_beside_a_pop_and_a_push_claims_no_slot_ahead_of_the_tail() {
        // A large type, so that a segment has four slots.
        let large = [0u64; 8];
        explore_capped(move || {
            let queue = Arc::new(RawQueue::new());
            let push = move |queue: &RawQueue<_>| assert!(queue.push(large, UNBOUNDED, &mut Events::default()).is_ok());
            push(&queue);
            assert!(queue.pop(&mut Events::default()).is_ok());
            push(&queue);
            let consumer = queue.clone();
            let consumer = thread::spawn(move || {
                let _ = consumer.pop(&mut Events::default());
            });
            let producer = queue.clone();
            let producer = thread::spawn(move || push(&producer));
            let _ = queue.pop_run(&mut Vec::new(), 2, &mut Events::default());
            consumer.join().unwrap();
            producer.join().unwrap();
            // Both words are in the first segment.
            assert!(queue.head_progress() <= queue.tail_progress(), "the head is ahead of the tail");
        });
    }

    /// Claims minus holes are the pushed items, and a thread that reads both sees no hole without its claim.
    #[test]
    fn claims_minus_holes_are_the_pushed_items() {
        reach("a hole", || {
            let (queue, before) = queue(0, 1);
            let producer = queue.clone();
            let producer = thread::spawn(move || {
                push(&producer, (0, 0));
                push(&producer, (0, 1));
            });
            let consumer = queue.clone();
            let consumer = thread::spawn(move || {
                let mut popped = Popped::default();
                for _ in 0..2 {
                    let _ = pop(&consumer, &mut popped);
                }
                popped
            });
            let holes = queue.holes();
            let claims = queue.claims();
            assert!(claims > holes);
            producer.join().unwrap();
            let popped = consumer.join().unwrap();
            assert_eq!(queue.claims() - queue.holes(), 3);
            let holes = has_holes(&queue);
            settle(&queue, [popped], [before, vec![(0, 0), (0, 1)]]);
            holes
        });
    }

    /// A smaller model of the same: a thread that sees the hole then sees its claim.
    #[test]
    fn a_hole_is_never_counted_before_its_claim() {
        reach("a hole", || {
            let (queue, _) = queue(0, 1);
            let consumer = queue.clone();
            let consumer = thread::spawn(move || {
                drop((consumer.pop(&mut Events::default()), consumer.pop(&mut Events::default())))
            });
            let counter = queue.clone();
            let counter = thread::spawn(move || {
                let holes = counter.holes();
                assert!(holes == 0 || counter.claims() >= 2);
            });
            push(&queue, (0, 0));
            consumer.join().unwrap();
            counter.join().unwrap();
            has_holes(&queue)
        });
    }

    /// The last thread drops the queue with the items still in it.
    #[test]
    fn a_dropped_queue_drops_its_items() {
        for passed in 0..2 {
            explore_capped(move || {
                let queue = Arc::new(RawQueue::new());
                for _ in 0..passed {
                    assert!(queue.push(item((BEFORE, 0)), UNBOUNDED, &mut Events::default()).is_ok());
                }
                let producer = queue.clone();
                let consumer = queue.clone();
                thread::spawn(move || (0..2).for_each(|n| push(&producer, (0, n))));
                thread::spawn(move || drop(consumer.pop(&mut Events::default())));
                push(&queue, (1, 0));
            });
        }
    }
}
