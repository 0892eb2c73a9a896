//! The way from one thread or task to another: there and back, and one way under a paced load.
//!
//! `cargo bench -p joinq-benches --bench latency` measures both, with the argument `paced` the second only, with
//! any other filter the first only.

// The kinds of queue are those of the bench `rivals`, which uses more of them.
#[path = "rivals/contenders/joinq.rs"]
mod joinqs;
#[allow(dead_code)]
#[path = "rivals/link.rs"]
mod link;
#[path = "rivals/contenders/macros.rs"]
mod macros;
#[path = "rivals/contenders/tokio.rs"]
mod tokios;

use criterion::Criterion;
use hdrhistogram::Histogram;
use link::{Blocking, Capacity, Shape, Tasks};
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

fn runtime(workers: usize) -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(workers).build().unwrap()
}

/// A queue that both threads and tasks can wait for.
trait Either: Blocking + Tasks {}

impl<L: Blocking + Tasks> Either for L {}

const BOUNDED: Capacity = Capacity::Bounded(100);

/// How a queue of this capacity is called.
fn name<L: Either>(capacity: Capacity) -> String {
    let bound = if capacity.unbounded() { "unbounded" } else { "bounded" };
    format!("{} {bound}", L::NAME)
}

/// The two ends of one.
fn pair<L: Either>(capacity: Capacity) -> (L::Tx<u64>, L::Rx<u64>) {
    let (mut tx, mut rx) = L::open(capacity, Shape::ONE_TO_ONE);
    (tx.remove(0), rx.remove(0))
}

/// So many round trips between two threads.
fn between_threads<L: Either>(capacity: Capacity, trips: u64) -> Duration {
    let (mut ping, mut far_in) = pair::<L>(capacity);
    let (mut far_out, mut pong) = pair::<L>(capacity);
    thread::scope(|scope| {
        scope.spawn(move || {
            (0..trips).for_each(|_| <L as Blocking>::send::<u64>(&mut far_out, <L as Blocking>::recv(&mut far_in)))
        });
        let start = Instant::now();
        for trip in 0..trips {
            <L as Blocking>::send(&mut ping, trip);
            assert_eq!(<L as Blocking>::recv::<u64>(&mut pong), trip);
        }
        start.elapsed()
    })
}

/// So many round trips between two tasks.
fn between_tasks<L: Either>(runtime: &Runtime, capacity: Capacity, trips: u64) -> Duration {
    let (mut ping, mut far_in) = pair::<L>(capacity);
    let (mut far_out, mut pong) = pair::<L>(capacity);
    runtime.spawn(async move {
        for _ in 0..trips {
            let trip = <L as Tasks>::recv::<u64>(&mut far_in).await;
            <L as Tasks>::send(&mut far_out, trip).await;
        }
    });
    let near = runtime.spawn(async move {
        let start = Instant::now();
        for trip in 0..trips {
            <L as Tasks>::send(&mut ping, trip).await;
            assert_eq!(<L as Tasks>::recv::<u64>(&mut pong).await, trip);
        }
        start.elapsed()
    });
    runtime.block_on(near).unwrap()
}

fn round_trips(criterion: &mut Criterion) {
    fn one<L: Either>(criterion: &mut Criterion, capacity: Capacity) {
        let name = name::<L>(capacity);
        let mut group = criterion.benchmark_group("round trip");
        group.bench_function(format!("threads/{name}"), |bencher| {
            bencher.iter_custom(|trips| between_threads::<L>(capacity, trips));
        });
        for workers in [1, 2] {
            let runtime = runtime(workers);
            group.bench_function(format!("tasks on {workers}/{name}"), |bencher| {
                bencher.iter_custom(|trips| between_tasks::<L>(&runtime, capacity, trips));
            });
        }
    }
    one::<joinqs::Shared>(criterion, BOUNDED);
    one::<tokios::Bounded>(criterion, BOUNDED);
    one::<joinqs::Shared>(criterion, Capacity::Unbounded);
    one::<tokios::Unbounded>(criterion, Capacity::Unbounded);
}

