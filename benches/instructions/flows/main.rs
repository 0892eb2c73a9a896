//! The instructions of a message from one task to another.

#[path = "../collect.rs"]
mod collect;
#[path = "../command.rs"]
mod command;
mod kinds;
#[path = "../ratchet.rs"]
mod ratchet;

use command::Subject;
use ratchet::{Counts, FLOWS};
use std::process::ExitCode;

fn count(filter: &str) -> Result<Counts, String> {
    let names: Vec<&str> = kinds::all().iter().map(|kind| kind.name).filter(|name| name.contains(filter)).collect();
    collect::each(&names, collect::with_locked)
}

fn perform(name: &str, times: u32) -> Result<(), String> {
    let kind = kinds::all().into_iter().find(|kind| kind.name == name).ok_or("no such flow")?;
    (kind.perform)(times);
    Ok(())
}

fn main() -> ExitCode {
    command::main(&Subject { file: FLOWS, count, perform })
}
