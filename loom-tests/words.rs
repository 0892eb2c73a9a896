//! Models of words that wrap around: with a sequence of one bit, an end's word has the same bits again after
//! two segments of two slots. Then a compare-and-swap succeeds although its check was in an earlier
//! generation of the segment.

#[cfg(loom)]
mod items;
mod support;

#[cfg(loom)]
mod tests {
    use crate::items::{
        has_holes, item, pop, pop_up_to, push_all, queue, reach_with, Item, Popped, Shared, Tag, BEFORE,
    };
    use joinq::raw::{
        fix_sequence_bits, fix_short_segments, Events, Handshake, PopError, PushError, RawQueue, UNBOUNDED,
    };
    use loom::sync::atomic::{AtomicUsize, Ordering};
    use loom::sync::Arc;
    use loom::thread;
    use std::collections::VecDeque;

    /// Both handshakes, with fewer executions: the models are small and numerous.
    const HANDSHAKES: [(Handshake, usize); 2] = [(Handshake::Membarrier, 2_000), (Handshake::Rmw, 2_000)];

    /// Runs `model` with a sequence of one bit. The model returns whether it reached its case.
    fn wrap_around(what: &str, model: impl Fn() -> bool + Send + Sync + 'static) {
        fix_sequence_bits(1);
        reach_with(&HANDSHAKES, what, model);
    }

    /// Pushes one item, singly or as a batch.
    fn try_push(queue: &Shared, tag: Tag, limit: u64, batch: bool) -> bool {
        if batch {
            push_all(queue, &mut VecDeque::from([item(tag)]), limit).is_ok()
        } else {
            queue.push(item(tag), limit, &mut Events::default()).is_ok()
        }
    }

    /// A thread that pushes one item. No other claim exceeds the bound, so the length is the number of items.
    fn push_in_thread(queue: &Shared, limit: u64, batch: bool) -> thread::JoinHandle<bool> {
        let queue = queue.clone();
        thread::spawn(move || {
            let pushed = try_push(&queue, (1, 0), limit, batch);
            assert!(queue.len() <= limit, "beyond the bound");
            pushed
        })
    }

    /// Pops up to `wanted` items, by one claim if possible.
    fn pop_some(queue: &Shared, wanted: usize) -> Vec<Item> {
        let mut out = Vec::new();
        match wanted {
            1 => out.extend(queue.pop(&mut Events::default()).ok()),
            _ => drop(pop_up_to(queue, &mut out, wanted)),
        }
        out
    }

    /// The thread that makes words wrap around: it pushes if the limit allows, and pops.
    #[derive(Default)]
    struct Rounds {
        accepted: Vec<Tag>,
        popped: Popped,
    }

    impl Rounds {
        fn push(&mut self, queue: &Shared, limit: u64) -> bool {
            let tag = (0, self.accepted.len());
            let pushed = try_push(queue, tag, limit, false);
            if pushed {
                self.accepted.push(tag);
            }
            pushed
        }

        fn pop(&mut self, queue: &Shared) -> bool {
            pop(queue, &mut self.popped).is_ok()
        }

        /// Pushes and pops `rounds` times. With `leave` the last item remains in the queue.
        fn go(&mut self, queue: &Shared, rounds: usize, limit: u64, leave: bool) {
            for round in 0..rounds {
                self.push(queue, limit);
                if !leave || round + 1 < rounds {
                    self.pop(queue);
                }
            }
        }

        fn has_popped_all(&self) -> bool {
            self.popped.0.len() == self.accepted.len()
        }

        /// After all threads have ended: pops the remaining items, each once and in its producer's order.
        /// Then the queue is empty. A pop may have claimed ahead of the tail, so that a push may find its
        /// slot poisoned.
        fn settle(mut self, queue: &Shared, others: Vec<Item>, other: bool) {
            let queued = queue.len() as usize;
            let mut rest = 0;
            while self.pop(queue) {
                rest += 1;
            }
            assert_eq!((rest, queue.len()), (queued, 0));
            let mut all = self.popped.0;
            all.extend(others.iter().map(|item| **item));
            all.sort_unstable();
            let mut accepted = self.accepted;
            accepted.extend(other.then_some((1, 0)));
            accepted.sort_unstable();
            assert_eq!(all, accepted);
        }
    }

