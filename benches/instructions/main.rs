//! The number of instructions of each operation: a ratchet that does not depend on other load on the machine.
//!
//! `cargo bench -p joinq-benches --bench instructions` counts each operation of `ops.rs` under callgrind and
//! compares it with `benches/instructions.txt`. It fails if a count has grown by more than 2 %; with `--
//! --bless` it rewrites the file. Any other argument selects the operations whose names contain it. Without
//! valgrind it prints a note and passes.
//!
//! A count is valid for one compiler, C library and machine type. The file names them; if the present ones
//! differ, the counts are shown and nothing fails. A change of this bench can also change counts a little, as
//! the compiler may inline differently: bless after it.

mod collect;
mod ops;
mod ratchet;

use lexopt::prelude::*;
use ratchet::Verdict;
use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo bench -p joinq-benches --bench instructions [-- [--bless] [NAME]]

Counts the instructions of each operation under callgrind and compares them with benches/instructions.txt.

  NAME     only operations whose names contain this
  --bless  write the counts to the file
  --help   show this text
";

enum Task {
    Compare(String),
    Bless,
    /// The part that runs under callgrind.
    Perform(String),
    Help,
}

fn parse() -> Result<Task, lexopt::Error> {
    let mut parser = lexopt::Parser::from_env();
    let (mut filter, mut bless) = (None, false);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("bless") => bless = true,
            Long("perform") => return Ok(Task::Perform(parser.value()?.string()?)),
            Long("help") => return Ok(Task::Help),
            // An argument of cargo.
            Long("bench") => {}
            Value(name) if filter.is_none() => filter = Some(name.string()?),
            _ => return Err(argument.unexpected()),
        }
    }
    match (filter, bless) {
        (Some(_), true) => Err("--bless writes all counts and takes no NAME".into()),
        (None, true) => Ok(Task::Bless),
        (filter, false) => Ok(Task::Compare(filter.unwrap_or_default())),
    }
}

fn count(filter: &str) -> Result<Vec<(&'static str, f64)>, String> {
    let chosen = ops::all().into_iter().filter(|op| op.name.contains(filter));
    chosen.map(|op| Ok((op.name, collect::count(op.name)?))).collect()
}

fn run(task: Task) -> Result<Verdict, String> {
    let filter = match task {
        Task::Help => {
            print!("{USAGE}");
            return Ok(Verdict::Passed);
        }
        Task::Perform(name) => {
            let op = ops::all().into_iter().find(|op| op.name == name).ok_or("no such operation")?;
            (op.perform)();
            return Ok(Verdict::Passed);
        }
        Task::Bless => None,
        Task::Compare(filter) => Some(filter),
    };
    let Some(valgrind) = collect::valgrind() else {
        println!("instructions: SKIPPED, as valgrind cannot be run (Debian, Ubuntu: apt-get install valgrind)");
        return Ok(Verdict::Passed);
    };
    let origin = ratchet::origin(&valgrind)?;
    match filter {
        None => ratchet::bless(&origin, &count("")?),
        Some(filter) => ratchet::compare(&origin, &filter, &count(&filter)?),
    }
}

fn main() -> ExitCode {
    let task = match parse() {
        Ok(task) => task,
        Err(error) => {
            eprint!("instructions: {error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(task) {
        Ok(Verdict::Passed) => ExitCode::SUCCESS,
        Ok(Verdict::Failed) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("instructions: {error}");
            ExitCode::FAILURE
        }
    }
}
