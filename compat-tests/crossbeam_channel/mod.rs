//! `crossbeam_channel` compared with `joinq::compat::crossbeam_channel`.

use crate::harness::{compare, Known};

super::both!("side.rs": ::crossbeam_channel, joinq::compat::crossbeam_channel);

#[test]
fn crossbeam_channel() {
    compare::<real::side::Channel, ours::side::Channel>("crossbeam-channel", Known::NOTHING);
}
