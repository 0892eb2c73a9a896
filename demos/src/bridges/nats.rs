//! What the judge sees in a NATS server.

use super::tap::Protocol;
use super::{Broker, ACK_WAIT, CAPACITY, CONSUMER, STREAM};
use crate::item::Item;
use async_nats::jetstream::{self, consumer, stream};
use std::time::Duration;
use tokio::runtime::Runtime;

pub(super) struct Nats {
    runtime: Runtime,
    jetstream: jetstream::Context,
}

/// A subscription to all acknowledgements.
pub(super) const TAP: Protocol = Protocol {
    hello: "CONNECT {\"verbose\":false}\r\nSUB $JS.ACK.> 1\r\nPING\r\n",
    answer: |line| (line == "PING").then_some("PONG\r\n"),
    // `MSG <subject> 1 [<reply>] <bytes>`, and the payload in the next line.
    acknowledged: |before, payload| {
        let subject = before.strip_prefix("MSG ")?.split(' ').next()?;
        let ends = payload == "+ACK" || payload.starts_with("+TERM");
        ends.then(|| stream_sequence(subject)).flatten()
    },
};

/// `$JS.ACK.<stream>.<consumer>.<deliveries>.<sequence in the stream>...`
fn stream_sequence(subject: &str) -> Option<String> {
    subject.split('.').nth(5).map(str::to_owned)
}

impl Nats {
    pub(super) fn new(port: u16) -> Nats {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let client = async_nats::ConnectOptions::new().reconnect_delay_callback(|_| Duration::from_millis(20));
        let client = runtime.block_on(client.connect(format!("127.0.0.1:{port}"))).expect("the server answers");
        // It spawns a task.
        let jetstream = runtime.block_on(async { jetstream::new(client) });
        Nats { runtime, jetstream }
    }
}

impl Broker for Nats {
    fn create(&mut self) {
        self.runtime.block_on(async {
            let config = stream::Config { name: STREAM.into(), ..Default::default() };
            let stream = self.jetstream.create_stream(config).await.expect("a stream");
            let config = consumer::pull::Config {
                durable_name: Some(CONSUMER.into()),
                ack_wait: ACK_WAIT,
                max_ack_pending: CAPACITY as i64,
                ..Default::default()
            };
            stream.create_consumer(config).await.expect("a consumer");
        });
    }

    fn contents(&mut self) -> Vec<(String, u64)> {
        self.runtime.block_on(async {
            let stream = self.jetstream.get_stream(STREAM).await.expect("the stream");
            let mut contents = Vec::new();
            for sequence in 1..=stream.cached_info().state.last_sequence {
                let message = stream.get_raw_message(sequence).await.expect("a message");
                let item: Item = serde_json::from_slice(&message.payload).expect("an item");
                contents.push((sequence.to_string(), item.key));
            }
            contents
        })
    }

    fn pending(&mut self) -> Option<u64> {
        self.runtime.block_on(async {
            let consumer: consumer::PullConsumer =
                self.jetstream.get_consumer_from_stream(CONSUMER, STREAM).await.ok()?;
            let info = consumer.cached_info();
            Some(info.num_pending + info.num_ack_pending as u64)
        })
    }
}
