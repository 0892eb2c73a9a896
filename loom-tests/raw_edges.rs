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
    use crate::items::{explore_capped, get, has_holes, item, put, queue, reach, settle, Got, Shared, Tag};
    use joinq::raw::{Events, UNBOUNDED};
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

    /// Whoever of two appenders moves the tail, each of them reports its own item before it returns.
    #[test]
    fn each_append_reports_its_item() {
        explore_capped(|| {
            let (queue, before) = queue(0, 2);
            let reporting = |queue: &Shared, by| {
                let mut events = Events::default();
                assert!(queue.push(item((by, 0)), UNBOUNDED, &mut events).is_ok());
                assert!(events.pushed > 0);
            };
            let other = queue.clone();
            let other = thread::spawn(move || reporting(&other, 0));
            reporting(&queue, 1);
            other.join().unwrap();
            settle(&queue, [], [before, all(0, 1), all(1, 1)]);
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
}
