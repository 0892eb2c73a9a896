//! Stages of jobs on [`joinq`].

mod attempt;
mod cause;
mod dead;
mod disk;
mod failure;
mod job;
mod listen;
mod operation;
mod overflow;
mod refused;
mod retry;
mod semaphore;
mod stage;
mod store;
mod time;
mod work;

pub use attempt::Attempt;
pub use cause::Cause;
pub use dead::Dead;
pub use failure::{BoxError, Failure};
pub use job::{Cancelled, Job, Output, Settled, State, TimedOut};
pub use overflow::Overflow;
pub use refused::{Denied, Refused};
pub use retry::Retry;
pub use semaphore::{Acquire, Permit, Semaphore};
pub use stage::{BuildError, Join, Put, Shutdown, Stage, StageBuilder, Stats, Unsettled};
pub use store::{Change, Recovered, Row, Safe, Store, Table};
pub use work::Work;
