//! Random programs on each compat module and on the crate that it replaces, side by side.
//!
//! A program is a sequence of operations on one channel: `try_` calls, futures, streams and sinks that are
//! polled by hand, each with one of two wakers, clones and drops of all handles. It runs on one thread, so
//! its outcome is determined. After each step are compared
//! - the result of the operation,
//! - the items that were dropped,
//! - and no wake-up is lost: an operation that was not woken since its last poll is pending if polled again,
//!   unless another operation that waits for the same event was woken and not polled.
//!
//! Where the two differ on purpose, *What differs* on the module's page says so, and the `outcome` or `wake`
//! function of the family names it. Wake-ups on one side only are counted and printed: `cargo test -p
//! joinq-compat-tests -- --nocapture`.
//!
//! `JOINQ_PROGRAMS=100000` runs more programs, `JOINQ_SEED=7` a single one, `JOINQ_REPORTS=5` reports five
//! differences in place of one.
//!
//! Each family of operations is written once, in `side.rs`, and compiled for both crates: names and
//! signatures agree where that compiles.

mod async_channel;
mod crossbeam_channel;
mod flume;
mod harness;
mod std_mpsc;
mod tokio_bounded;
mod tokio_ops;
mod tokio_unbounded;

/// Compiles the same operations for the peer and for our module.
macro_rules! both {
    ($side:literal: $real:path, $ours:path) => {
        #[path = "."]
        mod real {
            pub(super) use $real as channel;
            #[path = $side]
            pub(super) mod side;
        }
        #[path = "."]
        #[allow(clippy::duplicate_mod)] // Intended: the file is compiled twice.
        mod ours {
            pub(super) use $ours as channel;
            #[path = $side]
            pub(super) mod side;
        }
    };
}
use both;
