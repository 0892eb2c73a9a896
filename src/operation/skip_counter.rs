//! A counter that skips a phase of waiting (a spin, the yields) for some waits after the phase has failed.
//!
//! Knows how the phase ended before. Does not know what the phase is.

use crate::sync::{AtomicU32, Ordering};

/// How many waits skip the phase after a failure.
pub(super) struct SkipRule {
    /// After the first failure.
    pub(super) first: u32,
    /// The factor by which the next failure skips more waits.
    pub(super) growth: u32,
    /// The maximum. `growth * most` is less than 2^16.
    pub(super) most: u32,
}

/// Low half: the number of waits that still skip the phase. High half: the number of waits that skip it after
/// the next failure, before it is limited by the rule. Only a hint: a racing write may be lost.
pub(crate) struct SkipCounter(AtomicU32);

const NEXT_SHIFT: u32 = 16;

impl SkipCounter {
    crate::sync::const_fn! {
        pub(crate) const fn new() -> Self {
            SkipCounter(AtomicU32::new(0))
        }
    }

    /// Whether this wait enters the phase; counts one skipped wait otherwise.
    #[inline]
    pub(super) fn should_try(&self) -> bool {
        // Ordering: Relaxed, A3. A hint.
        let now = self.0.load(Ordering::Relaxed);
        let skips = now & ((1 << NEXT_SHIFT) - 1);
        if skips > 0 {
            // Ordering: Relaxed, A3. As above.
            self.0.store(now - 1, Ordering::Relaxed);
        }
        skips == 0
    }

    /// The phase has succeeded: the next failure skips half as many waits.
    pub(super) fn succeeded(&self) {
        self.update(|next| (next / 2) << NEXT_SHIFT);
    }

    /// The phase has failed.
    pub(super) fn failed(&self, rule: &SkipRule) {
        self.update(|next| {
            let skips = next.clamp(rule.first, rule.most);
            (rule.growth * skips) << NEXT_SHIFT | skips
        });
    }

    fn update(&self, after: impl FnOnce(u32) -> u32) {
        // Ordering: Relaxed, A3. As above.
        let now = self.0.load(Ordering::Relaxed);
        let then = after(now >> NEXT_SHIFT);
        if then != now {
            // Ordering: Relaxed, A3. As above.
            self.0.store(then, Ordering::Relaxed);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const RULE: SkipRule = SkipRule { first: 1, growth: 2, most: 1024 };

    #[test]
    fn each_failure_skips_more_waits_up_to_the_maximum() {
        let counter = SkipCounter::new();
        let tries = (0..20_000).filter(|_| counter.should_try()).inspect(|_| counter.failed(&RULE)).count();
        assert_eq!(tries, 11 + (20_000 - 11 - 1023) / 1025);
    }

    #[test]
    fn each_success_halves_the_waits_that_the_next_failure_skips() {
        let counter = SkipCounter::new();
        (0..3).for_each(|_| counter.failed(&RULE));
        assert_eq!((0..10).filter(|_| counter.should_try()).count(), 6);
        (0..3).for_each(|_| counter.succeeded());
        counter.failed(&RULE);
        assert!(!counter.should_try() && counter.should_try());
    }
}
