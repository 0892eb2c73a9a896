//! `flume` compared with `joinq::compat::flume`.

use crate::harness::{compare, Known, Out, Seen, Topic, Wake};

super::both!("side.rs": ::flume, joinq::compat::flume);

/// Whether both are facts of a channel with capacity 0 that differ only because ours shows no messages.
fn only_the_length_at_capacity_0(real: &Out, ours: &Out) -> bool {
    let (Out::Facts(real), Out::Facts(ours)) = (real, ours) else { return false };
    let shows_none = [("length", 0), ("empty", 1), ("full", 1)];
    real.contains(&("capacity", 0))
        && real.iter().zip(ours).all(|(real, ours)| real == ours || (real.0 == ours.0 && shows_none.contains(ours)))
}

fn outcome(seen: &Seen<'_>) -> Option<&'static str> {
    if only_the_length_at_capacity_0(seen.real, seen.ours) {
        return Some("with capacity 0 the length is always 0 here");
    }
    let sends_beyond_the_capacity = matches!(
        (seen.real, seen.ours),
        (Out::Failed("full" | "timeout", Some(_)) | Out::Pending, Out::Done)
            | (Out::Done, Out::Failed("full" | "timeout", Some(_)) | Out::Pending)
    );
    (sends_beyond_the_capacity && seen.receives_differ)
        .then_some("a receive that waits on one side only, as the wake-ups differ, makes a send possible")
}

fn wake(wake: &Wake<'_>) -> Option<&'static str> {
    match (wake.topic, wake.ours) {
        (Topic::Items, true) if wake.step == "drop an operation" => {
            Some("a notified operation that is dropped wakes no future there that waits behind a stream")
        }
        (Topic::Items, true) => wake.not_the_first.then_some("the order of receives after an earlier difference"),
        (Topic::Items, false) => Some("a notified operation that ends wakes others there, needed or not"),
        _ => None,
    }
}

#[test]
fn flume() {
    compare::<real::side::Channel, ours::side::Channel>("flume", Known { outcome, wake });
}
