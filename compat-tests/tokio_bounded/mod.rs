//! `tokio::sync::mpsc::channel` compared with that of `joinq::compat::tokio_mpsc`.

use crate::harness::{compare, Known, Out, Seen, Topic, Wake};

super::both!("side.rs": crate::tokio_ops::peer, joinq::compat::tokio_mpsc);

const RESERVATION: &str = "a reservation that was not polled since the close holds permits in tokio";

/// Whether both are facts of a closed channel that differ only in a higher capacity on our side, and so in
/// fewer messages that may still arrive.
fn only_more_capacity(real: &Out, ours: &Out) -> bool {
    let (Out::Facts(real), Out::Facts(ours)) = (real, ours) else { return false };
    real.contains(&("closed", 1))
        && real.iter().zip(ours).all(|(real, ours)| {
            real == ours || (real.0 == "capacity" && real.1 < ours.1) || (real.0 == "most" && real.1 > ours.1)
        })
}

fn outcome(seen: &Seen<'_>) -> Option<&'static str> {
    // The end comes earlier on our side, as a close releases the permits that a reservation has collected.
    let ends_earlier = match (seen.real, seen.ours) {
        (Out::Failed("empty", None) | Out::Pending, Out::End) => true,
        (Out::Pending, Out::Items(items)) => items.is_empty(),
        (real, ours) => only_more_capacity(real, ours),
    };
    (seen.capacity_is_waited_for && ends_earlier).then_some(RESERVATION)
}

fn wake(wake: &Wake<'_>) -> Option<&'static str> {
    match (wake.topic, wake.ours) {
        (Topic::Items, true) if wake.step == "close" => Some("`close` wakes a receive of its own task"),
        (Topic::Items, true) if wake.capacity_is_waited_for => Some(RESERVATION),
        _ => None,
    }
}

#[test]
fn tokio_bounded() {
    compare::<real::side::Channel, ours::side::Channel>("tokio::sync::mpsc::channel", Known { outcome, wake });
}
