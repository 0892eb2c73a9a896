//! The state of a job: one word.

use std::sync::atomic::{AtomicU32, Ordering};

/// Where a job is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// No worker has begun it.
    Waiting,
    /// A worker is at it.
    Running,
    /// An attempt failed, and another one will follow.
    Retrying,
    /// It has its output.
    Done,
    /// It will not be done; its cause says why.
    Dead,
    /// It was cancelled, or its stage was shut down first.
    Cancelled,
}

impl State {
    /// Whether it is done, dead or cancelled: no attempt follows.
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::State;
    ///
    /// assert!(State::Done.is_final() && !State::Retrying.is_final());
    /// ```
    pub fn is_final(self) -> bool {
        matches!(self, State::Done | State::Dead | State::Cancelled)
    }

    fn from_word(word: u32) -> State {
        const STATES: [State; 6] =
            [State::Waiting, State::Running, State::Retrying, State::Done, State::Dead, State::Cancelled];
        STATES[(word & STATE) as usize]
    }
}

const STATE: u32 = 7;
/// The job is to be cancelled while it runs.
const CANCEL: u32 = 8;

/// A shutdown has taken the job out.
const LEFT: u32 = 16;
/// There may be listeners for a change: only then they are notified. As the bit is in this word, either the change sees
/// it, or the operation that set it sees the change.
const WATCHED: u32 = 32;

/// The store has a row of the job.
const STORED: u32 = 64;
/// What no change of the state changes.
const KEPT: u32 = WATCHED | STORED;

/// Whether the store has a row of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    Yes,
    No,
}

/// Whether an attempt may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    Begun,
    /// It was cancelled before.
    Cancelled,
    /// A shutdown has taken it out.
    Left,
}

/// What a shutdown finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Leave {
    /// The job is taken out, and the caller settles it.
    Now,
    /// It was taken out before.
    Before,
    /// It was cancelled before.
    Cancelled,
}

/// What a cancel has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cancelled {
    /// The job will not run any more.
    BeforeRun,
    /// It runs, and was told.
    Told,
    /// It is too late.
    TooLate,
}

pub(crate) struct StateWord(AtomicU32);

impl StateWord {
    /// The state of a new job.
    pub(crate) fn new(stored: Stored) -> Self {
        let row = if stored == Stored::Yes { STORED } else { 0 };
        StateWord(AtomicU32::new(State::Waiting as u32 | row))
    }

    /// Whether the store has a row of the job; always the same.
    pub(crate) fn is_stored(&self) -> bool {
        // Ordering: Relaxed. The bit was set before the job was shared.
        self.0.load(Ordering::Relaxed) & STORED != 0
    }

    fn load(&self) -> u32 {
        // Ordering: SeqCst. After the registration of a listener or of a waker it sees what they would be notified of.
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn get(&self) -> State {
        State::from_word(self.load())
    }

    /// Whether a cancel was asked for, or has taken effect.
    pub(crate) fn is_cancelled(&self) -> bool {
        let word = self.load();
        word & CANCEL != 0 || State::from_word(word) == State::Cancelled
    }

    /// A listener is about to wait.
    pub(crate) fn watch(&self) {
        if self.load() & WATCHED == 0 {
            // Ordering: SeqCst, as in `load`.
            self.0.fetch_or(WATCHED, Ordering::SeqCst);
        }
    }

    /// Whether there may be listeners; after a change.
    pub(crate) fn is_watched(&self) -> bool {
        self.load() & WATCHED != 0
    }

    /// Changes the word as `next` says, if it says so.
    fn update(&self, mut next: impl FnMut(u32) -> Option<u32>) -> Result<u32, u32> {
        // Ordering: SeqCst, as in `load`.
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |word| Some((next(word)? & !KEPT) | (word & KEPT)))
    }

    /// A worker begins an attempt.
    pub(crate) fn start(&self) -> Start {
        match self.update(|word| (State::from_word(word) != State::Cancelled).then_some(State::Running as u32)) {
            Ok(_) => Start::Begun,
            Err(word) if word & LEFT != 0 => Start::Left,
            Err(_) => Start::Cancelled,
        }
    }

    /// A waiting or retrying job is dead. False if it was cancelled before.
    pub(crate) fn evict(&self) -> bool {
        self.end_before_run(State::Dead as u32).is_ok()
    }

    /// A shutdown takes a waiting or retrying job out.
    pub(crate) fn leave(&self) -> Leave {
        match self.end_before_run(State::Cancelled as u32 | LEFT) {
            Ok(_) => Leave::Now,
            Err(word) if word & LEFT != 0 => Leave::Before,
            Err(_) => Leave::Cancelled,
        }
    }

    fn end_before_run(&self, end: u32) -> Result<u32, u32> {
        self.update(|word| (State::from_word(word) != State::Cancelled).then_some(end))
    }

    pub(crate) fn cancel(&self) -> Cancelled {
        let before = self.update(|word| match State::from_word(word) {
            State::Waiting | State::Retrying => Some(State::Cancelled as u32),
            State::Running => Some(word | CANCEL),
            _ => None,
        });
        match before.map(State::from_word) {
            Ok(State::Running) => Cancelled::Told,
            Ok(_) => Cancelled::BeforeRun,
            Err(_) => Cancelled::TooLate,
        }
    }

    /// The job will be tried again; false if it was cancelled, or is to be.
    pub(crate) fn retry(&self) -> bool {
        let may_run = |word| word & CANCEL == 0 && State::from_word(word) != State::Cancelled;
        self.update(|word| may_run(word).then_some(State::Retrying as u32)).is_ok()
    }

    /// The job ends, as it was taken out.
    pub(crate) fn end_left(&self) {
        self.set(State::Cancelled as u32 | LEFT);
    }

    /// The job ends.
    pub(crate) fn end(&self, state: State) {
        debug_assert!(state.is_final());
        self.set(state as u32);
    }

    fn set(&self, state: u32) {
        let _ = self.update(|_| Some(state));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancelled_job_is_not_tried_again() {
        let state = StateWord::new(Stored::Yes);
        assert_eq!(state.cancel(), Cancelled::BeforeRun);
        assert!(!state.retry());
        assert_eq!((state.get(), state.start()), (State::Cancelled, Start::Cancelled));
    }

    #[test]
    fn a_job_that_was_taken_out_is_not_held_for_a_cancelled_one() {
        let state = StateWord::new(Stored::Yes);
        assert_eq!(state.leave(), Leave::Now);
        assert_eq!((state.cancel(), state.leave(), state.start()), (Cancelled::TooLate, Leave::Before, Start::Left));
        assert!(state.is_stored());
    }
}
