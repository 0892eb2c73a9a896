//! Counting: callgrind counts only while one function runs.

use std::hint::black_box;
use std::process::{Command, Stdio};

/// The number of operations in a row, after which they are undone. Together with `ROUNDS` it fills whole
/// segments.
pub const IN_A_ROW: u32 = 128;
const ROUNDS: u32 = 64;
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

/// The instructions of one operation, including one turn of the loop around it. Each operation is counted in
/// a process of its own, so that no count depends on the heap that another operation left.
pub fn count(name: &str) -> Result<f64, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let out = std::env::temp_dir().join(format!("joinq-instructions-{}", std::process::id()));
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no", "--toggle-collect=joinq_collect"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .args(["--perform", name])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    let profile = std::fs::read_to_string(&out);
    let _ = std::fs::remove_file(&out);
    if !output.status.success() {
        return Err(format!("'{name}' failed under callgrind:\n{}", String::from_utf8_lossy(&output.stderr)));
    }
    let profile = profile.map_err(|error| format!("callgrind left no profile of '{name}': {error}"))?;
    let total = profile.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse::<u64>().ok());
    match total {
        None | Some(0) => Err(format!("callgrind counted nothing for '{name}'")),
        Some(total) => Ok(total as f64 / f64::from(IN_A_ROW * ROUNDS)),
    }
}
