//! Hooks for the unit tests of the core: work at an instruction that a test cannot reach otherwise.
//!
//! Knows nothing of the core. Each hook belongs to one thread and runs once.

use super::points::Point;
use std::cell::Cell;

/// The points of which the first that is passed runs the work.
type Hook = (&'static [Point], Box<dyn FnOnce()>);

thread_local! {
    static AT_A_POINT: Cell<Option<Hook>> = const { Cell::new(None) };
    static ALLOCATION_FAILS: Cell<bool> = const { Cell::new(false) };
}

/// The next operation of this thread that is between its check and its claim runs `work`, as if the thread
/// were preempted there and other threads did the work.
pub(super) fn run_before_the_claim(work: impl FnOnce() + 'static) {
    run_at(&[Point::PushChecked, Point::PopChecked], work);
}

/// The next operation of this thread that passes one of these points runs `work` there.
pub(super) fn run_at(points: &'static [Point], work: impl FnOnce() + 'static) {
    AT_A_POINT.with(|hook| hook.set(Some((points, Box::new(work)))));
}

/// Called by an operation at each point that it passes.
pub(super) fn at(point: Point) {
    // While the work runs there is none.
    match AT_A_POINT.with(Cell::take) {
        Some((points, work)) if points.contains(&point) => work(),
        other => AT_A_POINT.with(|hook| hook.set(other)),
    }
}

/// The next allocation of a segment by this thread panics.
pub(super) fn fail_the_next_allocation() {
    ALLOCATION_FAILS.with(|hook| hook.set(true));
}

/// Called by each allocation of a segment. Panics if a test asked for it; without a message, so that a test
/// can do this many times.
pub(super) fn allocation() {
    if ALLOCATION_FAILS.with(Cell::take) {
        std::panic::resume_unwind(Box::new("no memory"));
    }
}
