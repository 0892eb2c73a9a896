//! Small jobs through four workers: stages of joinq-flow beside other crates' ways to run jobs, and beside plain
//! channels with workers.
//!
//! A run is everything from the start of the workers to the last job's end: one producer, a loop, hands out the jobs;
//! in a runtime it is a task. The contenders run in turn within each round, and each round begins with another one. A
//! ratio is the median of the ratios within the rounds, so a load that changes slowly does not show in it. Each run
//! is checked: the sum over all jobs must be right.

mod channels;
mod contenders;
#[path = "../rivals/report/machine.rs"]
mod machine;
mod pools;
mod stages;
#[path = "../rivals/stats.rs"]
#[allow(dead_code)]
mod stats;
mod tasks;
mod work;

use contenders::{all, Contender};
use indicatif::ProgressBar;
use lexopt::prelude::*;
use stats::Rounds;
use std::error::Error;
use std::sync::Arc;
use std::time::Instant;
use work::Work;

/// The workers of each contender.
const WORKERS: usize = 4;
/// The bound of each contender that has one: of unfinished jobs, or of queued ones for a plain channel.
const BOUND: usize = 1000;

const USAGE: &str = "\
Usage: cargo bench -p joinq-benches --bench jobs [-- OPTIONS] [NAME]

  NAME        only contenders whose names contain this, and the first
  --jobs N    the jobs of a run (default 1000000)
  --spin N    the steps of a dependent computation in each job (default 0: a job is a few instructions)
  --rounds N  the timed rounds (default 9)
";

struct Options {
    name: String,
    jobs: u64,
    spin: u32,
    rounds: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = lexopt::Parser::from_env();
    let mut options = Options { name: String::new(), jobs: 1_000_000, spin: 0, rounds: 9 };
    while let Some(argument) = arguments.next()? {
        match argument {
            // An argument of cargo.
            Long("bench") => {}
            Long("help") => {
                print!("{USAGE}");
                return Ok(());
            }
            Long("jobs") => options.jobs = arguments.value()?.parse()?,
            Long("spin") => options.spin = arguments.value()?.parse()?,
            Long("rounds") => options.rounds = arguments.value()?.parse()?,
            Value(name) if options.name.is_empty() => options.name = name.string()?,
            other => return Err(other.unexpected().into()),
        }
    }
    measure(&options)
}

fn measure(options: &Options) -> Result<(), Box<dyn Error>> {
    let mut contenders = all();
    let first = contenders[0].name;
    contenders.retain(|contender| contender.name == first || contender.name.contains(&options.name));
    let mut times = vec![Rounds::default(); contenders.len()];
    let mut processor = times.clone();
    let progress = ProgressBar::new(((options.rounds + 1) * contenders.len()) as u64);
    for round in 0..=options.rounds {
        for turn in 0..contenders.len() {
            let index = (round + turn) % contenders.len();
            let (time, used) = run(&contenders[index], options)?;
            // The first round warms the allocator and the caches up.
            if round > 0 {
                times[index].0.push(time);
                processor[index].0.push(used);
            }
            progress.inc(1);
        }
    }
    progress.finish_and_clear();
    report(options, &contenders, &times, &processor);
    Ok(())
}

/// The nanoseconds of a run for each job: elapsed, and of all processors.
fn run(contender: &Contender, options: &Options) -> Result<(f64, f64), String> {
    let work = Arc::new(Work::new(options.spin));
    let (start, used) = (Instant::now(), processor_time());
    (contender.run)(&work, options.jobs);
    let (time, used) = (start.elapsed().as_secs_f64() * 1e9, (processor_time() - used) * 1e9);
    work.check(options.jobs).map_err(|error| format!("{}: {error}", contender.name))?;
    Ok((time / options.jobs as f64, used / options.jobs as f64))
}

fn report(options: &Options, contenders: &[Contender], times: &[Rounds], processor: &[Rounds]) {
    let Options { jobs, spin, rounds, .. } = options;
    println!("{jobs} jobs of {spin} steps, {WORKERS} workers, bound {BOUND}, {rounds} rounds\n");
    println!("| contender | bound | ns per job, median | fastest | slowest | time / first's | processor ns per job |");
    println!("|---|---|---:|---:|---:|---:|---:|");
    for ((contender, time), processor) in contenders.iter().zip(times).zip(processor) {
        let ratios = time.0.iter().zip(&times[0].0).map(|(time, first)| time / first).collect();
        let ratio = Rounds(ratios).median();
        let (median, fastest, slowest, processor) = (time.median(), time.min(), time.max(), processor.median());
        let Contender { name, bound, .. } = contender;
        println!("| {name} | {bound} | {median:.0} | {fastest:.0} | {slowest:.0} | {ratio:.2} | {processor:.0} |");
    }
    let crates =
        ["joinq", "joinq-flow", "async-channel", "crossbeam-channel", "futures-util", "rayon", "threadpool", "tokio"];
    println!("\n{}", machine::facts(&crates));
}

/// The seconds that this process has spent on the processors; 0 where Linux does not tell.
fn processor_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name, which may contain spaces: the 12th and 13th fields, in hundredths of a second.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}
