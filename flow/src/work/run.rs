//! How an attempt runs.

use crate::attempt::Attempt;
use crate::listen::Listen;
use crate::stage::Fault;
use crate::{Failure, Job};
use std::any::Any;
use std::fmt::Display;
use std::future::{poll_fn, Future};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::pin::pin;
use std::task::Poll;

/// How the handler's future has ended.
enum Ended<R> {
    Returned(Result<R, Failure>),
    Panicked(Box<dyn Any + Send>),
    /// The job was cancelled.
    Cancelled,
    /// The deadline of a shutdown is over.
    Halted,
}

/// Runs an attempt on this thread.
pub(crate) fn run<T, R, F>(attempt: Attempt<T, R>, handler: &F)
where
    T: Send + Sync + 'static,
    R: Send + 'static,
    F: Fn(&Job<T, R>) -> Result<R, Failure>,
{
    match catch_unwind(AssertUnwindSafe(|| attempt.in_span(|| handler(attempt.job())))) {
        Ok(result) => settle(attempt, result),
        Err(panic) => attempt.fault(Fault::Panicked(message(panic))),
    }
}

fn settle<T: Send + Sync + 'static, R: Send + 'static>(attempt: Attempt<T, R>, result: Result<R, Failure>) {
    match result {
        Ok(output) => attempt.done(output),
        Err(failure) => attempt.fault(Fault::Failed(failure)),
    }
}

/// Runs an attempt in a task. When the job is cancelled, the handler's future is dropped.
pub(crate) async fn run_async<T, R, F, Fut>(attempt: Attempt<T, R>, handler: &F)
where
    T: Send + Sync + 'static,
    R: Send + 'static,
    F: Fn(Job<T, R>) -> Fut,
    Fut: Future<Output = Result<R, Failure>>,
{
    let job = attempt.job().clone();
    let future = match catch_unwind(AssertUnwindSafe(|| attempt.in_span(|| handler(job)))) {
        Ok(future) => future,
        Err(panic) => return attempt.fault(Fault::Panicked(message(panic))),
    };
    let mut future = pin!(Some(future));
    let mut halted = Listen::new();
    let ended = poll_fn(|context| {
        let core = &attempt.job().0;
        if core.state.is_cancelled() {
            return Poll::Ready(Ended::Cancelled);
        }
        let polled = catch_unwind(AssertUnwindSafe(|| match future.as_mut().as_pin_mut() {
            Some(future) => attempt.in_span(|| future.poll(context)),
            None => Poll::Pending,
        }));
        match polled {
            Ok(Poll::Ready(result)) => return Poll::Ready(Ended::Returned(result)),
            Err(panic) => return Poll::Ready(Ended::Panicked(panic)),
            Ok(Poll::Pending) => {}
        }
        core.attempt.register(context.waker());
        if core.state.is_cancelled() {
            return Poll::Ready(Ended::Cancelled);
        }
        halted.poll(core.stage.halted(), context, || core.stage.is_halted().then_some(Ended::Halted))
    })
    .await;
    // The handler's values are dropped before the job counts as settled. That may panic, too.
    let dropped = catch_unwind(AssertUnwindSafe(|| attempt.in_span(|| future.set(None))));
    match (ended, dropped) {
        (Ended::Panicked(panic), _) | (_, Err(panic)) => attempt.fault(Fault::Panicked(message(panic))),
        (Ended::Returned(result), Ok(())) => settle(attempt, result),
        (Ended::Cancelled, Ok(())) => attempt.cancelled(),
        (Ended::Halted, Ok(())) => attempt.leave(),
    }
}

/// The message of a panic.
pub(crate) fn message(panic: Box<dyn Any + Send>) -> String {
    let message = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => "not a text".to_owned(),
    };
    discard(panic);
    message
}

/// Drops the value of a panic, whose drop may panic as well.
pub(crate) fn discard(panic: Box<dyn Any + Send>) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(second);
    }
}

/// The text of an error of the user, whose `Display` may panic.
pub(crate) fn printed(error: &dyn Display) -> String {
    catch_unwind(AssertUnwindSafe(|| error.to_string())).unwrap_or_else(|panic| {
        discard(panic);
        "an error that cannot be printed".to_owned()
    })
}
