#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod attempt;
mod cause;
mod dead;
mod disk;
mod failure;
#[cfg(any(doc, doctest))]
pub mod guide;
mod job;
mod listen;
#[cfg(feature = "metrics")]
mod metrics;
mod oneshot;
mod operation;
mod overflow;
mod refused;
mod retry;
mod semaphore;
mod stage;
mod store;
#[cfg(feature = "stream")]
mod stream;
mod time;
mod trace;
mod work;
mod workers;

#[cfg(test)]
#[path = "../tests/common/mod.rs"]
mod tests_common;

pub use attempt::Attempt;
pub use cause::Cause;
pub use dead::Dead;
pub use disk::Redrive;
pub use failure::{BoxError, Failure};
pub use job::{Cancelled, Job, Output, Settled, State};
pub use operation::{TimedOut, Until};
pub use overflow::Overflow;
pub use refused::{Denied, Refused};
pub use retry::Retry;
pub use semaphore::{Acquire, Permit, Semaphore};
pub use stage::{BuildError, DeadBy, Join, Put, RefusedBy, Shutdown, Stage, StageBuilder, Stats, Unsettled};
#[cfg(feature = "json")]
pub use store::Json;
#[cfg(feature = "redb")]
pub use store::RedbStore;
pub use store::{Bytes, Change, Codec, Recovered, Row, Safe, Store, StoreError, Table, Text};
#[cfg(feature = "sqlite")]
pub use store::{Salvaged, SqliteStore};
#[cfg(feature = "stream")]
pub use stream::{Feed, Jobs};
#[cfg(feature = "otel")]
pub use trace::OtelTrace;
#[cfg(feature = "tracing")]
pub use trace::TracingTrace;
pub use trace::{AttemptInfo, AttemptSpan, Trace, TraceContext};
pub use work::Work;
pub use workers::{JoinWorkers, Workers};
