//! The command line of a program that counts.

use crate::collect;
use crate::ratchet::{self, Counts, File, Verdict};
use lexopt::prelude::*;
use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo bench -p joinq-instructions [--bench operations|flows|copies|jobs] [-- [--bless] [NAME]]

Counts the instructions of each operation under callgrind and compares them with benches/instructions.txt, those of a
message between tasks with benches/instructions-flows.txt, the copies of a message with
benches/instructions-copies.txt, and the instructions of a job of joinq-flow, its allocations and its bytes with
benches/instructions-jobs.txt, or with `--features metrics` in benches/instructions-jobs-metrics.txt.

  NAME     only counts whose names contain this
  --bless  write the counts to the files
  --help   show this text
";

/// What is counted.
pub struct Subject {
    pub file: File,
    /// Counts what has this in its name.
    pub count: fn(&str) -> Result<Counts, String>,
    /// Performs the operation of this name so many times, under valgrind.
    pub perform: fn(&str, u32) -> Result<(), String>,
}

enum Task {
    Compare(String),
    Bless,
    /// The part that runs under valgrind.
    Perform(String, u32),
    Help,
}

fn parse() -> Result<Task, lexopt::Error> {
    let mut parser = lexopt::Parser::from_env();
    let (mut filter, mut bless, mut times) = (None, false, collect::COUNTED);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("bless") => bless = true,
            Long("times") => times = parser.value()?.parse()?,
            Long("perform") => return Ok(Task::Perform(parser.value()?.string()?, times)),
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

fn run(subject: &Subject, task: Task) -> Result<Verdict, String> {
    let filter = match task {
        Task::Help => {
            print!("{USAGE}");
            return Ok(Verdict::Passed);
        }
        Task::Perform(name, times) => return (subject.perform)(&name, times).map(|()| Verdict::Passed),
        Task::Bless => None,
        Task::Compare(filter) => Some(filter),
    };
    let Some(valgrind) = collect::valgrind() else {
        println!("instructions: SKIPPED, as valgrind cannot be run (Debian, Ubuntu: apt-get install valgrind)");
        return Ok(Verdict::Passed);
    };
    let origin = ratchet::origin(&valgrind)?;
    match filter {
        None => ratchet::bless(&subject.file, &origin, &(subject.count)("")?),
        Some(filter) => ratchet::compare(&subject.file, &origin, &filter, &(subject.count)(&filter)?),
    }
}

pub fn main(subject: &Subject) -> ExitCode {
    let task = match parse() {
        Ok(task) => task,
        Err(error) => {
            eprint!("instructions: {error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(subject, task) {
        Ok(Verdict::Passed) => ExitCode::SUCCESS,
        Ok(Verdict::Failed) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("instructions: {error}");
            ExitCode::FAILURE
        }
    }
}
