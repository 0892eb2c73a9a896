//! Models of a slot: a putter and a getter who has lost patience, and the segment that must outlast both. Each is run
//! with both means by which the two do not miss each other.

#[cfg(loom)]
mod items;
mod support;

#[cfg(loom)]
mod tests {
    use crate::items::{get, has_holes, item, put, queue, reach_with, settle, Got, Item, Shared, Tag};
    use crate::support::{explore, explore_capped};
    use joinq::raw::{Handshake, SlotHarness};
    use loom::{sync::Arc, thread};
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// The numbers of items that go through before, so that the put that follows meets each slot of a segment.
    const OFFSETS: [usize; 2] = [1, 3];

    /// Executions of a model that takes more.
    const ENOUGH: usize = 20_000;

    fn with_each(model: impl Fn(Handshake)) {
        [Handshake::Rmw, Handshake::Membarrier].into_iter().for_each(model);
    }

    fn putter(queue: &Shared, tags: Vec<Tag>) -> thread::JoinHandle<()> {
        let queue = queue.clone();
        thread::spawn(move || tags.into_iter().for_each(|tag| put(&queue, tag)))
    }

    fn trial(handshake: Handshake) -> Arc<SlotHarness<Item>> {
        Arc::new(SlotHarness::new(handshake))
    }

