//! One run of one contender in one cell.

mod load;
mod memory;
mod pair;
mod span;
mod tasks;
mod threads;
mod usage;

pub use memory::Counting;
pub use usage::Usage;

use crate::cells::{Cell, Executor, Payload, What, Workers};
use crate::link::{Blocking, Link, Tasks, Words};
use std::time::Duration;

/// Measures one contender in one cell: a value in the unit of the cell.
pub type Measure = fn(&Cell) -> f64;

/// What one run has measured.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// In the unit of the cell.
    pub value: f64,
    /// Of each message, from before the queue is opened until after it is dropped.
    pub usage: Usage,
}

/// One run in this process, in which nothing else may run.
pub fn run(cell: &Cell, measure: Measure) -> Measured {
    let before = Usage::now();
    let value = measure(cell);
    Measured { value, usage: (Usage::now() - before).each(cell.messages.max(1)) }
}

fn each(elapsed: Duration, cell: &Cell) -> f64 {
    elapsed.as_nanos() as f64 / cell.messages as f64
}

fn workers(cell: &Cell) -> Workers {
    match cell.executor {
        Executor::Tokio(workers) => workers,
        Executor::Threads => unreachable!("tasks in a cell of threads"),
    }
}

/// Measures a queue without waiting operations.
pub fn one_thread<L: Link>(cell: &Cell) -> f64 {
    match cell.what {
        What::Memory(moment) => memory::on_heap::<L>(cell, moment),
        What::Resident(moment) => memory::resident_each::<L>(cell, moment),
        What::TryPair => each(pair::tries::<L>(cell), cell),
        what => unreachable!("{what:?} without waiting"),
    }
}

/// Measures a queue for threads.
pub fn blocking<L: Blocking>(cell: &Cell) -> f64 {
    let elapsed = match cell.what {
        What::Flow(Payload::Bytes8) => threads::flow::<L, u64>(cell),
        What::Flow(Payload::Bytes64) => threads::flow::<L, Words<8>>(cell),
        What::Flow(Payload::Bytes1024) => threads::flow::<L, Words<128>>(cell),
        What::Batches => threads::batches::<L>(cell),
        What::WaitPair => pair::waits::<L>(cell),
        What::RoundTrip => threads::round_trips::<L>(cell),
        What::Idle(_) | What::Light(_) => return load::of_threads::<L>(cell),
        What::TryPair | What::Memory(_) | What::Resident(_) => return one_thread::<L>(cell),
    };
    each(elapsed, cell)
}

/// Measures a queue for tasks.
pub fn tasks<L: Tasks>(cell: &Cell) -> f64 {
    let elapsed = match cell.what {
        What::Flow(Payload::Bytes8) => tasks::flow::<L, u64>(cell, workers(cell)),
        What::Flow(Payload::Bytes64) => tasks::flow::<L, Words<8>>(cell, workers(cell)),
        What::Flow(Payload::Bytes1024) => tasks::flow::<L, Words<128>>(cell, workers(cell)),
        What::Batches => tasks::batches::<L>(cell, workers(cell)),
        What::RoundTrip => tasks::round_trips::<L>(cell, workers(cell)),
        What::Idle(_) | What::Light(_) => return load::of_tasks::<L>(cell, workers(cell)),
        What::WaitPair | What::TryPair | What::Memory(_) | What::Resident(_) => return one_thread::<L>(cell),
    };
    each(elapsed, cell)
}
