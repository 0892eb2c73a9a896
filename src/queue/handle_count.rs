//! The number of handles of one kind.
//!
//! Knows a number. Does not know handles: a queue stores two such numbers for its channel.

use crate::sync::{AtomicU32, Ordering};

/// The number of strong handles of one kind.
pub(crate) struct HandleCount(AtomicU32);

impl HandleCount {
    /// A larger number of handles was leaked, not counted wrongly.
    const MAX: u32 = i32::MAX as u32;

    crate::sync::const_fn! {
        pub(super) const fn one() -> Self {
            HandleCount(AtomicU32::new(1))
        }
    }

    pub(crate) fn get(&self) -> usize {
        // For information, and for a message that is sent after the close: the mutex orders that.
        self.load() as usize
    }

    fn load(&self) -> u32 {
        // Ordering: Relaxed, C1. A guess or an answer: the compare-and-swap confirms the one, nothing follows
        // from the other.
        self.0.load(Ordering::Relaxed)
    }

    /// Adds a handle, unless the number is 0. True if it was added.
    pub(crate) fn add_unless_zero(&self) -> bool {
        let mut count = self.load();
        while count > 0 {
            assert!(count < Self::MAX, "too many handles of one channel");
            // Ordering: Relaxed, C1. A handle that exists, or the upgraded pointer of a weak one, keeps the
            // channel.
            match self.0.compare_exchange(count, count + 1, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => count = now,
            }
        }
        false
    }

    /// Removes a handle; true for the last one.
    pub(crate) fn remove(&self) -> bool {
        // Ordering: AcqRel, C2. What was done through the other handles comes before the end that the last
        // one makes.
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
        HandleCount(AtomicU32::new(HandleCount::MAX)).add_unless_zero();
    }
}
