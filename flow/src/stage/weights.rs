//! How many permits a job takes.

/// The largest number of permits that a queue can have.
const MOST: usize = (1 << 30) - 1;

/// Weights are counted in permits. A capacity of up to 2^30 - 1 is exact; with a larger one (bytes, for
/// example) a permit stands for several units, and weights are rounded up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weights {
    shift: u32,
}

impl Weights {
    pub(crate) fn for_capacity(capacity: usize) -> Self {
        let bits = usize::BITS - (capacity / MOST).leading_zeros();
        Weights { shift: bits }
    }

    /// The permits for a capacity; at least one.
    pub(crate) fn permits(&self, capacity: usize) -> usize {
        (capacity >> self.shift).clamp(1, MOST)
    }

    /// The capacity that these permits stand for.
    pub(crate) fn capacity(&self, permits: usize) -> usize {
        permits << self.shift
    }

    /// The permits for a job of this weight; at least one.
    pub(crate) fn of_job(&self, weight: usize) -> usize {
        let rounded_up = (weight >> self.shift) + usize::from(weight & ((1 << self.shift) - 1) != 0);
        rounded_up.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_capacities_are_exact() {
        let weights = Weights::for_capacity(1000);
        assert_eq!(weights.permits(1000), 1000);
        assert_eq!(weights.of_job(7), 7);
        assert_eq!(weights.of_job(0), 1);
    }

    #[test]
    fn the_sum_of_rounded_weights_never_exceeds_a_large_capacity() {
        for capacity in [MOST, MOST + 1, 64 << 30, (64 << 30) + 17, 1 << 50] {
            let weights = Weights::for_capacity(capacity);
            let permits = weights.permits(capacity);
            assert!(permits <= MOST, "{capacity}");
            assert!(weights.capacity(permits) <= capacity);
            assert!(weights.of_job(65_536) << weights.shift >= 65_536);
            assert!(weights.capacity(permits) > capacity - capacity / 1000, "{capacity}");
        }
    }
}
