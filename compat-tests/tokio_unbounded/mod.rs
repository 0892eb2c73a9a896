//! `tokio::sync::mpsc::unbounded_channel` compared with that of `joinq::compat::tokio_mpsc`.

use crate::harness::{compare, Known, Topic, Wake};

super::both!("side.rs": crate::tokio_ops::peer, joinq::compat::tokio_mpsc);

fn wake(wake: &Wake<'_>) -> Option<&'static str> {
    (wake.topic == Topic::Items && wake.ours && wake.step == "close")
        .then_some("`close` wakes a receive of its own task")
}

#[test]
fn tokio_unbounded() {
    compare::<real::side::Channel, ours::side::Channel>(
        "tokio::sync::mpsc::unbounded_channel",
        Known { wake, ..Known::NOTHING },
    );
}
