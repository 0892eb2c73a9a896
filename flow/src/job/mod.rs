//! The handle of a job.

pub(crate) mod core;
mod output;
pub(crate) mod state;

pub use self::output::{Cancelled, Output, Settled};
pub use self::state::State;

use self::core::Core;
use self::state::Cancelled as CancelOutcome;
use crate::{Cause, Refused, TraceContext};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A job of a [`Stage`](crate::Stage): one item from the put until it is settled.
///
/// [`put`](crate::Stage::put) returns it, a handler gets it, and a dead letter contains it. It dereferences
/// to the item. A clone is another handle of the same job. Handles that are dropped change nothing: the job
/// goes on.
///
/// # Examples
/// ```
/// use joinq_flow::{Job, Stage, State};
///
/// let squares: Stage<u32, u32> = Stage::builder("squares").build();
/// let job = squares.put(7).wait()?;
/// assert_eq!((*job, job.state()), (7, State::Waiting));
/// squares.close();
/// squares.work(|job: &Job<u32, u32>| Ok(**job * **job)).wait();
/// assert_eq!(job.output().wait()?, 49);
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
pub struct Job<T, R = ()>(pub(crate) Arc<Core<T, R>>);

impl<T, R> Job<T, R> {
    /// The number of the job in its stage, from 1 in the order of the puts. Jobs in a store keep it over
    /// restarts, and it is not used again, so that it can make the effects of a repeated attempt
    /// recognizable.
    ///
    /// # Examples
    /// ```
    /// let stage: joinq_flow::Stage<&str> = joinq_flow::Stage::builder("mails").build();
    /// assert_eq!(stage.put("first").wait()?.id(), 1);
    /// assert_eq!(stage.put("second").wait()?.id(), 2);
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// The number of the current attempt, from 1; of a job that no worker has begun, 1 as well. It counts
    /// attempts of earlier processes if the job is in a store.
    ///
    /// # Examples
    /// ```
    /// use backon::ConstantBuilder;
    /// use joinq_flow::{Job, Retry, Stage};
    /// use std::time::Duration;
    ///
    /// let soon = Retry::new(ConstantBuilder::default().with_delay(Duration::ZERO));
    /// let stage: Stage<(), u32> = Stage::builder("three attempts").retry(soon).build();
    /// let job = stage.put(()).wait()?;
    /// stage.close();
    /// stage.work(|job: &Job<(), u32>| match job.attempt() {
    ///     3 => Ok(3),
    ///     _ => Err("not yet".into()),
    /// }).wait();
    /// assert_eq!(job.output().wait()?, 3);
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    pub fn attempt(&self) -> u32 {
        match self.state() {
            State::Waiting | State::Running | State::Retrying => self.0.failures() + 1,
            State::Done => self.0.failures() + 1,
            State::Dead | State::Cancelled => self.0.failures().max(1),
        }
    }

    /// The present state.
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::{Job, Stage, State};
    ///
    /// let stage: Stage<&str> = Stage::builder("mails").build();
    /// let job = stage.put("first").wait()?;
    /// assert_eq!(job.state(), State::Waiting);
    /// stage.close();
    /// stage.work(|job: &Job<&str>| Ok(assert_eq!(job.state(), State::Running))).wait();
    /// assert_eq!(job.state(), State::Done);
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    pub fn state(&self) -> State {
        self.0.state.get()
    }

    /// Whether the job has its output.
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::{Failure, Job, Stage};
    ///
    /// let stage: Stage<&str> = Stage::builder("mails").build();
    /// let (good, bad) = (stage.put("a@b").wait()?, stage.put("nowhere").wait()?);
    /// stage.close();
    /// stage.work(|to: &Job<&str>| if to.contains('@') { Ok(()) } else { Err(Failure::fatal("no address")) }).wait();
    /// assert!(good.is_done() && !bad.is_done());
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    pub fn is_done(&self) -> bool {
        self.state() == State::Done
    }