    /// Enough rounds for a word to wrap around after it was read at any offset of a segment.
    const ROUNDS: usize = 5;

    /// A pop claims ahead of the tail: it returns only items that exist, and loses none.
    #[test]
    fn a_pop_that_claims_ahead_of_the_tail_loses_no_item() {
        for (wanted, passed) in [(1, 1), (1, 2), (2, 1)] {
            wrap_around("a pop ahead of the tail", move || {
                let (queue, _) = queue(passed, 0);
                let consumer = queue.clone();
                let consumer = thread::spawn(move || pop_some(&consumer, wanted));
                let mut rounds = Rounds::default();
                for _ in 0..ROUNDS - wanted {
                    (0..wanted).for_each(|_| assert!(rounds.push(&queue, UNBOUNDED)));
                    assert!(queue.len() <= wanted as u64);
                    for _ in 0..wanted {
                        rounds.pop(&queue);
                    }
                }
                let others = consumer.join().unwrap();
                let holes = has_holes(&queue);
                rounds.settle(&queue, others, false);
                holes
            });
        }
    }

    /// The queue holds an item all the time: no pop finds it empty.
    #[test]
    fn a_queue_with_an_item_is_not_reported_empty() {
        for passed in [0, 1] {
            wrap_around("the other's item", move || {
                let (queue, _) = queue(passed, 1);
                let consumer = queue.clone();
                let consumer = thread::spawn(move || *pop_one(&consumer));
                let mut rounds = Rounds::default();
                for _ in 0..ROUNDS {
                    rounds.push(&queue, UNBOUNDED);
                    rounds.pop(&queue);
                }
                consumer.join().unwrap() != (BEFORE, 1)
            });
        }
    }

    fn pop_one(queue: &Shared) -> Item {
        let answer = queue.pop(&mut Events::default());
        answer.ok().expect("empty, though the queue held an item all the time")
    }