/// Who receives under the paced load; the sender is always a thread, which spins until the next message is due.
#[derive(Clone, Copy, Debug)]
enum To {
    Thread,
    Task,
}

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_millis(400);

/// One round: each message carries the time at which it was sent, and its receiver looks at the clock.
fn paced<L: Either>(capacity: Capacity, to: To, per_second: u64, times: &mut Histogram<u64>) {
    let (mut tx, mut rx) = pair::<L>(capacity);
    let start = Instant::now();
    let nanos = move || start.elapsed().as_nanos() as u64;
    let count = ROUND.as_millis() as u64 * per_second / 1000;
    let sender = thread::spawn(move || {
        for due in (1..=count).map(|message| message * 1_000_000_000 / per_second) {
            while nanos() < due {
                std::hint::spin_loop();
            }
            <L as Blocking>::send(&mut tx, nanos());
        }
    });
    let received = match to {
        To::Thread => (0..count).map(|_| <L as Blocking>::recv::<u64>(&mut rx)).map(|sent| nanos() - sent).collect(),
        To::Task => {
            let runtime = runtime(1);
            let task = runtime.spawn(async move {
                let mut received = Vec::with_capacity(count as usize);
                for _ in 0..count {
                    let sent = <L as Tasks>::recv::<u64>(&mut rx).await;
                    received.push(nanos() - sent);
                }
                received
            });
            runtime.block_on(task).unwrap()
        }
    };
    sender.join().unwrap();
    received.iter().for_each(|time| times.record(*time).unwrap());
}

/// One line of the table.
struct Line {
    name: String,
    capacity: Capacity,
    paced: fn(Capacity, To, u64, &mut Histogram<u64>),
    times: Histogram<u64>,
    medians: Vec<u64>,
}

fn line<L: Either>(capacity: Capacity) -> Line {
    let times = Histogram::new(3).unwrap();
    Line { name: name::<L>(capacity), capacity, paced: paced::<L>, times, medians: Vec::new() }
}

fn paced_table() {
    for to in [To::Thread, To::Task] {
        for per_second in [10_000, 100_000] {
            let mut lines = [
                line::<joinqs::Shared>(BOUNDED),
                line::<tokios::Bounded>(BOUNDED),
                line::<joinqs::Shared>(Capacity::Unbounded),
                line::<tokios::Unbounded>(Capacity::Unbounded),
            ];
            for _ in 0..ROUNDS {
                // In turn, so that what else the machine does strikes all alike.
                for line in &mut lines {
                    let mut times = Histogram::new(3).unwrap();
                    (line.paced)(line.capacity, to, per_second, &mut times);
                    line.medians.push(times.value_at_quantile(0.5));
                    line.times.add(times).unwrap();
                }
            }
            println!("\none way, thread to {to:?}, {per_second} messages/s, {ROUNDS} rounds; microseconds");
            println!("{:<24}{:>9}{:>9}{:>9}{:>9}   medians", "", "p50", "p99", "p99.9", "max");
            for line in &lines {
                let at = |quantile| line.times.value_at_quantile(quantile) as f64 / 1e3;
                print!("{:<24}{:>9.2}{:>9.2}{:>9.2}{:>9.1}  ", line.name, at(0.5), at(0.99), at(0.999), at(1.0));
                line.medians.iter().for_each(|median| print!(" {:.2}", *median as f64 / 1e3));
                println!();
            }
        }
    }
}

fn main() {
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let only_paced = filter.as_deref() == Some("paced");
    if !only_paced {
        let mut criterion = Criterion::default()
            .sample_size(20)
            .warm_up_time(Duration::from_millis(500))
            .measurement_time(Duration::from_secs(2))
            .configure_from_args();
        round_trips(&mut criterion);
        criterion.final_summary();
    }
    if only_paced || filter.is_none() {
        paced_table();
    }
}
