//! How jobs end.

use super::Inner;
use crate::failure::{Failure, Next};
use crate::job::core::{Core, Open};
use crate::job::state::State;
use crate::job::Job;
use crate::trace::events;
use crate::{Cause, Dead};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// How a job ends.
pub(crate) enum End<R> {
    Done(R),
    Dead(Cause),
    Cancelled,
    /// A shutdown takes it out. A row of it stays in the store.
    Left,
}

/// How an attempt fails.
pub(crate) enum Fault {
    Failed(Failure),
    Panicked(String),
    /// Its future was dropped.
    Dropped,
}

/// Counts a job as finished on drop, also if a waker or another piece of the user's code panics.
pub(crate) struct Finished<'a, T, R>(pub(crate) &'a Inner<T, R>);

impl<T, R> Finished<'_, T, R> {
    /// The job stays counted.
    pub(crate) fn keep(self) {
        std::mem::forget(self);
    }
}

impl<T, R> Drop for Finished<'_, T, R> {
    fn drop(&mut self) {
        self.0.follow(self.0.unfinished.remove(1));
    }
}

impl Fault {
    /// Why the attempt has failed, and what follows.
    pub(crate) fn into_parts(self) -> (Cause, Next) {
        match self {
            Fault::Failed(Failure { error, next }) => (Cause::Failed(error.into()), next),
            Fault::Panicked(message) => (Cause::Panicked(message), Next::ByRetry),
            Fault::Dropped => (Cause::Dropped, Next::After(Duration::ZERO)),
        }
    }
}

impl<T: Send + Sync + 'static, R: Send + 'static> Inner<T, R> {
    /// An attempt has succeeded.
    pub(crate) fn succeed(&self, core: &Arc<Core<T, R>>, output: R) {
        self.end(core, End::Done(output));
    }

    /// An attempt has failed: the job is tried again, or it is dead.
    pub(crate) fn fail(self: &Arc<Self>, core: &Arc<Core<T, R>>, cause: Cause, next: Next) {
        if self.is_halted() && core.is_stored() && !core.state.is_cancelled() {
            // It runs again when the store is opened again.
            return self.end(core, End::Left);
        }
        let failures = core.count_failure();
        self.counters.failed.add(1);
        if matches!(cause, Cause::Panicked(_)) {
            self.counters.panicked.add(1);
        }
        let delay = self.delay_after(failures, next);
        if core.state.is_cancelled() {
            return self.end(core, End::Cancelled);
        }
        match delay {
            // The deadline of a shutdown has passed meanwhile. A job in the store runs again when that is opened again.
            Some(_) if self.is_halted() && core.is_stored() => self.end(core, End::Left),
            Some(_) if self.is_halted() => self.end(core, End::Dead(cause)),
            Some(delay) if core.state.retry() => {
                self.counters.retried.add(1);
                if let (Some(disk), true) = (&self.disk, core.is_stored()) {
                    disk.failed(core, failures, delay);
                }
                self.delay(core.clone(), delay);
            }
            Some(_) => self.end(core, End::Cancelled),
            None => self.end(core, End::Dead(cause)),
        }
    }

    /// The delay until the next attempt; `None` if there is none.
    fn delay_after(&self, failures: u32, next: Next) -> Option<Duration> {
        let retry = self.options.retry.as_ref()?;
        let mut delay = None;
        // The delays may be code of the user. If they panic, there is no further attempt.
        self.guarded(|| {
            delay = match next {
                Next::Never => None,
                Next::ByRetry => retry.delay(failures),
                Next::After(delay) => Some(delay).filter(|_| retry.allows(failures)),
            }
        });
        delay
    }
}

impl<T, R> Inner<T, R> {
    /// The job ends. If the store has a row of it, this is changed first, and the thread of the store ends
    /// the job after the commit.
    pub(crate) fn end(&self, core: &Arc<Core<T, R>>, end: End<R>) {
        match &self.disk {
            Some(disk) if core.is_stored() => disk.end_job(core, end),
            _ => self.finish(core, end),
        }
    }

    /// The job ends in memory: result, acknowledgement and dead letter come first, then the permits are free,
    /// and then the job is no longer unfinished.
    pub(crate) fn finish(&self, core: &Arc<Core<T, R>>, end: End<R>) {
        let left = matches!(end, End::Left);
        let counters = &self.counters;
        let (state, result, counter) = match end {
            End::Done(output) => (State::Done, Ok(output), &counters.done),
            End::Dead(cause) => {
                let counter = counters.dead.by(&cause);
                (State::Dead, Err(cause), counter)
            }
            End::Cancelled => (State::Cancelled, Err(Cause::Cancelled), &counters.cancelled),
            End::Left => (State::Cancelled, Err(Cause::ShutDown), &counters.left),
        };
        let cause = result.as_ref().err().cloned();
        let Some(Open { permits, on_settled }) = core.settle(result) else { return };
        let _finished = Finished(self);
        match left {
            true => core.state.end_left(),
            false => core.state.end(state),
        }
        counter.add(1);
        if let Some(on_settled) = on_settled {
            let job = Job(core.clone());
            self.guarded(|| on_settled.0(&job));
        }
        if let (State::Dead, Some(cause)) = (state, cause) {
            events::dead(core, &cause);
            self.guarded(|| self.send_letter(Dead { job: Job(core.clone()), cause }));
        }
        self.guarded(|| drop(permits));
        self.guarded(|| core.notify_changed());
    }

    fn send_letter(&self, letter: Dead<T, R>) {
        let letters = self.dead_letters.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let lost = match letters {
            None => Some(letter),
            Some(letters) => letters.force_put(letter).unwrap_or_else(|closed| Some(closed.into_inner())),
        };
        if let Some(Dead { job, cause }) = lost {
            self.counters.letters_dropped.add(1);
            events::letter_lost(&job.0, &cause);
        }
    }

    /// Drops the oldest job that no worker has taken, and frees its permits. False if there is none.
    pub(crate) fn evict_oldest(&self) -> bool {
        let Ok(core) = self.queue.try_get() else { return false };
        // With a store the job ends later, but the new job needs the permits now.
        drop(core.take_permits());
        let end = match core.state.evict() {
            true => {
                self.counters.evicted.add(1);
                End::Dead(Cause::Evicted)
            }
            false => End::Cancelled,
        };
        self.end(&core, end);
        true
    }
}
