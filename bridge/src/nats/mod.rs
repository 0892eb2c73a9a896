//! Jobs to and from NATS JetStream.
//!
//! [`publish`] is a handler: it sends each job of a stage as a message, and the job is done when JetStream has
//! acknowledged it. [`consume`] puts each message of a consumer into a stage, and acknowledges it when its job
//! is done. From the put into the first stage to *done* in the last one each job is delivered at least once;
//! the [guide](mod@guide) says what survives what, and with which settings.

mod acknowledge;
mod consume;
/// What survives what, and which settings that needs.
#[cfg(any(doc, doctest))]
#[doc = include_str!("../../docs/nats.md")]
pub mod guide {}
mod publish;
mod pull;

pub use consume::consume;
pub use publish::publish;
