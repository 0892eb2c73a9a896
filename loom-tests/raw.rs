//! Models of the core, `joinq::raw`: order, that nothing is lost, batches and counts.

#[cfg(not(loom))]
#[test]
#[ignore = "a model: run `cargo loom`"]
fn models_need_cfg_loom() {
    panic!("run `cargo loom` with RUSTFLAGS unset");
}

#[cfg(loom)]
mod items;
#[cfg(loom)]
mod models;

#[cfg(loom)]
mod tests {
    use crate::items::{
        explore_capped, get, has_holes, item, pop_up_to, push_all, put, queue, reach, settle, Got, BEFORE,
    };
    use joinq::raw::{Events, PopError, RawQueue, UNBOUNDED};
    use loom::sync::atomic::{AtomicBool, Ordering};
    use loom::sync::Arc;
    use loom::thread;
    use std::collections::VecDeque;

    /// The first push of a queue makes its first segment while somebody pops.
    #[test]
    fn push_and_pop_on_a_fresh_queue() {
        explore_capped(|| {
            let (queue, _) = queue(0, 0);
            let putter = queue.clone();
            let putter = thread::spawn(move || (0..3).for_each(|n| put(&putter, (0, n))));
            let mut got = Got::default();
            for _ in 0..2 {
                let _ = get(&queue, &mut got);
            }
            putter.join().unwrap();
            settle(&queue, [got], [(0..3).map(|n| (0, n)).collect()]);
        });
    }

    /// Of two pushes one takes the last slot and the other appends, and a pop comes between.
    #[test]
    fn pushes_across_a_boundary_and_a_pop() {
        reach("a hole", || {
            let (queue, before) = queue(0, 1);
            let putters = [0, 1].map(|by| {
                let queue = queue.clone();
                thread::spawn(move || put(&queue, (by, 0)))
            });
            let mut got = Got::default();
            assert_eq!(get(&queue, &mut got), Ok(()));
            let _ = get(&queue, &mut got);
            let _ = putters.map(|putter| putter.join().unwrap());
            let holes = has_holes(&queue);
            settle(&queue, [got], [before, vec![(0, 0), (1, 0)]]);
            holes
        });
    }

    /// Two poppers and one item: one of them has it.
    #[test]
    fn two_poppers_and_one_item() {
        explore_capped(|| {
            let (queue, before) = queue(0, 1);
            let other = queue.clone();
            let other = thread::spawn(move || {
                let mut got = Got::default();
                let answer = get(&other, &mut got);
                (got, answer)
            });
            let mut mine = Got::default();
            let answer = get(&queue, &mut mine);
            let (theirs, other_answer) = other.join().unwrap();
            assert!(answer.is_ok() != other_answer.is_ok());
            assert_eq!(answer.and(other_answer), Err(PopError::Empty));
            settle(&queue, [mine, theirs], [before]);
        });
    }

    /// Two poppers and a pusher, on one item.
    #[test]
    fn two_poppers_and_a_push() {
        explore_capped(|| {
            let (queue, before) = queue(0, 1);
            let poppers = [0, 1].map(|_| {
                let queue = queue.clone();
                thread::spawn(move || {
                    let mut got = Got::default();
                    let _ = get(&queue, &mut got);
                    got
                })
            });
            put(&queue, (0, 0));
            let gots = poppers.map(|popper| popper.join().unwrap());
            settle(&queue, gots, [before, vec![(0, 0)]]);
        });
    }

    /// What was put before the pop began is not missed, at any offset of a segment.
    #[test]
    fn a_finished_push_is_not_missed() {
        for passed in 0..3 {
            explore_capped(move || {
                let (queue, _) = queue(passed, 0);
                let done = Arc::new(AtomicBool::new(false));
                let putter = (queue.clone(), done.clone());
                let putter = thread::spawn(move || {
                    put(&putter.0, (0, 0));
                    putter.1.store(true, Ordering::Release);
                    put(&putter.0, (0, 1));
                });
                let mut got = Got::default();
                let finished = done.load(Ordering::Acquire);
                let answer = get(&queue, &mut got);
                assert!(answer.is_ok() || !finished);
                putter.join().unwrap();
                settle(&queue, [got], [vec![(0, 0), (0, 1)]]);
            });
        }
    }

