//! The table of cells, in groups. The number of messages of each cell is such that one run takes 20 to 60 ms.

use crate::link::{Capacity, Shape};
use std::fmt;
use std::time::Duration;

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
    /// The bytes on the heap of one queue.
    Memory(Moment),
    /// The resident bytes of a process with as many queues as the cell has messages.
    Resident(Moment),
    /// The CPU time of the process while all receivers wait.
    Idle(Duration),
    /// The CPU time of the process at 1,000 messages a second.
    Light(Duration),
}

/// When bytes are counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Moment {
    Empty,
    OneItem,
    /// After all messages of the cell were sent and then received.
    Drained,
}

/// The process in which a cell is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Process {
    This,
    /// A new one for each run, after this number of messages.
    New {
        sent_before: u64,
    },
}

pub const BATCH: u64 = 32;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unit {
    NanosPerMessage,
    NanosPerTrip,
    Bytes,
    /// Milliseconds of CPU time in a second.
    CpuMillis,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unit::NanosPerMessage => "ns/message",
            Unit::NanosPerTrip => "ns/trip",
            Unit::Bytes => "bytes",
            Unit::CpuMillis => "CPU ms/s",
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
    /// A multiple of the number of senders and of receivers.
    pub messages: u64,
    pub process: Process,
}

impl Cell {
    pub fn unit(&self) -> Unit {
        match self.what {
            What::RoundTrip => Unit::NanosPerTrip,
            What::Memory(_) | What::Resident(_) => Unit::Bytes,
            What::Idle(_) | What::Light(_) => Unit::CpuMillis,
            _ => Unit::NanosPerMessage,
        }
    }

    /// Whether it has a ratio to the best peer. Others can be zero, and are only shown.
    pub fn compared(&self) -> bool {
        matches!(self.unit(), Unit::NanosPerMessage | Unit::NanosPerTrip | Unit::Bytes)
    }

    /// Whether CPU time and context switches of a message are shown.
    pub fn has_usage(&self) -> bool {
        matches!(self.unit(), Unit::NanosPerMessage | Unit::NanosPerTrip)
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
        self.0.push(Cell { group, name, what, executor, shape, capacity, messages, process: Process::This });
    }

    /// The last cell is measured in another process.
    fn in_process(&mut self, process: Process) {
        self.0.last_mut().expect("a cell").process = process;
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
                    let messages = divisible(flow_messages(of, shape, capacity), shape);
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
        use Capacity::{Bounded, Unbounded};
        for (name, moment, messages, capacities) in [
            ("empty", Moment::Empty, 0, &CAPACITIES[..]),
            ("one-item", Moment::OneItem, 1, &[Bounded(100), Unbounded]),
            ("drained", Moment::Drained, 100, &[Bounded(100), Unbounded]),
            ("million-drained", Moment::Drained, 1_000_000, &[Unbounded]),
        ] {
            for &capacity in capacities {
                let rest = [name.into(), capacity_name(capacity)];
                let at = (Shape::ONE_TO_ONE, capacity);
                self.add("memory", &rest, What::Memory(moment), Executor::Threads, at, messages);
            }
        }
        for (name, moment) in [("million-empty", Moment::Empty), ("million-one-item", Moment::OneItem)] {
            let rest = [name.into(), capacity_name(Unbounded)];
            let at = (Shape::ONE_TO_ONE, Unbounded);
            self.add("memory", &rest, What::Resident(moment), Executor::Threads, at, 1_000_000);
            self.in_process(Process::New { sent_before: 0 });
        }
    }

    /// The first messages of a process, and later ones.
    fn fresh(&mut self) {
        for (name, what, of) in
            [("pair", What::TryPair, Executor::Threads), ("threads", U64, Executor::Threads), ("tokio-2", U64, TOKIO_2)]
        {
            for (when, sent_before) in [("first", 0), ("later", 3_000_000)] {
                let at = (Shape::ONE_TO_ONE, Capacity::Unbounded);
                self.add("fresh", &[name.into(), when.into()], what, of, at, 100_000);
                self.in_process(Process::New { sent_before });
            }
        }
    }

    /// CPU time of queues that are idle or nearly so. The capacity is such that no message is lost if the machine
    /// is busy for a while.
    fn idle(&mut self) {
        let capacity = Capacity::Bounded(1024);
        for of in [Executor::Threads, TOKIO_2] {
            for receivers in [1, 4] {
                let shape = shape(1, receivers);
                let what = What::Idle(Duration::from_secs(1));
                let rest = ["waiting".into(), executor_name(of), ends(shape)];
                self.add("idle", &rest, what, of, (shape, capacity), receivers as u64);
            }
            let rest = ["1000-a-second".into(), executor_name(of), ends(Shape::ONE_TO_ONE)];
            let what = What::Light(Duration::from_secs(2));
            self.add("idle", &rest, what, of, (Shape::ONE_TO_ONE, capacity), 2000);
        }
    }

    /// As many senders, receivers and workers as the machine has cores.
    fn cores(&mut self, cores: usize) {
        for of in [Executor::Threads, Executor::Tokio(Workers::Multi(cores))] {
            for shape in [shape(cores, cores), shape(cores, 1), shape(1, cores)] {
                for capacity in CAPACITIES {
                    let messages = flow_messages(of, shape, capacity);
                    let rest = [executor_name(of), ends(shape), capacity_name(capacity)];
                    self.add("cores", &rest, U64, of, (shape, capacity), divisible(messages, shape));
                }
            }
        }
    }
}

/// At least so many messages, the same number for each sender and for each receiver.
fn divisible(messages: u64, shape: Shape) -> u64 {
    let most = shape.senders.max(shape.receivers) as u64;
    messages.next_multiple_of(if 64 % most == 0 { 64 } else { 64 * most })
}

/// A short form of a cell, to test that it works.
fn shorten(cell: &mut Cell) {
    match (&mut cell.what, &mut cell.process) {
        (What::Memory(_), _) => {}
        (What::Resident(_), _) => cell.messages /= 100,
        (What::Idle(time), _) => *time /= 20,
        (What::Light(time), _) => {
            *time /= 20;
            cell.messages /= 20;
        }
        (_, process) => {
            cell.messages = divisible(cell.messages / 20, cell.shape);
            if let Process::New { sent_before } = process {
                *sent_before /= 20;
            }
        }
    }
}

/// All cells; with `quick` each has a twentieth of the messages. The group `cores` takes part above two cores, since
/// the other groups are for two.
pub fn all(quick: bool, cores: usize) -> Vec<Cell> {
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
    table.fresh();
    table.idle();
    if cores > 2 {
        table.cores(cores);
    }
    let mut cells = table.0;
    if quick {
        cells.iter_mut().for_each(shorten);
    }
    cells
}
