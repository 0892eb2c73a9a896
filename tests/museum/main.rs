//! Bugs of other queues, as tests of this one. Each test has the number of its row in `docs/museum.md`, which
//! names the tests elsewhere as well.

mod answers;
mod ends;
#[cfg(unix)]
mod platform;
mod table;
mod waiting;

#[path = "../common/mod.rs"]
mod common;