    /// One thread puts, then gets, so that something is inside all the time: nobody is told that it is empty.
    #[test]
    fn empty_is_never_said_of_a_queue_with_items() {
        explore_capped(|| {
            let (queue, before) = queue(0, 1);
            let turner = queue.clone();
            let turner = thread::spawn(move || {
                let mut got = Got::default();
                for n in 0..2 {
                    put(&turner, (0, n));
                    assert_eq!(get(&turner, &mut got), Ok(()));
                }
                got
            });
            let mut got = Got::default();
            assert_eq!(get(&queue, &mut got), Ok(()));
            let other = turner.join().unwrap();
            settle(&queue, [got, other], [before, vec![(0, 0), (0, 1)]]);
        });
    }

    /// The length is that of one moment: never more than was inside at any time.
    #[test]
    fn len_is_exact_while_items_pass() {
        explore_capped(|| {
            let (queue, _) = queue(0, 0);
            let turner = queue.clone();
            let turner = thread::spawn(move || {
                let mut got = Got::default();
                for n in 0..3 {
                    put(&turner, (0, n));
                    assert_eq!(get(&turner, &mut got), Ok(()));
                }
                got
            });
            for _ in 0..2 {
                assert!(queue.len() <= 1);
            }
            let got = turner.join().unwrap();
            settle(&queue, [got], [(0..3).map(|n| (0, n)).collect()]);
        });
    }

    /// While the queue only grows, or only shrinks, two lengths tell the same, and neither is beyond the extremes.
    #[test]
    fn len_goes_one_way_with_the_queue() {
        explore_capped(|| {
            let (queue, _) = queue(0, 0);
            let putter = queue.clone();
            let putter = thread::spawn(move || (0..3).for_each(|n| put(&putter, (0, n))));
            let (first, second) = (queue.len(), queue.len());
            assert!(first <= second && second <= 3);
            putter.join().unwrap();
            settle(&queue, [], [(0..3).map(|n| (0, n)).collect()]);
        });
        explore_capped(|| {
            let (queue, before) = queue(0, 5);
            let popper = queue.clone();
            let popper = thread::spawn(move || {
                let mut got = Got::default();
                (0..3).for_each(|_| assert_eq!(get(&popper, &mut got), Ok(())));
                got
            });
            let (first, second) = (queue.len(), queue.len());
            assert!(first >= second && second >= 2);
            let got = popper.join().unwrap();
            settle(&queue, [got], [before]);
        });
    }

    /// `len` and `is_closed` beside a push, a close and a pop.
    #[test]
    fn readers_beside_a_push_and_a_pop() {
        explore_capped(|| {
            let (queue, before) = queue(0, 1);
            let putter = queue.clone();
            let putter = thread::spawn(move || {
                put(&putter, (0, 0));
                putter.close(&mut Events::default());
                assert!(putter.is_closed());
            });
            let popper = queue.clone();
            let popper = thread::spawn(move || {
                let mut got = Got::default();
                assert_eq!(get(&popper, &mut got), Ok(()));
                got
            });
            let closed = queue.is_closed();
            let len = queue.len();
            assert!(len <= 2);
            assert!(!closed || queue.is_closed());
            putter.join().unwrap();
            let got = popper.join().unwrap();
            assert_eq!(queue.len(), 1);
            settle(&queue, [got], [before, vec![(0, 0)]]);
        });
    }

    /// A batch whose slots a getter poisons is put in its order all the same.
    #[test]
    fn a_batch_keeps_its_order_across_a_poisoned_slot() {
        for passed in [0, 1] {
            reach("a hole", move || {
                let (queue, before) = queue(passed, 1);
                let putter = queue.clone();
                let putter = thread::spawn(move || {
                    let mut values: VecDeque<_> = (0..4).map(|n| item((0, n))).collect();
                    assert_eq!(push_all(&putter, &mut values, UNBOUNDED), Ok(()));
                });
                let mut got = Got::default();
                for _ in 0..3 {
                    let _ = get(&queue, &mut got);
                }
                putter.join().unwrap();
                let holes = has_holes(&queue);
                settle(&queue, [got], [before, (0..4).map(|n| (0, n)).collect()]);
                holes
            });
        }
    }