    /// Why the job is not done: for an acknowledgement to the source of the item. `None` if it is done or not
    /// settled yet, or if its [`output`](Job::output) was taken.
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::{Failure, Job, Stage};
    /// use std::sync::mpsc::channel;
    ///
    /// let stage: Stage<&str> = Stage::builder("mails").build();
    /// let (reject, rejected) = channel();
    /// stage.put("nowhere").on_settled(move |job| reject.send(job.cause()).unwrap()).wait()?;
    /// stage.close();
    /// stage.work(|_: &Job<&str>| Err(Failure::fatal("no address"))).wait();
    /// assert_eq!(rejected.recv()?.unwrap().to_string(), "no address");
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    pub fn cause(&self) -> Option<Cause> {
        self.0.cause()
    }

    /// Whether the stage's store has the job, or had it until it was settled. Then another process continues
    /// with it after a crash, and its [`id`](Job::id) is not used again by later processes. With
    /// [`spill`](crate::StageBuilder::spill) this is so only for the jobs that did not fit into memory.
    ///
    /// # Examples
    /// ```
    /// let stage: joinq_flow::Stage<&str> = joinq_flow::Stage::builder("in memory").build();
    /// assert!(!stage.put("first").wait()?.is_stored());
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    pub fn is_stored(&self) -> bool {
        self.0.is_stored()
    }

    /// The name of the stage.
    ///
    /// # Examples
    /// ```
    /// let stage: joinq_flow::Stage<&str> = joinq_flow::Stage::builder("mails").build();
    /// assert_eq!(stage.put("first").wait()?.stage_name(), "mails");
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    pub fn stage_name(&self) -> &str {
        &self.0.stage.name
    }

    /// The trace context of the put, as W3C `traceparent` text: for a bridge that sends the job on. It is the
    /// text that [`Put::trace_context`](crate::Put::trace_context) was given, or what the stage's
    /// [`trace`](crate::StageBuilder::trace) has found at the put; `None` without either. Attempts and
    /// restarts do not change it.
    ///
    /// # Examples
    /// ```
    /// let stage: joinq_flow::Stage<&str> = joinq_flow::Stage::builder("mails").build();
    /// let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    /// assert_eq!(stage.put("first").trace_context(text).wait()?.trace_context(), Some(text));
    /// assert_eq!(stage.put("second").wait()?.trace_context(), None);
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    pub fn trace_context(&self) -> Option<&str> {
        self.0.trace.as_ref().map(TraceContext::traceparent)
    }

    /// The W3C `tracestate` that goes with [`trace_context`](Job::trace_context), if there is one.
    ///
    /// # Examples
    /// ```
    /// let stage: joinq_flow::Stage<&str> = joinq_flow::Stage::builder("mails").build();
    /// let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    /// let job = stage.put("first").trace_context(text).trace_state("congo=t61rcWkgMzE").wait()?;
    /// assert_eq!(job.trace_state(), Some("congo=t61rcWkgMzE"));
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    pub fn trace_state(&self) -> Option<&str> {
        self.0.trace.as_ref().and_then(TraceContext::tracestate)
    }

    /// Cancels the job.
    ///
    /// A job that waits or is to be retried will not run any more; its capacity is free when its turn comes.
    /// A job that runs is told: if its handler is a future, this is dropped at its next `.await`; a handler
    /// on a thread can ask [`is_cancelled`](Job::is_cancelled). If the handler returns `Ok` all the same, the
    /// job is done, otherwise it is cancelled.
    ///
    /// Returns whether the job will certainly not run any more: false for a job that runs or was settled
    /// before.
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::{Cause, Job, Stage};
    ///
    /// let stage: Stage<&str> = Stage::builder("mails").build();
    /// let job = stage.put("first").wait()?;
    /// assert!(job.cancel()); // no worker has begun it
    /// stage.close();
    /// stage.work(|_: &Job<&str>| panic!("this does not run")).wait();
    /// assert!(matches!(job.output().wait(), Err(Cause::Cancelled)));
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    pub fn cancel(&self) -> bool {
        match self.0.state.cancel() {
            CancelOutcome::BeforeRun => {
                self.0.notify_changed();
                self.0.stage.cancelled_before_run(&self.0);
                true
            }
            CancelOutcome::Told => {
                self.0.notify_changed();
                self.0.attempt.wake();
                false
            }
            CancelOutcome::TooLate => false,
        }
    }

