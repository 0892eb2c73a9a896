//! What the judge sees in a Redis server.

use super::tap::Protocol;
use super::{Broker, CONSUMER, STREAM};
use crate::item::Item;
use redis::streams::{StreamInfoGroupsReply, StreamRangeReply};
use redis::{Client, Commands, RedisResult};

pub(super) struct Redis {
    client: Client,
}

/// All commands that the server executes.
pub(super) const TAP: Protocol = Protocol {
    hello: "MONITOR\r\n",
    answer: |_| None,
    // `+<time> [0 <address>] "XACK" "<key>" "<group>" "<id>"`
    acknowledged: |_, line| {
        let mut words = line.split('"').skip(1).step_by(2);
        (words.next()? == "XACK").then(|| words.nth(2)).flatten().map(str::to_owned)
    },
};

impl Redis {
    pub(super) fn new(port: u16) -> Redis {
        Redis { client: Client::open(("127.0.0.1", port)).expect("an address") }
    }
}

impl Broker for Redis {
    /// The consumer makes both.
    fn create(&mut self) {}

    fn contents(&mut self) -> Vec<(String, u64)> {
        let mut connection = self.client.get_connection().expect("the server answers");
        let entries: StreamRangeReply = connection.xrange_all(STREAM).expect("the stream");
        let read = |entry: redis::streams::StreamId| {
            let body: Vec<u8> = entry.get("body").expect("a body");
            let item: Item = serde_json::from_slice(&body).expect("an item");
            (entry.id, item.key)
        };
        entries.ids.into_iter().map(read).collect()
    }

    fn pending(&mut self) -> Option<u64> {
        let ask = || -> RedisResult<u64> {
            let mut connection = self.client.get_connection()?;
            let groups: StreamInfoGroupsReply = connection.xinfo_groups(STREAM)?;
            let group = groups.groups.iter().find(|group| group.name == CONSUMER);
            let last: StreamRangeReply = connection.xrevrange_count(STREAM, "+", "-", 1)?;
            let last = last.ids.first().map(|entry| entry.id.clone());
            // Before the last entry is delivered, something is pending for sure.
            Ok(group
                .map_or(1, |group| group.pending as u64 + u64::from(last.as_ref() != Some(&group.last_delivered_id))))
        };
        ask().ok()
    }
}
