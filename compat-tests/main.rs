//! Random programs on each compat module and on the crate whose names it bears, side by side.
//!
//! A program is a row of operations on one channel: tries, futures, streams and sinks that are polled by
//! hand, each with one of two wakers, clones and drops of all handles. It runs on one thread, so that it has
//! one outcome. After each step are compared
//! - what the operation returned,
//! - the items that were dropped,
//! - and no wake-up is lost: an operation that was not woken since its last poll is pending if polled again,
//!   unless another that waits for the same was woken and not polled.
//!
//! Where the two differ on purpose a *What differs* of the module's page says so, and `explain` here names
//! it. Wake-ups that come on one side only are counted and printed: `cargo test -p joinq-compat-tests --
//! --nocapture`.
//!
//! `JOINQ_PROGRAMS=100000` runs more programs, `JOINQ_SEED=7` a single one, `JOINQ_REPORTS=5` reports more
//! than the first difference.
//!
//! Each family of operations is written once, in `side.rs`, and compiled for both crates: names and
//! signatures agree where that compiles.

mod async_channel;
mod crossbeam_channel;
mod flume;
mod harness;
mod std_mpsc;
mod tokio_bounded;
mod tokio_unbounded;

/// The same operations on the peer and on our module.
macro_rules! both {
    ($side:literal: $real:path, $ours:path) => {
        #[path = "."]
        mod real {
            pub(super) use $real as channel;
            #[path = $side]
            pub(super) mod side;
        }
        #[path = "."]
        #[allow(clippy::duplicate_mod)] // The very purpose.
        mod ours {
            pub(super) use $ours as channel;
            #[path = $side]
            pub(super) mod side;
        }
    };
}
use both;
