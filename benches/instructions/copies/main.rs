//! The copies of a message on its way through a queue.
//!
//! DHAT, a tool of valgrind, counts the calls of `memcpy` and its like, and their bytes. The compiler calls them for
//! more than 128 bytes; shorter copies it writes as single moves, which nothing counts. A copy counts if it has at
//! least the size of the message.

#[path = "../collect.rs"]
mod collect;
#[path = "../command.rs"]
mod command;
mod kinds;
#[path = "../ratchet.rs"]
mod ratchet;

use collect::COUNTED;
use command::Subject;
use ratchet::{Counts, COPIES};
use std::process::{Command, ExitCode};

/// The number after `"name":` in a line of DHAT.
fn number(text: &str, name: &str) -> Option<f64> {
    let (_, rest) = text.split_once(&format!("\"{name}\":"))?;
    rest.split([',', '}', '\n']).next()?.trim().parse().ok()
}

/// The copies in a process that sends so many messages. DHAT tells bytes and calls for each call stack.
fn copies_of(name: &str, times: u32, size: usize) -> Result<f64, String> {
    let profile = collect::temporary_file();
    let mut dhat = Command::new("valgrind");
    dhat.args(["--tool=dhat", "--mode=copy"]).arg(format!("--dhat-out-file={}", profile.display()));
    let ran = collect::run(dhat, &["--times", &times.to_string(), "--perform", name]);
    let text = std::fs::read_to_string(&profile);
    let _ = std::fs::remove_file(&profile);
    ran?;
    let text = text.map_err(|error| format!("DHAT left no profile of '{name}': {error}"))?;
    let stacks = text.split("{\"tb\"").skip(1).map(|stack| format!("\"tb\"{stack}"));
    let counted = stacks.filter_map(|stack| Some((number(&stack, "tb")?, number(&stack, "tbk")?)));
    Ok(counted.filter(|(bytes, calls)| bytes / calls >= size as f64).map(|(_, calls)| calls).sum())
}

fn count(filter: &str) -> Result<Counts, String> {
    let kinds: Vec<_> = kinds::all().into_iter().filter(|kind| kind.name.contains(filter)).collect();
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name.as_str()).collect();
    collect::each(&names, |name| {
        let size = kinds.iter().find(|kind| kind.name == name).map_or(0, |kind| kind.size);
        let (less, more) = (copies_of(name, COUNTED, size)?, copies_of(name, 2 * COUNTED, size)?);
        Ok(vec![(name.into(), (more - less) / f64::from(COUNTED))])
    })
}

fn perform(name: &str, times: u32) -> Result<(), String> {
    let kind = kinds::all().into_iter().find(|kind| kind.name == name).ok_or("no such way")?;
    (kind.perform)(times);
    Ok(())
}

fn main() -> ExitCode {
    command::main(&Subject { file: COPIES, count, perform })
}
