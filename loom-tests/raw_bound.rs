//! Models of the core: the bound and the close are exact.

#[cfg(loom)]
mod items;
mod support;

#[cfg(loom)]
mod tests {
    use crate::items::{
        explore_capped, item, pop, push, push_all, queue, reach, settle, try_push, Popped, Shared, Tag,
    };
    use joinq::raw::{Events, PopError, PushError, RawQueue, UNBOUNDED};
    use loom::sync::atomic::{AtomicBool, Ordering};
    use loom::sync::Arc;
    use loom::thread;
    use std::collections::VecDeque;

    type Answers = Vec<Result<(), PushError<()>>>;

    /// Two pushes at a bound of one, and a pop: the queue never holds two items.
    #[test]
    fn two_pushes_keep_a_bound_of_one_during_a_pop() {
        explore_capped(|| {
            let (queue, _) = queue(0, 0);
            let producers = [0, 1].map(|by| {
                let queue = queue.clone();
                thread::spawn(move || {
                    let mut accepted = Vec::new();
                    let _ = try_push(&queue, (by, 0), 1, &mut accepted);
                    accepted
                })
            });
            let mut popped = Popped::default();
            let _ = pop(&queue, &mut popped);
            assert!(queue.len() <= 1);
            let accepted = producers.map(|producer| producer.join().unwrap());
            assert!(accepted.iter().any(|tags| !tags.is_empty()));
            settle(&queue, [popped], accepted);
        });
    }

    /// Three pushes of one thread at a bound of one or two, and two pops.
    #[test]
    fn three_pushes_keep_a_small_bound_during_two_pops() {
        for limit in [1, 2] {
            explore_capped(move || {
                let (queue, before) = queue(1, limit as usize);
                let producer = queue.clone();
                let producer = thread::spawn(move || {
                    let mut accepted = Vec::new();
                    for number in 0..3 {
                        let _ = try_push(&producer, (0, number), limit, &mut accepted);
                    }
                    accepted
                });
                let mut popped = Popped::default();
                for _ in 0..2 {
                    let _ = pop(&queue, &mut popped);
                    assert!(queue.len() <= limit);
                }
                let accepted = producer.join().unwrap();
                settle(&queue, [popped], [before, accepted]);
            });
        }
    }

    /// Two pushes at a bound of two, and a pop.
    #[test]
    fn two_pushes_keep_a_bound_of_two_during_a_pop() {
        explore_capped(|| {
            let (queue, before) = queue(0, 1);
            let producers = [0, 1].map(|by| {
                let queue = queue.clone();
                thread::spawn(move || {
                    let mut accepted = Vec::new();
                    let _ = try_push(&queue, (by, 0), 2, &mut accepted);
                    accepted
                })
            });
            let mut popped = Popped::default();
            assert_eq!(pop(&queue, &mut popped), Ok(()));
            assert!(queue.len() <= 2);
            let accepted = producers.map(|producer| producer.join().unwrap());
            settle(&queue, [popped], accepted.into_iter().chain([before]));
        });
    }

    /// Without pops exactly one of two pushes claims the only free slot, within a segment and at its edge.
    #[test]
    fn one_free_slot_is_claimed_by_one_push() {
        for queued in 0..4 {
            explore_capped(move || {
                let (queue, before) = queue(0, queued);
                let limit = queued as u64 + 1;
                let other = queue.clone();
                let other = thread::spawn(move || {
                    let mut accepted = Vec::new();
                    let _ = try_push(&other, (0, 0), limit, &mut accepted);
                    accepted
                });
                let mut mine = Vec::new();
                let _ = try_push(&queue, (1, 0), limit, &mut mine);
                let theirs = other.join().unwrap();
                assert_eq!((mine.len() + theirs.len(), queue.len()), (1, limit));
                settle(&queue, [], [before, mine, theirs]);
            });
        }
    }

    /// A push sees the slot that a pop freed before the push began, at any offset of a segment.
    #[test]
    fn a_slot_freed_before_a_push_is_not_missed() {
        for passed in 0..2 {
            explore_capped(move || {
                let (queue, before) = queue(passed, 1);
                let done = Arc::new(AtomicBool::new(false));
                let consumer = (queue.clone(), done.clone());
                let consumer = thread::spawn(move || {
                    let mut popped = Popped::default();
                    assert_eq!(pop(&consumer.0, &mut popped), Ok(()));
                    consumer.1.store(true, Ordering::Release);
                    let _ = pop(&consumer.0, &mut popped);
                    popped
                });
                let mut accepted = Vec::new();
                let made = done.load(Ordering::Acquire);
                let answer = try_push(&queue, (0, 0), 1, &mut accepted);
                assert!(answer.is_ok() || !made);
                let popped = consumer.join().unwrap();
                settle(&queue, [popped], [before, accepted]);
            });
        }
    }

