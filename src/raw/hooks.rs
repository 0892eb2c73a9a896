//! For the tests of this module: what happens at an instruction that a test cannot reach otherwise.
//!
//! Each hook belongs to one thread and is used up when it is met.

use std::cell::Cell;

thread_local! {
    static MEANWHILE: Cell<Option<Box<dyn FnOnce()>>> = const { Cell::new(None) };
    static ALLOCATION_FAILS: Cell<bool> = const { Cell::new(false) };
}

/// `work` is done by the next operation of this thread that stands between its look and its claim, as if that thread were
/// preempted there and others did it.
pub(super) fn meanwhile(work: impl FnOnce() + 'static) {
    MEANWHILE.with(|hook| hook.set(Some(Box::new(work))));
}

/// A look is behind this thread, and the claim that goes by it is next.
pub(super) fn before_the_claim() {
    if let Some(work) = MEANWHILE.with(Cell::take) {
        work();
    }
}

/// The next allocation of a segment by this thread panics.
pub(super) fn fail_the_next_allocation() {
    ALLOCATION_FAILS.with(|hook| hook.set(true));
}

/// Panics if that was asked for; without a message, so that it can be done many times.
pub(super) fn allocation() {
    if ALLOCATION_FAILS.with(Cell::take) {
        std::panic::resume_unwind(Box::new("no memory"));
    }
}
