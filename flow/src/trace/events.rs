//! Events for `tracing`: what would otherwise be a number in the statistics only. Without the feature no event is
//! compiled.
//!
//! An event runs code of the subscriber. So none is sent under a lock, and its panics go no further.

#[cfg(not(feature = "tracing"))]
pub(crate) use off::*;
#[cfg(feature = "tracing")]
pub(crate) use on::*;

#[cfg(feature = "tracing")]
mod on {
    use crate::job::core::Core;
    use crate::work::discard;
    use crate::{Cause, TraceContext};
    use std::fmt::Display;
    use std::panic::{catch_unwind, AssertUnwindSafe};

    fn guarded(send: impl FnOnce()) {
        catch_unwind(AssertUnwindSafe(send)).unwrap_or_else(discard);
    }

    fn context_of<T, R>(core: &Core<T, R>) -> Option<&str> {
        core.trace.as_ref().map(TraceContext::traceparent)
    }

    /// An attempt has failed. What follows for the job has its own event.
    pub(crate) fn attempt_failed<T, R>(core: &Core<T, R>, cause: &Cause) {
        let (stage, job, attempt) = (&*core.stage.name, core.id, core.failures() + 1);
        guarded(|| match cause {
            Cause::Panicked(_) => {
                tracing::error!(target: "joinq_flow", stage, job, attempt, error = %cause, "attempt panicked");
            }
            // No failures.
            Cause::Cancelled | Cause::ShutDown => {}
            _ => tracing::debug!(target: "joinq_flow", stage, job, attempt, error = %cause, "attempt failed"),
        });
    }

    /// A job is dead.
    pub(crate) fn dead<T, R>(core: &Core<T, R>, cause: &Cause) {
        let (stage, job, attempts, trace) = (&*core.stage.name, core.id, core.failures(), context_of(core));
        guarded(|| {
            tracing::debug!(target: "joinq_flow", stage, job, attempts, trace, error = %cause, "job is dead");
        });
    }

    /// No queue has the dead letter, or no longer. Those of jobs that the overflow drops may be many, and are no
    /// failure.
    pub(crate) fn letter_lost<T, R>(core: &Core<T, R>, cause: &Cause) {
        let (stage, job, attempts, trace) = (&*core.stage.name, core.id, core.failures(), context_of(core));
        guarded(|| match cause {
            Cause::Evicted => {}
            _ if core.is_stored() => tracing::warn!(
                target: "joinq_flow", stage, job, attempts, trace, error = %cause,
                "job is dead; only the store keeps it"
            ),
            _ => tracing::error!(
                target: "joinq_flow", stage, job, attempts, trace, error = %cause,
                "job is dead, and no queue keeps it"
            ),
        });
    }

    /// The bytes of a job in the store are no item.
    pub(crate) fn undecodable(stage: &str, job: u64, error: &dyn Display) {
        guarded(|| {
            tracing::error!(target: "joinq_flow", stage, job, error = %error, "job is dead: no item in the store");
        });
    }

    /// Code of the user has panicked outside of an attempt.
    pub(crate) fn panicked(stage: &str, message: &str) {
        guarded(|| tracing::error!(target: "joinq_flow", stage, error = message, "a call of the stage panicked"));
    }

    /// A commit or a load has failed, after one that has not.
    pub(crate) fn store_failed(stage: &str, error: &str) {
        guarded(|| tracing::error!(target: "joinq_flow", stage, error, "store failed"));
    }

    /// A commit has succeeded, after one that has not.
    pub(crate) fn store_works_again(stage: &str) {
        guarded(|| tracing::info!(target: "joinq_flow", stage, "store works again"));
    }
}

#[cfg(not(feature = "tracing"))]
mod off {
    use crate::job::core::Core;
    use crate::Cause;
    use std::fmt::Display;

    pub(crate) fn attempt_failed<T, R>(_: &Core<T, R>, _: &Cause) {}

    pub(crate) fn dead<T, R>(_: &Core<T, R>, _: &Cause) {}

    pub(crate) fn letter_lost<T, R>(_: &Core<T, R>, _: &Cause) {}

    pub(crate) fn undecodable(_: &str, _: u64, _: &dyn Display) {}

    pub(crate) fn panicked(_: &str, _: &str) {}

    pub(crate) fn store_failed(_: &str, _: &str) {}

    pub(crate) fn store_works_again(_: &str) {}
}
