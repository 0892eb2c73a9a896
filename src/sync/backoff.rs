//! Pauses of a thread while another thread makes progress.
//!
//! Knows the number of cores. Does not know what the other thread does.

use super::Ordering;

/// How often a thread spins before it stops expecting progress of another thread: `spins` times, or never on a
/// single core. Never under loom and in the unit tests either, so that they explore what comes after the spin.
pub(crate) fn spins_if_parallel(spins: u32) -> u32 {
    if cfg!(any(loom, test)) || !several_cores() {
        0
    } else {
        spins
    }
}

/// Whether another thread can run while this thread spins. The answer is kept for the process. Threads that
/// ask at the same time for the first time each find the answer out, so that no thread waits for another.
fn several_cores() -> bool {
    use std::sync::atomic::AtomicU8;
    const ONE: u8 = 1;
    const SEVERAL: u8 = 2;
    /// 0 until the answer is known.
    static ANSWER: AtomicU8 = AtomicU8::new(0);

    // Not inlined, so that the other calls save no registers for it.
    #[cold]
    #[inline(never)]
    fn find_out() -> bool {
        let several = std::thread::available_parallelism().map_or(true, |cores| cores.get() > 1);
        // Ordering: Relaxed, A1. As below.
        ANSWER.store(if several { SEVERAL } else { ONE }, Ordering::Relaxed);
        several
    }

    // Ordering: Relaxed, A1. The answer is all there is.
    let answer = ANSWER.load(Ordering::Relaxed);
    answer == SEVERAL || answer != ONE && find_out()
}

/// The backoff of a thread that has lost the race for a claim. The pause is so long that the winner completes
/// many operations before the cache line comes back to this core: a cache line that moves at each operation
/// costs more.
pub(crate) struct Backoff {
    spins: crossbeam_utils::Backoff,
    losses: u32,
}

impl Backoff {
    /// Calls of `spin` after the first loss: 1 + 2 + 4 + .. + 32 = 63 pauses. Without a pause a message took
    /// 158 ns in place of 56; 16, 200 or 500 pauses made no difference that could be measured
    /// (docs/benchmarks.md).
    const FIRST: u32 = 6;
    /// Calls of `spin` after each loss from the fifth on, of 64 pauses each: 1024 pauses. Before, the pauses
    /// double.
    const MOST: u32 = 16;

    pub(crate) fn new() -> Self {
        Backoff { spins: crossbeam_utils::Backoff::new(), losses: 0 }
    }

    #[cold]
    pub(crate) fn after_lost_claim(&mut self) {
        let spins = if self.losses == 0 { Self::FIRST } else { (1 << self.losses).min(Self::MOST) };
        for _ in 0..spins_if_parallel(spins) {
            self.spins.spin();
        }
        self.losses = (self.losses + 1).min(Self::MOST);
    }
}

/// One pause of a spin loop; under loom the other threads get a turn.
#[inline]
pub(crate) fn pause() {
    #[cfg(loom)]
    ::loom::thread::yield_now();
    #[cfg(not(loom))]
    std::hint::spin_loop();
}

/// Lets other threads of this core run.
#[cold]
pub(crate) fn yield_now() {
    #[cfg(loom)]
    ::loom::thread::yield_now();
    #[cfg(not(loom))]
    std::thread::yield_now();
}
