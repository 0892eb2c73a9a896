//! Other crates' channels under their own names: change the `use` line and nothing else.
//!
//! | crate | module | what differs |
//! |---|---|---|
//! | `async-channel` 2.5 | [`async_channel`] | nothing is missing; see there |
//! | `crossbeam-channel` 0.5 | [`crossbeam_channel`] | no `select!`, no timer channels; see there |
//! | `flume` 0.12 | [`flume`] | no `Selector`; see there |
//! | `std::sync::mpsc` | [`std_mpsc`] | see there |
//! | `tokio::sync::mpsc` 1.53 | `tokio_mpsc`, with the feature `tokio` | waiting senders are served in order, as there; see there |
//!
//! A module here holds names and signatures over this crate's own channel; it has no algorithm and no atomics.
//!
//! # One half of a program at a time
//!
//! A [`Sender`](crate::Sender) or [`Receiver`](crate::Receiver) of this crate becomes the handle of the same name in
//! [`async_channel`], [`crossbeam_channel`], [`flume`] or [`std_mpsc`] by `From`, and back, so that one half of a program
//! can be moved to this crate's own names while the other keeps its old ones.
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
//! It stays a handle of the same channel and counts as one; the channel stays what it was made:
//!
//! - What becomes of the messages that are inside when the last receiver goes is settled where the channel is made: those
//!   of [`bounded`](crate::bounded) and [`unbounded`](crate::unbounded) are dropped at once, those of another crate's
//!   channel as its page says.
//! - A channel that was closed by a call is disconnected for handles that know no `close`.
//! - An [`async_channel`] of capacity 0, which its own `bounded` refuses, is a rendezvous.
//! - The `send` of a [`std_mpsc::Sender`] never blocks, so that it is made by `TryFrom`, of an unbounded channel only; any
//!   sender becomes a [`std_mpsc::SyncSender`]. A [`std_mpsc::Receiver`] made so may be one of several receivers.
//! - A weak handle is upgraded first.
//! - The errors of this crate's own become those of [`crossbeam_channel`] and [`flume`] by `From` as well; those of
//!   [`async_channel`] are the same types.
//! - `tokio_mpsc` has no such conversions: its channels are made to keep room for permits, and no others are.

#[macro_use]
mod macros;

pub mod async_channel;
pub mod crossbeam_channel;
pub mod flume;
pub mod std_mpsc;
#[cfg(feature = "tokio")]
pub mod tokio_mpsc;
