//! Which branch of a select was selected, by the thread that selects or by another thread.
//!
//! Knows one number. Does not know the branches.
//!
//! While a select waits, a thread on the other side of a queue with capacity 0 may complete one of its
//! branches. All branches of the select share one [`Selection`], which is decided once: so at most one of
//! them is completed, whichever queues and threads take part.

use crate::sync::Mutex;
use std::sync::PoisonError;

/// The outcome of a select, which its branches share. The mutex is locked last, and for one access.
pub(crate) struct Selection {
    state: Mutex<State>,
}

#[derive(Clone, Copy)]
enum State {
    /// Other threads may select a branch.
    Open,
    /// Another thread has selected this branch.
    Selected(usize),
    /// The select itself goes on: no other thread may select a branch.
    Withdrawn,
}

impl Selection {
    /// A selection that is withdrawn.
    pub(crate) fn new() -> Self {
        Selection { state: Mutex::new(State::Withdrawn) }
    }

    fn with<R>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Selects a branch of another thread's select. False if that is not open.
    pub(crate) fn select(&self, branch: usize) -> bool {
        self.with(|state| {
            let is_open = matches!(state, State::Open);
            if is_open {
                *state = State::Selected(branch);
            }
            is_open
        })
    }

    pub(crate) fn is_open(&self) -> bool {
        self.with(|state| matches!(state, State::Open))
    }

    /// Lets other threads select a branch. No branch is registered yet.
    pub(crate) fn open(&self) {
        self.with(|state| *state = State::Open);
    }

    /// Keeps other threads from selecting a branch. Returns the branch if one was selected.
    pub(crate) fn withdraw(&self) -> Option<usize> {
        self.with(|state| match std::mem::replace(state, State::Withdrawn) {
            State::Selected(branch) => Some(branch),
            State::Open | State::Withdrawn => None,
        })
    }
}
