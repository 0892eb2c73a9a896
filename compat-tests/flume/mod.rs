//! `flume` beside `joinq::compat::flume`.

use crate::harness::{compare, Out, Seen};

super::both!("side.rs": ::flume, joinq::compat::flume);

fn explain(seen: &Seen<'_>) -> Option<&'static str> {
    // A send that succeeds beyond the capacity here, as a receive waits that flume has woken for nothing.
    let sends_more =
        matches!((seen.real, seen.ours), (Out::Failed("full" | "timeout", Some(_)) | Out::Pending, Out::Done));
    (sends_more && seen.more_receives_woken).then_some("flume notifies more receives than there are messages")
}

#[test]
fn flume() {
    compare::<real::side::Channel, ours::side::Channel>("flume", explain);
}
