//! Stages under pressure: too many items, a capacity that changes, and jobs that are cancelled, panic or lose
//! their worker.
//!
//! The process under test writes a line for each event ([`lines`]); another process reads them ([`judge`])
//! and prints the ledger.

pub mod capacity;
pub mod faults;
pub mod judge;
pub mod lines;
pub mod memory;

use crate::acceptance::Verdict;
use joinq_flow::State;

/// The numbers of a ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Puts that have begun.
    pub put: u64,
    /// Puts that have returned a job.
    pub acknowledged: u64,
    /// Puts that gave their item back.
    pub refused: u64,
    /// Jobs whose handler was called.
    pub started: u64,
    /// Jobs that were settled as done.
    pub done: u64,
    /// Jobs that were settled as dead.
    pub dead: u64,
    /// Jobs that were settled as cancelled.
    pub cancelled: u64,
    /// Acknowledged jobs that were not settled.
    pub lost: u64,
    /// Calls of a handler for a job after the first one.
    pub repeated: u64,
}

impl std::fmt::Display for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Ledger { put, acknowledged, refused, started, done, dead, cancelled, lost, repeated } = self;
        write!(
            f,
            "put {put}, acknowledged {acknowledged}, refused {refused}, started {started}, done {done}, dead {dead}, \
             cancelled {cancelled}, lost {lost}, repeated {repeated}"
        )
    }
}

/// The number of a state in a line.
fn code(state: State) -> u64 {
    match state {
        State::Done => 0,
        State::Dead => 1,
        State::Cancelled => 2,
        State::Waiting | State::Running | State::Retrying => 3,
    }
}

/// What the judge of a test has found.
fn verdict(title: String, ledger: Ledger, figures: Vec<String>, violations: Vec<String>) -> Verdict {
    let mut lines = vec![ledger.to_string()];
    lines.extend(figures);
    Verdict { title, ledger: lines, violations }
}

/// The process under test. `used` is the number of bytes that are allocated, and `peak` the largest that it
/// was.
pub fn child(test: &str, options: &str, used: fn() -> usize, peak: fn() -> usize) {
    lines::start_watchdog();
    match test {
        "memory" => memory::child(options, peak),
        "capacity" => capacity::child(options),
        "faults" => faults::child(options, used),
        _ => panic!("there is no test `{test}`"),
    }
}
