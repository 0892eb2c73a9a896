//! A running attempt.

use crate::job::core::Core;
use crate::job::state::Start;
use crate::semaphore::Permit;
use crate::stage::{End, Fault};
use crate::trace::Span;
use crate::workers::Run;
use crate::{Cause, Failure, Job};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A job that runs and has to be settled: by [`done`](Attempt::done) or [`fail`](Attempt::fail).
///
/// The stream of a stage yields attempts. If an attempt is dropped without either, that counts as a failure with
/// [`Cause::Dropped`](crate::Cause::Dropped): the job is tried again without delay, or becomes a dead letter.
#[must_use = "dropping an attempt fails it"]
pub struct Attempt<T, R = ()>
where
    T: Send + Sync + 'static,
    R: Send + 'static,
{
    job: Job<T, R>,
    /// Of the stage's `limit`; released after the attempt is settled.
    _permit: Option<Permit>,
    run: Run,
    span: Span,
    settled: bool,
}

impl<T: Send + Sync + 'static, R: Send + 'static> Attempt<T, R> {
    /// A worker has taken the job. `None` if it was cancelled before.
    pub(crate) fn begin(core: Arc<Core<T, R>>, permit: Option<Permit>) -> Option<Self> {
        match core.state.start() {
            Start::Begun => {
                let run = core.stage.load.begin(&core.stage.time);
                #[cfg(feature = "metrics")]
                if let Some(begin) = run.begin() {
                    core.stage.record_wait(core.enqueued_at(), begin);
                }
                let halted = core.stage.is_halted();
                let span = if halted { Span::none() } else { core.stage.begin_span(&core) };
                let attempt = Attempt { job: Job(core), _permit: permit, run, span, settled: false };
                if halted {
                    attempt.leave();
                    return None;
                }
                Some(attempt)
            }
            Start::Cancelled if core.is_open() => {
                core.stage.end(&core, End::Cancelled);
                None
            }
            // A shutdown has taken it out.
            Start::Cancelled | Start::Left => None,
        }
    }

    /// The job is done, with this output.
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use futures_lite::StreamExt;
    /// use joinq_flow::Stage;
    ///
    /// let lengths: Stage<&str, usize> = Stage::builder("lengths").build();
    /// let job = lengths.put("four").await?;
    /// let attempt = lengths.stream().next().await.expect("a job is there");
    /// let length = attempt.len();
    /// attempt.done(length);
    /// assert_eq!(job.output().await?, 4);
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn done(mut self, output: R) {
        self.end(Ok(()));
        self.job.0.stage.succeed(&self.job.0, output);
    }

    /// The attempt failed.
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use futures_lite::StreamExt;
    /// use joinq_flow::{Stage, State};
    ///
    /// let stage: Stage<&str> = Stage::builder("mails").build();
    /// let job = stage.put("to nowhere").await?;
    /// stage.stream().next().await.expect("a job is there").fail("no such address");
    /// assert_eq!(job.state(), State::Dead);
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn fail(self, failure: impl Into<Failure>) {
        self.fault(Fault::Failed(failure.into()));
    }

    pub(crate) fn fault(mut self, fault: Fault) {
        self.fail_with(fault);
    }

    fn fail_with(&mut self, fault: Fault) {
        let (cause, next) = fault.into_parts();
        self.end(Err(&cause));
        self.job.0.stage.fail(&self.job.0, cause, next);
    }

    /// The handler has ended. The span ends before the job is settled, so that each span of a settled job has ended.
    #[inline]
    fn end(&mut self, result: Result<(), &Cause>) {
        self.settled = true;
        let stage = &self.job.0.stage;
        let _run = stage.load.end(self.run, &stage.time);
        #[cfg(feature = "metrics")]
        if let Some(run) = _run {
            stage.record_run(run);
        }
        if let Some(span) = self.span.take_to_end(&result) {
            self.job.0.stage.end_span(span, &self.job.0, result);
        }
    }

    /// Calls a function in the span of the attempt, which the stage's [`trace`](crate::StageBuilder::trace)
    /// has begun. A handler runs in the span without this; it is for attempts of a
    #[cfg_attr(feature = "stream", doc = "[stream](crate::Stage::stream).")]
    #[cfg_attr(not(feature = "stream"), doc = "stream.")]
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use futures_lite::StreamExt;
    /// use joinq_flow::Stage;
    ///
    /// let lengths: Stage<&str, usize> = Stage::builder("lengths").build();
    /// lengths.put("four").await?;
    /// let attempt = lengths.stream().next().await.expect("a job is there");
    /// let length = attempt.in_span(|| attempt.len());
    /// attempt.done(length);
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn in_span<V>(&self, call: impl FnOnce() -> V) -> V {
        self.span.enter(call)
    }

    /// The deadline of a shutdown is over: the job ends, but a row of it stays in the store.
    pub(crate) fn leave(mut self) {
        self.end(Err(&Cause::ShutDown));
        self.job.0.stage.end(&self.job.0, End::Left);
    }

    /// The job was cancelled and has ended.
    pub(crate) fn cancelled(mut self) {
        self.end(Err(&Cause::Cancelled));
        self.job.0.stage.end(&self.job.0, End::Cancelled);
    }

    /// The job, for another handle of it.
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use futures_lite::StreamExt;
    /// use joinq_flow::{Stage, State};
    ///
    /// let stage: Stage<&str> = Stage::builder("mails").build();
    /// stage.put("first").await?;
    /// let attempt = stage.stream().next().await.expect("a job is there");
    /// let job = attempt.job().clone();
    /// attempt.done(());
    /// assert_eq!((*job, job.state()), ("first", State::Done));
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// # }).unwrap();
    /// ```
    pub fn job(&self) -> &Job<T, R> {
        &self.job
    }
}

impl<T: Send + Sync + 'static, R: Send + 'static> Drop for Attempt<T, R> {
    fn drop(&mut self) {
        if !self.settled {
            self.fail_with(Fault::Dropped);
        }
    }
}

impl<T: Send + Sync + 'static, R: Send + 'static> Deref for Attempt<T, R> {
    type Target = Job<T, R>;

    fn deref(&self) -> &Job<T, R> {
        &self.job
    }
}

impl<T: Send + Sync + 'static, R: Send + 'static> fmt::Debug for Attempt<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Attempt").field(&self.job).finish()
    }
}
