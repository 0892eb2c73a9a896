//! A message that the broker does not bear.

use super::{broker, TOPIC, WATCHDOG};
use crate::acceptance::Verdict;
use joinq_bridge::mqtt::{Message, MqttOptions, Publisher};
use tokio::time::timeout;

/// Publishes messages with QoS 1, one of which is longer than a packet may be: mosquitto closes the connection each
/// time. That message fails, and all others are published.
pub fn run() -> Verdict {
    let broker = broker::start(&format!("{}max_packet_size 1000\n", broker::FOR_ALL));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (outcomes, status) = runtime.block_on(async {
        let publisher = Publisher::builder(MqttOptions::new("publisher", "127.0.0.1", broker.port())).start();
        let sizes = [1, 1, 2000, 1, 1];
        let messages = sizes.map(|size| publisher.publish(Message::new(TOPIC, vec![b'0'; size])));
        let mut outcomes = Vec::new();
        for message in messages {
            outcomes.push(match timeout(WATCHDOG, message).await {
                Ok(Ok(())) => "published".to_owned(),
                Ok(Err(failure)) => failure.to_string(),
                Err(_) => "waits for ever".to_owned(),
            });
        }
        let status = publisher.status();
        publisher.disconnect().await;
        (outcomes, status)
    });
    let is_right = |(at, outcome): (usize, &String)| match at {
        2 => outcome.contains("has closed each connection"),
        _ => outcome == "published",
    };
    let mut violations = Vec::new();
    if !outcomes.iter().enumerate().all(is_right) {
        violations.push(format!("the outcomes are {outcomes:?}"));
    }
    let ledger = vec![format!("{outcomes:?}, {status:?}")];
    Verdict { title: "a message that the broker does not bear".into(), ledger, violations }
}
