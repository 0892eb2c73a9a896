//! The loop of a select: tries its branches, registers all of them, and parks its thread once.
//!
//! Knows branches, selections and threads. Does not know queues.
//!
//! A branch is completed in one of two ways. The select itself completes one that can complete without
//! waiting; then no other thread can select a branch. Or a thread on the other side of a queue with capacity
//! 0 selects a branch, while the select waits and has opened its selection. In a round:
//!
//! 1. The select withdraws its selection. If another thread has selected a branch, the select completes that
//!    branch and no other.
//! 2. It tries all branches. A get or put that was notified consumes the notification here; if another branch
//!    completes, the notification is forwarded when the operation is dropped.
//! 3. It registers the branches that are not registered, and rechecks each: the three steps of a wait (see
//!    [`crate::wait`]).
//! 4. It opens its selection and registers the branches that other threads may select. A branch that finds
//!    the other side waiting does not complete here, as it may have been selected at another queue by now: the
//!    next round tries it. Of two selects that wait for each other, the one that registers last finds the
//!    other.
//! 5. The thread parks.
//!
//! The item of a completed get may follow only when another thread has evaluated it (feature `compat`). The
//! select ends the waits of all other branches before it waits for that item. If the item does not follow, the
//! next round registers them again, behind other waiters. A future has no such end, and keeps its registration.

use super::shuffle::shuffle;
use crate::operation::{SpinPolicy, ThreadWaiter};
use crate::wait::Selection;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Instant;

/// How a branch is registered where other threads may select it.
pub(crate) struct Opening<'a> {
    pub(crate) selection: &'a Arc<Selection>,
    /// The number of the branch.
    pub(crate) branch: usize,
    pub(crate) waker: &'a Waker,
}

/// One operation of a select. `Ready` means that it has completed and keeps its output.
pub(crate) trait Branch {
    /// Tries to complete without waiting.
    fn attempt(&mut self, waker: &Waker) -> Poll<()>;

    /// Registers the branch unless it is registered, and rechecks.
    fn register(&mut self, _waker: &Waker) -> Poll<()> {
        Poll::Pending
    }

    /// When the branch can complete although nothing notifies it.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// A number that changes when the branch may have become able to complete, as far as there is one.
    fn progress(&self) -> u64 {
        0
    }

    /// Whether other threads can select the branch.
    fn can_be_selected(&self) -> bool {
        false
    }

    /// Registers the branch for other threads to select it. `Ready` means that the other side waits.
    fn open(&mut self, _opening: Opening<'_>) -> Poll<()> {
        Poll::Pending
    }

    /// Ends what [`open`](Branch::open) has begun. `Ready` if another thread has completed the branch.
    fn close(&mut self) -> Poll<()> {
        Poll::Pending
    }

    /// Ends what [`register`](Branch::register) has begun, and forwards a notification; `register` may follow.
    fn end_wait(&mut self) {}

    /// Whether the branch has completed but its item follows.
    fn is_late(&self) -> bool {
        false
    }

    /// Waits for the item of a branch that [`is_late`](Branch::is_late). `Pending` if it does not follow: the
    /// branch has not completed.
    fn wait_for_item(&mut self) -> Poll<()> {
        Poll::Ready(())
    }
}

/// How long a select waits.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    /// It never waits.
    Now,
    Deadline(Instant),
    None,
}

/// Which of several ready branches completes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// A random one.
    Random,
    /// The first one.
    AsListed,
}

/// The branches of a select, each with its number.
pub(crate) type Branches<'a, 'b> = [(usize, &'a mut (dyn Branch + 'b))];

/// Completes exactly one branch and returns its number; `None` if the limit was reached before.
pub(crate) fn run(branches: &mut Branches<'_, '_>, limit: Limit, order: Order) -> Option<usize> {
    if order == Order::Random {
        shuffle(branches);
    }
    ThreadWaiter::with(|thread| Run { branches, thread, selection: None }.run(limit))
}

/// How often a select that does not wait tries again because of what other threads do at the same time.
const MOST_PASSES: u32 = 16;

struct Run<'a, 'b, 'c> {
    branches: &'c mut Branches<'a, 'b>,
    thread: &'c ThreadWaiter,
    /// There is one only if other threads can select a branch.
    selection: Option<Arc<Selection>>,
}

