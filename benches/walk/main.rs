//! The example `walk` beside other programs that count the files below a folder, their lines and their bytes:
//! `find` with `wc`, and the parallel walker of the crate `ignore`.
//!
//! Each run is a process of its own, so that the start of its threads is part of the time. The contenders run in
//! turn. What they read is in the page cache, as the first round, in which their counts are compared, is not timed.

mod contenders;
#[path = "../rivals/report/machine.rs"]
mod machine;
mod peer;
#[path = "../rivals/stats.rs"]
#[allow(dead_code)]
mod stats;
mod tree;

use contenders::{all, Contender, Counts};
use indicatif::ProgressBar;
use lexopt::prelude::*;
use stats::Rounds;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

const USAGE: &str = "\
Usage: cargo bench -p joinq-benches --bench walk [-- OPTIONS] [PATH]

  PATH         an existing folder; without it a tree is made in a temporary folder, and removed at the end
  --files N    the files of the tree (default 100000), 100 in a folder
  --threads N  the threads or tasks of each contender (default: the number of cores)
  --rounds N   the timed rounds (default 10)
";

struct Options {
    path: Option<PathBuf>,
    files: usize,
    threads: usize,
    rounds: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = lexopt::Parser::from_env();
    let cores = std::thread::available_parallelism().map_or(2, |cores| cores.get());
    let mut options = Options { path: None, files: 100_000, threads: cores, rounds: 10 };
    while let Some(argument) = arguments.next()? {
        match argument {
            // An argument of cargo.
            Long("bench") => {}
            Long("help") => {
                print!("{USAGE}");
                return Ok(());
            }
            Long("files") => options.files = arguments.value()?.parse()?,
            Long("threads") => options.threads = arguments.value()?.parse()?,
            Long("rounds") => options.rounds = arguments.value()?.parse()?,
            // This program as a contender.
            Long("as-peer") => return peer::run(arguments.value()?.parse()?, &PathBuf::from(arguments.value()?)),
            Value(path) if options.path.is_none() => options.path = Some(path.into()),
            other => return Err(other.unexpected().into()),
        }
    }
    match &options.path {
        Some(path) => measure(path, &options),
        None => measure(tree::make(options.files)?.path(), &options),
    }
}

fn measure(path: &Path, options: &Options) -> Result<(), Box<dyn Error>> {
    let contenders = all(options.threads)?;
    let counts: Vec<Counts> = contenders.iter().map(|contender| contender.run(path)).collect::<Result<_, _>>()?;
    for (contender, count) in contenders.iter().zip(&counts) {
        if *count != counts[0] {
            return Err(
                format!("{} counts {count:?}, and {} {:?}", contender.name, contenders[0].name, counts[0]).into()
            );
        }
    }
    let mut times = vec![Rounds::default(); contenders.len()];
    let mut processor = times.clone();
    let progress = ProgressBar::new((options.rounds * contenders.len()) as u64);
    for round in 0..options.rounds {
        for turn in 0..contenders.len() {
            let index = (round + turn) % contenders.len();
            let (start, used) = (Instant::now(), processor_time());
            contenders[index].run(path)?;
            times[index].0.push(start.elapsed().as_secs_f64() * 1e3);
            processor[index].0.push(processor_time() - used);
            progress.inc(1);
        }
    }
    progress.finish_and_clear();
    report(&contenders, &counts[0], &times, &processor);
    Ok(())
}

fn report(contenders: &[Contender], counts: &Counts, times: &[Rounds], processor: &[Rounds]) {
    let Counts { lines, bytes } = counts;
    println!("{lines} lines, {bytes} bytes; {} rounds\n", times[0].0.len());
    println!("| contender | median, ms | fastest | slowest | ratio to the first | processor, ms |");
    println!("|---|---:|---:|---:|---:|---:|");
    for ((contender, time), processor) in contenders.iter().zip(times).zip(processor) {
        let (median, ratio) = (time.median(), time.median() / times[0].median());
        let (fastest, slowest, processor) = (time.min(), time.max(), processor.median());
        println!("| {} | {median:.0} | {fastest:.0} | {slowest:.0} | {ratio:.2} | {processor:.0} |", contender.name);
    }
    println!("\n{}", machine::facts(&["joinq", "ignore"]));
}

/// The milliseconds that ended child processes have spent on the processors; 0 where Linux does not tell.
fn processor_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name, which may contain spaces: the 14th and 15th fields, in hundredths of a second.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(13).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() * 10.0
}
