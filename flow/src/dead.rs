//! Dead letters.

use crate::{Cause, Job};
use std::fmt;

/// A dead letter: a job that was not done, and why; for
/// [`StageBuilder::dead_letters`](crate::StageBuilder::dead_letters).
///
/// It prints stage, id, attempts and cause.
pub struct Dead<T, R = ()> {
    /// The job.
    pub job: Job<T, R>,
    /// Why it is dead.
    pub cause: Cause,
}

impl<T, R> fmt::Display for Dead<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (stage, id) = (self.job.stage_name(), self.job.id());
        match (&self.cause, self.job.attempt()) {
            (Cause::Failed(_) | Cause::Panicked(_) | Cause::Dropped, attempts) => {
                let s = if attempts == 1 { "" } else { "s" };
                write!(f, "stage `{stage}`, job {id}: gave up after {attempts} attempt{s}: {}", self.cause)
            }
            (cause, _) => write!(f, "stage `{stage}`, job {id}: {cause}"),
        }
    }
}

impl<T, R> fmt::Debug for Dead<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dead").field("job", &self.job).field("cause", &self.cause).finish()
    }
}