impl Run<'_, '_, '_> {
    fn run(mut self, limit: Limit) -> Option<usize> {
        if let Some(completed) = self.attempt() {
            return Some(completed);
        }
        let deadline = match limit {
            Limit::Now => return self.attempt_all_at_once(),
            Limit::Deadline(deadline) => Some(deadline),
            Limit::None => None,
        };
        if !self.branches.is_empty() && self.thread.may_yield(&SpinPolicy::THREADS_ONLY) {
            let thread = self.thread;
            if let Some(completed) = thread.yield_phase(deadline, || self.attempt()) {
                return Some(completed);
            }
        }
        if self.branches.iter().any(|(_, branch)| branch.can_be_selected()) {
            self.selection = Some(Arc::new(Selection::new()));
        }
        loop {
            if let Some(completed) = self.register() {
                return Some(completed);
            }
            let of_branches = self.branches.iter().filter_map(|(_, branch)| branch.deadline()).min();
            let next = of_branches.into_iter().chain(deadline).min();
            let in_time = self.thread.park(next);
            if let Some(completed) = self.withdraw().or_else(|| self.attempt()) {
                return Some(completed);
            }
            if !in_time && next == deadline {
                return self.attempt_all_at_once();
            }
        }
    }

    /// Tries all branches. No other thread can select one meanwhile.
    fn attempt(&mut self) -> Option<usize> {
        let thread = self.thread;
        (0..self.branches.len()).find_map(|at| match self.branches[at].1.attempt(&thread.waker) {
            Poll::Ready(()) => self.settle(at),
            Poll::Pending => None,
        })
    }

    /// Returns the number of a branch that has completed. If its item follows, this waits for it; `None` if it
    /// does not follow. Before such a wait all other branches end theirs: the thread that provides the item
    /// may wait for an operation that waits behind one of them.
    fn settle(&mut self, at: usize) -> Option<usize> {
        if self.branches[at].1.is_late() {
            for (_, branch) in self.branches.iter_mut() {
                branch.end_wait();
            }
            if self.branches[at].1.wait_for_item().is_pending() {
                return None;
            }
        }
        Some(self.branches[at].0)
    }

    /// Tries all branches again. In the first pass one may have become able to complete after it was tried and
    /// before another was, so that at no moment all of them had to wait: a thread puts into one queue and then
    /// takes from the other. If nothing has changed in a pass, none could complete at its end.
    fn attempt_all_at_once(&mut self) -> Option<usize> {
        let progress = |branches: &Branches<'_, '_>| {
            branches.iter().fold(0_u64, |sum, (_, branch)| sum.wrapping_add(branch.progress()))
        };
        for _ in 0..MOST_PASSES {
            let before = progress(self.branches);
            let completed = self.attempt();
            if completed.is_some() || progress(self.branches) == before {
                return completed;
            }
        }
        None
    }

    /// Registers all branches. No other thread has selected one.
    fn register(&mut self) -> Option<usize> {
        loop {
            let waker = &self.thread.waker;
            let mut branches = self.branches.iter_mut();
            // These can complete here, so they come before the selection is opened.
            if let Some((number, _)) =
                branches.find_map(|(number, branch)| branch.register(waker).is_ready().then_some((*number, ())))
            {
                return Some(number);
            }
            let selection = self.selection.as_ref()?;
            selection.open();
            let may_complete = self
                .branches
                .iter_mut()
                .any(|(number, branch)| branch.open(Opening { selection, branch: *number, waker }).is_ready());
            if !may_complete {
                return None;
            }
            if let Some(completed) = self.withdraw().or_else(|| self.attempt()) {
                return Some(completed);
            }
            // The other side has ended its wait, or registers at this very time.
            crate::sync::yield_now();
        }
    }

    /// Keeps other threads from selecting a branch. Returns the branch that another thread has completed, once
    /// its item is there.
    fn withdraw(&mut self) -> Option<usize> {
        let selected = self.selection.as_ref()?.withdraw();
        let mut completed = None;
        for (at, (number, branch)) in self.branches.iter_mut().enumerate() {
            if branch.close().is_ready() {
                debug_assert_eq!(selected, Some(*number), "a branch completed that was not selected");
                completed = Some(at);
            }
        }
        self.settle(completed?)
    }
}
