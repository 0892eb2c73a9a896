//! Other crates' channels under their own names: change the `use` line and nothing else.
//!
//! Requires the feature `compat`, and `tokio_mpsc` the feature `tokio`.
//!
//! | crate | module | what differs |
//! |---|---|---|
//! | `async-channel` 2.5 | [`async_channel`] | nothing is missing |
//! | `crossbeam-channel` 0.5 | [`crossbeam_channel`] | nothing is missing; `Select` takes messages that are `Send` |
//! | `flume` 0.12 | [`flume`] | nothing is missing |
//! | `std::sync::mpsc` | [`std_mpsc`] | the stable names only |
//! | `tokio::sync::mpsc` 1.54 | `tokio_mpsc`, with the feature `tokio` | at most 2^30 - 1 slots |
//!
//! The page of each module has the details under *What differs*. A module holds names and signatures over
//! this crate's own channel, and no atomics; the selects are over this crate's own select.
//!
//! # A whole tree of dependencies
//!
//! A `use` line changes one crate. To replace a channel crate in all dependencies as well, patch it by one of
//! the crates in the folder `shims/` of this crate's repository; each page has the lines. The page
//! [`field_tests`](https://docs.rs/joinq/latest/joinq/guide/field_tests/index.html) lists published crates
//! that were tested in this way.
//!
//! # One half of a program at a time
//!
//! `From` converts a [`Sender`](crate::Sender) or [`Receiver`](crate::Receiver) of this crate into the handle
//! of the same name in [`async_channel`], [`crossbeam_channel`], [`flume`] or [`std_mpsc`], and back. So one
//! half of a program can be moved to this crate's own names while the other half keeps its old ones.
//!
//! ```
//! use joinq::compat::flume;
//!
//! fn feed(sender: flume::Sender<u32>) {
//!     (0..100).for_each(|number| sender.send(number).unwrap()); // as it was
//! }
//!
//! let (sender, receiver) = joinq::bounded(10);
//! std::thread::spawn(move || feed(sender.into()));
//! let mut numbers = Vec::new();
//! while receiver.recv_many(&mut numbers, 16).wait().is_ok() {} // what `flume` does not have
//! assert_eq!(numbers.iter().sum::<u32>(), 4950);
//! ```
//!
//! A converted handle remains a handle of the same channel and is counted as one. The channel keeps the
//! properties with which it was created:
//!
//! - The constructor decides what happens to the messages that are in the channel when the last receiver is
//!   dropped: those of [`bounded`](crate::bounded) and [`unbounded`](crate::unbounded) are dropped at once,
//!   those of another crate's channel as its page says.
//! - For handles without a method `close`, a closed channel is a disconnected one.
//! - An [`async_channel`] with capacity 0, which its own `bounded` refuses, is a rendezvous.
//! - The `send` of a [`std_mpsc::Sender`] never blocks. So the conversion is a `TryFrom`, which succeeds for
//!   an unbounded channel only; any sender converts into a [`std_mpsc::SyncSender`]. A [`std_mpsc::Receiver`]
//!   that was converted may be one of several receivers.
//! - A [`crossbeam_channel::Receiver`] may be that of a timer, which is no channel of this crate. So its
//!   conversion into a [`Receiver`](crate::Receiver) is a `TryFrom`.
//! - A weak handle must be upgraded first.
//! - The errors of this crate convert into those of [`crossbeam_channel`] and [`flume`] by `From` as well;
//!   those of [`async_channel`] are the same types.
//! - `tokio_mpsc` has no such conversions: all its bounded channels have permits, and its receivers are single.

#[macro_use]
mod examples;
#[macro_use]
mod macros;

pub mod async_channel;
pub mod crossbeam_channel;
pub mod flume;
pub mod std_mpsc;
#[cfg(feature = "tokio")]
pub mod tokio_mpsc;
