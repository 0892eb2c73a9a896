//! A thread that waits: it yields for a while, and then parks.
//!
//! Knows how to wait. Does not know what for.

#[cfg(not(loom))]
use super::skip_counter::SkipCounter;
use super::spin::{SpinPolicy, ThreadSpins};
#[cfg(not(loom))]
use super::tuning::{IDLE_YIELD_SKIPS, LONG_YIELD, LONG_YIELD_SKIPS, YIELDS};
#[cfg(not(loom))]
use super::turns::Turns;
#[cfg(not(loom))]
use std::cell::Cell;
use std::task::Waker;
#[cfg(not(loom))]
use std::time::Duration;
use std::time::Instant;

/// This thread as a waiter: its parker, its waker, and what it has learned from earlier waits.
///
/// On idle cores a thread yields for a while before it parks: to park and to be woken costs ten times as
/// much. On busy cores another thread would keep the core for a whole time slice, while a woken thread gets a
/// core soon: there a thread parks at once. So does a thread for which nothing arrives while it yields, and now
/// and then one that takes turns with another on its core.
pub(crate) struct ThreadWaiter {
    parker: parking::Parker,
    pub(crate) waker: Waker,
    #[cfg(not(loom))]
    long_yields: SkipCounter,
    #[cfg(not(loom))]
    idle_yields: SkipCounter,
    #[cfg(not(loom))]
    turns: Turns,
    pub(super) spins: ThreadSpins,
}

impl ThreadWaiter {
    fn new() -> Self {
        let parker = parking::Parker::new();
        let waker = Waker::from(parker.unparker());
        ThreadWaiter {
            parker,
            waker,
            #[cfg(not(loom))]
            long_yields: SkipCounter::new(),
            #[cfg(not(loom))]
            idle_yields: SkipCounter::new(),
            #[cfg(not(loom))]
            turns: Turns::new(),
            spins: ThreadSpins::new(),
        }
    }

    /// Whether a wait that begins now may spin and yield. Where the capacity is small, yields in which nothing
    /// arrived do not count against it: each item takes a switch of threads there, so it comes later than in a flow.
    #[cfg(not(loom))]
    pub(crate) fn may_yield(&self, policy: &SpinPolicy<'_>) -> bool {
        let small_capacity = policy.history.is_none();
        !self.turns.should_park(small_capacity)
            && self.long_yields.should_try()
            && (small_capacity || self.idle_yields.should_try())
    }

    #[cfg(loom)]
    pub(crate) fn may_yield(&self, _policy: &SpinPolicy<'_>) -> bool {
        false
    }

    /// Yields to other threads, with a probe after each yield, until a probe succeeds or a yield takes long.
    #[cfg(not(loom))]
    pub(crate) fn yield_phase<R>(&self, deadline: Option<Instant>, mut probe: impl FnMut() -> Option<R>) -> Option<R> {
        for earlier in 0..YIELDS {
            let before = Instant::now();
            if deadline.is_some_and(|deadline| deadline <= before) {
                return None;
            }
            crate::sync::yield_now();
            if let Some(result) = probe() {
                self.idle_yields.succeeded();
                match earlier {
                    0 => self.turns.taken(),
                    _ => self.turns.ended(),
                }
                return Some(result);
            }
            if before.elapsed() > LONG_YIELD {
                self.long_yields.failed(&LONG_YIELD_SKIPS);
                return None;
            }
        }
        self.turns.ended();
        // The core was idle, or threads gave it back.
        self.long_yields.succeeded();
        self.idle_yields.failed(&IDLE_YIELD_SKIPS);
        None
    }

    /// A wait has ended while the thread was spinning.
    pub(super) fn spin_succeeded(&self) {
        #[cfg(not(loom))]
        self.turns.ended();
    }

    #[cfg(loom)]
    pub(crate) fn yield_phase<R>(&self, _deadline: Option<Instant>, _probe: impl FnMut() -> Option<R>) -> Option<R> {
        None
    }

    /// Whether this thread was unparked since it last parked; consumes the unpark.
    pub(crate) fn take_unpark(&self) -> Option<()> {
        #[cfg(not(loom))]
        return self.parker.park_timeout(Duration::ZERO).then_some(());
        #[cfg(loom)]
        None
    }

    /// Runs `wait` with the parker of this thread. If that parker is in use (a waker that itself waits) or
    /// gone (in a destructor of thread-local data), `wait` gets a new one.
    #[cfg(not(loom))]
    pub(crate) fn with<R>(wait: impl FnOnce(&ThreadWaiter) -> R) -> R {
        thread_local!(static THREAD: Cell<Option<ThreadWaiter>> = const { Cell::new(None) });
        #[cfg(test)]
        waits::count();
        let thread = THREAD.try_with(Cell::take).ok().flatten().unwrap_or_else(ThreadWaiter::new);
        let result = wait(&thread);
        let _ = THREAD.try_with(|cell| cell.set(Some(thread)));
        result
    }

    /// loom's objects end with the execution, so that each wait has a parker of its own.
    #[cfg(loom)]
    pub(crate) fn with<R>(wait: impl FnOnce(&ThreadWaiter) -> R) -> R {
        wait(&ThreadWaiter::new())
    }

    /// Parks until woken; false once the deadline has passed.
    pub(crate) fn park(&self, deadline: Option<Instant>) -> bool {
        match deadline {
            None => {
                self.parker.park();
                true
            }
            #[cfg(not(loom))]
            // It may wake for no reason.
            Some(deadline) => self.parker.park_deadline(deadline) || Instant::now() < deadline,
            #[cfg(loom)]
            Some(_) => unreachable!("no model has a clock"),
        }
    }
}

/// For unit tests: the number of waits that this thread has begun. Each may spin, yield and park.
#[cfg(all(test, not(loom)))]
pub(crate) mod waits {
    use std::cell::Cell;

    thread_local!(static WAITS: Cell<usize> = const { Cell::new(0) });

    pub(super) fn count() {
        WAITS.with(|waits| waits.set(waits.get() + 1));
    }

    /// See [`WAITS`].
    pub(crate) fn begun() -> usize {
        WAITS.with(Cell::get)
    }
}
