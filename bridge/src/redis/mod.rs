//! Jobs to and from Redis streams.
//!
//! [`publish`] is a handler: it appends each job of a stage to a stream, and the job is done when Redis has
//! answered. [`consume`] puts each entry for a consumer group into a stage, and acknowledges it when its job is
//! done. From the put into the first stage to *done* in the last one each job is delivered at least once, if
//! Redis runs with `appendfsync always`; the [guide](mod@guide) says what survives what, and with which
//! settings.

mod commands;
mod consume;
/// What survives what, and which settings that needs.
#[cfg(any(doc, doctest))]
#[doc = include_str!("../../docs/redis.md")]
pub mod guide {}
mod publish;
mod read;

pub use consume::{consume, Group};
pub use publish::publish;
