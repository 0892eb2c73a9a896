//! The table of cells, in groups. The number of messages of each cell is such that one run takes 20 to 60 ms.

use crate::link::{Capacity, Shape};
use std::fmt;

/// The kind of senders and receivers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Executor {
    Threads,
    Tokio(Workers),
}

/// The scheduler of the tasks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Workers {
    /// The scheduler `current_thread`.
    Current,
    /// The scheduler `multi_thread`, with this number of workers.
    Multi(usize),
}

/// The size of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Payload {
    Bytes8,
    Bytes64,
    Bytes1024,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum What {
    /// Messages from all senders to all receivers.
    Flow(Payload),
    /// Messages from all senders to all receivers, in batches of [`BATCH`].
    Batches,
    /// One thread sends a message and receives it, by operations that never wait.
    TryPair,
    /// One thread sends a message and receives it, by operations that may wait.
    WaitPair,
    /// Round trips.
    RoundTrip,
    Memory(Moment),
}

/// When the bytes on the heap are counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Moment {
    Empty,
    /// After 100 messages were sent and received.
    Drained,
}

pub const BATCH: u64 = 32;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unit {
    NanosPerMessage,
    NanosPerTrip,
    Bytes,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unit::NanosPerMessage => "ns/message",
            Unit::NanosPerTrip => "ns/trip",
            Unit::Bytes => "bytes",
        })
    }
}

/// One line of the comparison.
#[derive(Clone, Debug)]
pub struct Cell {
    pub group: &'static str,
    /// The group is its first part.
    pub name: String,
    pub what: What,
    pub executor: Executor,
    pub shape: Shape,
    pub capacity: Capacity,
    /// A multiple of the number of senders and of receivers, which both divide 64 in all cells.
    pub messages: u64,
}

impl Cell {
    pub fn unit(&self) -> Unit {
        match self.what {
            What::RoundTrip => Unit::NanosPerTrip,
            What::Memory(_) => Unit::Bytes,
            _ => Unit::NanosPerMessage,
        }
    }
}

/// The groups that are compared by default; the others need `--all` or a filter.
pub const CORE: [&str; 6] = ["threads", "tokio-2", "tokio-current", "pair", "round-trip", "memory"];

const U64: What = What::Flow(Payload::Bytes8);
const CAPACITIES: [Capacity; 3] = [Capacity::Bounded(1), Capacity::Bounded(100), Capacity::Unbounded];
const TOKIO_2: Executor = Executor::Tokio(Workers::Multi(2));

fn shape(senders: usize, receivers: usize) -> Shape {
    Shape { senders, receivers }
}

fn capacity_name(capacity: Capacity) -> String {
    capacity.bound().map_or_else(|| "unbounded".into(), |bound| bound.to_string())
}

fn ends(shape: Shape) -> String {
    format!("{}p{}c", shape.senders, shape.receivers)
}

fn executor_name(executor: Executor) -> String {
    match executor {
        Executor::Threads => "threads".into(),
        Executor::Tokio(Workers::Current) => "tokio-current".into(),
        Executor::Tokio(Workers::Multi(workers)) => format!("tokio-{workers}"),
    }
}

/// The number of messages that take 20 to 60 ms.
fn flow_messages(executor: Executor, shape: Shape, capacity: Capacity) -> u64 {
    match (executor, capacity) {
        // Every message may put a thread to sleep.
        (Executor::Threads, Capacity::Bounded(0 | 1)) if shape.one_to_one() => 10_000,
        (Executor::Threads, Capacity::Bounded(0 | 1)) => 20_000,
        (Executor::Threads, Capacity::Bounded(_)) => 250_000,
        (Executor::Tokio(Workers::Multi(_)), Capacity::Bounded(1)) => 60_000,
        (Executor::Tokio(Workers::Current), Capacity::Bounded(1)) => 150_000,
        (Executor::Tokio(_), Capacity::Bounded(_)) => 600_000,
        (_, Capacity::Unbounded) => 800_000,
    }
}

/// The table under construction.
struct Table(Vec<Cell>);

impl Table {
    fn add(
        &mut self,
        group: &'static str,
        rest: &[String],
        what: What,
        executor: Executor,
        (shape, capacity): (Shape, Capacity),
        messages: u64,
    ) {
        let name = format!("{group}/{}", rest.join("/"));
        self.0.push(Cell { group, name, what, executor, shape, capacity, messages });
    }

