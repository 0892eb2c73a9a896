//! The cost of an operation as the work grows: items in a queue, waiting tasks, queues alive. All on one
//! thread.
//!
//! Bytes are those requested from the allocator. Counting them costs each allocation of each queue a few
//! nanoseconds.
//!
//! `cargo bench -p joinq-benches --bench growth -- --help` has the options.

mod alive;
mod depth;
mod peers;
mod report;
mod waiting;

use lexopt::prelude::*;
use peak_alloc::PeakAlloc;
use peers::{AsyncChannel, Crossbeam, Flume, Joinq, TokioBounded, TokioUnbounded};
use report::Report;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

const USAGE: &str = "\
Usage: cargo bench -p joinq-benches --bench growth [-- OPTIONS] [depth | waiting | alive]

Prints Markdown tables: each figure is the median of the rounds.

  --depth N    at most N items in a queue (default 10000000)
  --waiting N  at most N waiting tasks (default 100000)
  --alive N    at most N queues (default 1000000)
  --rounds N   measure each N times, the kinds of queue in turn (default 3)
  --limit N    skip, as '-', a measurement expected to take more than N seconds (default 20)
  --memory N   or more than N MiB of memory (default 8192)
  --out FILE   also write the tables to FILE, and all figures to FILE with the extension csv
";

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Bytes of the heap in use, as requested from the allocator.
fn heap() -> f64 {
    HEAP.current_usage() as f64
}

struct Options {
    only: Option<String>,
    depth: usize,
    waiting: usize,
    alive: usize,
    rounds: usize,
    limit: f64,
    memory: f64,
    out: Option<PathBuf>,
}

fn parse() -> Result<Option<Options>, lexopt::Error> {
    let mut options = Options {
        only: None,
        depth: 10_000_000,
        waiting: 100_000,
        alive: 1_000_000,
        rounds: 3,
        limit: 20.0,
        memory: 8192.0 * 1048576.0,
        out: None,
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("depth") => options.depth = parser.value()?.parse()?,
            Long("waiting") => options.waiting = parser.value()?.parse()?,
            Long("alive") => options.alive = parser.value()?.parse()?,
            Long("rounds") => options.rounds = parser.value()?.parse()?,
            Long("limit") => options.limit = parser.value()?.parse()?,
            Long("memory") => options.memory = parser.value()?.parse::<f64>()? * 1048576.0,
            Long("out") => options.out = Some(parser.value()?.into()),
            Long("help") => return Ok(None),
            // An argument of cargo.
            Long("bench") => {}
            Value(name) if options.only.is_none() && ["depth", "waiting", "alive"].iter().any(|part| name == *part) => {
                options.only = Some(name.string()?);
            }
            _ => return Err(argument.unexpected()),
        }
    }
    Ok(Some(options))
}

/// Measures one kind of queue at one size; returns the largest number of bytes that it used.
type Measure = fn(usize, &mut Report) -> f64;

/// One kind of queue in a series.
struct Entry {
    measure: Measure,
    /// The time and the bytes of the last two measurements, from which those of the next are estimated.
    time: [f64; 2],
    bytes: [f64; 2],
}

impl Entry {
    fn estimated([before, last]: [f64; 2]) -> f64 {
        last * if before > 0.0 { (last / before).clamp(1.0, 100.0) } else { 1.0 }
    }

    fn fits(&self, options: &Options) -> bool {
        Self::estimated(self.time) <= options.limit && Self::estimated(self.bytes) <= options.memory
    }
}

/// Measures at powers of ten up to `most`.
fn series(options: &Options, most: usize, measures: &[Measure], report: &mut Report) {
    let new = |measure: &Measure| Entry { measure: *measure, time: [0.0; 2], bytes: [0.0; 2] };
    let mut entries: Vec<Entry> = measures.iter().map(new).collect();
    let mut count = 1;
    while count <= most {
        entries.retain(|entry| entry.fits(options));
        for round in 0..options.rounds {
            for entry in &mut entries {
                let start = Instant::now();
                let bytes = (entry.measure)(count, report);
                if round == 0 {
                    entry.time = [entry.time[1], start.elapsed().as_secs_f64()];
                    entry.bytes = [entry.bytes[1], bytes];
                }
            }
            // Another one comes first: memory that the process touches for the first time is slower.
            if !entries.is_empty() {
                entries.rotate_left(1);
            }
        }
        count *= 10;
    }
}

fn run(options: &Options) -> std::io::Result<()> {
    let mut report = Report::default();
    let chosen = |part| options.only.as_deref().is_none_or(|only| only == part);
    if chosen("depth") {
        let measures = [
            depth::measure::<Joinq>,
            depth::measure::<AsyncChannel>,
            depth::measure::<Crossbeam>,
            depth::measure::<Flume>,
            depth::measure::<TokioUnbounded>,
        ];
        series(options, options.depth, &measures, &mut report);
    }
    if chosen("waiting") {
        let getters =
            [waiting::getters::<Joinq> as Measure, waiting::getters::<AsyncChannel>, waiting::getters::<Flume>];
        series(options, options.waiting, &getters, &mut report);
        let putters = [
            waiting::putters::<Joinq> as Measure,
            waiting::putters::<AsyncChannel>,
            waiting::putters::<Flume>,
            waiting::putters::<TokioBounded>,
        ];
        series(options, options.waiting, &putters, &mut report);
    }
    if chosen("alive") {
        let measures = [
            alive::measure::<Joinq>,
            alive::measure::<AsyncChannel>,
            alive::measure::<Crossbeam>,
            alive::measure::<Flume>,
            alive::measure::<TokioUnbounded>,
        ];
        series(options, options.alive, &measures, &mut report);
    }
    print!("{}", report.markdown());
    if let Some(path) = &options.out {
        std::fs::write(path, report.markdown())?;
        std::fs::write(path.with_extension("csv"), report.csv())?;
    }
    Ok(())
}

fn main() -> ExitCode {
    let options = match parse() {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprint!("growth: {error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("growth: {error}");
            ExitCode::FAILURE
        }
    }
}
