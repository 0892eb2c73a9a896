#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
//! Jobs of joinq-flow to and from other machines.

#[cfg(feature = "mqtt")]
pub mod mqtt;
#[cfg(feature = "nats")]
pub mod nats;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(any(feature = "nats", feature = "redis"))]
mod unacked;

/// An attempt to publish a job: the future of the handlers that the `publish` functions return.
#[cfg(any(feature = "nats", feature = "redis"))]
pub type Publishing = std::pin::Pin<Box<dyn std::future::Future<Output = Result<(), joinq_flow::Failure>> + Send>>;
