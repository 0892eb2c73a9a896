//! The way from one thread or task to another: there and back, and one way under a paced load.
//!
//! `cargo bench -p joinq-benches --bench latency` measures both, with the argument `paced` the second only, with
//! any other filter the first only.

mod links;

use criterion::Criterion;
use hdrhistogram::Histogram;
use links::{Joinq, Link, TokioBounded, TokioUnbounded};
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

fn runtime(workers: usize) -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(workers).build().unwrap()
}

/// So many round trips between two threads.
fn between_threads<L: Link>(trips: u64) -> Duration {
    let (mut ping, mut far_in) = L::pair();
    let (mut far_out, mut pong) = L::pair();
    thread::scope(|scope| {
        scope.spawn(move || (0..trips).for_each(|_| L::send_blocking(&mut far_out, L::recv_blocking(&mut far_in))));
        let start = Instant::now();
        for trip in 0..trips {
            L::send_blocking(&mut ping, trip);
            assert_eq!(L::recv_blocking(&mut pong), trip);
        }
        start.elapsed()
    })
}

/// So many round trips between two tasks.
fn between_tasks<L: Link>(runtime: &Runtime, trips: u64) -> Duration {
    let (mut ping, mut far_in) = L::pair();
    let (mut far_out, mut pong) = L::pair();
    runtime.spawn(async move {
        for _ in 0..trips {
            let trip = L::recv(&mut far_in).await;
            L::send(&mut far_out, trip).await;
        }
    });
    let near = runtime.spawn(async move {
        let start = Instant::now();
        for trip in 0..trips {
            L::send(&mut ping, trip).await;
            assert_eq!(L::recv(&mut pong).await, trip);
        }
        start.elapsed()
    });
    runtime.block_on(near).unwrap()
}

fn round_trips(criterion: &mut Criterion) {
    fn one<L: Link>(criterion: &mut Criterion) {
        let mut group = criterion.benchmark_group("round trip");
        group.bench_function(format!("threads/{}", L::NAME), |bencher| bencher.iter_custom(between_threads::<L>));
        for workers in [1, 2] {
            let runtime = runtime(workers);
            group.bench_function(format!("tasks on {workers}/{}", L::NAME), |bencher| {
                bencher.iter_custom(|trips| between_tasks::<L>(&runtime, trips));
            });
        }
    }
    one::<Joinq<100>>(criterion);
    one::<TokioBounded>(criterion);
    one::<Joinq<0>>(criterion);
    one::<TokioUnbounded>(criterion);
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
fn paced<L: Link>(to: To, per_second: u64, times: &mut Histogram<u64>) {
    let (mut tx, mut rx) = L::pair();
    let start = Instant::now();
    let nanos = move || start.elapsed().as_nanos() as u64;
    let count = ROUND.as_millis() as u64 * per_second / 1000;
    let sender = thread::spawn(move || {
        for due in (1..=count).map(|message| message * 1_000_000_000 / per_second) {
            while nanos() < due {
                std::hint::spin_loop();
            }
            L::send_blocking(&mut tx, nanos());
        }
    });
    let received = match to {
        To::Thread => (0..count).map(|_| L::recv_blocking(&mut rx)).map(|sent| nanos() - sent).collect(),
        To::Task => {
            let runtime = runtime(1);
            let task = runtime.spawn(async move {
                let mut received = Vec::with_capacity(count as usize);
                for _ in 0..count {
                    let sent = L::recv(&mut rx).await;
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
    name: &'static str,
    paced: fn(To, u64, &mut Histogram<u64>),
    times: Histogram<u64>,
    medians: Vec<u64>,
}

fn line<L: Link>() -> Line {
    let times = Histogram::new(3).unwrap();
    Line { name: L::NAME, paced: paced::<L>, times, medians: Vec::new() }
}

fn paced_table() {
    for to in [To::Thread, To::Task] {
        for per_second in [10_000, 100_000] {
            let mut lines =
                [line::<Joinq<100>>(), line::<TokioBounded>(), line::<Joinq<0>>(), line::<TokioUnbounded>()];
            for _ in 0..ROUNDS {
                // In turn, so that what else the machine does strikes all alike.
                for line in &mut lines {
                    let mut times = Histogram::new(3).unwrap();
                    (line.paced)(to, per_second, &mut times);
                    line.medians.push(times.value_at_quantile(0.5));
                    line.times.add(times).unwrap();
                }
            }
            println!("\none way, thread to {to:?}, {per_second} messages/s, {ROUNDS} rounds; microseconds");
            println!("{:<20}{:>9}{:>9}{:>9}{:>9}   medians", "", "p50", "p99", "p99.9", "max");
            for line in &lines {
                let at = |quantile| line.times.value_at_quantile(quantile) as f64 / 1e3;
                print!("{:<20}{:>9.2}{:>9.2}{:>9.2}{:>9.1}  ", line.name, at(0.5), at(0.99), at(0.999), at(1.0));
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
