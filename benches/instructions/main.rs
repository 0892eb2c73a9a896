//! The number of instructions of each operation: a ratchet that does not depend on other load on the machine.
//!
//! `cargo bench -p joinq-benches --bench instructions` counts each operation of `ops.rs` under callgrind and
//! compares it with `benches/instructions.txt`, and then the jobs of `jobs.rs` with
//! `benches/instructions-jobs.txt`, their allocations and bytes included. It fails if a count has grown by more
//! than 2 %; with `-- --bless` it rewrites the files. Any other argument selects the counts whose names contain
//! it. Without valgrind it prints a note and passes.
//!
//! A count is valid for one compiler, C library and machine type. The files name them; if the present ones
//! differ, the counts are shown and nothing fails. A change of this bench can also change counts a little, as
//! the compiler may inline differently: bless after it.

mod collect;
mod jobs;
mod ops;
mod ratchet;

use lexopt::prelude::*;
use ratchet::{Verdict, JOBS, OPERATIONS};
use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo bench -p joinq-benches --bench instructions [-- [--bless] [NAME]]

Counts the instructions of each operation under callgrind and compares them with benches/instructions.txt, and
those of a job of joinq-flow, its allocations and its bytes with benches/instructions-jobs.txt.

  NAME     only counts whose names contain this
  --bless  write the counts to the files
  --help   show this text
";

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

fn count_operations(filter: &str) -> Result<Vec<(String, f64)>, String> {
    let chosen = ops::all().into_iter().filter(|op| op.name.contains(filter));
    chosen.map(|op| Ok((op.name.into(), collect::count(op.name)?))).collect()
}

fn count_jobs(filter: &str) -> Result<Vec<(String, f64)>, String> {
    let mut counts = Vec::new();
    for job in jobs::all() {
        let [instructions, allocations, bytes] =
            ["instructions", "allocations", "bytes"].map(|unit| format!("{}, {unit}", job.name));
        if instructions.contains(filter) {
            counts.push((instructions, collect::count(job.name)?));
        }
        if allocations.contains(filter) || bytes.contains(filter) {
            let heap = collect::heap(job.name)?;
            counts
                .extend([(allocations, heap.0), (bytes, heap.1)].into_iter().filter(|(name, _)| name.contains(filter)));
        }
    }
    Ok(counts)
}

fn perform(name: &str, times: u32) -> Result<Verdict, String> {
    if let Some(op) = ops::all().into_iter().find(|op| op.name == name) {
        (op.perform)();
    } else {
        let job = jobs::all().into_iter().find(|job| job.name == name).ok_or("no such operation")?;
        (job.perform)(times);
    }
    Ok(Verdict::Passed)
}

fn run(task: Task) -> Result<Verdict, String> {
    let filter = match task {
        Task::Help => {
            print!("{USAGE}");
            return Ok(Verdict::Passed);
        }
        Task::Perform(name, times) => return perform(&name, times),
        Task::Bless => None,
        Task::Compare(filter) => Some(filter),
    };
    let Some(valgrind) = collect::valgrind() else {
        println!("instructions: SKIPPED, as valgrind cannot be run (Debian, Ubuntu: apt-get install valgrind)");
        return Ok(Verdict::Passed);
    };
    let origin = ratchet::origin(&valgrind)?;
    let mut failed = false;
    for (file, count) in [(&OPERATIONS, count_operations as fn(&str) -> _), (&JOBS, count_jobs)] {
        let verdict = match &filter {
            None => ratchet::bless(file, &origin, &count("")?)?,
            Some(filter) => ratchet::compare(file, &origin, filter, &count(filter)?)?,
        };
        failed |= matches!(verdict, Verdict::Failed);
        println!();
    }
    Ok(if failed { Verdict::Failed } else { Verdict::Passed })
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
