//! Unit tests of the claim limit of the tail.

use super::tests::{past_the_short_segments, LEN};
use super::*;

#[test]
fn the_bound_is_exact_before_the_claim_limit() {
    for limit in [1, 2, 3, 100, LEN - 1, LEN, LEN + 1, 3 * LEN] {
        let queue = RawQueue::new();
        let offer = |value| queue.push_before_claim_limit(value, limit, &mut Events::default()).is_ok();
        for round in 0..3 * LEN {
            let free = limit - queue.len();
            assert_eq!((0..=free).take_while(|_| offer(round)).count() as u64, free);
            (0..=round % limit.min(5)).for_each(|_| _ = queue.pop(&mut Events::default()).unwrap());
        }
        assert_eq!(queue.holes(), 0);
    }
}

#[test]
fn no_push_claims_before_the_claim_limit_once_each_must_check() {
    let queue = past_the_short_segments();
    for n in 0..3 {
        queue.push_before_claim_limit(n, 10, &mut Events::default()).unwrap();
    }
    assert!(queue.tail.cursor().is_before(queue.tail.claim_limit(), LEN));
    queue.always_check_limit();
    assert_eq!(queue.push_before_claim_limit(3, 3, &mut Events::default()), Err(PushError::Full(3)));
    for n in 0..3 * LEN {
        assert!(queue.pop(&mut Events::default()).is_ok());
        queue.push_before_claim_limit(n, 3, &mut Events::default()).unwrap();
        assert!(matches!(queue.try_claim_push(), Err(PushFallback::General)));
    }
}
