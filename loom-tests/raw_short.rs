//! Models of the core at the beginning of a queue, where segments are short: they have one, two and then four slots
//! here.

#[cfg(loom)]
mod items;
mod support;

#[cfg(loom)]
mod tests {
    use crate::items::{explore_capped, item, reach, Item, Popped, Tag};
    use joinq::raw::{
        fix_short_segments, live_segments, Events, PopError, PushError, RawQueue, SingleConsumer, UNBOUNDED,
    };
    use loom::sync::atomic::{AtomicBool, Ordering};
    use loom::sync::Arc;
    use loom::thread;
    use std::collections::VecDeque;

    /// An item of a type so large that a long segment has four slots.
    type Wide = (Item, [u64; 7]);
    type Shared = Arc<RawQueue<Wide>>;

    /// The slots of the short segments, one and two. With so many items passed the next segment is a long one.
    const SHORT: usize = 3;

    fn wide(tag: Tag) -> Wide {
        (item(tag), [0; 7])
    }

    /// A queue that begins with short segments, after `passed` items have passed through it.
    fn queue(passed: usize) -> Shared {
        fix_short_segments();
        let queue = Arc::new(RawQueue::new());
        for number in 0..passed {
            push(&queue, (9, number));
            assert!(queue.pop(&mut Events::default()).is_ok());
        }
        queue
    }

    fn push(queue: &RawQueue<Wide>, tag: Tag) {
        assert!(queue.push(wide(tag), UNBOUNDED, &mut Events::default()).is_ok());
    }

    fn producer(queue: &Shared, by: usize, count: usize) -> thread::JoinHandle<()> {
        let queue = queue.clone();
        thread::spawn(move || (0..count).for_each(|number| push(&queue, (by, number))))
    }

    fn pop(queue: &RawQueue<Wide>, popped: &mut Popped) -> Result<(), PopError> {
        queue.pop(&mut Events::default()).map(|(item, _)| popped.note(item))
    }

    /// Pops the rest: each item of `pushed` was popped once, and the items of one producer in their order.
    fn settle(queue: &RawQueue<Wide>, popped: impl IntoIterator<Item = Popped>, mut pushed: Vec<Tag>) {
        let mut rest = Popped::default();
        let left = queue.len();
        while pop(queue, &mut rest).is_ok() {}
        assert_eq!((rest.0.len() as u64, queue.len()), (left, 0));
        let mut all: Vec<Tag> = popped.into_iter().chain([rest]).flat_map(|popped| popped.0).collect();
        all.sort_unstable();
        pushed.sort_unstable();
        assert_eq!(all, pushed);
    }

    /// Two producers push at every offset of the short segments and of the first long one, while another thread
    /// pops.
    #[test]
    fn pushes_and_pops_pass_from_short_to_long_segments() {
        for passed in 0..=SHORT + 1 {
            explore_capped(move || {
                let queue = queue(passed);
                let producers = [producer(&queue, 0, 2), producer(&queue, 1, 1)];
                let mut popped = Popped::default();
                for _ in 0..2 {
                    let _ = pop(&queue, &mut popped);
                }
                let _ = producers.map(|producer| producer.join().unwrap());
                while pop(&queue, &mut popped).is_ok() {}
                settle(&queue, [popped], vec![(0, 0), (0, 1), (1, 0)]);
            });
        }
    }

    /// A slot of a short segment is poisoned, and the memory of the segment is freed after the last access of its
    /// producer.
    #[test]
    fn a_short_segment_with_a_poisoned_slot_is_freed_after_its_last_access() {
        reach("a hole", || {
            // The last slot of the segment with two.
            let queue = queue(SHORT - 1);
            let producer = producer(&queue, 0, 1);
            let mut popped = Popped::default();
            for number in 0..3 {
                let _ = pop(&queue, &mut popped);
                push(&queue, (1, number));
            }
            producer.join().unwrap();
            let holes = queue.holes() > 0;
            settle(&queue, [popped], vec![(0, 0), (1, 0), (1, 1), (1, 2)]);
            holes
        });
    }

    /// Two pops leave short segments while a late helper may be at an edge. No short segment stays in the pool.
    #[test]
    fn short_segments_are_freed_during_pushes_and_pops() {
        for passed in [0, 1] {
            explore_capped(move || {
                let queue = queue(passed);
                let worker = queue.clone();
                let worker = thread::spawn(move || {
                    let mut popped = Popped::default();
                    for number in 0..2 {
                        push(&worker, (0, number));
                        assert_eq!(pop(&worker, &mut popped), Ok(()));
                    }
                    popped
                });
                let mut popped = Popped::default();
                for number in 0..2 {
                    push(&queue, (1, number));
                    assert_eq!(pop(&queue, &mut popped), Ok(()));
                }
                let other = worker.join().unwrap();
                // Two long segments, and then nothing is retired but what waits for a sweep.
                for number in 2..8 {
                    push(&queue, (1, number));
                    assert_eq!(pop(&queue, &mut popped), Ok(()));
                }
                assert!(live_segments() <= 2, "{} segments", live_segments());
                let pushed = (0..2).map(|number| (0, number)).chain((0..8).map(|number| (1, number))).collect();
                settle(&queue, [popped, other], pushed);
            });
        }
    }

