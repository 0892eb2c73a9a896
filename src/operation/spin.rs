//! Trying again for a moment before a wait begins, in the hope that another thread is just at work on what is waited for.
//!
//! Knows when a spin pays. Does not know what is waited for: that somebody is at work on it shows in a number that changes.
//!
//! To wait and to be woken costs a task a hundred nanoseconds, if the one who wakes it runs on the same thread. If it runs on
//! another the cost is that of two threads that take turns with each item: ten times as much as when each works on for a
//! while. So a task spins too, for some microseconds at most, where that has turned out well before. A thread on the same core
//! as the one it waits for spins in vain, and had better yield.

use super::{Attempt, Operation};
use crate::sync::{spin_limit, AtomicU32, Ordering};

/// Pauses before each look of a spin, unless the attempt wants fewer at first. Not less: the look takes the line from who
/// works on what is waited for, and more is done by then.
pub(crate) const PAUSES: u32 = 32;
/// Looks of a spin.
const LOOKS: u32 = 8;
/// A spin ends early when so many looks one after the other have seen nobody at work: for a thread, which else parks, and
/// for a task.
const IDLE_THREAD: u32 = 2;
const IDLE_TASK: u32 = 1;
/// So many steps from one look to the next are a dense flow.
const DENSE: u64 = 16;
/// Pauses that let some more of it come in, so that the two sides are not at the same lines all the time.
const GATHER: u32 = 128;

/// How a spin goes about an attempt.
pub(crate) struct Spin<'a> {
    /// Pauses before the first look; 0 for no spin.
    pub(crate) pauses: u32,
    /// How it went for tasks before; `None` where there is little room, so that a spin of a task does not pay.
    pub(crate) luck: Option<&'a SpinHistory>,
    /// Whether more may come than is wanted now, so that one can wait for it to gather.
    pub(crate) gathers: bool,
}

/// How spins went so far: those of all tasks at a queue, or those of a thread. Only a hint, written without care for what
/// others write.
pub(crate) struct SpinHistory(AtomicU32);

/// Waits without a spin after the first spin in vain; each one more doubles them, up to so many for a task and for a thread.
const FEW: u32 = 1;
const MANY_TASK: u32 = 1 << 10;
const MANY_THREAD: u32 = 1 << 6;
const NEXT_SHIFT: u32 = 16;

impl SpinHistory {
    crate::sync::const_fn! {
        pub(crate) const fn new() -> Self {
            SpinHistory(AtomicU32::new(0))
        }
    }

    /// Whether to spin this time.
    fn tempts(&self) -> bool {
        // Ordering: Relaxed, A3. A hint.
        let now = self.0.load(Ordering::Relaxed);
        let without = now & ((1 << NEXT_SHIFT) - 1);
        if without > 0 {
            // Ordering: Relaxed, A3. As above.
            self.0.store(now - 1, Ordering::Relaxed);
        }
        without == 0
    }

    /// A spin was good for something, or not: then at most `many` waits go without one.
    fn was(&self, good: bool, many: u32) {
        // Ordering: Relaxed, A3. As above.
        let now = self.0.load(Ordering::Relaxed);
        let next = now >> NEXT_SHIFT;
        let then = if good {
            (next / 2) << NEXT_SHIFT
        } else {
            let without = next.clamp(FEW, many);
            (2 * without) << NEXT_SHIFT | without
        };
        if then != now {
            // Ordering: Relaxed, A3. As above.
            self.0.store(then, Ordering::Relaxed);
        }
    }
}

impl<A: Attempt> Operation<A> {
    /// Spins in a task, which keeps others from this thread meanwhile.
    pub(super) fn spin_in_task(&mut self) -> Option<A::Output> {
        if spin_limit(LOOKS) == 0 || !self.attempt.spin().luck?.tempts() {
            return None;
        }
        let output = self.spin(PAUSES, IDLE_TASK);
        self.attempt.spin().luck?.was(output.is_some(), MANY_TASK);
        output
    }

    /// Spins on a thread that has had such luck so far.
    pub(super) fn spin_on_thread(&mut self, luck: &SpinHistory) -> Option<A::Output> {
        let Spin { pauses, luck: worth, .. } = self.attempt.spin();
        // Where there is little room the item of another thread is too near to yield.
        let by_luck = worth.is_some();
        if by_luck && !luck.tempts() {
            return None;
        }
        let output = self.spin(pauses, IDLE_THREAD);
        if by_luck {
            luck.was(output.is_some(), MANY_THREAD);
        }
        output
    }

    /// Tries again and again, the first time after so many pauses, until nobody has been at work for `idle` looks. On one core
    /// nobody is.
    fn spin(&mut self, mut pauses: u32, idle: u32) -> Option<A::Output> {
        let looks = if pauses == 0 { 0 } else { spin_limit(LOOKS) };
        let mut idly = 0;
        // Once, so that the spin stays short.
        let mut gathers = self.attempt.spin().gathers;
        let mut before = self.attempt.progress();
        for _ in 0..looks {
            pause(pauses);
            pauses = (2 * pauses).min(PAUSES);
            let now = self.attempt.progress();
            if now.wrapping_sub(before) >= DENSE && std::mem::take(&mut gathers) {
                pause(GATHER);
            }
            if let Some(output) = self.try_again() {
                return Some(output);
            }
            idly = if now == before { idly + 1 } else { 0 };
            if idly == idle {
                break;
            }
            before = now;
        }
        None
    }
}

fn pause(pauses: u32) {
    for _ in 0..pauses {
        crate::sync::pause();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn who_spins_in_vain_spins_less_often() {
        let luck = SpinHistory::new();
        let spins = (0..20_000).filter(|_| luck.tempts()).inspect(|_| luck.was(false, 1024)).count();
        assert_eq!(spins, 11 + (20_000 - 11 - 1023) / 1025);
    }

    #[test]
    fn who_has_luck_spins_again_at_once() {
        let luck = SpinHistory::new();
        (0..3).for_each(|_| luck.was(false, 1024));
        assert_eq!((0..10).filter(|_| luck.tempts()).count(), 6);
        (0..3).for_each(|_| luck.was(true, 1024));
        luck.was(false, 1024);
        assert!(!luck.tempts() && luck.tempts());
    }
}
