//! `joinq::compat::async_channel` under the name of `async-channel`.

pub use joinq::compat::async_channel::*;
