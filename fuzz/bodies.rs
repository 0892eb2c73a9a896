//! The bodies of the fuzz targets. Each runs a string of bytes as a program and compares the library with a model.
//!
//! Shared by the targets in `fuzz_targets/`, for which libFuzzer makes up the bytes, and by `tests/differential.rs`,
//! which replays the committed corpus and makes up bytes from seeds. With `JOINQ_TRACE` set each step is printed.

mod attempts;
mod driver;
mod fuse;
mod input;
mod item;
mod messages;
mod model;
mod operation;
mod request;
mod slots;
mod workers;

pub(crate) mod channel;
pub(crate) mod multi;
pub(crate) mod ops;
pub(crate) mod panics;
pub(crate) mod select;
pub(crate) mod waitlist;
pub(crate) mod work;