    fn hot<R: 'static>(
        trial: &Arc<SlotHarness<Item>>,
        part: impl FnOnce(&SlotHarness<Item>) -> R + 'static,
    ) -> thread::JoinHandle<R> {
        let trial = trial.clone();
        thread::spawn(move || part(&trial))
    }

    /// What the putter is told is what the getter finds, and each of the two was seen. A putter whose slot is poisoned
    /// sees what the getter did before: that the head has gone on.
    #[test]
    fn full_or_poisoned() {
        with_each(|handshake| {
            let seen = std::sync::Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
            let count = seen.clone();
            explore(move || {
                let trial = trial(handshake);
                let head = Arc::new(loom::sync::atomic::AtomicUsize::new(0));
                let passed = head.clone();
                let putter = hot(&trial, move |trial| {
                    let put = trial.put(item((0, 0)));
                    assert!(put.is_ok() || passed.load(Ordering::Relaxed) == 1);
                    put
                });
                head.store(1, Ordering::Relaxed);
                let got = trial.get();
                let put = putter.join().unwrap();
                assert_eq!(put.is_ok(), got.is_some());
                count[usize::from(got.is_some())].fetch_add(1, Ordering::Relaxed);
                drop((put, got));
                assert!(trial.reuse());
            });
            let seen = [0, 1].map(|outcome| seen[outcome].load(Ordering::Relaxed));
            println!("    poisoned and full: {seen:?}");
            assert!(!seen.contains(&0));
        });
    }

    /// A third thread uses the slot again, if it may: then putter and getter are through.
    #[test]
    fn used_again_when_both_are_through() {
        with_each(|handshake| {
            for first in [0, 1, 2] {
                explore(move || {
                    let trial = trial(handshake);
                    // Each of the three is the model's own thread once, which goes first.
                    let put = |trial: &SlotHarness<Item>| trial.put(item((0, 0))).is_ok();
                    let get = |trial: &SlotHarness<Item>| trial.get().is_some();
                    let reuse = |trial: &SlotHarness<Item>| {
                        if trial.reuse() {
                            assert!(trial.put(item((1, 0))).is_ok());
                            assert!(trial.get().is_some());
                        }
                        true
                    };
                    let (put, got) = match first {
                        0 => {
                            let (get, reuse) = (hot(&trial, get), hot(&trial, reuse));
                            (put(&trial), get.join().unwrap() & reuse.join().unwrap())
                        }
                        1 => {
                            let (put, reuse) = (hot(&trial, put), hot(&trial, reuse));
                            let got = get(&trial) & reuse.join().unwrap();
                            (put.join().unwrap(), got)
                        }
                        _ => {
                            let (put, get) = (hot(&trial, put), hot(&trial, get));
                            reuse(&trial);
                            (put.join().unwrap(), get.join().unwrap())
                        }
                    };
                    assert_eq!(put, got);
                    assert!(trial.reuse());
                });
            }
        });
    }

    /// A putter that gives its ticket up, a getter, and a third thread that uses the slot again, if it may.
    #[test]
    fn skipped_or_poisoned() {
        with_each(|handshake| {
            explore(move || {
                let trial = trial(handshake);
                let putter = hot(&trial, SlotHarness::skip);
                let getter = hot(&trial, |trial| assert!(trial.get().is_none()));
                if trial.reuse() {
                    assert!(trial.put(item((1, 0))).is_ok());
                    assert!(trial.get().is_some());
                }
                putter.join().unwrap();
                getter.join().unwrap();
                assert!(trial.reuse());
            });
        });
    }

    /// The same in a queue: the get takes the item, poisons its slot, or comes before it.
    #[test]
    fn a_put_beside_a_get() {
        with_each(|handshake| {
            for passed in OFFSETS {
                reach_with(&[(handshake, ENOUGH)], "a hole", move || {
                    let (queue, _) = queue(passed, 0);
                    let putter = putter(&queue, vec![(0, 0)]);
                    let mut got = Got::default();
                    let _ = get(&queue, &mut got);
                    putter.join().unwrap();
                    let holes = has_holes(&queue);
                    settle(&queue, [got], [vec![(0, 0)]]);
                    holes
                });
            }
        });
    }

    /// Two gets, each with a slot of its own, and two puts of one thread: their order is kept whatever is poisoned.
    #[test]
    fn two_slots_are_poisoned_or_not() {
        with_each(|handshake| {
            explore_capped(move || {
                handshake.fix();
                let (queue, _) = queue(1, 0);
                let putter = putter(&queue, vec![(0, 0), (0, 1)]);
                let mut got = Got::default();
                let _ = get(&queue, &mut got);
                let _ = get(&queue, &mut got);
                putter.join().unwrap();
                settle(&queue, [got], [vec![(0, 0), (0, 1)]]);
            });
        });
    }

    /// An item is got before its putter is through with the slot, and the segment is used again: not before it is.
    #[test]
    fn a_segment_waits_for_its_putter() {
        with_each(|handshake| {
            reach_with(&[(handshake, ENOUGH)], "an item", move || {
                let (queue, _) = queue(1, 0);
                let putter = putter(&queue, vec![(0, 0)]);
                let mut got = Got::default();
                let _ = get(&queue, &mut got);
                let item = !got.0.is_empty();
                for number in 0..3 {
                    put(&queue, (1, number));
                    let _ = get(&queue, &mut got);
                }
                putter.join().unwrap();
                settle(&queue, [got], [vec![(0, 0)], vec![(1, 0), (1, 1), (1, 2)]]);
                item
            });
        });
    }

    /// The putter is through, the getter is not, and the segment is used again: not before it is.
    #[test]
    fn a_segment_waits_for_its_getter() {
        with_each(|handshake| {
            explore_capped(move || {
                handshake.fix();
                let (queue, before) = queue(1, 1);
                let getter = queue.clone();
                let getter = thread::spawn(move || {
                    let mut got = Got::default();
                    let _ = get(&getter, &mut got);
                    got
                });
                let mut got = Got::default();
                for number in 0..3 {
                    put(&queue, (1, number));
                    let _ = get(&queue, &mut got);
                }
                let other = getter.join().unwrap();
                settle(&queue, [got, other], [before, vec![(1, 0), (1, 1), (1, 2)]]);
            });
        });
    }

    /// A getter poisons a slot, its putter comes back for the value, and a third goes round meanwhile.
    #[test]
    fn a_segment_waits_for_a_poisoned_putter() {
        with_each(|handshake| {
            reach_with(&[(handshake, ENOUGH)], "a hole", move || {
                let (queue, _) = queue(1, 0);
                let putter = putter(&queue, vec![(0, 0)]);
                let getter = queue.clone();
                let getter = thread::spawn(move || {
                    let mut got = Got::default();
                    let _ = get(&getter, &mut got);
                    got
                });
                let mut got = Got::default();
                for number in 0..3 {
                    put(&queue, (1, number));
                    let _ = get(&queue, &mut got);
                }
                putter.join().unwrap();
                let other = getter.join().unwrap();
                let holes = has_holes(&queue);
                settle(&queue, [got, other], [vec![(0, 0)], vec![(1, 0), (1, 1), (1, 2)]]);
                holes
            });
        });
    }

    /// A segment is used again with other means than before.
    #[test]
    fn the_means_change_with_the_segment() {
        with_each(|handshake| {
            explore_capped(move || {
                Handshake::Rmw.fix();
                let (queue, before) = queue(1, 1);
                handshake.fix();
                let putter = putter(&queue, vec![(0, 0), (0, 1)]);
                let mut got = Got::default();
                for _ in 0..3 {
                    let _ = get(&queue, &mut got);
                }
                Handshake::Membarrier.fix();
                put(&queue, (1, 0));
                let _ = get(&queue, &mut got);
                putter.join().unwrap();
                settle(&queue, [got], [before, vec![(0, 0), (0, 1)], vec![(1, 0)]]);
            });
        });
    }
}
