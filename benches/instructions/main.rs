//! The number of instructions of each operation: a ratchet that does not depend on other load on the machine.
//!
//! `cargo bench -p joinq-benches --bench instructions` counts each operation of `ops.rs` under callgrind and
//! compares it with `benches/instructions.txt`, and then has the program in `jobs` count a job of joinq-flow. It
//! fails if a count has grown by more than 2 %; with `-- --bless` it rewrites the files. Any other argument selects
//! the counts whose names contain it. Without valgrind it prints a note and passes.
//!
//! A count is valid for one compiler, C library and machine type. The files name them; if the present ones
//! differ, the counts are shown and nothing fails. A change of this bench can also change counts a little, as
//! the compiler may inline differently: bless after it. That is also why jobs are counted by a program of its own.

mod collect;
mod command;
mod ops;
mod ratchet;

use command::Subject;
use ratchet::{Counts, OPERATIONS};
use std::env;
use std::process::{Command, ExitCode};

fn count(filter: &str) -> Result<Counts, String> {
    let chosen = ops::all().into_iter().filter(|op| op.name.contains(filter));
    chosen.map(|op| Ok((op.name.into(), collect::count(op.name)?))).collect()
}

fn perform(name: &str, _: u32) -> Result<(), String> {
    let op = ops::all().into_iter().find(|op| op.name == name).ok_or("no such operation")?;
    (op.perform)();
    Ok(())
}

/// Builds and runs the program that counts jobs, with the same arguments.
fn count_jobs() -> ExitCode {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["bench", "--quiet", "--package", "joinq-benches", "--bench", "instructions-jobs", "--"]);
    cargo.args(env::args_os().skip(1).filter(|argument| argument != "--bench"));
    match cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("instructions: cargo cannot be run: {error}");
            ExitCode::FAILURE
        }
    }
}

fn main() -> ExitCode {
    let of_operations = command::main(&Subject { file: OPERATIONS, count, perform });
    if env::args_os().any(|argument| argument == "--perform" || argument == "--help") {
        return of_operations;
    }
    println!();
    let of_jobs = count_jobs();
    if of_operations == ExitCode::SUCCESS {
        of_jobs
    } else {
        of_operations
    }
}
