//! One run of one contender in one cell.

mod memory;
mod pair;
mod span;
mod tasks;
mod threads;

pub use memory::Counting;

use crate::cells::{Cell, Executor, Payload, What, Workers};
use crate::link::{Blocking, Link, Tasks, Words};
use std::time::Duration;

/// A measured value, in the unit of the cell.
pub type Measured = f64;

fn each(elapsed: Duration, cell: &Cell) -> Measured {
    elapsed.as_nanos() as f64 / cell.messages as f64
}

fn workers(cell: &Cell) -> Workers {
    match cell.executor {
        Executor::Tokio(workers) => workers,
        Executor::Threads => unreachable!("tasks in a cell of threads"),
    }
}

/// Measures a queue without waiting operations.
pub fn one_thread<L: Link>(cell: &Cell) -> Measured {
    match cell.what {
        What::Memory(moment) => memory::bytes::<L>(cell, moment),
        What::TryPair => each(pair::tries::<L>(cell), cell),
        what => unreachable!("{what:?} without waiting"),
    }
}

/// Measures a queue for threads.
pub fn blocking<L: Blocking>(cell: &Cell) -> Measured {
    let elapsed = match cell.what {
        What::Flow(Payload::Bytes8) => threads::flow::<L, u64>(cell),
        What::Flow(Payload::Bytes64) => threads::flow::<L, Words<8>>(cell),
        What::Flow(Payload::Bytes1024) => threads::flow::<L, Words<128>>(cell),
        What::Batches => threads::batches::<L>(cell),
        What::WaitPair => pair::waits::<L>(cell),
        What::RoundTrip => threads::round_trips::<L>(cell),
        What::TryPair | What::Memory(_) => return one_thread::<L>(cell),
    };
    each(elapsed, cell)
}

/// Measures a queue for tasks.
pub fn tasks<L: Tasks>(cell: &Cell) -> Measured {
    let elapsed = match cell.what {
        What::Flow(Payload::Bytes8) => tasks::flow::<L, u64>(cell, workers(cell)),
        What::Flow(Payload::Bytes64) => tasks::flow::<L, Words<8>>(cell, workers(cell)),
        What::Flow(Payload::Bytes1024) => tasks::flow::<L, Words<128>>(cell, workers(cell)),
        What::Batches => tasks::batches::<L>(cell, workers(cell)),
        What::RoundTrip => tasks::round_trips::<L>(cell, workers(cell)),
        What::WaitPair | What::TryPair | What::Memory(_) => return one_thread::<L>(cell),
    };
    each(elapsed, cell)
}
