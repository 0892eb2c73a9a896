//! Stages under pressure: memory under overload, a capacity that changes, and cancels, panics and drops.

use joinq_demos::acceptance::Verdict;
use joinq_demos::stress::{capacity, faults, memory};
use lexopt::prelude::*;
use peak_alloc::PeakAlloc;
use std::path::Path;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const HELP: &str = "\
Usage: stress [TEST ...] [--short] [--mode MODE] [--seed N]

Each test runs a process with a stage, whose lines this process reads, and prints the ledger. Without a TEST all run.

  memory     items come ten times faster than they are worked off, for 20 s, and without a bound as a control
  capacity   the capacity changes 10,000 times, with 8 putters and 8 workers
  faults     a million jobs: cancels, panics, workers that are dropped, handles that are dropped, deadlines

  --short      the sizes of `cargo test`
  --mode MODE  of `memory`: wait, drop-oldest, spill or unbounded; all by default
  --seed N     the random choices; others in each run by default
";

const TESTS: [&str; 3] = ["memory", "capacity", "faults"];

struct Arguments {
    tests: Vec<String>,
    short: bool,
    modes: Vec<memory::Mode>,
    seed: u64,
}

fn arguments() -> Result<Option<Arguments>, lexopt::Error> {
    let mut found = Arguments { tests: Vec::new(), short: false, modes: Vec::new(), seed: fastrand::u64(..) };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("short") => found.short = true,
            Long("mode") => found.modes.push(parser.value()?.parse()?),
            Long("seed") => found.seed = parser.value()?.parse()?,
            Long("help") => return Ok(None),
            Value(test) if TESTS.iter().any(|known| test == *known) => found.tests.push(test.string()?),
            other => return Err(other.unexpected()),
        }
    }
    if found.modes.is_empty() {
        found.modes = memory::Mode::ALL.to_vec();
    }
    if found.tests.is_empty() {
        found.tests = TESTS.map(str::to_owned).to_vec();
    }
    Ok(Some(found))
}

fn run(test: &str, arguments: &Arguments, program: &Path, verdict: &mut impl FnMut(Verdict)) {
    let Arguments { short, seed, .. } = *arguments;
    match test {
        "memory" => {
            let load = if short { memory::Load::SHORT } else { memory::Load::LONG };
            arguments.modes.iter().for_each(|mode| verdict(memory::run(program, *mode, load)));
        }
        "capacity" => {
            let changes = if short { 400 } else { 10_000 };
            verdict(capacity::run(program, capacity::Changes { changes, seed }));
        }
        "faults" => {
            let jobs = if short { faults::Jobs::short(seed) } else { faults::Jobs::long(seed) };
            verdict(faults::run(program, jobs));
        }
        _ => unreachable!("a test of the list"),
    }
}

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args().collect();
    if let [_, child, test, options] = &words[..] {
        if child == "child" {
            joinq_demos::stress::child(test, options, || ALLOCATOR.current_usage(), || ALLOCATOR.peak_usage());
            return ExitCode::SUCCESS;
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
        run(test, &arguments, &program, &mut |verdict| {
            println!("{verdict}");
            failed |= !verdict.passes();
        });
    }
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
