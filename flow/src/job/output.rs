//! Operations that wait for a change of a job.

use super::core::Taken;
use super::{Job, State};
use crate::listen::Listen;
use crate::operation::{waits, Operation};
use crate::{Cause, TimedOut};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Future returned by [`Job::settled`].
///
/// # Cancel safety
/// It can be dropped at any time.
#[must_use = "an operation does nothing unless you `.await` it or call `.wait()`"]
pub struct Settled<T, R> {
    job: Job<T, R>,
    changed: Listen,
}

impl<T, R> Settled<T, R> {
    pub(super) fn new(job: Job<T, R>) -> Self {
        Settled { job, changed: Listen::new() }
    }

    fn now(&self) -> Option<State> {
        Some(self.job.state()).filter(|state| state.is_final())
    }
}

impl<T, R> Future for Settled<T, R> {
    type Output = State;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<State> {
        let this = &mut *self;
        this.job.0.state.watch();
        this.changed.poll(&this.job.0.changed, context, || Some(this.job.state()).filter(|state| state.is_final()))
    }
}

impl<T, R> Operation for Settled<T, R> {
    type Timed = Result<State, TimedOut>;

    fn in_time(output: State) -> Self::Timed {
        Ok(output)
    }

    fn on_timeout(&mut self) -> Option<Self::Timed> {
        Some(self.now().ok_or(TimedOut(())))
    }
}

waits!(Settled<T, R>);

/// Future returned by [`Job::cancelled`].
///
/// # Cancel safety
/// It can be dropped at any time.
#[must_use = "an operation does nothing unless you `.await` it or call `.wait()`"]
pub struct Cancelled<T, R> {
    job: Job<T, R>,
    changed: Listen,
    halted: Listen,
}

impl<T, R> Cancelled<T, R> {
    pub(super) fn new(job: Job<T, R>) -> Self {
        Cancelled { job, changed: Listen::new(), halted: Listen::new() }
    }
}

/// Whether a wait for the cancel of a job ends.
fn has_ended<T, R>(job: &Job<T, R>) -> Option<()> {
    (job.is_cancelled() || job.state().is_final()).then_some(())
}

impl<T, R> Future for Cancelled<T, R> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let job = &this.job;
        job.0.state.watch();
        if this.changed.poll(&job.0.changed, context, || has_ended(job)).is_ready() {
            return Poll::Ready(());
        }
        this.halted.poll(job.0.stage.halted(), context, || has_ended(job))
    }
}

impl<T, R> Operation for Cancelled<T, R> {
    type Timed = Result<(), TimedOut>;

    fn in_time((): ()) -> Self::Timed {
        Ok(())
    }

    fn on_timeout(&mut self) -> Option<Self::Timed> {
        Some(has_ended(&self.job).ok_or(TimedOut(())))
    }
}

waits!(Cancelled<T, R>);

/// Future returned by [`Job::output`].
///
/// # Cancel safety
/// It can be dropped at any time; the output stays with the job's other handles.
#[must_use = "an operation does nothing unless you `.await` it or call `.wait()`"]
pub struct Output<T, R> {
    settled: Settled<T, R>,
}

impl<T, R> Output<T, R> {
    pub(super) fn new(job: Job<T, R>) -> Self {
        Output { settled: Settled::new(job) }
    }

    fn result(&self, state: State) -> Result<R, Cause> {
        match (self.settled.job.0.take_result(), state) {
            (Taken::Now(result), _) => result,
            // Cancelled, and its turn has not come yet.
            (_, State::Cancelled) => Err(Cause::Cancelled),
            // A job that did not run is dead only if it was evicted, and the commit of that may take its time.
            (Taken::NotYet, _) => Err(Cause::Evicted),
            (Taken::Before, _) => panic!("the output of {:?} was taken before, by another handle", self.settled.job),
        }
    }
}

impl<T, R> Future for Output<T, R> {
    type Output = Result<R, Cause>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.settled).poll(context).map(|state| self.result(state))
    }
}

impl<T, R> Operation for Output<T, R> {
    type Timed = Result<Result<R, Cause>, TimedOut>;

    fn in_time(output: Self::Output) -> Self::Timed {
        Ok(output)
    }

    fn on_timeout(&mut self) -> Option<Self::Timed> {
        Some(self.settled.now().ok_or(TimedOut(())).map(|state| self.result(state)))
    }
}

waits!(Output<T, R>);
