//! `std::sync::mpsc` compared with `joinq::compat::std_mpsc`.

use crate::harness::{compare, Known};

super::both!("side.rs": std::sync::mpsc, joinq::compat::std_mpsc);

#[test]
fn std_mpsc() {
    compare::<real::side::Channel, ours::side::Channel>("std::sync::mpsc", Known::NOTHING);
}