    /// One thread pops, then pushes, so that the queue has a free slot all the time: no push finds it full.
    #[test]
    fn a_queue_with_a_free_slot_is_never_reported_full() {
        for passed in 0..2 {
            explore_capped(move || {
                let (queue, before) = queue(passed, 1);
                let worker = queue.clone();
                let worker = thread::spawn(move || {
                    let mut popped = Popped::default();
                    let mut accepted = Vec::new();
                    for number in 0..3 {
                        assert_eq!(pop(&worker, &mut popped), Ok(()));
                        assert_eq!(try_push(&worker, (0, number), 2, &mut accepted), Ok(()));
                    }
                    (popped, accepted)
                });
                let mut mine = Vec::new();
                assert_eq!(try_push(&queue, (1, 0), 2, &mut mine), Ok(()));
                let (popped, theirs) = worker.join().unwrap();
                settle(&queue, [popped], [before, mine, theirs]);
            });
        }
    }

    /// During a push, items pass one at a time until the segment whose end the push saw is reused. By the
    /// tickets alone the head is then two items behind. The limit is two items, and the push must not find
    /// the queue full.
    #[test]
    fn a_later_generation_of_a_segment_does_not_make_a_push_fail() {
        // A large type, so that a segment has four slots.
        let large = |number: u64| [number; 8];
        explore_capped(move || {
            let queue = Arc::new(RawQueue::new());
            let pass = |number| {
                assert!(queue.push(large(number), UNBOUNDED, &mut Events::default()).is_ok());
                assert_eq!(queue.pop(&mut Events::default()), Ok(large(number)));
            };
            (0..3).for_each(pass);
            let producer = queue.clone();
            let producer = thread::spawn(move || assert!(producer.push(large(9), 2, &mut Events::default()).is_ok()));
            // The last slot, another segment, and the first slot of a segment that is reused.
            for number in 3..9 {
                assert!(queue.push(large(number), UNBOUNDED, &mut Events::default()).is_ok());
                let _ = queue.pop(&mut Events::default());
            }
            producer.join().unwrap();
        });
    }

    /// Two batches at a bound: the items that do not fit come back in their order.
    #[test]
    fn batches_stop_at_the_bound() {
        explore_capped(|| {
            let (queue, before) = queue(0, 1);
            let batch = |queue: &Shared, by: usize| {
                let mut values: VecDeque<_> = (0..2).map(|number| item((by, number))).collect();
                let answer = push_all(queue, &mut values, 3);
                assert!(queue.len() <= 3);
                assert_eq!(answer.is_err(), !values.is_empty());
                let went = 2 - values.len();
                assert!(values.into_iter().map(|item| *item).eq((went..2).map(|number| (by, number))));
                (0..went).map(|number| (by, number)).collect::<Vec<Tag>>()
            };
            let other = queue.clone();
            let other = thread::spawn(move || batch(&other, 0));
            let mine = batch(&queue, 1);
            let theirs = other.join().unwrap();
            assert_eq!(queue.len(), 3);
            settle(&queue, [], [before, mine, theirs]);
        });
    }

    /// A push during a close succeeds or returns its item, at every offset of a segment. At a full segment
    /// the link is sealed.
    #[test]
    fn a_push_during_a_close_succeeds_or_returns_its_value() {
        for queued in 0..4 {
            explore_capped(move || {
                let (queue, before) = queue(0, queued);
                let producer = queue.clone();
                let producer = thread::spawn(move || {
                    let mut accepted = Vec::new();
                    let answers: Answers =
                        (0..2).map(|number| try_push(&producer, (0, number), u64::MAX, &mut accepted)).collect();
                    assert!(
                        answers[0].is_ok() || answers[1].is_err(),
                        "a push succeeded after one that found the queue closed"
                    );
                    accepted
                });
                assert!(queue.close(&mut Events::default()));
                let mut after = Vec::new();
                assert_eq!(try_push(&queue, (1, 0), u64::MAX, &mut after), Err(PushError::Closed(())));
                let accepted = producer.join().unwrap();
                settle(&queue, [], [before, accepted]);
                assert_eq!(queue.pop(&mut Events::default()).err(), Some(PopError::Closed));
            });
        }
    }

    /// Two pushes append to a full segment while its link is being sealed.
    #[test]
    fn two_appends_during_a_close_succeed_or_return_their_values() {
        for queued in [0, 2] {
            explore_capped(move || {
                let (queue, before) = queue(0, queued);
                let producers = [0, 1].map(|by| {
                    let queue = queue.clone();
                    thread::spawn(move || {
                        let mut accepted = Vec::new();
                        let _ = try_push(&queue, (by, 0), u64::MAX, &mut accepted);
                        accepted
                    })
                });
                assert!(queue.close(&mut Events::default()));
                let accepted = producers.map(|producer| producer.join().unwrap());
                settle(&queue, [], accepted.into_iter().chain([before]));
                assert_eq!(queue.pop(&mut Events::default()).err(), Some(PopError::Closed));
            });
        }
    }

