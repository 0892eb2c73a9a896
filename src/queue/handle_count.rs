//! The number of those who share a queue out to each other, of one kind.
//!
//! Knows a number. Does not know handles: a queue keeps two such numbers, as it has the room, and never looks at them.

use crate::sync::{AtomicU32, Ordering};

/// The number of strong handles of one kind.
pub(crate) struct Count(AtomicU32);

impl Count {
    /// More than this were leaked, not counted wrongly.
    const MAX: u32 = i32::MAX as u32;

    crate::sync::const_fn! {
        pub(super) const fn one() -> Self {
            Count(AtomicU32::new(1))
        }
    }

    pub(crate) fn get(&self) -> usize {
        // Somebody's answer to a question; nothing follows from it.
        self.load() as usize
    }

    fn load(&self) -> u32 {
        // Ordering: Relaxed, C1. A guess or an answer: the compare-and-swap confirms the one, nothing follows from the other.
        self.0.load(Ordering::Relaxed)
    }

    /// Counts one more, unless there is none any more.
    pub(crate) fn add_to_some(&self) -> bool {
        let mut count = self.load();
        while count > 0 {
            assert!(count < Self::MAX, "too many handles of one channel");
            // Ordering: Relaxed, C1. A handle that exists, or the upgraded pointer of a weak one, keeps the channel.
            match self.0.compare_exchange(count, count + 1, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => count = now,
            }
        }
        false
    }

    /// Counts one less; true for the last.
    pub(crate) fn remove(&self) -> bool {
        // Ordering: AcqRel, C2. What was done through the other handles comes before the end that the last one makes.
        self.0.fetch_sub(1, Ordering::AcqRel) == 1
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "too many handles")]
    fn the_count_of_handles_does_not_wrap() {
        // As if that many clones had been leaked.
        Count(AtomicU32::new(Count::MAX)).add_to_some();
    }
}
