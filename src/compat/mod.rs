//! Other crates' channels under their own names: change the `use` line and nothing else.
//!
//! | crate | module | what differs |
//! |---|---|---|
//! | `async-channel` 2.5 | [`async_channel`] | nothing is missing; see there |
//! | `crossbeam-channel` 0.5 | [`crossbeam_channel`] | no `select!`, no timer channels; see there |
//! | `flume` 0.12 | [`flume`] | no `Selector`; see there |
//! | `std::sync::mpsc` | [`std_mpsc`] | see there |
//! | `tokio::sync::mpsc` 1.53 | `tokio_mpsc`, with the feature `tokio` | waiting senders are in no order; see there |
//!
//! A module here holds names and signatures over this crate's own channel; it has no algorithm and no atomics.

#[macro_use]
mod macros;

pub mod async_channel;
pub mod crossbeam_channel;
pub mod flume;
pub mod std_mpsc;
#[cfg(feature = "tokio")]
pub mod tokio_mpsc;
