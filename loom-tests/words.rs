//! Models of words that come back: with one bit of the sequence an end's word has its old bits again after two segments
//! of two slots, so that a compare-and-swap succeeds whose look was in an earlier life of the segment.

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
    use crate::items::{get, has_holes, item, pop_up_to, push_all, queue, reach_with, Got, Item, Shared, Tag, BEFORE};
    use joinq::raw::{fix_sequence_bits, Events, Handshake, PopError, PushError, RawQueue, UNBOUNDED};
    use loom::sync::atomic::{AtomicUsize, Ordering};
    use loom::sync::Arc;
    use loom::thread;
    use std::collections::VecDeque;

    /// Each model is small, and there are many.
    const MEANS: [(Handshake, usize); 2] = [(Handshake::Membarrier, 2_000), (Handshake::Rmw, 2_000)];

    /// Runs `model` with short words; it says whether it came to what it is for.
    fn come_back(what: &str, model: impl Fn() -> bool + Send + Sync + 'static) {
        fix_sequence_bits(1);
        reach_with(&MEANS, what, model);
    }

    /// Puts one item, alone or as a batch.
    fn offer(queue: &Shared, tag: Tag, limit: u64, batch: bool) -> bool {
        if batch {
            push_all(queue, &mut VecDeque::from([item(tag)]), limit).is_ok()
        } else {
            queue.push(item(tag), limit, &mut Events::default()).is_ok()
        }
    }

    /// A thread that offers one item. Nobody else is at work beyond the bound, so that the length is the number of items.
    fn offering(queue: &Shared, limit: u64, batch: bool) -> thread::JoinHandle<bool> {
        let queue = queue.clone();
        thread::spawn(move || {
            let went = offer(&queue, (1, 0), limit, batch);
            assert!(queue.len() <= limit, "beyond the bound");
            went
        })
    }

    /// Pops up to `wanted` items at once.
    fn pop(queue: &Shared, wanted: usize) -> Vec<Item> {
        let mut out = Vec::new();
        match wanted {
            1 => out.extend(queue.pop(&mut Events::default()).ok()),
            _ => drop(pop_up_to(queue, &mut out, wanted)),
        }
        out
    }

    /// What the thread does that makes words come back: it puts if it may, and gets.
    #[derive(Default)]
    struct Rounds {
        accepted: Vec<Tag>,
        got: Got,
    }

    impl Rounds {
        fn put(&mut self, queue: &Shared, limit: u64) -> bool {
            let tag = (0, self.accepted.len());
            let went = offer(queue, tag, limit, false);
            if went {
                self.accepted.push(tag);
            }
            went
        }

        fn get(&mut self, queue: &Shared) -> bool {
            get(queue, &mut self.got).is_ok()
        }

        /// Puts and gets so often, and may leave the last item inside.
        fn go(&mut self, queue: &Shared, rounds: usize, limit: u64, leave: bool) {
            for round in 0..rounds {
                self.put(queue, limit);
                if !leave || round + 1 < rounds {
                    self.get(queue);
                }
            }
        }

        fn is_all_out(&self) -> bool {
            self.got.0.len() == self.accepted.len()
        }

        /// With all threads joined: what is inside comes out, each item once and in its producer's order, and then the
        /// queue is empty. A get may have gone ahead of the tail, so that a put may find its slot poisoned.
        fn settle(mut self, queue: &Shared, others: Vec<Item>, other: bool) {
            let inside = queue.len() as usize;
            let mut rest = 0;
            while self.get(queue) {
                rest += 1;
            }
            assert_eq!((rest, queue.len()), (inside, 0));
            let mut came = self.got.0;
            came.extend(others.iter().map(|item| **item));
            came.sort_unstable();
            let mut accepted = self.accepted;
            accepted.extend(other.then_some((1, 0)));
            accepted.sort_unstable();
            assert_eq!(came, accepted);
        }
    }

    /// So many that a word comes back after it was seen at any offset of a segment.
    const ROUNDS: usize = 5;

    /// A pop claims ahead of the tail: it brings what is there and no more, and no item is lost by it.
    #[test]
    fn a_pop_goes_ahead_of_the_tail() {
        for (wanted, passed) in [(1, 1), (1, 2), (2, 1)] {
            come_back("a pop ahead of the tail", move || {
                let (queue, _) = queue(passed, 0);
                let popper = queue.clone();
                let popper = thread::spawn(move || pop(&popper, wanted));
                let mut rounds = Rounds::default();
                for _ in 0..ROUNDS - wanted {
                    (0..wanted).for_each(|_| assert!(rounds.put(&queue, UNBOUNDED)));
                    assert!(queue.len() <= wanted as u64);
                    for _ in 0..wanted {
                        rounds.get(&queue);
                    }
                }
                let theirs = popper.join().unwrap();
                let holes = has_holes(&queue);
                rounds.settle(&queue, theirs, false);
                holes
            });
        }
    }

    /// One is inside all the time: nobody is told that the queue is empty.
    #[test]
    fn empty_is_not_said_of_a_queue_with_an_item() {
        for passed in [0, 1] {
            come_back("the other's item", move || {
                let (queue, _) = queue(passed, 1);
                let popper = queue.clone();
                let popper = thread::spawn(move || *queue_pop(&popper));
                let mut rounds = Rounds::default();
                for _ in 0..ROUNDS {
                    rounds.put(&queue, UNBOUNDED);
                    rounds.get(&queue);
                }
                popper.join().unwrap() != (BEFORE, 1)
            });
        }
    }

    fn queue_pop(queue: &Shared) -> Item {
        let answer = queue.pop(&mut Events::default());
        answer.ok().expect("empty, though one was inside all the time")
    }

    /// The bound holds for an offer whose word came back. `leave`: the queue is full when the rounds are over.
    fn the_bound_is_kept(passed: usize, limit: u64, leave: bool, batch: bool) {
        come_back("a hole", move || {
            let (queue, _) = queue(passed, 0);
            let putter = offering(&queue, limit, batch);
            let mut rounds = Rounds::default();
            rounds.go(&queue, ROUNDS - 1, limit, leave);
            let went = putter.join().unwrap();
            assert!(queue.len() <= limit, "beyond the bound");
            let holes = has_holes(&queue);
            rounds.settle(&queue, Vec::new(), went);
            holes
        });
    }

    const BOUNDS: [(usize, u64, bool); 3] = [(1, 1, true), (2, 1, true), (1, 2, true)];

    #[test]
    fn a_push_keeps_the_bound() {
        BOUNDS.into_iter().for_each(|(passed, limit, leave)| the_bound_is_kept(passed, limit, leave, false));
    }

    #[test]
    fn a_batch_keeps_the_bound() {
        BOUNDS.into_iter().for_each(|(passed, limit, leave)| the_bound_is_kept(passed, limit, leave, true));
    }

    /// A queue in which there is room all the time is full for nobody.
    #[test]
    fn full_is_not_said_of_a_queue_with_room() {
        for (passed, batch) in [(1, false), (1, true), (0, false)] {
            come_back("a hole", move || {
                let (queue, _) = queue(passed, 0);
                let putter = offering(&queue, 2, batch);
                let mut rounds = Rounds::default();
                rounds.go(&queue, ROUNDS, 2, false);
                assert!(putter.join().unwrap(), "full, though there was room");
                let holes = has_holes(&queue);
                rounds.settle(&queue, Vec::new(), true);
                holes
            });
        }
    }

    /// A push whose word came back to an empty queue goes in, though the look before it was for another position.
    #[test]
    fn an_empty_queue_is_not_full() {
        for batch in [false, true] {
            come_back("an item that came last", move || {
                let (queue, _) = queue(1, 0);
                let putter = offering(&queue, 1, batch);
                let mut rounds = Rounds::default();
                rounds.go(&queue, ROUNDS - 1, 1, false);
                let went = putter.join().unwrap();
                let empty = rounds.is_all_out();
                if empty && !went {
                    assert!(rounds.put(&queue, 1), "full, though nothing is inside");
                }
                rounds.settle(&queue, Vec::new(), went);
                empty && went
            });
        }
    }

    /// A hole that was left behind by a push beyond the bound is no item when the items before it are out.
    #[test]
    fn an_emptied_queue_is_not_full() {
        for (passed, batch) in [(1, false), (1, true), (2, false)] {
            come_back("a hole between head and tail", move || {
                let (queue, _) = queue(passed, 0);
                let putter = offering(&queue, 1, batch);
                let mut rounds = Rounds::default();
                rounds.go(&queue, ROUNDS - 1, 1, true);
                let went = putter.join().unwrap();
                rounds.get(&queue);
                let empty = rounds.is_all_out() && !went;
                let hole = has_holes(&queue);
                if empty {
                    assert_eq!(queue.len(), 0);
                    assert!(queue.fence_pops(1), "a waiter would sleep beside an empty queue");
                    assert!(rounds.put(&queue, 1), "full, though nothing is inside");
                    assert_eq!((rounds.put(&queue, 1), queue.len()), (false, 1));
                }
                rounds.settle(&queue, Vec::new(), went);
                empty && hole
            });
        }
    }

    /// One who waits, as the queue does it: it says so, meets the word of those for whom it waits, and looks again.
    #[derive(Default)]
    struct Waiting {
        gate: AtomicUsize,
        told: AtomicUsize,
    }

    impl Waiting {
        fn is_told(&self) -> bool {
            self.told.load(Ordering::Relaxed) > 0
        }

        fn tell_of(&self, changes: usize) {
            if changes > 0 {
                self.told.fetch_add(self.gate.load(Ordering::Relaxed), Ordering::Relaxed);
            }
        }
    }

    /// Who waits for an item does not sleep beside one, while the words come back to those that it saw.
    #[test]
    fn a_waiter_for_an_item_is_told() {
        for passed in [1, 2] {
            come_back("a waiter who was told", move || {
                let (queue, _) = queue(passed, 0);
                let waiting = Arc::new(Waiting::default());
                let waiter = (queue.clone(), waiting.clone());
                let waiter = thread::spawn(move || {
                    let (queue, waiting) = waiter;
                    waiting.gate.store(1, Ordering::Relaxed);
                    !queue.fence_pushes() || queue.pop(&mut Events::default()).is_err()
                });
                for number in 0..ROUNDS {
                    let mut events = Events::default();
                    assert!(queue.push(item((0, number)), UNBOUNDED, &mut events).is_ok());
                    waiting.tell_of(events.pushed);
                    if number + 1 < ROUNDS {
                        drop(queue.pop(&mut Events::default()));
                    }
                }
                let asleep = waiter.join().unwrap();
                let inside = queue.len();
                queue.discard();
                assert!(!asleep || waiting.is_told() || inside == 0, "asleep beside an item");
                asleep && waiting.is_told()
            });
        }
    }

    /// The same for room.
    #[test]
    fn a_waiter_for_room_is_told() {
        for passed in [1, 2] {
            come_back("a waiter who was told", move || {
                let (queue, _) = queue(passed, 1);
                let waiting = Arc::new(Waiting::default());
                let waiter = (queue.clone(), waiting.clone());
                let waiter = thread::spawn(move || {
                    let (queue, waiting) = waiter;
                    waiting.gate.store(1, Ordering::Relaxed);
                    !queue.fence_pops(1) || queue.push(item((1, 0)), 1, &mut Events::default()).is_err()
                });
                for number in 0..ROUNDS {
                    let mut events = Events::default();
                    drop(queue.pop(&mut events));
                    waiting.tell_of(events.freed);
                    if number + 1 < ROUNDS {
                        drop(queue.push(item((0, number)), 1, &mut Events::default()));
                    }
                }
                let asleep = waiter.join().unwrap();
                let inside = queue.len();
                queue.discard();
                assert!(!asleep || waiting.is_told() || inside == 1, "asleep beside an empty queue");
                asleep && waiting.is_told()
            });
        }
    }

    /// Who waits for room because of a claim beyond the bound is told when it is given up.
    #[test]
    fn a_waiter_is_told_of_a_claim_that_is_given_up() {
        come_back("a waiter who was told", || {
            let (queue, _) = queue(1, 0);
            let waiting = Arc::new(Waiting::default());
            let fills = queue.clone();
            let fills = thread::spawn(move || {
                let mut rounds = Rounds::default();
                rounds.go(&fills, ROUNDS - 1, 1, true);
                rounds
            });
            let waiter = (queue.clone(), waiting.clone());
            let waiter = thread::spawn(move || {
                let (queue, waiting) = waiter;
                let mut rounds = fills.join().unwrap();
                rounds.get(&queue);
                waiting.gate.store(1, Ordering::Relaxed);
                let asleep = !queue.fence_pops(1) || !rounds.put(&queue, 1);
                (rounds, asleep)
            });
            let mut events = Events::default();
            let went = queue.push(item((1, 0)), 1, &mut events).is_ok();
            waiting.tell_of(events.freed);
            let (rounds, asleep) = waiter.join().unwrap();
            let told = waiting.is_told();
            assert!(!asleep || told || queue.len() == 1, "asleep beside an empty queue");
            rounds.settle(&queue, Vec::new(), went);
            asleep && told
        });
    }

    /// A close, or a push at the edge of a segment, whose word came back.
    #[test]
    fn a_close_and_an_append() {
        for closes in [false, true] {
            for passed in 1..3 {
                come_back("closed, or in between", move || {
                    let (queue, _) = queue(passed, 0);
                    let other = queue.clone();
                    let other = thread::spawn(move || match closes {
                        true => !other.close(&mut Events::default()),
                        false => offer(&other, (1, 0), UNBOUNDED, false),
                    });
                    let mut rounds = Rounds::default();
                    let mut shut = false;
                    for _ in 0..ROUNDS {
                        let went = rounds.put(&queue, UNBOUNDED);
                        assert!(!shut || !went, "open again");
                        shut |= !went;
                        rounds.get(&queue);
                    }
                    let went = other.join().unwrap();
                    assert!(!shut || closes);
                    let between = rounds.got.0.contains(&(1, 0));
                    rounds.settle(&queue, Vec::new(), went);
                    if closes {
                        assert_eq!(queue.pop(&mut Events::default()).err(), Some(PopError::Closed));
                        assert!(matches!(
                            queue.push(item((2, 0)), UNBOUNDED, &mut Events::default()),
                            Err(PushError::Closed(_))
                        ));
                    }
                    shut || between
                });
            }
        }
    }

    /// The length is that of one moment, beside words that come back.
    #[test]
    fn len_is_that_of_one_moment() {
        come_back("an item inside", || {
            let (queue, _) = queue(1, 0);
            let reader = queue.clone();
            let reader = thread::spawn(move || {
                let len = reader.len();
                assert!(len <= 1);
                len == 1
            });
            let mut rounds = Rounds::default();
            rounds.go(&queue, ROUNDS, UNBOUNDED, false);
            reader.join().unwrap()
        });
    }

    /// A push whose word came back, beside an only getter.
    #[test]
    fn an_only_getter() {
        for limit in [1, UNBOUNDED] {
            come_back("a hole", move || {
                let mut queue = RawQueue::new();
                let mut single = queue.single_consumer();
                let queue: Shared = Arc::new(queue);
                let mut rounds = Rounds::default();
                let mut putter = None;
                for round in 0..=ROUNDS {
                    rounds.put(&queue, limit);
                    let one = match queue.peek_ready(&mut single) {
                        Some(ready) => Ok(ready.take(|item| item)),
                        None => queue.pop_single_slow(&mut single),
                    };
                    one.into_iter().for_each(|item| rounds.got.note(item));
                    if round == 0 {
                        putter = Some(offering(&queue, limit, false));
                    }
                }
                let went = putter.unwrap().join().unwrap();
                queue.end_single_consumer(&mut single);
                let holes = has_holes(&queue);
                rounds.settle(&queue, Vec::new(), went);
                holes
            });
        }
    }
}
