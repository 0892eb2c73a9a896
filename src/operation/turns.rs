//! Threads that take turns on one core, and how they get out of that.
//!
//! Knows numbers only. Does not know how a thread waits.
//!
//! Two threads that share a core take turns: what the one waits for is there after one yield, since the other
//! has run meanwhile. Both are always ready to run, so the scheduler leaves them on that core for long, though
//! another one may be idle. A thread that wakes is placed on an idle core. So after some turns a thread parks
//! once. If that has not helped, as on a machine with one core, it takes more turns before it parks again.

use super::tuning::{FEWEST_TURNS, FEWEST_TURNS_SMALL_CAPACITY, MOST_TURNS};
use std::cell::Cell;

/// The turns that a thread has taken in a row.
pub(super) struct Turns {
    taken: Cell<u32>,
    /// So many are taken before the thread parks.
    limit: Cell<u32>,
}

impl Turns {
    pub(super) fn new() -> Self {
        Turns { taken: Cell::new(0), limit: Cell::new(FEWEST_TURNS) }
    }

    /// A wait has ended after one yield.
    pub(super) fn taken(&self) {
        self.taken.set(self.taken.get() + 1);
    }

    /// A wait has ended in another way.
    pub(super) fn ended(&self) {
        self.taken.set(0);
        self.limit.set(FEWEST_TURNS);
    }

    /// Whether the thread should park in its next wait, at a queue with a small capacity or not.
    pub(super) fn should_park(&self, small_capacity: bool) -> bool {
        let limit = self.limit.get();
        let fewest = if small_capacity { FEWEST_TURNS_SMALL_CAPACITY } else { 0 };
        if self.taken.get() < limit.max(fewest) {
            return false;
        }
        self.taken.set(0);
        self.limit.set((2 * limit).min(MOST_TURNS));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns_before_it_parks(turns: &Turns, small_capacity: bool) -> u32 {
        let mut taken = 0;
        while !turns.should_park(small_capacity) {
            turns.taken();
            taken += 1;
        }
        taken
    }

    #[test]
    fn a_thread_parks_after_some_turns_and_later_if_that_has_not_helped() {
        let turns = Turns::new();
        for expected in [FEWEST_TURNS, 2 * FEWEST_TURNS, 4 * FEWEST_TURNS] {
            assert_eq!(turns_before_it_parks(&turns, false), expected);
        }
        turns.ended();
        assert_eq!(turns_before_it_parks(&turns, false), FEWEST_TURNS);
        for _ in 0..32 {
            turns_before_it_parks(&turns, false);
        }
        assert_eq!(turns_before_it_parks(&turns, false), MOST_TURNS);
    }

    #[test]
    fn at_a_small_capacity_a_thread_takes_more_turns() {
        let turns = Turns::new();
        assert_eq!(turns_before_it_parks(&turns, true), FEWEST_TURNS_SMALL_CAPACITY);
        turns.ended();
        for _ in 1..FEWEST_TURNS_SMALL_CAPACITY {
            turns.taken();
        }
        assert!(!turns.should_park(true) && turns.should_park(false));
    }
}
