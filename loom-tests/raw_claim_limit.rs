//! Models of the claim limits of both ends. The items are so large that a segment has four slots: with two slots no
//! claim is before a claim limit.

#[cfg(loom)]
mod items;
mod support;

#[cfg(loom)]
mod tests {
    use crate::items::{explore_capped, reach_with};
    use joinq::raw::{fix_sequence_bits, Events, Handshake, PushFallback, RawQueue};
    use loom::sync::atomic::{AtomicU64, Ordering};
    use loom::sync::Arc;
    use loom::thread;

    type Large = [u64; 8];
    type Shared = Arc<RawQueue<Large>>;

    const HANDSHAKES: [(Handshake, usize); 2] = [(Handshake::Membarrier, 4_000), (Handshake::Rmw, 2_000)];

    fn large(number: u64) -> Large {
        [number; 8]
    }

    fn push(queue: &Shared, number: u64, limit: u64) -> bool {
        queue.push_before_claim_limit(large(number), limit, &mut Events::default()).is_ok()
    }

    fn pop(queue: &Shared) -> Option<u64> {
        queue.pop(&mut Events::default()).ok().map(|value| value[0])
    }

    /// A queue through which `passed` items have passed.
    fn queue(passed: u64, limit: u64) -> Shared {
        let queue = Arc::new(RawQueue::new());
        for _ in 0..passed {
            assert!(push(&queue, 0, limit) && pop(&queue).is_some());
        }
        queue
    }

    #[test]
    fn pushes_before_the_claim_limit_keep_the_bound_and_the_order() {
        for passed in [1, 2] {
            explore_capped(move || {
                let queue = queue(passed, 2);
                let producer = queue.clone();
                let producer = thread::spawn(move || {
                    let pushed = [10, 11].map(|number| push(&producer, number, 2));
                    assert!(producer.len() <= 2, "beyond the bound");
                    pushed
                });
                let first = push(&queue, 20, 2);
                let popped: Vec<u64> = [pop(&queue), pop(&queue)].into_iter().flatten().collect();
                let second = push(&queue, 21, 2);
                assert!(queue.len() <= 2, "beyond the bound");
                let pushed = producer.join().unwrap();
                let accepted = pushed.into_iter().chain([first, second]).filter(|pushed| *pushed).count();
                let rest: Vec<u64> = std::iter::from_fn(|| pop(&queue)).collect();
                let all: Vec<u64> = popped.into_iter().chain(rest).collect();
                assert_eq!(all.len(), accepted);
                for one in [1, 2] {
                    let mut numbers = all.iter().filter(|number| **number / 10 == one);
                    assert!(numbers.next() < numbers.next().or(Some(&u64::MAX)), "{all:?}");
                }
            });
        }
    }

    #[test]
    fn two_pops_before_the_claim_limit_return_each_item_once() {
        explore_capped(|| {
            let queue = queue(1, 3);
            assert!([1, 2].into_iter().all(|number| push(&queue, number, 3)));
            let consumer = queue.clone();
            let consumer = thread::spawn(move || [pop(&consumer), pop(&consumer)]);
            let third = push(&queue, 3, 3);
            let mut all: Vec<u64> = pop(&queue).into_iter().collect();
            let others: Vec<u64> = consumer.join().unwrap().into_iter().flatten().collect();
            assert!(third && others.windows(2).all(|pair| pair[0] < pair[1]));
            all.extend(others);
            all.extend(std::iter::from_fn(|| pop(&queue)));
            all.sort_unstable();
            assert_eq!(all, [1, 2, 3]);
        });
    }

    /// The word wraps around between the look at the claim limit and the claim: the bound holds.
    #[test]
    fn a_push_before_a_claim_limit_of_an_earlier_generation_keeps_the_bound() {
        fix_sequence_bits(1);
        reach_with(&HANDSHAKES, "a hole", || {
            let queue = queue(2, 2);
            let producer = queue.clone();
            let producer = thread::spawn(move || {
                let pushed = push(&producer, 9, 2);
                assert!(producer.len() <= 2, "beyond the bound");
                pushed
            });
            // After eight claims the word has the same bits.
            for number in 0..8 {
                if push(&queue, number, 2) && number < 6 {
                    pop(&queue);
                }
            }
            assert!(queue.len() <= 2, "beyond the bound");
            let pushed = producer.join().unwrap();
            assert!(queue.len() <= 2, "beyond the bound");
            let hole = queue.holes() > 0;
            let rest = std::iter::from_fn(|| pop(&queue)).count();
            assert!(rest <= 2 && queue.len() == 0);
            hole && !pushed
        });
    }

    /// The limit is lowered while a push sets the claim limit by the former one: no later push relies on that.
    #[test]
    fn no_push_claims_before_the_claim_limit_after_each_must_check() {
        explore_capped(|| {
            let (queue, limit) = (queue(1, 3), Arc::new(AtomicU64::new(3)));
            let producer = (queue.clone(), limit.clone());
            let producer = thread::spawn(move || {
                let (queue, limit) = producer;
                push(&queue, 1, limit.load(Ordering::Relaxed))
            });
            limit.store(1, Ordering::Relaxed);
            queue.always_check_limit();
            assert!(matches!(queue.try_claim_push(), Err(PushFallback::General)));
            let pushed = producer.join().unwrap();
            assert!(matches!(queue.try_claim_push(), Err(PushFallback::General)));
            assert!(!pushed || !push(&queue, 2, 1), "beyond the bound");
        });
    }
}
