//! Runs in processes of their own: this program again, with the arguments of one run.

use crate::cells::{Cell, Process};
use crate::contenders::Contender;
use crate::measure::{self, Measured, Usage};
use crate::options::{Options, Run};
use crate::rounds;
use std::io;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The arguments with which this program makes one run of this cell, prints what it has measured, and ends.
fn arguments(cell: &Cell, contender: &Contender, options: &Options) -> Vec<String> {
    let mut arguments = vec!["--run".into(), cell.name.clone(), contender.name.into()];
    arguments.extend(["--messages".into(), cell.messages.to_string()]);
    arguments.extend(["--timeout".into(), options.timeout.as_secs().to_string()]);
    arguments.extend(["--cores".into(), options.cores.to_string()]);
    if options.quick {
        arguments.push("--quick".into());
    }
    arguments
}

/// The output of a program that succeeds.
fn output(command: &mut Command) -> io::Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned())),
    }
}

/// One run in a new process.
pub fn run(cell: &Cell, contender: &Contender, options: &Options) -> io::Result<Measured> {
    let text = output(Command::new(std::env::current_exe()?).args(arguments(cell, contender, options)))?;
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    match numbers[..] {
        [value, cpu_nanos, voluntary, involuntary] => {
            Ok(Measured { value, usage: Usage { cpu_nanos, voluntary, involuntary } })
        }
        _ => Err(io::Error::other(format!("a run printed '{text}' in place of four numbers"))),
    }
}

/// The new process: makes the run and prints its numbers. A run that hangs ends the process.
pub fn perform(run: &Run, cells: Vec<Cell>, timeout: Duration) -> Result<(), String> {
    let cell = cells.into_iter().find(|cell| cell.name == run.cell).ok_or("no such cell")?;
    let contenders = crate::contenders::of(&cell);
    let contender = contenders.into_iter().find(|contender| contender.name == run.contender).ok_or("no such queue")?;
    let messages = run.messages;
    let measured = rounds::on_thread("run", timeout, move || {
        if let Process::New { sent_before: before @ 1.. } = cell.process {
            (contender.measure)(&Cell { messages: before, ..cell.clone() });
        }
        measure::run(&Cell { messages, ..cell }, contender.measure)
    });
    let Measured { value, usage } = measured.map_err(|failure| format!("{failure:?}"))?;
    println!("{value} {} {} {}", usage.cpu_nanos, usage.voluntary, usage.involuntary);
    Ok(())
}
