//! What a publisher reports of itself.

/// The state of a publisher and its numbers since its start; returned by
/// [`Publisher::status`](super::Publisher::status).
///
/// # Examples
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use joinq_bridge::mqtt::{MqttOptions, Publisher};
///
/// let publisher = Publisher::builder(MqttOptions::new("sensor-7", "localhost", 1883)).start();
/// let status = publisher.status();
/// assert_eq!((status.is_connected, status.acknowledged), (false, 0));
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// Whether the broker has accepted the connection, and the connection was not seen to be cut.
    pub is_connected: bool,
    /// How often a broker has accepted a connection.
    pub connections: u64,
    /// The messages of which no acknowledgement has come, those that wait for a place in the window included.
    pub unacknowledged: usize,
    /// The messages that were acknowledged; with QoS 0, that were written.
    pub acknowledged: u64,
    /// How many times a message was published again, as a connection was cut before its acknowledgement.
    pub published_again: u64,
    /// Why there is no connection: the last error. `None` while there is one, and before the first error.
    pub error: Option<String>,
}