    /// Whether the job was cancelled, or is to end because its stage is shut down and the deadline is over.
    /// For a handler that takes long.
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::{Job, Stage, State};
    ///
    /// let stage: Stage<&str> = Stage::builder("long").build();
    /// let job = stage.put("first").wait()?;
    /// stage.close();
    /// let begun = joinq::Queue::bounded(1);
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| {
    ///         begun.get().wait().unwrap();
    ///         job.cancel();
    ///     });
    ///     stage.work(|job: &Job<&str>| {
    ///         begun.put(()).wait()?;
    ///         while !job.is_cancelled() {
    ///             std::thread::yield_now(); // a part of the work
    ///         }
    ///         Err("cancelled".into())
    ///     }).wait();
    /// });
    /// assert_eq!(job.state(), State::Cancelled);
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    pub fn is_cancelled(&self) -> bool {
        self.0.state.is_cancelled() || (self.0.stage.is_halted() && !self.state().is_final())
    }

    /// Waits until [`is_cancelled`](Job::is_cancelled), or until the job is settled.
    ///
    /// # Examples
    /// ```
    /// let stage: joinq_flow::Stage<&str> = joinq_flow::Stage::builder("long").build();
    /// let job = stage.put("first").wait()?;
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| job.cancelled().wait());
    ///     job.cancel();
    /// });
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    pub fn cancelled(&self) -> Cancelled<T, R> {
        Cancelled::new(self.clone())
    }

    /// Waits until the job is done, dead or cancelled, and returns which.
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::{Job, Stage, State, Workers};
    ///
    /// let stage: Stage<&str> = Stage::builder("mails").build();
    /// Workers::threads(&stage, 1..=1, |_: &Job<&str>| Ok(()));
    /// assert_eq!(stage.put("first").wait()?.settled().wait(), State::Done);
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    pub fn settled(&self) -> Settled<T, R> {
        Settled::new(self.clone())
    }

    /// Waits for the result: what the handler returned, or why the job was not done.
    ///
    /// # Panics
    /// If the result was taken before, by a call on another handle of this job.
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::{Job, Stage, Workers};
    ///
    /// let parsed: Stage<&str, u32> = Stage::builder("parse").build();
    /// Workers::threads(&parsed, 1..=1, |text: &Job<&str, u32>| Ok(text.parse()?));
    /// assert_eq!(parsed.put("7").wait()?.output().wait()?, 7);
    /// let cause = parsed.put("seven").wait()?.output().wait().unwrap_err();
    /// assert_eq!(cause.to_string(), "invalid digit found in string");
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    pub fn output(self) -> Output<T, R> {
        Output::new(self)
    }
}

impl<T: Send + Sync + 'static, R: Send + 'static> Job<T, R> {
    /// Puts a job that comes of this one into the same stage, for example a folder found in a folder.
    ///
    /// It never waits, and goes beyond the capacity if need be, since a handler that waits for its own stage
    /// could wait for itself. So the number of such jobs is bounded by nothing but the work. It also works
    /// after a [`close`](crate::Stage::close): the stage goes on until nothing is unfinished.
    ///
    /// With a store the new job is committed no later than the settling of this one.
    ///
    /// Its trace context is that of the caller, which in a handler is the span of the attempt; if there is none,
    /// that of this job.
    ///
    /// # Errors
    /// [`Refused::Closed`] if the stage has ended, which is impossible while this job is unfinished.
    /// [`Refused::Denied`] if the stage's `admit` says no. [`Refused::Store`] if the item cannot be encoded.
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::{Job, Stage};
    ///
    /// let stage: Stage<u32> = Stage::builder("halves").capacity(1).build();
    /// stage.put(8).wait()?;
    /// stage.close();
    /// stage.work(|number: &Job<u32>| {
    ///     for half in [**number / 2; 2].into_iter().filter(|&half| half > 0) {
    ///         number.spawn(half)?;
    ///     }
    ///     Ok(())
    /// }).wait();
    /// assert_eq!(stage.stats().done, 1 + 2 + 4 + 8);
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    pub fn spawn(&self, item: T) -> Result<Job<T, R>, Refused<T>> {
        self.0.stage.spawn(&self.0, item)
    }
}

impl<T, R> Deref for Job<T, R> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.item
    }
}

impl<T, R> Clone for Job<T, R> {
    fn clone(&self) -> Self {
        Job(self.0.clone())
    }
}

impl<T, R> fmt::Debug for Job<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("stage", &self.stage_name())
            .field("id", &self.id())
            .field("attempt", &self.attempt())
            .field("state", &self.state())
            .finish()
    }
}
