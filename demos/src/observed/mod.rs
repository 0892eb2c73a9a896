//! A pipeline of two stages whose metrics Prometheus takes, with an outage now and then.
//!
//! Jobs of the stage `fetch` take 10 ms, and each that is done puts a job into the stage `save`, which keeps its jobs
//! in an SQLite file. During an outage `fetch` begins no job; what exceeds its capacity goes to disk. Of 1,000 jobs of
//! `fetch`, 50 fail once, 20 become dead letters and 2 panic once; 10 more items are not admitted.
//!
//! With `--commands` the process is under test: each event is a [`Line`] of its output, and its input has commands.

pub mod ledger;
pub mod server;

use backon::ConstantBuilder;
use joinq::Queue;
use joinq_flow::{Dead, Denied, Failure, Job, Refused, Retry, Safe, SqliteStore, Stage, State, Text, Workers};
use ledger::Line;
use metrics_exporter_prometheus::PrometheusBuilder;
use std::io::BufRead;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// The upper bounds of the histograms, in seconds.
pub const BUCKETS: [f64; 18] =
    [0.000_01, 0.000_1, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0];

/// How long a job of `fetch` takes.
const FETCH: Duration = Duration::from_millis(10);

/// How the program runs.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Where the metrics are.
    pub listen: SocketAddr,
    /// Items per second.
    pub rate: u32,
    /// When an outage begins: after this time, and each time the same time after the last one has ended.
    pub outage_every: Duration,
    /// How long an outage lasts.
    pub outage: Duration,
    /// When the feed ends.
    pub end: Duration,
    /// Whether outages and the end follow commands instead.
    pub commands: bool,
}

#[derive(Default)]
struct Signals {
    outage: AtomicBool,
    end: AtomicBool,
}

/// Carries out commands, and ends the process with the input.
fn obey(signals: &Signals) {
    for command in std::io::stdin().lock().lines() {
        match command.expect("the input").as_str() {
            "outage" => signals.outage.store(true, Ordering::SeqCst),
            "recovery" => signals.outage.store(false, Ordering::SeqCst),
            "end" => signals.end.store(true, Ordering::SeqCst),
            other => panic!("no command: {other}"),
        }
    }
    std::process::exit(0);
}

/// Outages by the clock.
fn schedule(signals: &Signals, options: Options) {
    let begin = Instant::now();
    while begin.elapsed() < options.end {
        let phase = begin.elapsed().as_millis() % (options.outage_every + options.outage).as_millis();
        signals.outage.store(phase >= options.outage_every.as_millis(), Ordering::SeqCst);
        thread::sleep(Duration::from_millis(20));
    }
    signals.outage.store(false, Ordering::SeqCst);
    signals.end.store(true, Ordering::SeqCst);
}

/// The number of the item, by which its fate is decided.
fn number(item: &str) -> u64 {
    item.parse().unwrap_or(0)
}

fn fetch(job: &Job<String>) -> Result<(), Failure> {
    thread::sleep(FETCH);
    match (number(job) % 1000, job.attempt()) {
        (0..20, _) => Err(Failure::fatal("no such page")),
        (20..70, 1) => Err("connection reset".into()),
        (70..72, 1) => panic!("a handler panics, as it should"),
        _ => Ok(()),
    }
}

/// What is written for a job of a stage when it is settled.
fn settled(stage: &'static str, write: bool) -> impl FnOnce(&Job<String>) + Send + 'static {
    move |job| {
        let line = match job.state() {
            State::Done => Line::Done(stage),
            State::Dead => Line::Dead(stage),
            _ => Line::Cancelled(stage),
        };
        if write {
            line.write();
        }
    }
}

/// Puts an item, and writes what became of it.
fn put(stage: &Stage<String>, name: &'static str, item: String, write: bool) -> Result<(), Refused<String>> {
    let result = stage.put(item).on_settled(settled(name, write)).wait();
    if write {
        match result {
            Ok(_) => Line::Put(name).write(),
            Err(_) => Line::Refused(name).write(),
        }
    }
    result.map(drop)
}

fn panics_are_expected() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload().downcast_ref::<&str>() != Some(&"a handler panics, as it should") {
            print(panic);
        }
    }));
}

/// Runs the pipeline to its end.
pub fn run(options: Options) {
    panics_are_expected();
    PrometheusBuilder::new()
        .with_http_listener(options.listen)
        .set_buckets(&BUCKETS)
        .expect("there are buckets")
        .install()
        .expect("the address is free");

    let folder = tempfile::tempdir().expect("a folder");
    let open = |name| SqliteStore::open(folder.path().join(name)).expect("a new file").safe(Safe::FromKill);
    let signals = Arc::new(Signals::default());
    let letters: Arc<Queue<Dead<String>>> = Arc::new(Queue::bounded(100));

    let save: Stage<String> = Stage::builder("save").capacity(200).durable(open("save.db"), Text).build();
    let asked = signals.clone();
    let soon = ConstantBuilder::default().with_delay(Duration::from_millis(500)).without_max_times();
    let fetched: Stage<String> = Stage::builder("fetch")
        .capacity(400)
        .spill(open("fetch.db"), Text)
        .admit(|item: &String| match number(item) % 100 {
            99 => Err(Denied::new("not this one")),
            _ => Ok(()),
        })
        .ready(move || match asked.outage.load(Ordering::SeqCst) {
            true => Err(Denied::new("an outage")),
            false => Ok(()),
        })
        .retry(Retry::new(soon).attempts(3))
        .dead_letters(letters.clone())
        .build();

    let write = options.commands;
    let next = save.clone();
    Workers::threads(&fetched, 2..=16, move |job: &Job<String>| {
        fetch(job)?;
        Ok(put(&next, "save", job.to_string(), write)?)
    });
    Workers::threads(&save, 1..=4, |_: &Job<String>| Ok(()));

    Line::Listens(options.listen.port()).write();
    let director = signals.clone();
    let director = move || if options.commands { obey(&director) } else { schedule(&director, options) };
    thread::spawn(director);

    let begin = Instant::now();
    for item in 0u64.. {
        let due = begin + Duration::from_secs(item) / options.rate;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if signals.end.load(Ordering::SeqCst) {
            break;
        }
        let _ = put(&fetched, "fetch", item.to_string(), write);
        letters.drain();
    }
    for stage in [&fetched, &save] {
        stage.close();
        stage.join().wait();
    }
    Line::Joined.write();
    if options.commands {
        // The metrics stay where they are until the input ends.
        loop {
            thread::park();
        }
    }
}
