//! `std::sync::mpsc` beside `joinq::compat::std_mpsc`.

use crate::harness::{compare, Seen};

super::both!("side.rs": std::sync::mpsc, joinq::compat::std_mpsc);

fn explain(_seen: &Seen<'_>) -> Option<&'static str> {
    None
}

#[test]
fn std_mpsc() {
    compare::<real::side::Channel, ours::side::Channel>("std::sync::mpsc", explain);
}
