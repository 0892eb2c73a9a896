//! One scenario in a process of its own: a hang, an abort and a fault of memory are results.

use crate::peer::Peer;
use crate::probe::Failure;
use crate::scenarios;
use std::io::Read;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// A scenario that takes longer hangs. The longest one takes about a second.
const LIMIT: Duration = Duration::from_secs(30);

/// What the child prints in front of the result, among other output.
pub const MARK: &str = "result: ";

/// Runs the scenario with this number, if the crate is the one of this name.
pub fn perform<P: Peer>(name: &str, number: usize) -> bool {
    if P::NAME != name {
        return false;
    }
    let scenario = &scenarios::all::<P>()[number];
    let result = match catch_unwind(AssertUnwindSafe(|| (scenario.run)(scenario.capacity))) {
        Ok(Ok(())) => "ok",
        Ok(Err(Failure::NoSuch)) => "-",
        Ok(Err(Failure::Fails(how))) => how,
        Err(_) => "panics",
    };
    println!("{MARK}{result}");
    true
}

/// The cell for one crate and one scenario.
pub fn cell(name: &str, number: usize) -> String {
    match run(&["--run", name, &number.to_string()], LIMIT) {
        Ok(result) if result == "ok" || result == "-" => result,
        Ok(result) | Err(result) => format!("**{result}**"),
    }
}

/// Runs this program with these arguments, and returns the result that it prints, or how it ended without one.
pub fn run(arguments: &[&str], limit: Duration) -> Result<String, String> {
    let program = std::env::current_exe().expect("this program has a path");
    let mut child = Command::new(program)
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("this program starts again");
    // Counts steps, so that the time does not pass while parent and child are stopped.
    let step = Duration::from_millis(2);
    let mut waited = Duration::ZERO;
    let status = loop {
        match child.try_wait().expect("the child is waited for") {
            Some(status) => break status,
            None if waited > limit => {
                child.kill().expect("the child is killed");
                child.wait().expect("the child is waited for");
                return Err("hangs".into());
            }
            None => {
                thread::sleep(step);
                waited += step;
            }
        }
    };
    let mut printed = String::new();
    child.stdout.take().expect("the output is a pipe").read_to_string(&mut printed).expect("the output is text");
    match printed.lines().find_map(|line| line.strip_prefix(MARK)) {
        Some(result) if status.success() => Ok(result.into()),
        _ => Err(end(status)),
    }
}

#[cfg(unix)]
fn end(status: std::process::ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match status.signal() {
        Some(6) => "aborts".into(),
        Some(signal) => format!("dies of signal {signal}"),
        None => "panics".into(),
    }
}

#[cfg(not(unix))]
fn end(_: std::process::ExitStatus) -> String {
    "dies".into()
}
