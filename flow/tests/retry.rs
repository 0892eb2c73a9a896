//! Retries by the clock of the system.

mod common;

use backon::ExponentialBuilder;
use common::watchdog;
use joinq_flow::{Job, Retry, Stage, State, Workers};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// As `Retry::default()`, with a hundredth of the times. The stage is closed meanwhile.
#[test]
fn no_attempt_begins_before_its_delay_is_over() {
    let _watchdog = watchdog();
    let delays = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(20))
        .with_max_delay(Duration::from_millis(320))
        .with_factor(2.0)
        .without_max_times();
    let stage: Stage<u32> = Stage::builder("retry").retry(Retry::new(delays).attempts(8)).build();
    let begun = Arc::new(Mutex::new(Vec::new()));
    let log = begun.clone();
    let workers = Workers::threads(&stage, 2..=2, move |_: &Job<u32>| {
        log.lock().unwrap().push(Instant::now());
        Err("refused".into())
    });
    let job = stage.put(1).wait().unwrap();
    while job.state() != State::Retrying {
        std::thread::yield_now();
    }
    stage.close();
    stage.join().wait();
    workers.join().wait();
    assert_eq!((job.state(), job.attempt()), (State::Dead, 8));
    let begun = begun.lock().unwrap();
    let measured: Vec<_> = begun.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect();
    println!("delays in ms: {measured:?}");
    let least = [20, 40, 80, 160, 320, 320, 320];
    assert_eq!(measured.len(), least.len());
    assert!(measured.iter().zip(least).all(|(&delay, least)| delay >= least), "{measured:?}");
}
