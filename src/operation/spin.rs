//! The spin before a wait: an operation probes for some microseconds whether it can complete.
//!
//! Knows when a spin pays. Does not know what the operation waits for: a number that changes shows that
//! another thread works on it.
//!
//! For a task, a wait and a wake-up cost a hundred nanoseconds if the notifier runs on the same thread. If
//! the notifier runs on another thread, the two threads take turns with each item, and an item costs ten
//! times as much as when each thread works on for a while. So a task spins too, for some microseconds at
//! most, where spins have succeeded before. A thread that shares its core with the thread it waits for spins
//! for nothing; a yield serves it better.

use super::skip_counter::SkipCounter;
use super::tuning::{
    BATCH_PAUSES, DENSE_STEPS, IDLE_PROBES_SHORT, IDLE_PROBES_TASK, IDLE_PROBES_THREAD, PROBES, PROBE_PAUSES,
    SHORT_SPINS, TASK_SPIN_CAPACITY, TASK_SPIN_SKIPS, THREAD_SPIN_SKIPS,
};
use super::{Attempt, Operation};
use crate::sync::spins_if_parallel;
use std::cell::Cell;

/// How an attempt is repeated before its operation parks, or leaves its task pending.
pub(crate) struct SpinPolicy<'a> {
    /// Pauses before the first probe of a thread's spin; 0 for no spin.
    pub(crate) first_pause: u32,
    /// How the spins of tasks ended before. `None` where no task spins; a thread spins there each time.
    pub(crate) history: Option<&'a SkipCounter>,
    /// Whether more items may arrive than the operation wants now, so that a pause in dense traffic lets a
    /// batch form.
    pub(crate) batch: bool,
    /// Whether a thread registers before it yields, because a registered operation can be completed by
    /// another thread.
    pub(crate) register_first: bool,
}

impl<'a> SpinPolicy<'a> {
    /// For a wait that has no history: a thread spins each time, a task never.
    pub(crate) const THREADS_ONLY: Self =
        SpinPolicy { first_pause: PROBE_PAUSES, history: None, batch: false, register_first: false };

    /// For a wait at a queue with this capacity, if it has one. A batch of `capacity` items is completed
    /// quickly: the smaller the capacity, the shorter the first pause. With capacity 0 a probe never
    /// succeeds.
    #[inline]
    pub(crate) fn for_capacity(capacity: Option<usize>, history: &'a SkipCounter) -> Self {
        let capacity = capacity.map_or(u32::MAX, |capacity| u32::try_from(capacity).unwrap_or(u32::MAX));
        SpinPolicy {
            first_pause: if capacity == 0 { 0 } else { (capacity / 3).clamp(1, PROBE_PAUSES) },
            history: (capacity >= TASK_SPIN_CAPACITY).then_some(history),
            ..Self::THREADS_ONLY
        }
    }

    /// A pause of an operation that follows another thread closely, from one half-finished item to the next:
    /// the cache lines move between the cores at each item then. In the pause a batch forms. It is twice the
    /// first pause of a spin, or longer if there is no capacity that the other thread could use up meanwhile.
    pub(crate) fn pause_for_batch(&self) {
        pause(spins_if_parallel(if self.batch { BATCH_PAUSES } else { 2 * self.first_pause }));
    }
}

/// How the spins of a thread ended before.
pub(crate) struct ThreadSpins {
    skips: SkipCounter,
    /// The number of spins that still begin with one pause.
    short: Cell<u32>,
}

impl ThreadSpins {
    pub(super) fn new() -> Self {
        ThreadSpins { skips: SkipCounter::new(), short: Cell::new(0) }
    }

    /// One item arrived during a whole first pause. So the thread that sends it probably waits for an answer,
    /// and a short first pause finds the next item sooner. In a steady flow a short pause would take the
    /// cache line from the sender at each item.
    fn begin_short(&self) {
        self.short.set(SHORT_SPINS);
    }

    fn begins_short(&self) -> bool {
        let left = self.short.get();
        self.short.set(left.saturating_sub(1));
        left > 0
    }
}

impl<A: Attempt> Operation<A> {
    /// Spins in a task. Other tasks of this thread wait meanwhile.
    pub(super) fn spin_in_task(&mut self) -> Option<A::Output> {
        if probes() == 0 || !self.attempt.spin_policy().history?.should_try() {
            return None;
        }
        let (output, _) = self.spin(PROBE_PAUSES, IDLE_PROBES_TASK);
        let history = self.attempt.spin_policy().history?;
        match output {
            Some(_) => history.succeeded(),
            None => history.failed(&TASK_SPIN_SKIPS),
        }
        output
    }

    /// Spins on a thread whose spins ended as `history` says.
    pub(super) fn spin_on_thread(&mut self, history: &ThreadSpins) -> Option<A::Output> {
        let SpinPolicy { first_pause, history: of_tasks, .. } = self.attempt.spin_policy();
        if of_tasks.is_none() {
            // No history: the capacity is small, so the next item arrives too soon for a yield; or the wait is
            // not for an item or a free slot.
            return self.spin(first_pause, IDLE_PROBES_THREAD).0;
        }
        if !history.skips.should_try() {
            return None;
        }
        let short = history.begins_short();
        let (output, steps) = match short {
            true => self.spin(1, IDLE_PROBES_SHORT),
            false => self.spin(first_pause, IDLE_PROBES_THREAD),
        };
        match output {
            Some(_) => {
                history.skips.succeeded();
                if !short && steps <= 1 {
                    history.begin_short();
                }
            }
            None => history.skips.failed(&THREAD_SPIN_SKIPS),
        }
        output
    }

    /// Probes again and again, until `idle_limit` probes in a row have seen no progress. The first probe
    /// comes after `pauses` pauses. On a single core there is no probe. Returns the number of steps of
    /// progress as well.
    fn spin(&mut self, mut pauses: u32, idle_limit: u32) -> (Option<A::Output>, u64) {
        let probes = if pauses == 0 { 0 } else { probes() };
        let mut idle_probes = 0;
        // Once, so that the spin stays short.
        let mut batch = self.attempt.spin_policy().batch;
        let start = self.attempt.progress();
        let mut before = start;
        for _ in 0..probes {
            pause(pauses);
            pauses = (2 * pauses).min(PROBE_PAUSES);
            let now = self.attempt.progress();
            if now.wrapping_sub(before) >= DENSE_STEPS && std::mem::take(&mut batch) {
                pause(BATCH_PAUSES);
            }
            if let Some(output) = self.probe() {
                return (Some(output), now.wrapping_sub(start));
            }
            idle_probes = if now == before { idle_probes + 1 } else { 0 };
            if idle_probes == idle_limit {
                break;
            }
            before = now;
        }
        (None, before.wrapping_sub(start))
    }
}

/// The number of probes of a spin; 0 on a single core.
#[inline]
fn probes() -> u32 {
    spins_if_parallel(PROBES)
}

fn pause(pauses: u32) {
    for _ in 0..pauses {
        crate::sync::pause();
    }
}
