//! The number of unfinished jobs of a stage, and whether it is closed: one word.

use event_listener::Event;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The count and the closed bit. Jobs in memory and jobs that are only on disk count alike, so the count cannot be that
/// of a queue.
pub(crate) struct Unfinished {
    /// The count, in bit 0 whether the stage is closed, and in bit 1 whether it has ended.
    word: AtomicUsize,
    /// The highest count. A put that comes after the close is not in it.
    high_water: AtomicUsize,
    /// Notified when the count falls to 0.
    zero: Event,
}

const CLOSED: usize = 1;
/// A put that comes after the close raises the count for a moment, so that the count alone does not tell the end.
const ENDED: usize = 2;
const ONE: usize = 4;

/// The stage is closed.
#[derive(Debug)]
pub(crate) struct IsClosed;

/// What has to follow a change of the count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Then {
    /// Nothing.
    GoOn,
    /// Nothing is unfinished: joins check again.
    Notify,
    /// The stage is closed as well: no job will come any more.
    End,
}

impl Unfinished {
    pub(crate) fn new() -> Self {
        Unfinished { word: AtomicUsize::new(0), high_water: AtomicUsize::new(0), zero: Event::new() }
    }

    pub(crate) fn count(&self) -> usize {
        // Ordering: SeqCst. A join that reads 0 after its listener was created has missed no notification.
        self.word.load(Ordering::SeqCst) / ONE
    }

    pub(crate) fn is_closed(&self) -> bool {
        // Ordering: SeqCst, as in `count`.
        self.word.load(Ordering::SeqCst) & CLOSED != 0
    }

    /// Counts a new job, unless the stage is closed. Until it is removed the stage does not end.
    pub(crate) fn add(&self) -> Result<(), (IsClosed, Then)> {
        // Ordering: SeqCst. Before the job is in the queue, and before the close that does not see it.
        let before = self.word.fetch_add(ONE, Ordering::SeqCst);
        match before & CLOSED {
            0 => {
                self.raise_high_water(before / ONE + 1);
                Ok(())
            }
            _ => Err((IsClosed, self.remove(1))),
        }
    }

    fn raise_high_water(&self, count: usize) {
        // Ordering: Relaxed. A number to show. Most jobs do not raise it, and only read the line that they have.
        if count > self.high_water.load(Ordering::Relaxed) {
            self.high_water.fetch_max(count, Ordering::Relaxed);
        }
    }

    pub(crate) fn high_water(&self) -> usize {
        // Ordering: Relaxed, as in `raise_high_water`.
        self.high_water.load(Ordering::Relaxed)
    }

    /// Counts a job that comes of an unfinished one: also after a close, but not after the end.
    pub(crate) fn add_subjob(&self) -> Result<(), IsClosed> {
        // Ordering: SeqCst, as in `add`.
        let added = self
            .word
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |word| (word & ENDED == 0).then_some(word + ONE));
        added.map(|before| self.raise_high_water(before / ONE + 1)).map_err(|_| IsClosed)
    }

    /// Counts `count` jobs of an earlier process; before the stage is shared.
    pub(crate) fn add_recovered(&self, count: usize) {
        // Ordering: SeqCst, as in `add`.
        let before = self.word.fetch_add(count * ONE, Ordering::SeqCst);
        self.raise_high_water(before / ONE + count);
    }

    /// Counts jobs as finished.
    pub(crate) fn remove(&self, count: usize) -> Then {
        if count == 0 {
            return Then::GoOn;
        }
        // Ordering: SeqCst. What was done for the job comes before a join that reads 0.
        let left = self.word.fetch_sub(count * ONE, Ordering::SeqCst) - count * ONE;
        self.after(left)
    }

    /// Closes the stage for new jobs; whether it was open, and what follows.
    pub(crate) fn close(&self) -> (bool, Then) {
        // Ordering: SeqCst. As in `add`.
        let word = self.word.fetch_or(CLOSED, Ordering::SeqCst);
        (word & CLOSED == 0, self.after(word | CLOSED))
    }

    fn after(&self, word: usize) -> Then {
        if word / ONE != 0 {
            return Then::GoOn;
        }
        // Ordering: SeqCst, as in `add`. If it fails, a job was counted meanwhile, and what removes it comes here.
        let end = || self.word.compare_exchange(CLOSED, CLOSED | ENDED, Ordering::SeqCst, Ordering::SeqCst);
        match word == CLOSED && end().is_ok() {
            true => Then::End,
            false => Then::Notify,
        }
    }

    /// Notified when the count falls to 0, and by [`notify`](Unfinished::notify).
    pub(crate) fn event(&self) -> &Event {
        &self.zero
    }

    /// Has all joins check again.
    pub(crate) fn notify(&self) {
        self.zero.notify(usize::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_put_that_is_refused_lets_no_subjob_into_a_stage_that_has_ended() {
        let unfinished = Unfinished::new();
        assert_eq!(unfinished.close(), (true, Then::End));
        // The first half of `add`.
        unfinished.word.fetch_add(ONE, Ordering::SeqCst);
        assert!(unfinished.add_subjob().is_err());
        let _ = unfinished.remove(1);
        assert_eq!(unfinished.count(), 0);
    }

    #[test]
    fn a_stage_ends_when_it_is_closed_and_its_last_job_is_removed() {
        let unfinished = Unfinished::new();
        assert!(unfinished.add().is_ok());
        assert_eq!(unfinished.close(), (true, Then::GoOn));
        assert!(unfinished.add_subjob().is_ok());
        assert_eq!(unfinished.remove(1), Then::GoOn);
        assert_eq!(unfinished.remove(1), Then::End);
        assert!(unfinished.is_closed() && unfinished.add_subjob().is_err());
    }
}
