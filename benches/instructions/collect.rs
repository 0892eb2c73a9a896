//! Counting: callgrind counts only while one function runs.
// Each of the programs uses its part.
#![allow(dead_code)]

use crate::ratchet::Counts;
use std::hint::black_box;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;
use std::thread;

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

/// A file for a profile, which another call does not name.
pub fn temporary_file() -> PathBuf {
    static FILES: AtomicUsize = AtomicUsize::new(0);
    let file = FILES.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("joinq-instructions-{}-{file}", std::process::id()))
}

/// Runs this program under a tool of valgrind, and returns what it prints to stderr.
pub fn run(mut valgrind: Command, arguments: &[&str]) -> Result<String, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = valgrind.arg(program).args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| error.to_string())?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.success() {
        true => Ok(stderr),
        false => Err(format!("{arguments:?} failed under valgrind:\n{stderr}")),
    }
}

/// What one operation executes, including one turn of the loop around it.
pub struct Executed {
    pub instructions: f64,
    /// Instructions that lock the bus, as callgrind calls it: atomic RMWs and full fences.
    pub locked: f64,
}

/// Each operation is counted in a process of its own, so that no count depends on the heap that another operation
/// left.
pub fn count(name: &str) -> Result<Executed, String> {
    let out = temporary_file();
    let mut callgrind = Command::new("valgrind");
    callgrind.args(["--tool=callgrind", "--collect-atstart=no", "--toggle-collect=joinq_collect"]);
    callgrind.arg("--collect-bus=yes");
    callgrind.arg(format!("--callgrind-out-file={}", out.display()));
    let ran = run(callgrind, &["--perform", name]);
    let profile = std::fs::read_to_string(&out);
    let _ = std::fs::remove_file(&out);
    ran?;
    let profile = profile.map_err(|error| format!("callgrind left no profile of '{name}': {error}"))?;
    // "events: Ir Ge" and "totals: 1234 56", without events that never happened.
    let fields = |line: &str| profile.lines().find_map(|of| of.strip_prefix(line)).map(str::split_whitespace);
    let (Some(events), Some(totals)) = (fields("events:"), fields("totals:")) else {
        return Err(format!("callgrind left no totals for '{name}'"));
    };
    let totals: Vec<(&str, f64)> = events.zip(totals.filter_map(|total| total.parse().ok())).collect();
    let each = |event| totals.iter().find(|total| total.0 == event).map_or(0.0, |total| total.1) / f64::from(COUNTED);
    let executed = Executed { instructions: each("Ir"), locked: each("Ge") };
    if executed.instructions == 0.0 {
        return Err(format!("callgrind counted nothing for '{name}'"));
    }
    Ok(executed)
}

/// The counts of one operation in the file.
pub fn with_locked(name: &str) -> Result<Counts, String> {
    let Executed { instructions, locked } = count(name)?;
    Ok(vec![(name.into(), instructions), (format!("{name}, locked"), locked)])
}

/// Counts each of these, as many at a time as there are cores: no count depends on other processes.
pub fn each(names: &[&str], count: impl Fn(&str) -> Result<Counts, String> + Sync) -> Result<Counts, String> {
    let left = Mutex::new(names.iter().enumerate());
    let counts = Mutex::new(vec![Counts::new(); names.len()]);
    let worker = || -> Result<(), String> {
        loop {
            let Some((place, name)) = left.lock().unwrap().next() else { return Ok(()) };
            let count = count(name)?;
            counts.lock().unwrap()[place] = count;
        }
    };
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
    thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().unwrap())
    })?;
    Ok(counts.into_inner().unwrap().concat())
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
