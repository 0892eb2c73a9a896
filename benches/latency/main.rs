//! Latency from one thread or task to another: round trips, and one way under a paced load.
//!
//! `cargo bench -p joinq-benches --bench latency` measures both; with `-- paced` only the paced load, which
//! has options (`-- paced --help`); with any other argument only the round trips, with the options of
//! criterion.

mod busy;
mod links;
mod options;
mod paced;
mod situations;
mod table;
mod trips;
mod watchdog;

use busy::Busy;
use options::Options;
use paced::Load;
use std::process::ExitCode;
use table::Block;
use tokio::runtime::Runtime;
use watchdog::Watchdog;

fn runtime(workers: usize) -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(workers).build().unwrap()
}

fn paced_tables(options: &Options) -> std::io::Result<()> {
    let watchdog = Watchdog::new(options.watchdog);
    let mut blocks = Vec::new();
    for situation in situations::all(options.busy).into_iter().filter(|one| one.name.contains(&options.only)) {
        let _busy = Busy::new(situation.busy);
        for &per_second in &options.loads {
            let load = Load { per_second, round: options.round, senders: situation.senders };
            let new = |queue| Block {
                situation: situation.name.clone(),
                per_second,
                queue,
                joinq: Vec::new(),
                tokio: Vec::new(),
            };
            let mut measured = [new(situation.pairs[0].queue), new(situation.pairs[1].queue)];
            for round in 0..options.rounds {
                // In turn, so that other load on the machine affects all alike.
                for (pair, block) in situation.pairs.iter().zip(&mut measured) {
                    let begins = |library| {
                        let name = &situation.name;
                        watchdog.begins(format!("{name}, {per_second}/s, {} {library}, round {round}", pair.queue));
                    };
                    begins("joinq");
                    block.joinq.push((pair.joinq)(load));
                    begins("tokio");
                    block.tokio.push((pair.tokio)(load));
                }
            }
            blocks.extend(measured);
        }
    }
    print!("{}", table::markdown(&blocks));
    if let Some(path) = &options.out {
        std::fs::write(path, table::markdown(&blocks))?;
        std::fs::write(path.with_extension("csv"), table::csv(&blocks))?;
    }
    Ok(())
}

fn main() -> ExitCode {
    // `--bench` is an argument of cargo.
    let mut arguments: Vec<_> = std::env::args_os().skip(1).filter(|argument| argument != "--bench").collect();
    let options = match arguments.first() {
        None => Ok(Some(Options::default())),
        Some(first) if first == "paced" => options::parse(lexopt::Parser::from_args(arguments.drain(1..))),
        Some(_) => {
            trips::run();
            return ExitCode::SUCCESS;
        }
    };
    let options = match options {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{}", options::USAGE);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprint!("latency: {error}\n\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    if arguments.is_empty() {
        trips::run();
    }
    match paced_tables(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("latency: {error}");
            ExitCode::FAILURE
        }
    }
}
