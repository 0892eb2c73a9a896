//! Other crates' channels under their own names: change the `use` line and nothing else.
//!
//! | crate | module | what differs |
//! |---|---|---|
//! | `async-channel` 2.5 | [`async_channel`] | see `docs/migration/async-channel.md` |
//!
//! A module here holds names and signatures over this crate's own channel; it has no algorithm and no atomics.

pub mod async_channel;
