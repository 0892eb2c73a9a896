//! The tuning constants of this folder's waits, in one table. docs/benchmarks.md says what was measured.
//!
//! Knows numbers only. Does not know how a wait uses them.
//!
//! Two sets of constants are in lower layers: the pauses after a lost claim (`sync/backoff.rs`), and the
//! pauses of a getter before it poisons a slot (`SPIN_LIMIT` in `raw/slot.rs`), which depends on the size of a
//! value.

use super::skip_counter::SkipRule;
#[cfg(not(loom))]
use std::time::Duration;

/// A spin: pauses before each probe; the first pause is shorter where the capacity is small. A probe takes
/// the cache line from the thread that works on what is waited for, and more work is done by then. 16 made
/// the cells of two workers 1.4 times as slow, 64 made them 1.1 times as slow.
pub(super) const PROBE_PAUSES: u32 = 32;
/// A spin: number of probes.
pub(super) const PROBES: u32 = 8;
/// A spin of a thread ends after so many probes in a row without progress; a thread yields and parks then.
/// Geometric mean of all cells of threads: 1.66 → 1.28.
pub(super) const IDLE_PROBES_THREAD: u32 = 2;
/// The same of a spin that begins with one pause: 95 pauses in all.
pub(super) const IDLE_PROBES_SHORT: u32 = 7;
/// A spin of a task ends after so many probes in a row without progress. Without this rule: 2.8 times as
/// slow.
pub(super) const IDLE_PROBES_TASK: u32 = 1;
/// A spin: so many steps of progress from one probe to the next are dense traffic.
pub(super) const DENSE_STEPS: u64 = 16;
/// A spin: pauses, once, in dense traffic, so that a batch forms and the two sides do not work on the same
/// cache lines all the time. Geometric mean: 1.28 → 1.22.
pub(super) const BATCH_PAUSES: u32 = 128;
/// A task spins only at a capacity of so many items. Below that a spin made a task 3 to 5 times as slow.
pub(super) const TASK_SPIN_CAPACITY: u32 = 16;
/// Waits of tasks at a queue that skip the spin after failed ones. Without this rule a round trip took 1866
/// ns in place of 223.
pub(super) const TASK_SPIN_SKIPS: SkipRule = SkipRule { first: 1, growth: 2, most: 1024 };
/// Waits of a thread that skip the spin after failed ones. Geometric mean: 1.17 → 1.12.
pub(super) const THREAD_SPIN_SKIPS: SkipRule = SkipRule { first: 1, growth: 2, most: 64 };
/// Spins of a thread that begin with one pause, after a spin in which one item arrived. Then a spin begins
/// with a whole pause again, to see whether more items arrive in it.
pub(super) const SHORT_SPINS: u32 = 15;
/// A thread: yields before it parks. With 8 the geometric mean was 1.94 in place of 1.58; 128 changed
/// nothing.
#[cfg(not(loom))]
pub(super) const YIELDS: u32 = 32;
/// A yield that takes longer has let a thread run that keeps the core for its time slice.
#[cfg(not(loom))]
pub(super) const LONG_YIELD: Duration = Duration::from_micros(500);
/// Waits of a thread that park at once after a long yield. With 256 to 32,768 skips, capacity 100: 600 ns in
/// place of 72.
#[cfg(not(loom))]
pub(super) const LONG_YIELD_SKIPS: SkipRule = SkipRule { first: 4, growth: 8, most: 64 };
/// Waits of a thread that park at once after yields in which nothing arrived.
#[cfg(not(loom))]
pub(super) const IDLE_YIELD_SKIPS: SkipRule = SkipRule { first: 1, growth: 2, most: 8 };
/// Turns of a thread on the core of another one before it parks. Round trips of two threads: 2470 → 370 ns with 8, 500
/// with 4, 900 with 32.
#[cfg(not(loom))]
pub(super) const FEWEST_TURNS: u32 = 8;
/// The same where the capacity is small: there one yield is the rule on two cores as well. With 8 a rendezvous of two
/// threads on two cores took 890 ns in place of 390.
#[cfg(not(loom))]
pub(super) const FEWEST_TURNS_SMALL_CAPACITY: u32 = 256;
/// The same after it has parked in vain: then two threads have one core.
#[cfg(not(loom))]
pub(super) const MOST_TURNS: u32 = 4096;
