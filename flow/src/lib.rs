//! Stages of jobs on [`joinq`].

mod cause;
mod failure;
mod oneshot;
mod operation;
mod overflow;
mod refused;
mod retry;
mod semaphore;
mod store;
mod time;

#[cfg(test)]
#[path = "../tests/common/mod.rs"]
mod tests_common;

pub use cause::Cause;
pub use failure::{BoxError, Failure};
pub use operation::{TimedOut, Until};
pub use overflow::Overflow;
pub use refused::{Denied, Refused};
pub use retry::Retry;
pub use semaphore::{Acquire, Permit, Semaphore};
pub use store::{Change, Recovered, Row, Safe, Store, Table};
