//! The number of instructions of each operation: a ratchet that does not depend on other load on the machine.
//!
//! `cargo bench -p joinq-instructions` counts each operation of `ops.rs` under callgrind and compares it with
//! `benches/instructions.txt`; then the programs in `flows`, `copies` and `jobs` count messages between
//! tasks, the copies of a message, and jobs of joinq-flow. Each fails if a count has grown by more than 2 %;
//! with `-- --bless` it rewrites its file. Any other argument selects the counts whose names contain it.
//! Without valgrind each prints a note and passes.
//!
//! A count is valid for one compiler, C library and machine type. The files name them; if the present ones
//! differ, the counts are shown and nothing fails. A change of a program can also change its counts a little,
//! as the compiler may inline differently: bless after it. That is also why there are several programs.

mod collect;
mod command;
mod ops;
mod ratchet;

use command::Subject;
use ratchet::{Counts, OPERATIONS};
use std::process::ExitCode;

fn count(filter: &str) -> Result<Counts, String> {
    let names: Vec<&str> = ops::all().iter().map(|op| op.name).filter(|name| name.contains(filter)).collect();
    collect::each(&names, collect::with_locked)
}

fn perform(name: &str, _: u32) -> Result<(), String> {
    let op = ops::all().into_iter().find(|op| op.name == name).ok_or("no such operation")?;
    (op.perform)();
    Ok(())
}

fn main() -> ExitCode {
    command::main(&Subject { file: OPERATIONS, count, perform })
}
