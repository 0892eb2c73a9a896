//! `tokio::sync::mpsc::channel` beside that of `joinq::compat::tokio_mpsc`.

use crate::harness::{compare, Seen};

super::both!("side.rs": tokio::sync::mpsc, joinq::compat::tokio_mpsc);

fn explain(_seen: &Seen<'_>) -> Option<&'static str> {
    None
}

#[test]
fn tokio_bounded() {
    compare::<real::side::Channel, ours::side::Channel>("tokio::sync::mpsc::channel", explain);
}
