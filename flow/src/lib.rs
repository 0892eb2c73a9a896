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
#[cfg(feature = "json")]
pub use store::Json;
#[cfg(feature = "redb")]
pub use store::RedbStore;
pub use store::{Bytes, Change, Codec, Recovered, Row, Safe, Store, StoreError, Table, Text};
#[cfg(feature = "sqlite")]
pub use store::{Salvaged, SqliteStore};
