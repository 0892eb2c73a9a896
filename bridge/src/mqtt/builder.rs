//! How a publisher is configured and started.

use super::link::{Link, Token};
use super::Publisher;
use rumqttc::{MqttOptions, QoS};
use std::fmt;
use std::sync::Arc;

/// The largest packet of the protocol.
const LARGEST_PACKET: usize = 268_435_460;

/// The options of a publisher; returned by [`Publisher::builder`].
///
/// # Examples
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use joinq_bridge::mqtt::{MqttOptions, Publisher, QoS};
///
/// let options = MqttOptions::new("sensor-7", "localhost", 1883);
/// let publisher = Publisher::builder(options).qos(QoS::ExactlyOnce).window(20).start();
/// assert!(!publisher.status().is_connected);
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a publisher begins with `start`"]
pub struct PublisherBuilder {
    options: MqttOptions,
    qos: QoS,
    /// `None` stands for the default, which depends on the QoS.
    window: Option<u16>,
    largest_packet: usize,
    token: Option<Token>,
}

impl PublisherBuilder {
    pub(super) fn new(options: MqttOptions) -> PublisherBuilder {
        PublisherBuilder { options, qos: QoS::AtLeastOnce, window: None, largest_packet: LARGEST_PACKET, token: None }
    }

    /// When a message counts as published, and with which promise: see the table of the [module](super).
    /// [`QoS::AtLeastOnce`] by default.
    ///
    /// # Panics
    /// If it is [`QoS::ExactlyOnce`] and the client identifier of the options is empty: a session that is kept
    /// needs one.
    ///
    /// # Examples
    /// ```
    /// use joinq_bridge::mqtt::{MqttOptions, Publisher, QoS};
    /// let builder = Publisher::builder(MqttOptions::new("sensor-7", "localhost", 1883)).qos(QoS::AtMostOnce);
    /// ```
    #[track_caller]
    pub fn qos(mut self, qos: QoS) -> PublisherBuilder {
        assert!(
            qos != QoS::ExactlyOnce || !self.options.client_id().is_empty(),
            "a publisher with QoS 2 keeps its session, which needs a client identifier; \
             name one in `MqttOptions::new`"
        );
        self.qos = qos;
        self
    }

    /// The largest number of messages from the oldest unacknowledged one to the newest one that was written; by
    /// default 100, and 20 with QoS 2. Further messages wait in memory. Only as many jobs are published at a time
    /// as the stage has workers, so that more than this number of workers gains nothing.
    ///
    /// With QoS 2 it must not be larger than what the broker takes from a client at a time, mosquitto's
    /// `max_inflight_messages`, which is 20 by default: with a larger one, mosquitto loses messages that it has
    /// acknowledged, when a connection is cut.
    ///
    /// # Panics
    /// If it is 0.
    ///
    /// # Examples
    /// ```
    /// use joinq_bridge::mqtt::{MqttOptions, Publisher};
    /// let builder = Publisher::builder(MqttOptions::new("sensor-7", "localhost", 1883)).window(20);
    /// ```
    #[track_caller]
    pub fn window(mut self, messages: u16) -> PublisherBuilder {
        assert!(messages > 0, "a window of 0 messages publishes none; allow at least one");
        self.window = Some(messages);
        self
    }

    /// The size of the largest packet that the broker accepts, in bytes; by default the largest one of the
    /// protocol, 256 MiB. A longer message is refused and never tried again. Without this limit a broker that
    /// has one may cut the connection at each attempt.
    ///
    /// # Examples
    /// ```
    /// use joinq_bridge::mqtt::{MqttOptions, Publisher};
    /// let builder = Publisher::builder(MqttOptions::new("sensor-7", "localhost", 1883)).largest_packet(128 * 1024);
    /// ```
    pub fn largest_packet(mut self, bytes: usize) -> PublisherBuilder {
        self.largest_packet = bytes.min(LARGEST_PACKET);
        self
    }

    /// The password of each connection, for example a JWT: this function is called before each one, so that a
    /// token that has expired is replaced. The user name is that of the options' credentials, or empty. If the
    /// function panics, there is no connection, and a later attempt calls the function again.
    ///
    /// The function runs in the publisher's task, so that it must not block for long.
    ///
    /// # Examples
    /// ```
    /// use joinq_bridge::mqtt::{MqttOptions, Publisher};
    ///
    /// let builder = Publisher::builder(MqttOptions::new("sensor-7", "localhost", 1883))
    ///     .token(|| std::fs::read_to_string("/run/secrets/token").unwrap_or_default());
    /// ```
    pub fn token(mut self, token: impl Fn() -> String + Send + Sync + 'static) -> PublisherBuilder {
        self.token = Some(Arc::new(token));
        self
    }

    /// Starts the publisher as a task of the current runtime of tokio, which must have its timer and I/O
    /// enabled. The task connects, and goes on trying.
    ///
    /// # Panics
    /// Outside of a runtime of tokio.
    ///
    /// # Examples
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use joinq_bridge::mqtt::{MqttOptions, Publisher};
    /// let publisher = Publisher::builder(MqttOptions::new("sensor-7", "localhost", 1883)).start();
    /// # }
    /// ```
    #[track_caller]
    pub fn start(self) -> Publisher {
        let PublisherBuilder { mut options, qos, window, largest_packet, token } = self;
        let incoming = options.max_packet_size();
        let window = window.unwrap_or(if qos == QoS::ExactlyOnce { 20 } else { 100 });
        // One more than are ever used, so that the client never stops to take requests.
        let inflight = window.saturating_add(1);
        options
            .set_inflight(inflight)
            .set_clean_session(qos != QoS::ExactlyOnce)
            .set_max_packet_size(incoming, LARGEST_PACKET);
        let (publisher, requests, status) = Publisher::new(largest_packet);
        tokio::spawn(Link::new(options, token, qos, window, requests, status).run());
        publisher
    }
}

impl fmt::Debug for PublisherBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the options, which have a password.
        f.debug_struct("PublisherBuilder")
            .field("broker", &self.options.broker_address())
            .field("client_id", &self.options.client_id())
            .field("qos", &self.qos)
            .field("window", &self.window)
            .field("largest_packet", &self.largest_packet)
            .finish_non_exhaustive()
    }
}