    /// The groups `threads`, `tokio-2` and `tokio-current`.
    fn shapes(&mut self, group: &'static str, executor: Executor, capacities: &[Capacity]) {
        for shape in [shape(1, 1), shape(4, 1), shape(1, 4), shape(4, 4)] {
            for &capacity in capacities {
                let messages = flow_messages(executor, shape, capacity);
                self.add(group, &[ends(shape), capacity_name(capacity)], U64, executor, (shape, capacity), messages);
            }
        }
    }

    fn pairs(&mut self) {
        for (name, what) in [("try", What::TryPair), ("wait", What::WaitPair)] {
            for capacity in [Capacity::Bounded(1024), Capacity::Unbounded] {
                let at = (Shape::ONE_TO_ONE, capacity);
                self.add("pair", &[name.into(), capacity_name(capacity)], what, Executor::Threads, at, 1_000_000);
            }
        }
    }

    fn payloads(&mut self) {
        for (of, shape) in [(Executor::Threads, shape(1, 1)), (Executor::Threads, shape(4, 4)), (TOKIO_2, shape(4, 4))]
        {
            for (bytes, payload, messages) in [
                ("8B", Payload::Bytes8, 450_000),
                ("64B", Payload::Bytes64, 400_000),
                ("1024B", Payload::Bytes1024, 150_000),
            ] {
                let at = (shape, Capacity::Bounded(100));
                self.add(
                    "payload",
                    &[executor_name(of), ends(shape), bytes.into()],
                    What::Flow(payload),
                    of,
                    at,
                    messages,
                );
            }
        }
    }

    fn scaling(&mut self) {
        const COUNTS: [usize; 5] = [1, 2, 4, 16, 64];
        let even = COUNTS.map(|count| shape(count, count));
        let many_to_one = COUNTS[1..].iter().map(|&count| shape(count, 1));
        let one_to_many = COUNTS[1..].iter().map(|&count| shape(1, count));
        let shapes: Vec<Shape> = even.into_iter().chain(many_to_one).chain(one_to_many).collect();
        for of in [Executor::Threads, TOKIO_2] {
            for capacity in [Capacity::Bounded(100), Capacity::Unbounded] {
                for &shape in &shapes {
                    let messages = flow_messages(of, shape, capacity).next_multiple_of(64);
                    self.add(
                        "scaling",
                        &[executor_name(of), ends(shape), capacity_name(capacity)],
                        U64,
                        of,
                        (shape, capacity),
                        messages,
                    );
                }
            }
        }
    }

    fn batches(&mut self) {
        for of in [Executor::Threads, TOKIO_2] {
            for shape in [shape(1, 1), shape(4, 1)] {
                for capacity in [Capacity::Bounded(100), Capacity::Unbounded] {
                    let rest = [executor_name(of), ends(shape), capacity_name(capacity)];
                    self.add("batch", &rest, What::Batches, of, (shape, capacity), 1_000_000);
                }
            }
        }
    }

    fn round_trips(&mut self) {
        let one_worker = Executor::Tokio(Workers::Multi(1));
        for (of, trips) in
            [(Executor::Threads, 5_000), (Executor::Tokio(Workers::Current), 100_000), (one_worker, 100_000)]
        {
            for capacity in [Capacity::Bounded(100), Capacity::Unbounded] {
                let at = (Shape::ONE_TO_ONE, capacity);
                self.add("round-trip", &[executor_name(of), capacity_name(capacity)], What::RoundTrip, of, at, trips);
            }
        }
    }

    fn memory(&mut self) {
        for (name, moment) in [("empty", Moment::Empty), ("drained", Moment::Drained)] {
            for capacity in CAPACITIES {
                if (moment, capacity) != (Moment::Drained, Capacity::Bounded(1)) {
                    let at = (Shape::ONE_TO_ONE, capacity);
                    self.add(
                        "memory",
                        &[name.into(), capacity_name(capacity)],
                        What::Memory(moment),
                        Executor::Threads,
                        at,
                        100,
                    );
                }
            }
        }
    }
}

/// All cells; with `quick` each has a twentieth of the messages.
pub fn all(quick: bool) -> Vec<Cell> {
    let mut table = Table(Vec::new());
    table.shapes("threads", Executor::Threads, &[&[Capacity::Bounded(0)], &CAPACITIES[..]].concat());
    table.shapes("tokio-2", TOKIO_2, &CAPACITIES);
    table.shapes("tokio-current", Executor::Tokio(Workers::Current), &CAPACITIES);
    table.pairs();
    table.payloads();
    table.scaling();
    table.batches();
    table.round_trips();
    table.memory();
    let mut cells = table.0;
    for cell in cells.iter_mut().filter(|cell| quick && cell.unit() != Unit::Bytes) {
        cell.messages = (cell.messages / 20).next_multiple_of(64);
    }
    cells
}
