//! Counting: callgrind counts only while one function runs.
// Each of the two programs uses its part.
#![allow(dead_code)]

use std::hint::black_box;
use std::process::{Command, Stdio};

/// The number of operations in a row, after which they are undone. Together with `ROUNDS` it fills whole
/// segments.
pub const IN_A_ROW: u32 = 128;
const ROUNDS: u32 = 64;
/// The operations that are counted.
pub const COUNTED: u32 = IN_A_ROW * ROUNDS;
/// Rounds before the first counted one, after which the queue reuses its segments without the allocator.
const WARM_UP: u32 = 8;

/// Everything in this function is counted. It is neither generic nor mangled, so that callgrind can be given
/// its name.
#[no_mangle]
#[inline(never)]
pub fn joinq_collect(part: &mut dyn FnMut()) {
    part();
    // Prevents a tail call, after which callgrind would see no return.
    black_box(part as *const _);
}

/// Performs `op` again and again, between `before` and `after`, which are not counted.
pub fn rounds(mut before: impl FnMut(), mut op: impl FnMut(), mut after: impl FnMut()) {
    let mut counted = || (0..IN_A_ROW).for_each(|_| op());
    for round in 0..WARM_UP + ROUNDS {
        (0..IN_A_ROW).for_each(|_| before());
        if round < WARM_UP {
            counted();
        } else {
            joinq_collect(&mut counted);
        }
        (0..IN_A_ROW).for_each(|_| after());
    }
}

/// The version of valgrind, or `None` if valgrind cannot be run.
pub fn valgrind() -> Option<String> {
    let output = Command::new("valgrind").arg("--version").output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs this program under a tool of valgrind, and returns what it prints to stderr.
fn run(mut valgrind: Command, arguments: &[&str]) -> Result<String, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = valgrind.arg(program).args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| error.to_string())?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.success() {
        true => Ok(stderr),
        false => Err(format!("{arguments:?} failed under valgrind:\n{stderr}")),
    }
}

/// The instructions of one operation, including one turn of the loop around it. Each operation is counted in
/// a process of its own, so that no count depends on the heap that another operation left.
pub fn count(name: &str) -> Result<f64, String> {
    let out = std::env::temp_dir().join(format!("joinq-instructions-{}", std::process::id()));
    let mut callgrind = Command::new("valgrind");
    callgrind.args(["--tool=callgrind", "--collect-atstart=no", "--toggle-collect=joinq_collect"]);
    callgrind.arg(format!("--callgrind-out-file={}", out.display()));
    let ran = run(callgrind, &["--perform", name]);
    let profile = std::fs::read_to_string(&out);
    let _ = std::fs::remove_file(&out);
    ran?;
    let profile = profile.map_err(|error| format!("callgrind left no profile of '{name}': {error}"))?;
    let total = profile.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse::<u64>().ok());
    match total {
        None | Some(0) => Err(format!("callgrind counted nothing for '{name}'")),
        Some(total) => Ok(total as f64 / f64::from(COUNTED)),
    }
}

/// The allocations of a process that performs an operation so many times, and their bytes.
fn heap_of(name: &str, times: u32) -> Result<(f64, f64), String> {
    let mut memcheck = Command::new("valgrind");
    memcheck.args(["--tool=memcheck", "--leak-check=no", "--undef-value-errors=no"]);
    let stderr = run(memcheck, &["--times", &times.to_string(), "--perform", name])?;
    // "total heap usage: 1,027 allocs, 1,024 frees, 98,765 bytes allocated"
    let usage = stderr.lines().find_map(|line| line.split_once("total heap usage: ")).map(|(_, usage)| usage);
    let numbers: Vec<f64> =
        usage.unwrap_or_default().split_whitespace().filter_map(|word| word.replace(',', "").parse().ok()).collect();
    match numbers[..] {
        [allocations, _, bytes] => Ok((allocations, bytes)),
        _ => Err(format!("valgrind tells nothing of the heap of '{name}':\n{stderr}")),
    }
}

/// The allocations of one operation, and their bytes: of two processes, of which one performs it more often.
pub fn heap(name: &str) -> Result<(f64, f64), String> {
    let (less, more) = (heap_of(name, COUNTED)?, heap_of(name, 2 * COUNTED)?);
    let each = |less: f64, more: f64| (more - less) / f64::from(COUNTED);
    Ok((each(less.0, more.0), each(less.1, more.1)))
}
