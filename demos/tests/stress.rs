//! The short forms of the tests of `stress`; `cargo run --release -p joinq-demos --bin stress` runs the long
//! ones.
//!
//! No verdict depends on timing: each wait has an outcome that comes at last, and a watchdog.

use joinq_demos::acceptance::Verdict;
use joinq_demos::stress::{capacity, faults, memory};
use std::path::Path;

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_stress"))
}

fn pass(verdict: Verdict) {
    println!("{verdict}");
    assert!(verdict.passes(), "{verdict}");
}

#[test]
fn memory_is_bounded_while_puts_wait() {
    pass(memory::run(program(), memory::Mode::Wait, memory::Load::SHORT));
}

#[test]
fn memory_is_bounded_while_the_oldest_jobs_are_dropped() {
    pass(memory::run(program(), memory::Mode::DropOldest, memory::Load::SHORT));
}

#[test]
fn memory_is_bounded_while_jobs_go_to_disk() {
    pass(memory::run(program(), memory::Mode::Spill, memory::Load::SHORT));
}

#[test]
fn memory_is_not_bounded_without_a_capacity() {
    pass(memory::run(program(), memory::Mode::Unbounded, memory::Load::SHORT));
}

#[test]
fn a_capacity_that_changes_is_kept_and_used() {
    let seed = fastrand::u64(..);
    pass(capacity::run(program(), capacity::Changes { changes: 200, seed }));
}

#[test]
fn each_job_is_settled_once_in_spite_of_cancels_panics_and_drops() {
    pass(faults::run(program(), faults::Jobs::short(fastrand::u64(..))));
}
