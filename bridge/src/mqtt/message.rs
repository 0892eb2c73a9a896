//! What is published.

use bytes::Bytes;
use joinq_flow::Failure;
use rumqttc::{valid_topic, Publish, QoS};

/// The longest topic, in bytes, as its length is a `u16`.
const LONGEST_TOPIC: usize = u16::MAX as usize;

/// A message: a topic and a payload.
///
/// # Examples
/// ```
/// use joinq_bridge::mqtt::Message;
///
/// let message = Message::new("site/7/temperature", "21.5").retained();
/// assert_eq!((message.topic(), message.payload()), ("site/7/temperature", &b"21.5"[..]));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    topic: String,
    payload: Bytes,
    retain: bool,
}

impl Message {
    /// A message with this payload to this topic.
    ///
    /// # Examples
    /// ```
    /// let message = joinq_bridge::mqtt::Message::new("site/7/picture", vec![0xFF, 0xD8]);
    /// assert_eq!(message.payload().len(), 2);
    /// ```
    pub fn new(topic: impl Into<String>, payload: impl Into<Bytes>) -> Message {
        Message { topic: topic.into(), payload: payload.into(), retain: false }
    }

    /// The broker keeps the message as the last one of its topic, for clients that subscribe later.
    ///
    /// # Examples
    /// ```
    /// let on = joinq_bridge::mqtt::Message::new("site/7/heating", "on").retained();
    /// assert_ne!(on, joinq_bridge::mqtt::Message::new("site/7/heating", "on"));
    /// ```
    pub fn retained(mut self) -> Message {
        self.retain = true;
        self
    }

    /// The topic.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(joinq_bridge::mqtt::Message::new("a/b", "1").topic(), "a/b");
    /// ```
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The payload.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(joinq_bridge::mqtt::Message::new("a/b", "1").payload(), b"1");
    /// ```
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Refuses what no broker can accept, and what is longer than `limit` bytes as a packet.
    pub(super) fn check(&self, limit: usize) -> Result<(), Failure> {
        let topic = &self.topic;
        if topic.is_empty() || topic.len() > LONGEST_TOPIC || topic.contains('\0') || !valid_topic(topic) {
            let shown: String = topic.chars().take(100).collect();
            return Err(Failure::fatal(format!(
                "{shown:?} is no topic to publish to: 1 to {LONGEST_TOPIC} bytes without `+`, `#` and NUL are"
            )));
        }
        // With a packet identifier, whatever it will be.
        let size = Publish { pkid: 1, ..self.packet(QoS::AtLeastOnce) }.size();
        if size > limit {
            return Err(Failure::fatal(format!("the message has {size} bytes as a packet, more than {limit}")));
        }
        Ok(())
    }

    /// The packet, without an identifier.
    pub(super) fn packet(&self, qos: QoS) -> Publish {
        Publish { retain: self.retain, ..Publish::from_bytes(self.topic.clone(), qos, self.payload.clone()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(message: &Message, limit: usize) -> String {
        message.check(limit).expect_err("refused").to_string()
    }

    #[test]
    fn a_topic_for_subscriptions_is_refused() {
        for topic in ["", "a/+/b", "a/#", "a\0b"] {
            assert!(refusal(&Message::new(topic, "1"), 1000).contains("is no topic to publish to"), "{topic:?}");
        }
        let longest = "t".repeat(LONGEST_TOPIC);
        assert!(Message::new(longest.clone(), "").check(100_000).is_ok());
        assert!(refusal(&Message::new(longest + "t", ""), 100_000).contains("is no topic"));
    }

    #[test]
    fn a_message_is_refused_from_the_first_byte_beyond_the_limit() {
        // 1 byte of type, 1 of the length, 2 of the length of the topic, 3 of the topic, 2 of the identifier.
        let message = Message::new("a/b", vec![0; 91]);
        assert!(message.check(100).is_ok());
        assert_eq!(refusal(&message, 99), "the message has 100 bytes as a packet, more than 99");
    }
}
