//! The job, and the check that each job has run.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A number in a cache line of its own, as processors fetch lines in pairs.
#[repr(align(128))]
#[derive(Default)]
struct Padded(AtomicU64);

/// What all jobs of a run share.
pub struct Work {
    spin: u32,
    /// One sum for each remainder of a job's number, so that two jobs seldom add to the same one at a time.
    sums: [Padded; 16],
}

impl Work {
    pub fn new(spin: u32) -> Self {
        Work { spin, sums: Default::default() }
    }

    /// A job. The steps depend on each other, so that the processor cannot overlap them.
    pub fn run(&self, number: u64) {
        let mut state = number;
        for _ in 0..self.spin {
            state = step(state);
        }
        black_box(state);
        self.sums[number as usize % self.sums.len()].0.fetch_add(step(number), Relaxed);
    }

    pub fn check(&self, jobs: u64) -> Result<(), String> {
        let sum = self.sums.iter().fold(0, |sum: u64, part| sum.wrapping_add(part.0.load(Relaxed)));
        match sum == (0..jobs).map(step).fold(0, u64::wrapping_add) {
            true => Ok(()),
            false => Err("not each job has run exactly once".into()),
        }
    }
}

/// A step of the generator SplitMix64.
fn step(state: u64) -> u64 {
    let mixed = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
