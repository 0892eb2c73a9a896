//! `crossbeam_channel` beside `joinq::compat::crossbeam_channel`.

use crate::harness::{compare, Seen};

super::both!("side.rs": ::crossbeam_channel, joinq::compat::crossbeam_channel);

fn explain(_seen: &Seen<'_>) -> Option<&'static str> {
    None
}

#[test]
fn crossbeam_channel() {
    compare::<real::side::Channel, ours::side::Channel>("crossbeam-channel", explain);
}
