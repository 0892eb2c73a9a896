//! `async_channel` beside `joinq::compat::async_channel`.

use crate::harness::{compare, Seen};

super::both!("side.rs": ::async_channel, joinq::compat::async_channel);

fn explain(_seen: &Seen<'_>) -> Option<&'static str> {
    None
}

#[test]
fn async_channel() {
    compare::<real::side::Channel, ours::side::Channel>("async-channel", explain);
}
