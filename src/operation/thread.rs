//! A thread that waits: it yields for a while, and then parks.
//!
//! Knows how to wait. Does not know what for.

use super::SpinHistory;
#[cfg(not(loom))]
use std::cell::Cell;
use std::task::Waker;
#[cfg(not(loom))]
use std::time::Duration;
use std::time::Instant;

/// This thread as one that can be woken.
pub(super) struct Thread {
    parker: parking::Parker,
    pub(super) waker: Waker,
    #[cfg(not(loom))]
    yield_history: Cell<YieldHistory>,
    pub(super) luck: SpinHistory,
}

/// How a thread behaves that has nothing to do at the moment: on idle cores it yields for a while, as parking and waking
/// cost ten times as much. On busy cores somebody else would keep the core for a whole slice of time, whereas who is woken
/// gets it soon: then it parks at once.
#[cfg(not(loom))]
#[derive(Clone, Copy, Default)]
struct YieldHistory {
    /// Waits left that park at once.
    without: u32,
    /// How many the next bad experience makes it.
    next: u32,
}

/// How often a thread yields before it parks.
#[cfg(not(loom))]
const YIELDS: u32 = 32;
/// A yield that takes longer has let somebody run who does not give the core back.
#[cfg(not(loom))]
const LONG: Duration = Duration::from_micros(500);
/// Waits that park at once after the first long yield, and at most.
#[cfg(not(loom))]
const FEW: u32 = 4;
#[cfg(not(loom))]
const MANY: u32 = 64;

impl Thread {
    fn new() -> Self {
        let parker = parking::Parker::new();
        let waker = Waker::from(parker.unparker());
        Thread {
            parker,
            waker,
            #[cfg(not(loom))]
            yield_history: Cell::default(),
            luck: SpinHistory::new(),
        }
    }

    /// Whether a wait that begins now may spin and yield.
    #[cfg(not(loom))]
    pub(super) fn may_yield(&self) -> bool {
        let YieldHistory { without, next } = self.yield_history.get();
        self.yield_history.set(YieldHistory { without: without.saturating_sub(1), next });
        without == 0
    }

    #[cfg(loom)]
    pub(super) fn may_yield(&self) -> bool {
        false
    }

    /// Yields to other threads and looks in between, for as long as that promises anything.
    #[cfg(not(loom))]
    pub(super) fn yield_phase<R>(&self, deadline: Option<Instant>, mut look: impl FnMut() -> Option<R>) -> Option<R> {
        let YieldHistory { next, .. } = self.yield_history.get();
        for _ in 0..YIELDS {
            let before = Instant::now();
            if deadline.is_some_and(|deadline| deadline <= before) {
                return None;
            }
            crate::sync::yield_now();
            if let Some(result) = look() {
                return Some(result);
            }
            if before.elapsed() > LONG {
                let without = next.clamp(FEW, MANY);
                self.yield_history.set(YieldHistory { without, next: 8 * without });
                return None;
            }
        }
        self.yield_history.set(YieldHistory { without: 0, next: next / 2 });
        None
    }

    #[cfg(loom)]
    pub(super) fn yield_phase<R>(&self, _deadline: Option<Instant>, _look: impl FnMut() -> Option<R>) -> Option<R> {
        None
    }

    pub(super) fn is_woken(&self) -> Option<()> {
        #[cfg(not(loom))]
        return self.parker.park_timeout(Duration::ZERO).then_some(());
        #[cfg(loom)]
        None
    }

    /// Runs `wait` with this thread's parker; with a fresh one where that is in use (a waker that itself waits) or gone
    /// (in a destructor of thread-local data).
    #[cfg(not(loom))]
    pub(super) fn with<R>(wait: impl FnOnce(&Thread) -> R) -> R {
        thread_local!(static THREAD: Cell<Option<Thread>> = const { Cell::new(None) });
        let thread = THREAD.try_with(Cell::take).ok().flatten().unwrap_or_else(Thread::new);
        let result = wait(&thread);
        let _ = THREAD.try_with(|place| place.set(Some(thread)));
        result
    }

    /// What is loom's does not outlive an execution.
    #[cfg(loom)]
    pub(super) fn with<R>(wait: impl FnOnce(&Thread) -> R) -> R {
        wait(&Thread::new())
    }

    /// Sleeps until woken; false once the deadline has passed.
    pub(super) fn park(&self, deadline: Option<Instant>) -> bool {
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
