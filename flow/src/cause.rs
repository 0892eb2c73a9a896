//! Why a job is not done.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Why a job ended without being done.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Cause {
    /// The last attempt returned this error.
    Failed(Arc<dyn Error + Send + Sync>),
    /// The handler panicked with this message in the last attempt.
    Panicked(String),
    /// The last attempt's future, or its [`Attempt`](crate::Attempt), was dropped before it had a result.
    Dropped,
    /// The process ended three times while the job ran: it is held to be the reason.
    Crashed,
    /// The stage was full, and its [`Overflow`](crate::Overflow) drops jobs.
    Evicted,
    /// [`Job::cancel`](crate::Job::cancel) was called.
    Cancelled,
    /// The stage ended before the job was done. A job on disk runs when the store is opened again.
    ShutDown,
    /// The bytes in the store are no item for the stage's codec.
    Undecodable(Arc<dyn Error + Send + Sync>),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Failed(error) => error.fmt(f),
            Cause::Panicked(message) => write!(f, "the handler panicked: {message}"),
            Cause::Dropped => f.write_str("the attempt was dropped before it had a result"),
            Cause::Crashed => f.write_str("the process ended three times while the job ran"),
            Cause::Evicted => f.write_str("the stage was full"),
            Cause::Cancelled => f.write_str("cancelled"),
            Cause::ShutDown => f.write_str("the stage ended before the job was done"),
            Cause::Undecodable(error) => write!(f, "the bytes in the store are no item: {error}"),
        }
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Cause::Failed(error) | Cause::Undecodable(error) => Some(&**error),
            _ => None,
        }
    }
}