    /// Two pushes with the paths of a queue's put, and a pop: the bound holds at every offset.
    #[test]
    fn the_bound_is_exact_in_short_segments() {
        for passed in 0..=SHORT {
            for limit in [1, 2] {
                explore_capped(move || {
                    let queue = queue(passed);
                    let offer = move |queue: &RawQueue<Wide>, tag| {
                        let answer = queue.push_before_claim_limit(wide(tag), limit, &mut Events::default());
                        assert!(queue.len() <= limit, "beyond the bound");
                        matches!(answer, Ok(())).then_some(tag)
                    };
                    let other = queue.clone();
                    let other = thread::spawn(move || [offer(&other, (0, 0)), offer(&other, (0, 1))]);
                    let mut popped = Popped::default();
                    let mine = offer(&queue, (1, 0));
                    let _ = pop(&queue, &mut popped);
                    let again = offer(&queue, (1, 1));
                    let theirs = other.join().unwrap();
                    let pushed: Vec<Tag> = theirs.into_iter().chain([mine, again]).flatten().collect();
                    assert!(pushed.len() as u64 >= limit);
                    settle(&queue, [popped], pushed);
                });
            }
        }
    }

    /// While a thread only pushes, no count decreases, and none exceeds the number of items.
    #[test]
    fn counts_are_exact_across_short_segments() {
        for passed in 0..=SHORT {
            explore_capped(move || {
                let queue = queue(passed);
                let producer = producer(&queue, 0, 3);
                let lengths = [(); 3].map(|()| (queue.len(), queue.claims()));
                assert!(lengths.windows(2).all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 <= pair[1].1));
                assert!(lengths.iter().all(|(len, claims)| *len <= 3 && *claims - passed as u64 <= 3));
                producer.join().unwrap();
                assert_eq!((queue.len(), queue.claims() - queue.holes()), (3, passed as u64 + 3));
                settle(&queue, [], vec![(0, 0), (0, 1), (0, 2)]);
            });
        }
    }

    /// A push and a close at each offset: the item is popped or comes back.
    #[test]
    fn a_close_in_a_short_segment_is_final() {
        for passed in 0..=SHORT {
            explore_capped(move || {
                let queue = queue(passed);
                let other = queue.clone();
                let other = thread::spawn(move || {
                    let answers = [0, 1].map(|number| {
                        let answer = other.push(wide((0, number)), UNBOUNDED, &mut Events::default());
                        assert!(!matches!(answer, Err(PushError::Full(_))));
                        answer.is_ok().then_some((0, number))
                    });
                    answers.into_iter().flatten().collect::<Vec<Tag>>()
                });
                let mut popped = Popped::default();
                assert!(queue.close(&mut Events::default()));
                while pop(&queue, &mut popped) != Err(PopError::Closed) {
                    thread::yield_now();
                }
                let pushed = other.join().unwrap();
                settle(&queue, [popped], pushed);
            });
        }
    }

    /// Batches of two threads cross the edges.
    #[test]
    fn batches_pass_from_short_to_long_segments() {
        for passed in [0, 1, 2] {
            explore_capped(move || {
                let queue = queue(passed);
                let other = queue.clone();
                let other = thread::spawn(move || {
                    let mut items: VecDeque<Wide> = (0..3).map(|number| wide((0, number))).collect();
                    while !items.is_empty() {
                        assert!(other.push_run(&mut items, UNBOUNDED, &mut Events::default()).is_ok());
                    }
                });
                let (mut popped, mut values) = (Popped::default(), Vec::new());
                for _ in 0..2 {
                    let _ = queue.pop_run(&mut values, 2, &mut Events::default());
                }
                other.join().unwrap();
                values.into_iter().for_each(|(item, _)| popped.note(item));
                settle(&queue, [popped], vec![(0, 0), (0, 1), (0, 2)]);
            });
        }
    }

    fn pop_single(queue: &RawQueue<Wide>, single: &mut SingleConsumer<Wide>) -> Result<Item, PopError> {
        match queue.peek_ready(single) {
            Some(ready) => Ok(ready.take(|(item, _)| item)),
            None => queue.pop_single_slow(single).map(|(item, _)| item),
        }
    }

    /// A queue with a single consumer, after `passed` items have passed through it.
    fn single_queue(passed: usize) -> (Shared, SingleConsumer<Wide>) {
        fix_short_segments();
        let mut queue = RawQueue::new();
        let mut single = queue.single_consumer();
        for number in 0..passed {
            push(&queue, (9, number));
            assert!(pop_single(&queue, &mut single).is_ok());
        }
        (Arc::new(queue), single)
    }

    /// The single consumer pops while two producers push, one by one or in batches. It misses no finished push.
    #[test]
    fn the_single_consumer_passes_from_short_to_long_segments() {
        for (passed, batch) in (0..=SHORT).flat_map(|passed| [(passed, false), (passed, true)]) {
            explore_capped(move || {
                let (queue, mut single) = single_queue(passed);
                let finished = Arc::new(AtomicBool::new(false));
                let first = (queue.clone(), finished.clone());
                let first = thread::spawn(move || {
                    (0..2).for_each(|number| push(&first.0, (0, number)));
                    first.1.store(true, Ordering::Release);
                });
                let second = producer(&queue, 1, 1);
                let (mut popped, mut values) = (Popped::default(), Vec::new());
                for _ in 0..2 {
                    let finished = finished.load(Ordering::Acquire);
                    let may = queue.may_pop_single(&single);
                    let answer = match batch {
                        true => queue.pop_many_single(&mut single, &mut values, 2).map(drop),
                        false => pop_single(&queue, &mut single).map(|item| popped.note(item)),
                    };
                    values.drain(..).for_each(|(item, _)| popped.note(item));
                    assert!(!finished || !popped.0.is_empty());
                    assert!(may || !finished || !popped.0.is_empty() || answer.is_ok());
                }
                first.join().unwrap();
                second.join().unwrap();
                while let Ok(item) = pop_single(&queue, &mut single) {
                    popped.note(item);
                }
                queue.end_single_consumer(&mut single);
                settle(&queue, [popped], vec![(0, 0), (0, 1), (1, 0)]);
            });
        }
    }
}
