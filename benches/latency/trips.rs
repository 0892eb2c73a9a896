//! Round trips between two threads or two tasks.

use crate::links::{Joinq, Link, TaskLink, TokioBounded, TokioUnbounded};
use crate::runtime;
use crate::watchdog::Watchdog;
use criterion::Criterion;
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// Runs this number of round trips between two threads.
fn between_threads<L: Link<u64>>(trips: u64) -> Duration {
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

/// Runs this number of round trips between two tasks.
fn between_tasks<L: TaskLink<u64>>(runtime: &Runtime, trips: u64) -> Duration {
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

fn measure(criterion: &mut Criterion, watchdog: &Watchdog) {
    fn one<L: TaskLink<u64>>(criterion: &mut Criterion, watchdog: &Watchdog) {
        let mut group = criterion.benchmark_group("round trip");
        group.bench_function(format!("threads/{}", L::NAME), |bencher| {
            bencher.iter_custom(|trips| {
                watchdog.begins(format!("round trips of threads, {}", L::NAME));
                between_threads::<L>(trips)
            });
        });
        for workers in [1, 2] {
            let runtime = runtime(workers);
            group.bench_function(format!("tasks on {workers}/{}", L::NAME), |bencher| {
                bencher.iter_custom(|trips| {
                    watchdog.begins(format!("round trips of tasks on {workers}, {}", L::NAME));
                    between_tasks::<L>(&runtime, trips)
                });
            });
        }
    }
    one::<Joinq<100>>(criterion, watchdog);
    one::<TokioBounded>(criterion, watchdog);
    one::<Joinq<0>>(criterion, watchdog);
    one::<TokioUnbounded>(criterion, watchdog);
}

/// Runs the part that criterion measures, with the arguments of criterion.
pub fn run() {
    let watchdog = Watchdog::new(Duration::from_secs(60));
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    measure(&mut criterion, &watchdog);
    criterion.final_summary();
}
