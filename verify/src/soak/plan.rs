//! How many items a combination has in its next round.
//!
//! A channel of one slot through which threads wait is a hundred times slower than one without a bound. If all
//! combinations had the same number of items, the slow ones would have nearly all of the time. So each has a few items
//! in its first round, and from then on as many as it can do in the same time as all others.

use super::mix::{Mix, Type};
use std::time::Duration;

/// The time of a round.
const SLICE: Duration = Duration::from_millis(200);

/// Most items of the first round.
const FIRST: u64 = 2_000;

/// Most bytes that an unbounded channel may hold.
const MOST_BYTES: u64 = 64 << 20;

/// The plan of all combinations.
#[derive(Debug)]
pub(super) struct Plan {
    first: u64,
    /// Items of each combination in a slice, once it was measured.
    in_a_slice: Vec<Option<f64>>,
}

impl Plan {
    /// So many items are expected in all.
    pub(super) fn new(items: u64, combinations: usize) -> Self {
        Plan { first: (items / combinations as u64).clamp(64, FIRST), in_a_slice: vec![None; combinations] }
    }

    /// The items of the next round of the combination with this number.
    pub(super) fn items(&self, number: usize, mix: Mix) -> u64 {
        let size = match mix.item {
            Type::Unit | Type::Number => 8,
            Type::Boxed => 64,
            Type::Large | Type::Page => 8192,
        };
        match self.in_a_slice[number] {
            Some(items) => (items as u64).clamp(self.first, MOST_BYTES / size),
            None => self.first,
        }
    }

    /// Notes the time of a round.
    pub(super) fn note(&mut self, number: usize, items: u64, time: Duration) {
        // A round that was closed early with a few items says little.
        if items >= self.first {
            self.in_a_slice[number] = Some(items as f64 * SLICE.as_secs_f64() / time.as_secs_f64().max(1e-6));
        }
    }

    /// The seconds that so many items take.
    pub(super) fn seconds(&self, items: u64) -> f64 {
        let measured: Vec<_> = self.in_a_slice.iter().flatten().collect();
        let mean = measured.iter().copied().sum::<f64>() / measured.len() as f64;
        items as f64 / mean * SLICE.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::super::mix::all;
    use super::*;

    #[test]
    fn a_fast_combination_has_more_items_than_a_slow_one_in_the_same_time() {
        let mix = all().into_iter().find(|mix| mix.item == Type::Number).unwrap();
        let mut plan = Plan::new(1_000_000_000, 2);
        assert_eq!(plan.items(0, mix), FIRST);
        plan.note(0, FIRST, SLICE);
        plan.note(1, FIRST, SLICE / 100);
        assert_eq!((plan.items(0, mix), plan.items(1, mix)), (FIRST, 100 * FIRST));
        plan.note(1, 3, SLICE);
        assert_eq!(plan.items(1, mix), 100 * FIRST, "a round of three items says nothing");
    }

    #[test]
    fn large_items_stay_within_the_memory() {
        let mix = all().into_iter().find(|mix| mix.item == Type::Page).unwrap();
        let mut plan = Plan::new(1_000_000_000, 1);
        plan.note(0, 1_000_000, Duration::from_millis(1));
        assert!(plan.items(0, mix) * 4096 <= MOST_BYTES);
    }
}
