//! Kills processes with a stage and judges what is left: the tests of `flow/docs/durability.md`.

use joinq_demos::acceptance::{blame, calls, kill, order, spill, Verdict};
use joinq_demos::stores::Kind;
use joinq_demos::{child, strace};
use lexopt::prelude::*;
use std::path::Path;
use std::process::ExitCode;

const HELP: &str = "\
Usage: kill [TEST ...] [--kills N] [--store STORE] [--seed N] [--series SERIES] [--step N] [--jobs N]

Each test runs processes with a stage, kills them, and prints the ledger. Without a TEST all run.

  random   kills at random moments, N times (--kills, 1000 by default), with 4 workers, and N / 5 times with 1 worker
  calls    kills at each system call that changes a file; with --step N at each nth one;
           --series start, open or batches runs one of its three parts
  order    each acknowledgement comes after an fdatasync
  blame    one job aborts the process
  spill    100,000 jobs (--jobs) for a stage of 100

  --store STORE   sqlite, redb or sqlite-from-kill; both sqlite and redb by default
  --seed N        the moments of the kills; another one in each run by default

JOINQ_FOLDER is the folder for the stores. JOINQ_STRACE=1 makes a missing strace a failure.
";

const TESTS: [&str; 5] = ["random", "calls", "order", "blame", "spill"];

struct Arguments {
    tests: Vec<String>,
    kills: u32,
    stores: Vec<Kind>,
    seed: u64,
    step: u32,
    jobs: u32,
    series: Vec<calls::Series>,
}

fn arguments() -> Result<Option<Arguments>, lexopt::Error> {
    let mut found = Arguments {
        tests: Vec::new(),
        kills: 1000,
        stores: Vec::new(),
        seed: fastrand::u64(..),
        step: 1,
        jobs: 100_000,
        series: Vec::new(),
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("kills") => found.kills = parser.value()?.parse()?,
            Long("store") => found.stores.push(parser.value()?.parse()?),
            Long("seed") => found.seed = parser.value()?.parse()?,
            Long("step") => found.step = parser.value()?.parse::<u32>()?.max(1),
            Long("series") => found.series.push(parser.value()?.parse()?),
            Long("jobs") => found.jobs = parser.value()?.parse()?,
            Long("help") => return Ok(None),
            Value(test) if TESTS.iter().any(|known| test == *known) => found.tests.push(test.string()?),
            other => return Err(other.unexpected()),
        }
    }
    if found.stores.is_empty() {
        found.stores = Kind::BOTH.to_vec();
    }
    if found.series.is_empty() {
        found.series = calls::Series::ALL.to_vec();
    }
    if found.tests.is_empty() {
        found.tests = TESTS.map(str::to_owned).to_vec();
    }
    Ok(Some(found))
}

/// Runs one test with one store, and passes each verdict on as soon as it is there.
fn run(test: &str, store: Kind, arguments: &Arguments, program: &Path, verdict: &mut impl FnMut(Verdict)) {
    let Arguments { kills, seed, step, jobs, .. } = *arguments;
    match test {
        "random" => {
            verdict(kill::run(program, kill::Kills { store, workers: 4, kills, seed }));
            verdict(kill::run(program, kill::Kills { store, workers: 1, kills: kills.div_ceil(5), seed: seed ^ 1 }));
        }
        "calls" => {
            for series in &arguments.series {
                verdict(calls::run(program, calls::Calls { store, series: *series, first: 1, step }));
            }
        }
        "order" => {
            for rule in [order::Rule::LastWrite, order::Rule::Item] {
                verdict(order::run(program, store, rule));
            }
            if store == Kind::Sqlite {
                verdict(order::run(program, Kind::SqliteFromKill, order::Rule::LastWrite));
            }
        }
        "blame" => [1, 4].into_iter().for_each(|workers| verdict(blame::run(program, store, workers, 1000))),
        "spill" => verdict(spill::run(program, store, jobs)),
        _ => unreachable!("a test of the list"),
    }
}

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args().collect();
    if let [_, child, options] = &words[..] {
        if child == "child" {
            return match child::main(options) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    eprintln!("the process under test: {error}");
                    ExitCode::FAILURE
                }
            };
        }
    }
    let arguments = match arguments() {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("{error}\n{HELP}");
            return ExitCode::from(2);
        }
    };
    let program = std::env::current_exe().expect("this program has a path");
    let mut failed = false;
    for test in &arguments.tests {
        if matches!(test.as_str(), "calls" | "order") {
            if let Err(why) = strace::available() {
                println!("{test}: skipped, for strace does not work here: {why}");
                continue;
            }
        }
        for store in &arguments.stores {
            run(test, *store, &arguments, &program, &mut |verdict| {
                println!("{verdict}");
                failed |= !verdict.passes();
            });
        }
    }
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
