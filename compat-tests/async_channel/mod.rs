//! `async_channel` compared with `joinq::compat::async_channel`.

use crate::harness::{compare, Known, Topic, Wake};

super::both!("side.rs": ::async_channel, joinq::compat::async_channel);

fn wake(wake: &Wake<'_>) -> Option<&'static str> {
    let sends = matches!(wake.step, "try_send" | "force_send" | "send_blocking");
    match (wake.topic, wake.ours) {
        (_, true) => wake
            .not_the_first
            .then_some("a waiter woken in vain waits again: at the end of the queue there, in its place here"),
        (Topic::Items, false) if sends => Some("a message wakes all streams there"),
        (Topic::Items | Topic::Capacity, false) => {
            Some("a notified operation that ends wakes another there, needed or not")
        }
        (Topic::Close, false) => None,
    }
}

#[test]
fn async_channel() {
    compare::<real::side::Channel, ours::side::Channel>("async-channel", Known { wake, ..Known::NOTHING });
}
