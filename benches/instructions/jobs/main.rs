//! The instructions, allocations and bytes of a job of joinq-flow.

#[path = "../collect.rs"]
mod collect;
#[path = "../command.rs"]
mod command;
mod kinds;
#[path = "../ratchet.rs"]
mod ratchet;

use command::Subject;
use ratchet::{Counts, File, JOBS, JOBS_WITH_METRICS};
use std::process::ExitCode;

const FILE: File = if cfg!(feature = "metrics") { JOBS_WITH_METRICS } else { JOBS };

fn count(filter: &str) -> Result<Counts, String> {
    let names: Vec<&str> = kinds::all().iter().map(|kind| kind.name).filter(|name| name.contains(filter)).collect();
    collect::each(&names, |name| {
        let (instructions, heap) = (collect::count(name)?.instructions, collect::heap(name)?);
        let counts = [("instructions", instructions), ("allocations", heap.0), ("bytes", heap.1)];
        Ok(counts.into_iter().map(|(unit, count)| (format!("{name}, {unit}"), count)).collect())
    })
}

fn perform(name: &str, times: u32) -> Result<(), String> {
    let kind = kinds::all().into_iter().find(|kind| kind.name == name).ok_or("no such job")?;
    (kind.perform)(times);
    Ok(())
}

fn main() -> ExitCode {
    command::main(&Subject { file: FILE, count, perform })
}
