//! Models of the core: the bound is exact, and so is the close.

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
    use crate::items::{explore_capped, get, item, offer, push_all, put, queue, reach, settle, Got, Shared, Tag};
    use joinq::raw::{Events, PopError, PushError, RawQueue, UNBOUNDED};
    use loom::sync::atomic::{AtomicBool, Ordering};
    use loom::sync::Arc;
    use loom::thread;
    use std::collections::VecDeque;

    type Answers = Vec<Result<(), PushError<()>>>;

    /// Two putters at a bound of one, and a popper: never two inside.
    #[test]
    fn two_pushers_and_a_popper_at_a_bound_of_one() {
        explore_capped(|| {
            let (queue, _) = queue(0, 0);
            let putters = [0, 1].map(|by| {
                let queue = queue.clone();
                thread::spawn(move || {
                    let mut accepted = Vec::new();
                    let _ = offer(&queue, (by, 0), 1, &mut accepted);
                    accepted
                })
            });
            let mut got = Got::default();
            let _ = get(&queue, &mut got);
            assert!(queue.len() <= 1);
            let accepted = putters.map(|putter| putter.join().unwrap());
            assert!(accepted.iter().any(|tags| !tags.is_empty()));
            settle(&queue, [got], accepted);
        });
    }

    /// One putter that goes on at a bound of one or two, and a popper.
    #[test]
    fn a_pusher_and_a_popper_at_a_small_bound() {
        for limit in [1, 2] {
            explore_capped(move || {
                let (queue, before) = queue(1, limit as usize);
                let putter = queue.clone();
                let putter = thread::spawn(move || {
                    let mut accepted = Vec::new();
                    for number in 0..3 {
                        let _ = offer(&putter, (0, number), limit, &mut accepted);
                    }
                    accepted
                });
                let mut got = Got::default();
                for _ in 0..2 {
                    let _ = get(&queue, &mut got);
                    assert!(queue.len() <= limit);
                }
                let accepted = putter.join().unwrap();
                settle(&queue, [got], [before, accepted]);
            });
        }
    }

    /// Two putters at a bound of two, and a popper.
    #[test]
    fn two_pushers_and_a_popper_at_a_bound_of_two() {
        explore_capped(|| {
            let (queue, before) = queue(0, 1);
            let putters = [0, 1].map(|by| {
                let queue = queue.clone();
                thread::spawn(move || {
                    let mut accepted = Vec::new();
                    let _ = offer(&queue, (by, 0), 2, &mut accepted);
                    accepted
                })
            });
            let mut got = Got::default();
            assert_eq!(get(&queue, &mut got), Ok(()));
            assert!(queue.len() <= 2);
            let accepted = putters.map(|putter| putter.join().unwrap());
            settle(&queue, [got], accepted.into_iter().chain([before]));
        });
    }

    /// Nobody pops: of two putters exactly as many go in as there is room for, inside a segment and at its edge.
    #[test]
    fn room_for_one_is_taken_by_one() {
        for inside in 0..4 {
            explore_capped(move || {
                let (queue, before) = queue(0, inside);
                let limit = inside as u64 + 1;
                let other = queue.clone();
                let other = thread::spawn(move || {
                    let mut accepted = Vec::new();
                    let _ = offer(&other, (0, 0), limit, &mut accepted);
                    accepted
                });
                let mut mine = Vec::new();
                let _ = offer(&queue, (1, 0), limit, &mut mine);
                let theirs = other.join().unwrap();
                assert_eq!((mine.len() + theirs.len(), queue.len()), (1, limit));
                settle(&queue, [], [before, mine, theirs]);
            });
        }
    }

    /// A pop that returned before the push began has made room, at any offset of a segment.
    #[test]
    fn room_that_was_made_is_not_missed() {
        for passed in 0..2 {
            explore_capped(move || {
                let (queue, before) = queue(passed, 1);
                let done = Arc::new(AtomicBool::new(false));
                let popper = (queue.clone(), done.clone());
                let popper = thread::spawn(move || {
                    let mut got = Got::default();
                    assert_eq!(get(&popper.0, &mut got), Ok(()));
                    popper.1.store(true, Ordering::Release);
                    let _ = get(&popper.0, &mut got);
                    got
                });
                let mut accepted = Vec::new();
                let made = done.load(Ordering::Acquire);
                let answer = offer(&queue, (0, 0), 1, &mut accepted);
                assert!(answer.is_ok() || !made);
                let got = popper.join().unwrap();
                settle(&queue, [got], [before, accepted]);
            });
        }
    }

    /// One thread gets, then puts, so that there is room for one more all the time: nobody is told that it is full.
    #[test]
    fn full_is_never_said_of_a_queue_with_room() {
        for passed in 0..2 {
            explore_capped(move || {
                let (queue, before) = queue(passed, 1);
                let turner = queue.clone();
                let turner = thread::spawn(move || {
                    let mut got = Got::default();
                    let mut accepted = Vec::new();
                    for number in 0..3 {
                        assert_eq!(get(&turner, &mut got), Ok(()));
                        assert_eq!(offer(&turner, (0, number), 2, &mut accepted), Ok(()));
                    }
                    (got, accepted)
                });
                let mut mine = Vec::new();
                assert_eq!(offer(&queue, (1, 0), 2, &mut mine), Ok(()));
                let (got, theirs) = turner.join().unwrap();
                settle(&queue, [got], [before, mine, theirs]);
            });
        }
    }

    /// One item at a time passes while a put is at work, so that the segment of which it saw the end is used again: by the
    /// tickets alone the head is then two items behind. Two may be inside, so that the put is not told that it is full.
    #[test]
    fn a_put_is_not_told_full_by_a_later_life_of_its_segment() {
        // Large, so that a segment has four slots.
        let large = |number: u64| [number; 8];
        explore_capped(move || {
            let queue = Arc::new(RawQueue::new());
            let pass = |number| {
                assert!(queue.push(large(number), UNBOUNDED, &mut Events::default()).is_ok());
                assert_eq!(queue.pop(&mut Events::default()), Ok(large(number)));
            };
            (0..3).for_each(pass);
            let putter = queue.clone();
            let putter = thread::spawn(move || assert!(putter.push(large(9), 2, &mut Events::default()).is_ok()));
            // The last slot, another segment, and the first slot of a segment that is used again.
            for number in 3..9 {
                assert!(queue.push(large(number), UNBOUNDED, &mut Events::default()).is_ok());
                let _ = queue.pop(&mut Events::default());
            }
            putter.join().unwrap();
        });
    }

    /// Two batches at a bound: what does not fit comes back in its order.
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

    /// A push beside a close goes in or comes back, at every offset of a segment; at a full one the link is sealed.
    #[test]
    fn a_push_beside_a_close() {
        for inside in 0..4 {
            explore_capped(move || {
                let (queue, before) = queue(0, inside);
                let putter = queue.clone();
                let putter = thread::spawn(move || {
                    let mut accepted = Vec::new();
                    let answers: Answers =
                        (0..2).map(|number| offer(&putter, (0, number), u64::MAX, &mut accepted)).collect();
                    assert!(answers[0].is_ok() || answers[1].is_err(), "open again after it was closed");
                    accepted
                });
                assert!(queue.close(&mut Events::default()));
                let mut after = Vec::new();
                assert_eq!(offer(&queue, (1, 0), u64::MAX, &mut after), Err(PushError::Closed(())));
                let accepted = putter.join().unwrap();
                settle(&queue, [], [before, accepted]);
                assert_eq!(queue.pop(&mut Events::default()).err(), Some(PopError::Closed));
            });
        }
    }

    /// Two pushers append to a full segment while its link is being sealed.
    #[test]
    fn two_appends_beside_a_close() {
        for inside in [0, 2] {
            explore_capped(move || {
                let (queue, before) = queue(0, inside);
                let putters = [0, 1].map(|by| {
                    let queue = queue.clone();
                    thread::spawn(move || {
                        let mut accepted = Vec::new();
                        let _ = offer(&queue, (by, 0), u64::MAX, &mut accepted);
                        accepted
                    })
                });
                assert!(queue.close(&mut Events::default()));
                let accepted = putters.map(|putter| putter.join().unwrap());
                settle(&queue, [], accepted.into_iter().chain([before]));
                assert_eq!(queue.pop(&mut Events::default()).err(), Some(PopError::Closed));
            });
        }
    }

    /// The close finds the next segment linked and moves the tail to it, and a third thread pushes there.
    #[test]
    fn a_close_helps_an_append() {
        for inside in [0, 2] {
            explore_capped(move || {
                let (queue, before) = queue(0, inside);
                let closer = queue.clone();
                let closer = thread::spawn(move || assert!(closer.close(&mut Events::default())));
                let putter = queue.clone();
                let putter = thread::spawn(move || {
                    let mut accepted = Vec::new();
                    let _ = offer(&putter, (0, 0), u64::MAX, &mut accepted);
                    accepted
                });
                let mut mine = Vec::new();
                let _ = offer(&queue, (1, 0), u64::MAX, &mut mine);
                closer.join().unwrap();
                let theirs = putter.join().unwrap();
                settle(&queue, [], [before, mine, theirs]);
            });
        }
    }

    /// One of two closes is the one that closed, and what it says holds for the other as well.
    #[test]
    fn two_closes_beside_a_push() {
        for inside in 1..3 {
            explore_capped(move || {
                let (queue, before) = queue(0, inside);
                let closer = queue.clone();
                let closer = thread::spawn(move || {
                    let closed = closer.close(&mut Events::default());
                    assert!(closer.is_closed());
                    closed
                });
                let putter = queue.clone();
                let putter = thread::spawn(move || {
                    let mut accepted = Vec::new();
                    let _ = offer(&putter, (0, 0), u64::MAX, &mut accepted);
                    accepted
                });
                let closed = queue.close(&mut Events::default());
                assert!(queue.is_closed());
                assert!(closer.join().unwrap() != closed);
                let accepted = putter.join().unwrap();
                settle(&queue, [], [before, accepted]);
            });
        }
    }

    /// Whoever is told `Closed` by a pop has seen the last item go.
    #[test]
    fn closed_means_drained() {
        for inside in 0..3 {
            reach("closed in time", move || {
                let (queue, before) = queue(0, inside);
                let putter = queue.clone();
                let putter = thread::spawn(move || {
                    let mut accepted = Vec::new();
                    let _ = offer(&putter, (0, 0), u64::MAX, &mut accepted);
                    accepted
                });
                let closer = queue.clone();
                let closer = thread::spawn(move || assert!(closer.close(&mut Events::default())));
                let mut got = Got::default();
                let mut closed = false;
                for _ in 0..inside + 2 {
                    match get(&queue, &mut got) {
                        Err(PopError::Closed) => closed = true,
                        _ => assert!(!closed, "after Closed came another answer"),
                    }
                }
                let accepted = putter.join().unwrap();
                closer.join().unwrap();
                assert!(!closed || queue.len() == 0);
                settle(&queue, [got], [before, accepted]);
                closed
            });
        }
    }

    /// A putter of two closes behind its items: the popper gets both before it is told.
    #[test]
    fn a_close_comes_after_what_was_put() {
        reach("closed in time", || {
            let (queue, _) = queue(1, 0);
            let putter = queue.clone();
            let putter = thread::spawn(move || {
                put(&putter, (0, 0));
                put(&putter, (0, 1));
                assert!(putter.close(&mut Events::default()));
            });
            let mut got = Got::default();
            let mut closed = false;
            for _ in 0..3 {
                if get(&queue, &mut got) == Err(PopError::Closed) {
                    assert_eq!(got.0.len(), 2);
                    closed = true;
                }
            }
            putter.join().unwrap();
            settle(&queue, [got], [vec![(0, 0), (0, 1)]]);
            closed
        });
    }
}