    /// Batches on both sides, and a single push between.
    #[test]
    fn batches_both_ways() {
        reach("a hole", || {
            let (queue, _) = queue(0, 0);
            let many = queue.clone();
            let many = thread::spawn(move || {
                let mut values: VecDeque<_> = (0..3).map(|n| item((0, n))).collect();
                assert_eq!(push_all(&many, &mut values, UNBOUNDED), Ok(()));
            });
            let one = queue.clone();
            let one = thread::spawn(move || put(&one, (1, 0)));
            let mut out = Vec::new();
            if let Ok(count) = pop_up_to(&queue, &mut out, 3) {
                assert_eq!(count, out.len());
            }
            many.join().unwrap();
            one.join().unwrap();
            let holes = has_holes(&queue);
            let mut got = Got::default();
            out.into_iter().for_each(|item| got.note(item));
            settle(&queue, [got], [vec![(0, 0), (0, 1), (0, 2), (1, 0)]]);
            holes
        });
    }

    /// Two items are seen, and another takes one of them: the batch claims the one that is left, and no slot that no putter has
    /// claimed. (`settle` would find that slot poisoned.)
    #[test]
    fn a_batch_claims_no_more_than_is_there() {
        reach("a batch of one", || {
            let (queue, before) = queue(1, 2);
            let other = queue.clone();
            let other = thread::spawn(move || {
                let mut got = Got::default();
                let _ = get(&other, &mut got);
                got
            });
            let mut out = Vec::new();
            assert!(pop_up_to(&queue, &mut out, 2).is_ok());
            let other = other.join().unwrap();
            let one = out.len() == 1;
            let mut got = Got::default();
            out.into_iter().for_each(|item| got.note(item));
            settle(&queue, [got, other], [before]);
            one
        });
    }

    /// Claims less claims given up is what came in, and who counts both sees no hole whose claim it does not see.
    #[test]
    fn claims_and_holes_are_counted() {
        reach("a hole", || {
            let (queue, before) = queue(0, 1);
            let putter = queue.clone();
            let putter = thread::spawn(move || {
                put(&putter, (0, 0));
                put(&putter, (0, 1));
            });
            let popper = queue.clone();
            let popper = thread::spawn(move || {
                let mut got = Got::default();
                for _ in 0..2 {
                    let _ = get(&popper, &mut got);
                }
                got
            });
            let holes = queue.holes();
            let claims = queue.claims();
            assert!(claims > holes);
            putter.join().unwrap();
            let got = popper.join().unwrap();
            assert_eq!(queue.claims() - queue.holes(), 3);
            let holes = has_holes(&queue);
            settle(&queue, [got], [before, vec![(0, 0), (0, 1)]]);
            holes
        });
    }

    /// As before with nothing else going on: the hole is seen, and then its claim.
    #[test]
    fn a_hole_is_seen_after_its_claim() {
        reach("a hole", || {
            let (queue, _) = queue(0, 1);
            let popper = queue.clone();
            let popper =
                thread::spawn(move || drop((popper.pop(&mut Events::default()), popper.pop(&mut Events::default()))));
            let counter = queue.clone();
            let counter = thread::spawn(move || {
                let holes = counter.holes();
                assert!(holes == 0 || counter.claims() >= 2);
            });
            put(&queue, (0, 0));
            popper.join().unwrap();
            counter.join().unwrap();
            has_holes(&queue)
        });
    }

    /// The last one to leave drops the queue with whatever is still inside.
    #[test]
    fn a_queue_is_dropped_with_items_inside() {
        for passed in 0..2 {
            explore_capped(move || {
                let queue = Arc::new(RawQueue::new());
                for _ in 0..passed {
                    assert!(queue.push(item((BEFORE, 0)), UNBOUNDED, &mut Events::default()).is_ok());
                }
                let putter = queue.clone();
                let popper = queue.clone();
                thread::spawn(move || (0..2).for_each(|n| put(&putter, (0, n))));
                thread::spawn(move || drop(popper.pop(&mut Events::default())));
                put(&queue, (1, 0));
            });
        }
    }
}