    /// The close finds the next segment linked and moves the tail to it, while a third thread pushes there.
    #[test]
    fn a_close_helps_an_append() {
        for queued in [0, 2] {
            explore_capped(move || {
                let (queue, before) = queue(0, queued);
                let closer = queue.clone();
                let closer = thread::spawn(move || assert!(closer.close(&mut Events::default())));
                let producer = queue.clone();
                let producer = thread::spawn(move || {
                    let mut accepted = Vec::new();
                    let _ = try_push(&producer, (0, 0), u64::MAX, &mut accepted);
                    accepted
                });
                let mut mine = Vec::new();
                let _ = try_push(&queue, (1, 0), u64::MAX, &mut mine);
                closer.join().unwrap();
                let theirs = producer.join().unwrap();
                settle(&queue, [], [before, mine, theirs]);
            });
        }
    }

    /// Exactly one of two closes returns true, and after each of them the queue is closed.
    #[test]
    fn one_of_two_closes_closes_the_queue() {
        for queued in 1..3 {
            explore_capped(move || {
                let (queue, before) = queue(0, queued);
                let closer = queue.clone();
                let closer = thread::spawn(move || {
                    let closed = closer.close(&mut Events::default());
                    assert!(closer.is_closed());
                    closed
                });
                let producer = queue.clone();
                let producer = thread::spawn(move || {
                    let mut accepted = Vec::new();
                    let _ = try_push(&producer, (0, 0), u64::MAX, &mut accepted);
                    accepted
                });
                let closed = queue.close(&mut Events::default());
                assert!(queue.is_closed());
                assert!(closer.join().unwrap() != closed);
                let accepted = producer.join().unwrap();
                settle(&queue, [], [before, accepted]);
            });
        }
    }

    /// A pop returns `Closed` only after the last item was popped.
    #[test]
    fn closed_is_reported_only_after_the_last_item() {
        for queued in 0..3 {
            reach("closed in time", move || {
                let (queue, before) = queue(0, queued);
                let producer = queue.clone();
                let producer = thread::spawn(move || {
                    let mut accepted = Vec::new();
                    let _ = try_push(&producer, (0, 0), u64::MAX, &mut accepted);
                    accepted
                });
                let closer = queue.clone();
                let closer = thread::spawn(move || assert!(closer.close(&mut Events::default())));
                let mut popped = Popped::default();
                let mut closed = false;
                for _ in 0..queued + 2 {
                    match pop(&queue, &mut popped) {
                        Err(PopError::Closed) => closed = true,
                        _ => assert!(!closed, "another result followed Closed"),
                    }
                }
                let accepted = producer.join().unwrap();
                closer.join().unwrap();
                assert!(!closed || queue.len() == 0);
                settle(&queue, [popped], [before, accepted]);
                closed
            });
        }
    }

    /// A thread pushes two items and closes: the pops return both before they return `Closed`.
    #[test]
    fn a_close_comes_after_the_items_of_its_thread() {
        reach("closed in time", || {
            let (queue, _) = queue(1, 0);
            let producer = queue.clone();
            let producer = thread::spawn(move || {
                push(&producer, (0, 0));
                push(&producer, (0, 1));
                assert!(producer.close(&mut Events::default()));
            });
            let mut popped = Popped::default();
            let mut closed = false;
            for _ in 0..3 {
                if pop(&queue, &mut popped) == Err(PopError::Closed) {
                    assert_eq!(popped.0.len(), 2);
                    closed = true;
                }
            }
            producer.join().unwrap();
            settle(&queue, [popped], [vec![(0, 0), (0, 1)]]);
            closed
        });
    }

    /// Before the first push no ticket orders a close and a push: the push that finds the link sealed, and sets the
    /// closed bit itself, sees what the closing thread did before.
    #[test]
    fn a_push_that_finds_the_queue_closed_comes_after_the_close() {
        explore_capped(|| {
            let shared = Arc::new((queue(0, 0).0, AtomicBool::new(false)));
            let closer = shared.clone();
            let closer = thread::spawn(move || {
                closer.1.store(true, Ordering::Relaxed);
                assert!(closer.0.close(&mut Events::default()));
            });
            let (queue, before_the_close) = &*shared;
            if try_push(queue, (0, 0), UNBOUNDED, &mut Vec::new()) == Err(PushError::Closed(())) {
                assert!(before_the_close.load(Ordering::Relaxed), "the close came before the push");
            }
            closer.join().unwrap();
        });
    }
}
