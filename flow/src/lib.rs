//! Stages of jobs on [`joinq`].

mod cause;
mod failure;
mod overflow;
mod refused;
mod retry;
mod store;

pub use cause::Cause;
pub use failure::{BoxError, Failure};
pub use overflow::Overflow;
pub use refused::{Denied, Refused};
pub use retry::Retry;
pub use store::{Change, Recovered, Row, Safe, Store, Table};
