#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

#[cfg(feature = "mqtt")]
#[cfg_attr(docsrs, doc(cfg(feature = "mqtt")))]
pub mod mqtt;
#[cfg(feature = "nats")]
#[cfg_attr(docsrs, doc(cfg(feature = "nats")))]
pub mod nats;
#[cfg(feature = "redis")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub mod redis;
#[cfg(any(feature = "nats", feature = "redis"))]
mod unacked;

/// An attempt to publish a job: the future of the handlers that `nats::publish` and `redis::publish` return.
/// It can be dropped at any time; the message may have been sent then.
#[cfg(any(feature = "nats", feature = "redis"))]
pub type Publishing = std::pin::Pin<Box<dyn std::future::Future<Output = Result<(), joinq_flow::Failure>> + Send>>;
