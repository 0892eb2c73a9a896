//! A random order, so that no branch of a select has precedence.
//!
//! Knows a small generator of random numbers. Does not know branches.

/// Shuffles `items` (Fisher and Yates). Under loom, which needs runs that can be repeated, the order stays.
#[cfg(not(loom))]
pub(super) fn shuffle<T>(items: &mut [T]) {
    for last in (1..items.len()).rev() {
        // A destructor of thread-local data may find no generator any more; then the order stays.
        let Ok(random) = RANDOM.try_with(next) else { return };
        items.swap(last, (random % (last as u64 + 1)) as usize);
    }
}

#[cfg(loom)]
pub(super) fn shuffle<T>(_items: &mut [T]) {}

#[cfg(not(loom))]
thread_local!(static RANDOM: std::cell::Cell<u64> = std::cell::Cell::new(seed()));

/// Another one for each thread.
#[cfg(not(loom))]
fn seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish() | 1
}

/// The next number of the generator `xorshift64*` (Vigna 2016).
#[cfg(not(loom))]
fn next(state: &std::cell::Cell<u64>) -> u64 {
    let mut x = state.get();
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    state.set(x);
    // The high bits are the better ones.
    x.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn every_order_occurs() {
        let mut seen = std::collections::HashSet::new();
        for _ in 0..1000 {
            let mut items = [0, 1, 2];
            shuffle(&mut items);
            seen.insert(items);
        }
        assert_eq!(seen.len(), 6);
    }
}
