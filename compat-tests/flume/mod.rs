//! `flume` beside `joinq::compat::flume`.

use crate::harness::{compare, Seen};

super::both!("side.rs": ::flume, joinq::compat::flume);

fn explain(_seen: &Seen<'_>) -> Option<&'static str> {
    None
}

#[test]
fn flume() {
    compare::<real::side::Channel, ours::side::Channel>("flume", explain);
}
