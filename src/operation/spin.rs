//! Trying again for a moment before a wait begins, in the hope that another thread is just at work on what is waited for.
//!
//! Knows when a spin pays. Does not know what is waited for: that somebody is at work on it shows in a number that changes.
//!
//! To wait and to be woken costs a task a hundred nanoseconds, if the one who wakes it runs on the same thread. If it runs on
//! another the cost is that of two threads that take turns with each item: ten times as much as when each works on for a
//! while. So a task spins too, for some microseconds at most, where that has turned out well before.

use super::{Attempt, Operation};
use crate::sync::{patience, AtomicU32, Ordering};

/// Pauses before each look of a spin, unless the attempt wants fewer at first. Not less: the look takes the line from who
/// works on what is waited for, and more is done by then.
pub(crate) const PAUSES: u32 = 32;
/// Looks of a spin.
const LOOKS: u32 = 8;
/// A spin ends early when so many looks one after the other have seen nobody at work: for a thread, which else parks, and
/// for a task.
pub(super) const IDLE_THREAD: u32 = 2;
pub(super) const IDLE_TASK: u32 = 1;
/// So many steps from one look to the next are a dense flow.
const DENSE: u64 = 16;
/// Pauses that let some more of it come in, so that the two sides are not at the same lines all the time.
const GATHER: u32 = 128;

/// How a spin goes about an attempt.
pub(crate) struct Spin<'a> {
    /// Pauses before the first look; 0 for no spin.
    pub(crate) pauses: u32,
    /// How it went before; `None` if a task had better not spin.
    pub(crate) luck: Option<&'a Luck>,
    /// Whether more may come than is wanted now, so that one can wait for it to gather.
    pub(crate) gathers: bool,
}

/// How the spins of tasks went so far. Only a hint, written without care for what others write.
pub(crate) struct Luck(AtomicU32);

/// Waits without a spin after the second spin in vain, and at most; each doubles them.
const FEW: u32 = 1;
const MANY: u32 = 1 << 10;
const NEXT_SHIFT: u32 = 16;

impl Luck {
    crate::sync::const_fn! {
        pub(crate) const fn new() -> Self {
            Luck(AtomicU32::new(0))
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

    /// A spin was good for something, or not.
    fn was(&self, good: bool) {
        // Ordering: Relaxed, A3. As above.
        let now = self.0.load(Ordering::Relaxed);
        let next = now >> NEXT_SHIFT;
        let then = if good {
            (next / 2) << NEXT_SHIFT
        } else {
            let without = next.clamp(FEW, MANY);
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
        if patience(LOOKS) == 0 || !self.attempt.spin().luck?.tempts() {
            return None;
        }
        let output = self.spin(PAUSES, IDLE_TASK);
        self.attempt.spin().luck?.was(output.is_some());
        output
    }

    /// Tries again and again, the first time after so many pauses, until nobody has been at work for `idle` looks. On one core
    /// nobody is.
    pub(super) fn spin(&mut self, mut pauses: u32, idle: u32) -> Option<A::Output> {
        let looks = if pauses == 0 { 0 } else { patience(LOOKS) };
        let mut idly = 0;
        let mut before = self.attempt.traffic();
        for _ in 0..looks {
            pause(pauses);
            pauses = (2 * pauses).min(PAUSES);
            let now = self.attempt.traffic();
            if now.wrapping_sub(before) >= DENSE && self.attempt.spin().gathers {
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
        let luck = Luck::new();
        let spins = (0..20_000).filter(|_| luck.tempts()).inspect(|_| luck.was(false)).count();
        assert_eq!(spins, 11 + (20_000 - 11 - 1023) / 1025);
    }

    #[test]
    fn who_has_luck_spins_again_at_once() {
        let luck = Luck::new();
        (0..3).for_each(|_| luck.was(false));
        assert_eq!((0..10).filter(|_| luck.tempts()).count(), 6);
        (0..3).for_each(|_| luck.was(true));
        luck.was(false);
        assert!(!luck.tempts() && luck.tempts());
    }
}