    /// The bound holds for a push whose word wrapped around. With `leave` the queue is full after the rounds.
    fn the_bound_is_kept(passed: usize, limit: u64, leave: bool, batch: bool) {
        wrap_around("a hole", move || {
            let (queue, _) = queue(passed, 0);
            let producer = push_in_thread(&queue, limit, batch);
            let mut rounds = Rounds::default();
            rounds.go(&queue, ROUNDS - 1, limit, leave);
            let pushed = producer.join().unwrap();
            assert!(queue.len() <= limit, "beyond the bound");
            let holes = has_holes(&queue);
            rounds.settle(&queue, Vec::new(), pushed);
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

    /// A queue with a free slot all the time is never found full.
    #[test]
    fn a_queue_with_a_free_slot_is_not_reported_full() {
        for (passed, batch) in [(1, false), (1, true), (0, false)] {
            wrap_around("a hole", move || {
                let (queue, _) = queue(passed, 0);
                let producer = push_in_thread(&queue, 2, batch);
                let mut rounds = Rounds::default();
                rounds.go(&queue, ROUNDS, 2, false);
                assert!(producer.join().unwrap(), "full, though there was a free slot");
                let holes = has_holes(&queue);
                rounds.settle(&queue, Vec::new(), true);
                holes
            });
        }
    }

    /// A push whose word wrapped around succeeds in an empty queue, although its check was for another
    /// position.
    #[test]
    fn an_empty_queue_is_not_reported_full() {
        for batch in [false, true] {
            wrap_around("the item of the late push", move || {
                let (queue, _) = queue(1, 0);
                let producer = push_in_thread(&queue, 1, batch);
                let mut rounds = Rounds::default();
                rounds.go(&queue, ROUNDS - 1, 1, false);
                let pushed = producer.join().unwrap();
                let empty = rounds.has_popped_all();
                if empty && !pushed {
                    assert!(rounds.push(&queue, 1), "full, though the queue is empty");
                }
                rounds.settle(&queue, Vec::new(), pushed);
                empty && pushed
            });
        }
    }

    /// A hole of a push beyond the bound does not count as an item once the items before it are popped.
    #[test]
    fn a_queue_with_only_a_hole_is_not_reported_full() {
        for (passed, batch) in [(1, false), (1, true), (2, false)] {
            wrap_around("a hole between head and tail", move || {
                let (queue, _) = queue(passed, 0);
                let producer = push_in_thread(&queue, 1, batch);
                let mut rounds = Rounds::default();
                rounds.go(&queue, ROUNDS - 1, 1, true);
                let pushed = producer.join().unwrap();
                rounds.pop(&queue);
                let empty = rounds.has_popped_all() && !pushed;
                let hole = has_holes(&queue);
                if empty {
                    assert_eq!(queue.len(), 0);
                    assert!(queue.fence_pops(1), "a push would wait although the queue is empty");
                    assert!(rounds.push(&queue, 1), "full, though the queue is empty");
                    assert_eq!((rounds.push(&queue, 1), queue.len()), (false, 1));
                }
                rounds.settle(&queue, Vec::new(), pushed);
                empty && hole
            });
        }
    }

    /// A waiter that follows the protocol of the queue: it sets its count, fences the word that it waits for,
    /// and rechecks.
    #[derive(Default)]
    struct Waiting {
        count: AtomicUsize,
        notified: AtomicUsize,
    }

    impl Waiting {
        fn is_notified(&self) -> bool {
            self.notified.load(Ordering::Relaxed) > 0
        }

        fn notify_of(&self, changes: usize) {
            if changes > 0 {
                self.notified.fetch_add(self.count.load(Ordering::Relaxed), Ordering::Relaxed);
            }
        }
    }

    /// A waiter for an item is notified if an item is in the queue, even if the words wrap around to those
    /// that it saw.
    #[test]
    fn a_waiter_for_an_item_is_notified() {
        for passed in [1, 2] {
            wrap_around("a notified waiter", move || {
                let (queue, _) = queue(passed, 0);
                let waiting = Arc::new(Waiting::default());
                let waiter = (queue.clone(), waiting.clone());
                let waiter = thread::spawn(move || {
                    let (queue, waiting) = waiter;
                    waiting.count.store(1, Ordering::Relaxed);
                    !queue.fence_pushes() || queue.pop(&mut Events::default()).is_err()
                });
                for number in 0..ROUNDS {
                    let mut events = Events::default();
                    assert!(queue.push(item((0, number)), UNBOUNDED, &mut events).is_ok());
                    waiting.notify_of(events.pushed);
                    if number + 1 < ROUNDS {
                        drop(queue.pop(&mut Events::default()));
                    }
                }
                let waits = waiter.join().unwrap();
                let queued = queue.len();
                queue.discard();
                assert!(!waits || waiting.is_notified() || queued == 0, "not notified, though an item is in the queue");
                waits && waiting.is_notified()
            });
        }
    }

    /// A waiter for a free slot is notified if there is one, even if the words wrap around to those that it
    /// saw.
    #[test]
    fn a_waiter_for_a_free_slot_is_notified() {
        [1, 2].into_iter().for_each(a_waiter_is_notified_after);
    }

    /// The same in a queue that begins with a short segment, of one slot.
    #[test]
    fn a_waiter_for_a_free_slot_is_notified_in_a_short_segment() {
        fix_short_segments();
        [0, 1, 2].into_iter().for_each(a_waiter_is_notified_after);
    }

    fn a_waiter_is_notified_after(passed: usize) {
        wrap_around("a notified waiter", move || {
            let (queue, _) = queue(passed, 1);
            let waiting = Arc::new(Waiting::default());
            let waiter = (queue.clone(), waiting.clone());
            let waiter = thread::spawn(move || {
                let (queue, waiting) = waiter;
                waiting.count.store(1, Ordering::Relaxed);
                !queue.fence_pops(1) || queue.push(item((1, 0)), 1, &mut Events::default()).is_err()
            });
            for number in 0..ROUNDS {
                let mut events = Events::default();
                drop(queue.pop(&mut events));
                waiting.notify_of(events.freed);
                if number + 1 < ROUNDS {
                    drop(queue.push(item((0, number)), 1, &mut Events::default()));
                }
            }
            let waits = waiter.join().unwrap();
            let queued = queue.len();
            queue.discard();
            assert!(!waits || waiting.is_notified() || queued == 1, "not notified, though the queue is empty");
            waits && waiting.is_notified()
        });
    }

    /// A waiter that found the queue full because of a claim beyond the bound is notified when the claim
    /// becomes a hole.
    #[test]
    fn a_waiter_for_a_free_slot_is_notified_of_a_hole() {
        wrap_around("a notified waiter", || {
            let (queue, _) = queue(1, 0);
            let waiting = Arc::new(Waiting::default());
            let filler = queue.clone();
            let filler = thread::spawn(move || {
                let mut rounds = Rounds::default();
                rounds.go(&filler, ROUNDS - 1, 1, true);
                rounds
            });
            let waiter = (queue.clone(), waiting.clone());
            let waiter = thread::spawn(move || {
                let (queue, waiting) = waiter;
                let mut rounds = filler.join().unwrap();
                rounds.pop(&queue);
                waiting.count.store(1, Ordering::Relaxed);
                let waits = !queue.fence_pops(1) || !rounds.push(&queue, 1);
                (rounds, waits)
            });
            let mut events = Events::default();
            let pushed = queue.push(item((1, 0)), 1, &mut events).is_ok();
            waiting.notify_of(events.freed);
            let (rounds, waits) = waiter.join().unwrap();
            let notified = waiting.is_notified();
            assert!(!waits || notified || queue.len() == 1, "not notified, though the queue is empty");
            rounds.settle(&queue, Vec::new(), pushed);
            waits && notified
        });
    }

    /// A close, or a push at the edge of a segment, whose word wrapped around.
    #[test]
    fn a_close_or_an_append_after_a_wrap_around_takes_effect_once() {
        for closes in [false, true] {
            for passed in 1..3 {
                wrap_around("closed, or an item in between", move || {
                    let (queue, _) = queue(passed, 0);
                    let other = queue.clone();
                    let other = thread::spawn(move || match closes {
                        true => !other.close(&mut Events::default()),
                        false => try_push(&other, (1, 0), UNBOUNDED, false),
                    });
                    let mut rounds = Rounds::default();
                    let mut closed = false;
                    for _ in 0..ROUNDS {
                        let pushed = rounds.push(&queue, UNBOUNDED);
                        assert!(!closed || !pushed, "a push succeeded after the close");
                        closed |= !pushed;
                        rounds.pop(&queue);
                    }
                    let pushed = other.join().unwrap();
                    assert!(!closed || closes);
                    let between = rounds.popped.0.contains(&(1, 0));
                    rounds.settle(&queue, Vec::new(), pushed);
                    if closes {
                        assert_eq!(queue.pop(&mut Events::default()).err(), Some(PopError::Closed));
                        assert!(matches!(
                            queue.push(item((2, 0)), UNBOUNDED, &mut Events::default()),
                            Err(PushError::Closed(_))
                        ));
                    }
                    closed || between
                });
            }
        }
    }

    /// The length is that of one moment, even if the words wrap around.
    #[test]
    fn len_is_exact_at_one_moment() {
        wrap_around("an item in the queue", || {
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

    /// The single consumer gets all items, though the tail's word wraps around during a push.
    #[test]
    fn a_push_after_a_wrap_around_is_found_by_a_single_consumer() {
        wrap_around("a hole", || {
            let mut queue = RawQueue::new();
            let mut single = queue.single_consumer();
            let queue: Shared = Arc::new(queue);
            let mut rounds = Rounds::default();
            let mut producer = None;
            for round in 0..=ROUNDS {
                rounds.push(&queue, UNBOUNDED);
                let one = match queue.peek_ready(&mut single) {
                    Some(ready) => Ok(ready.take(|item| item)),
                    None => queue.pop_single_slow(&mut single),
                };
                one.into_iter().for_each(|item| rounds.popped.note(item));
                if round == 0 {
                    producer = Some(push_in_thread(&queue, UNBOUNDED, false));
                }
            }
            let pushed = producer.unwrap().join().unwrap();
            queue.end_single_consumer(&mut single);
            let holes = has_holes(&queue);
            rounds.settle(&queue, Vec::new(), pushed);
            holes
        });
    }
}
