//! Models of the core at the edges of its segments: who appends, who moves the ends, when a segment is used again.

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
    use crate::items::{get, has_holes, item, offer, put, queue, reach, settle, Got, Shared, Tag};
    use crate::models::explore_capped;
    use joinq::raw::Refused;
    use loom::thread;

    fn all(by: usize, count: usize) -> Vec<Tag> {
        (0..count).map(|number| (by, number)).collect()
    }

    /// Pops `times` times, whatever comes.
    fn popper(queue: &Shared, times: usize) -> thread::JoinHandle<Got> {
        let queue = queue.clone();
        thread::spawn(move || {
            let mut got = Got::default();
            for _ in 0..times {
                let _ = get(&queue, &mut got);
            }
            got
        })
    }

    fn putter(queue: &Shared, by: usize, count: usize) -> thread::JoinHandle<()> {
        let queue = queue.clone();
        thread::spawn(move || (0..count).for_each(|number| put(&queue, (by, number))))
    }

    /// Two pushers append at once to a queue without segments, beside a pop.
    #[test]
    fn two_append_the_first_segment() {
        explore_capped(|| {
            let (queue, _) = queue(0, 0);
            let putters = [putter(&queue, 0, 1), putter(&queue, 1, 1)];
            let mut got = Got::default();
            let _ = get(&queue, &mut got);
            let _ = putters.map(|putter| putter.join().unwrap());
            settle(&queue, [got], [all(0, 1), all(1, 1)]);
        });
    }

    /// Two pushers append at once to a full segment, beside a pop.
    #[test]
    fn two_append_to_a_full_segment() {
        explore_capped(|| {
            let (queue, before) = queue(0, 2);
            let putters = [putter(&queue, 0, 1), putter(&queue, 1, 1)];
            let mut got = Got::default();
            assert_eq!(get(&queue, &mut got), Ok(()));
            let _ = putters.map(|putter| putter.join().unwrap());
            settle(&queue, [got], [before, all(0, 1), all(1, 1)]);
        });
    }

    /// Segments go round while both sides are in them.
    #[test]
    fn segments_go_round() {
        reach("a hole", || {
            let (queue, _) = queue(0, 0);
            let putter = putter(&queue, 0, 6);
            let mut got = Got::default();
            for _ in 0..4 {
                let _ = get(&queue, &mut got);
            }
            putter.join().unwrap();
            let holes = has_holes(&queue);
            settle(&queue, [got], [all(0, 6)]);
            holes
        });
    }

    /// The same with a spare laid by, so that the next append takes it.
    #[test]
    fn the_spare_goes_round() {
        for passed in [3, 4] {
            explore_capped(move || {
                let (queue, before) = queue(passed, 1);
                let putter = putter(&queue, 0, 5);
                let mut got = Got::default();
                for _ in 0..3 {
                    let _ = get(&queue, &mut got);
                }
                putter.join().unwrap();
                settle(&queue, [got], [before, all(0, 5)]);
            });
        }
    }

    /// A slot is poisoned, its putter comes back for its value, and the segment is used again by the popper itself.
    #[test]
    fn a_poisoned_segment_is_used_again() {
        reach("a hole", || {
            let (queue, before) = queue(0, 1);
            let putter = putter(&queue, 0, 2);
            let mut got = Got::default();
            for number in 0..4 {
                let _ = get(&queue, &mut got);
                let _ = get(&queue, &mut got);
                put(&queue, (1, number));
            }
            putter.join().unwrap();
            let holes = has_holes(&queue);
            settle(&queue, [got], [before, all(0, 2), all(1, 4)]);
            holes
        });
    }

    /// Who poisons a slot has looked at its segment before: that comes before the segment is used again by a third.
    #[test]
    fn a_poisoner_is_done_with_the_segment() {
        reach("a hole", || {
            let (queue, before) = queue(1, 0);
            let putter = putter(&queue, 0, 1);
            let popper = popper(&queue, 1);
            let mut got = Got::default();
            for number in 0..4 {
                put(&queue, (1, number));
                let _ = get(&queue, &mut got);
            }
            putter.join().unwrap();
            let other = popper.join().unwrap();
            let holes = has_holes(&queue);
            settle(&queue, [got, other], [before, all(0, 1), all(1, 4)]);
            holes
        });
    }

    /// Two pops of one segment, and a thread that goes round: who reuses the segment sees both pops done with it.
    #[test]
    fn a_late_popper_and_a_segment_used_again() {
        explore_capped(|| {
            let (queue, before) = queue(0, 2);
            let popper = popper(&queue, 1);
            let mut got = Got::default();
            for number in 0..4 {
                put(&queue, (0, number));
                assert_eq!(get(&queue, &mut got), Ok(()));
            }
            let other = popper.join().unwrap();
            settle(&queue, [got, other], [before, all(0, 4)]);
        });
    }

    /// A late helper at the edge, and a thread that goes round.
    #[test]
    fn a_late_helper_and_a_segment_used_again() {
        explore_capped(|| {
            let (queue, before) = queue(0, 2);
            let putter = putter(&queue, 1, 1);
            let mut got = Got::default();
            for number in 0..4 {
                put(&queue, (0, number));
                assert_eq!(get(&queue, &mut got), Ok(()));
            }
            putter.join().unwrap();
            settle(&queue, [got], [before, all(0, 4), all(1, 1)]);
        });
    }

    /// Two poppers race for the swing of the head, beside a pusher that saw the tail at the segment they leave.
    #[test]
    fn two_poppers_leave_a_segment_that_a_pusher_is_in() {
        explore_capped(|| {
            let (queue, before) = queue(0, 2);
            let poppers = [popper(&queue, 2), popper(&queue, 1)];
            put(&queue, (0, 0));
            put(&queue, (0, 1));
            let gots = poppers.map(|popper| popper.join().unwrap());
            settle(&queue, gots, [before, all(0, 2)]);
        });
    }

    /// Two poppers race for the swing of the head where the next segment is there already.
    #[test]
    fn two_poppers_at_an_edge() {
        explore_capped(|| {
            let (queue, before) = queue(1, 3);
            let popper = popper(&queue, 2);
            let mut got = Got::default();
            for _ in 0..2 {
                let _ = get(&queue, &mut got);
            }
            let other = popper.join().unwrap();
            settle(&queue, [got, other], [before]);
        });
    }

    /// Two threads put and get by turns, so that each may retire, sweep and use what the other was in.
    #[test]
    fn two_threads_go_round() {
        explore_capped(|| {
            let (queue, before) = queue(1, 1);
            let turner = queue.clone();
            let turner = thread::spawn(move || {
                let mut got = Got::default();
                for number in 0..3 {
                    put(&turner, (0, number));
                    assert_eq!(get(&turner, &mut got), Ok(()));
                }
                got
            });
            let mut got = Got::default();
            for number in 0..3 {
                put(&queue, (1, number));
                assert_eq!(get(&queue, &mut got), Ok(()));
            }
            let other = turner.join().unwrap();
            settle(&queue, [got, other], [before, all(0, 3), all(1, 3)]);
        });
    }

    /// Stands, and takes the item back if it is still there: true if it went.
    fn stand_and_withdraw(queue: &Shared, tag: Tag) -> Option<bool> {
        match queue.stand(item(tag), &()) {
            Ok(stand) => {
                let taken = queue.is_taken(&stand);
                match queue.withdraw(stand, &()) {
                    Some(back) => {
                        assert!(!taken && *back == tag);
                        Some(false)
                    }
                    None => Some(true),
                }
            }
            Err(Refused::Full(back)) => {
                assert_eq!(*back, tag);
                None
            }
            Err(Refused::Closed(_)) => unreachable!(),
        }
    }

    /// The item goes to the pop or back, in each slot of a segment.
    #[test]
    fn a_standing_item_is_taken_or_taken_back() {
        for passed in 0..3 {
            reach("a hand-over", move || {
                let (queue, _) = queue(passed, 0);
                let stander = queue.clone();
                let stander = thread::spawn(move || stand_and_withdraw(&stander, (0, 0)));
                let mut got = Got::default();
                let _ = get(&queue, &mut got);
                let went = stander.join().unwrap();
                assert_eq!(went, Some(!got.0.is_empty()));
                settle(&queue, [got], [if went == Some(true) { vec![(0, 0)] } else { vec![] }]);
                went == Some(true)
            });
        }
    }

    /// The same with two poppers.
    #[test]
    fn a_standing_item_and_two_poppers() {
        for passed in 1..3 {
            explore_capped(move || {
                let (queue, _) = queue(passed, 0);
                let popper = queue.clone();
                let popper = thread::spawn(move || {
                    let mut got = Got::default();
                    let _ = get(&popper, &mut got);
                    got
                });
                let stander = queue.clone();
                let stander = thread::spawn(move || stand_and_withdraw(&stander, (0, 0)));
                let mut got = Got::default();
                let _ = get(&queue, &mut got);
                let went = stander.join().unwrap();
                let gots = [got, popper.join().unwrap()];
                settle(&queue, gots, [if went == Some(true) { vec![(0, 0)] } else { vec![] }]);
            });
        }
    }

    /// Two stand: one item is inside at a time.
    #[test]
    fn two_stand_at_once() {
        for passed in 0..3 {
            explore_capped(move || {
                let (queue, _) = queue(passed, 0);
                let stander = queue.clone();
                let stander = thread::spawn(move || {
                    let went = stand_and_withdraw(&stander, (0, 0));
                    assert!(stander.len() <= 1);
                    went
                });
                let mine = stand_and_withdraw(&queue, (1, 0));
                let theirs = stander.join().unwrap();
                assert_ne!(mine, Some(true));
                assert_ne!(theirs, Some(true));
                settle(&queue, [], []);
            });
        }
    }

    /// Who stands steps off while others use the queue: its segment is not used again under it.
    #[test]
    fn a_segment_is_held_for_who_stands() {
        for passed in 1..3 {
            explore_capped(move || {
                let (queue, _) = queue(passed, 0);
                let stander = queue.clone();
                let stander = thread::spawn(move || stand_and_withdraw(&stander, (0, 0)));
                let mut got = Got::default();
                let mut accepted = Vec::new();
                for number in 0..3 {
                    let _ = get(&queue, &mut got);
                    let _ = offer(&queue, (1, number), 2, &mut accepted);
                    let _ = get(&queue, &mut got);
                }
                let went = stander.join().unwrap();
                if went == Some(true) {
                    accepted.push((0, 0));
                }
                settle(&queue, [got], [accepted]);
            });
        }
    }

    /// Somebody retires the segment while the stander is about to hold it and the popper about to mark it.
    #[test]
    fn a_segment_is_held_while_it_is_retired() {
        explore_capped(|| {
            let (queue, _) = queue(1, 0);
            let stander = queue.clone();
            let stander = thread::spawn(move || stand_and_withdraw(&stander, (0, 0)));
            let popper = popper(&queue, 1);
            let mut got = Got::default();
            for number in 0..2 {
                put(&queue, (1, number));
                let _ = get(&queue, &mut got);
            }
            put(&queue, (1, 2));
            let went = stander.join().unwrap();
            let other = popper.join().unwrap();
            let stood = if went == Some(true) { vec![(0, 0)] } else { vec![] };
            settle(&queue, [got, other], [all(1, 3), stood]);
        });
    }

    /// An item that stands is poisoned before it is published, and stands anew.
    #[test]
    fn a_standing_item_finds_its_slot_poisoned() {
        reach("a hole", || {
            let (queue, _) = queue(1, 0);
            let stander = queue.clone();
            let stander = thread::spawn(move || match stander.stand(item((0, 0)), &()) {
                Ok(stand) => {
                    stander.step_off(stand);
                    true
                }
                Err(_) => false,
            });
            let mut got = Got::default();
            let _ = get(&queue, &mut got);
            put(&queue, (1, 0));
            let went = stander.join().unwrap();
            let holes = has_holes(&queue);
            settle(&queue, [got], [vec![(1, 0)], if went { vec![(0, 0)] } else { vec![] }]);
            holes
        });
    }
}
