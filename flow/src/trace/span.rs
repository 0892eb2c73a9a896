//! What a stage asks a tracer for, and the span of one attempt.

use super::{events, TraceContext};
use crate::job::core::Core;
use crate::stage::Inner;
use crate::work::discard;
use crate::Cause;
use std::mem;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Arc;

/// A tracer for the jobs of a stage; for [`StageBuilder::trace`](crate::StageBuilder::trace), which has an
/// example.
///
/// A tracer must not keep the span of a put: that span ends when the putter says so, often long before the job.
pub trait Trace: Send + Sync + 'static {
    /// The context of this thread or task, for the job that it puts; `None` if nothing is sampled. Called by
    /// [`Stage::put`](crate::Stage::put), [`Stage::try_put`](crate::Stage::try_put) and
    /// [`Job::spawn`](crate::Job::spawn). A panic is the putter's.
    fn inject(&self) -> Option<TraceContext>;

    /// Begins the span of an attempt, on the thread or in the task of the worker; `None` if there is to be
    /// none. After a panic, which is counted in the stage's [`Stats`](crate::Stats), there is none either.
    fn begin(&self, attempt: &AttemptInfo<'_>) -> Option<Box<dyn AttemptSpan>>;
}

/// For several stages with one tracer.
impl<T: Trace + ?Sized> Trace for Arc<T> {
    fn inject(&self) -> Option<TraceContext> {
        (**self).inject()
    }

    fn begin(&self, attempt: &AttemptInfo<'_>) -> Option<Box<dyn AttemptSpan>> {
        (**self).begin(attempt)
    }
}

/// An attempt that begins.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AttemptInfo<'a> {
    /// The name of the stage.
    pub stage: &'a str,
    /// The id of the job.
    pub job: u64,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// Where the job comes from, if that is known.
    pub context: Option<&'a TraceContext>,
}

/// The span of one attempt, from [`Trace::begin`].
pub trait AttemptSpan: Send + Sync {
    /// Calls `call` once, with this span as the current one of the thread. The call runs the handler; for
    /// handlers that are futures, one poll of it.
    fn enter(&self, call: &mut dyn FnMut());

    /// The attempt has ended: its handler has returned `Ok`, or this is the cause of its failure. The job may
    /// be tried again. Called before the job is settled. A panic is counted in the stage's
    /// [`Stats`](crate::Stats), and nothing else follows from it.
    fn end(self: Box<Self>, result: Result<(), &Cause>);
}

/// The span of an attempt, if it has one. An attempt is moved several times: this takes one pointer of it.
#[derive(Default)]
pub(crate) struct Span(Option<Box<Begun>>);

struct Begun(Box<dyn AttemptSpan>);

impl Span {
    pub(crate) fn none() -> Self {
        Span(None)
    }

    /// Takes the span out, if its end is to be told to a tracer or to a subscriber.
    #[inline]
    pub(crate) fn take_to_end(&mut self, result: &Result<(), &Cause>) -> Option<Span> {
        match self.0.is_some() || (cfg!(feature = "tracing") && result.is_err()) {
            true => Some(mem::take(self)),
            false => None,
        }
    }

    #[inline]
    pub(crate) fn enter<V>(&self, call: impl FnOnce() -> V) -> V {
        match &self.0 {
            None => call(),
            Some(span) => span.enter(call),
        }
    }
}

impl Begun {
    /// Calls `call` exactly once, also if the span does not, or does so twice.
    #[cold]
    fn enter<V>(&self, call: impl FnOnce() -> V) -> V {
        let mut call = Some(call);
        let mut value = None;
        self.0.enter(&mut || {
            if let Some(call) = call.take() {
                value = Some(call());
            }
        });
        match (value, call) {
            (Some(value), _) => value,
            (None, Some(call)) => call(),
            (None, None) => panic!("the span of the attempt has kept a panic of the handler for itself"),
        }
    }
}

impl<T, R> Inner<T, R> {
    /// Begins the span of an attempt.
    #[inline]
    pub(crate) fn begin_span(&self, core: &Core<T, R>) -> Span {
        match &self.options.trace {
            None => Span::none(),
            Some(trace) => self.begin_span_with(&**trace, core),
        }
    }

    #[cold]
    fn begin_span_with(&self, trace: &dyn Trace, core: &Core<T, R>) -> Span {
        let attempt =
            AttemptInfo { stage: &self.name, job: core.id, attempt: core.failures() + 1, context: core.trace.as_ref() };
        let mut span = None;
        self.guarded(|| span = trace.begin(&attempt));
        Span(span.map(|span| Box::new(Begun(span))))
    }

    /// An attempt has ended.
    #[cold]
    pub(crate) fn end_span(&self, span: Span, core: &Core<T, R>, result: Result<(), &Cause>) {
        if let (Err(cause), true) = (result, cfg!(feature = "tracing")) {
            // In the span, so that a collector of both finds them together.
            let told = catch_unwind(AssertUnwindSafe(|| span.enter(|| events::attempt_failed(core, cause))));
            told.unwrap_or_else(discard);
        }
        if let Span(Some(span)) = span {
            self.guarded(|| span.0.end(result));
        }
    }
}
