//! The instructions, allocations and bytes of a job of joinq-flow; `instructions` runs this program.

#[path = "../collect.rs"]
mod collect;
#[path = "../command.rs"]
mod command;
mod kinds;
#[path = "../ratchet.rs"]
mod ratchet;

use command::Subject;
use ratchet::{Counts, JOBS};
use std::process::ExitCode;

fn count(filter: &str) -> Result<Counts, String> {
    let mut counts = Vec::new();
    for kind in kinds::all() {
        let [instructions, allocations, bytes] =
            ["instructions", "allocations", "bytes"].map(|unit| format!("{}, {unit}", kind.name));
        if instructions.contains(filter) {
            counts.push((instructions, collect::count(kind.name)?));
        }
        if allocations.contains(filter) || bytes.contains(filter) {
            let heap = collect::heap(kind.name)?;
            let heap = [(allocations, heap.0), (bytes, heap.1)];
            counts.extend(heap.into_iter().filter(|(name, _)| name.contains(filter)));
        }
    }
    Ok(counts)
}

fn perform(name: &str, times: u32) -> Result<(), String> {
    let kind = kinds::all().into_iter().find(|kind| kind.name == name).ok_or("no such job")?;
    (kind.perform)(times);
    Ok(())
}

fn main() -> ExitCode {
    command::main(&Subject { file: JOBS, count, perform })
}
