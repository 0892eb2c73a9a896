//! `joinq::compat::crossbeam_channel` under the name of `crossbeam-channel`.

pub use joinq::compat::crossbeam_channel::*;
