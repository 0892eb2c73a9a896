//! Jobs to an MQTT broker (version 3.1.1 of the protocol).
//!
//! A [`Publisher`] has the connection. Its [`handler`](Publisher::handler) publishes one message for each job,
//! and the job is done when the message is published:
//!
//! | QoS | a job is done | if the connection is cut | promise |
//! |---|---|---|---|
//! | 0 | when its message is written | what was on the way is lost | at most once for each attempt |
//! | 1 | at the PUBACK | what is unacknowledged is published again, in order | at least once |
//! | 2 | at the PUBCOMP | the session goes on | exactly once, until a kill (1) |
//!
//! (1) of this process or of the broker; at least once after that.
//!
//! A line that is cut or a broker that is down is no failure of a job: jobs wait, and the publisher connects
//! again. With a stage whose jobs are in a store (`durable`) they also survive a kill of this process. The
//! [guide](mod@guide) says what survives what, and which settings of the broker that needs.
//!
//! A broker of this version of the protocol cannot refuse a single message: mosquitto acknowledges also a
//! message that its access list forbids, and drops it.

mod builder;
/// What survives what, and which settings the broker needs.
#[cfg(any(doc, doctest))]
#[doc = include_str!("../../docs/mqtt.md")]
pub mod guide {}
mod link;
mod message;
mod publisher;
mod status;
#[cfg(feature = "mqtt-tls")]
mod tls;
mod unmarked;
mod window;
#[cfg(test)]
mod window_tests;

pub use builder::PublisherBuilder;
pub use message::Message;
pub use publisher::{Publisher, Publishing};
/// The options of a connection, a message that the broker publishes when this client is gone, and when a message counts
/// as published; from rumqttc.
pub use rumqttc::{LastWill, MqttOptions, QoS, Transport};
pub use status::Status;
#[cfg(feature = "mqtt-tls")]
#[cfg_attr(docsrs, doc(cfg(feature = "mqtt-tls")))]
pub use tls::{tls, Certificate};
pub use unmarked::Unmarked;
