//! Runs a process under `strace`: it kills the process at a system call, or writes its system calls down.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The system calls by which a store changes its files.
pub const CHANGES: &str = "pwrite64,pwritev,fdatasync,fsync,ftruncate,fallocate,unlink,unlinkat,rename";

/// The environment variable that makes a missing `strace` a failure.
pub const DEMANDED: &str = "JOINQ_STRACE";

/// Whether `strace` works here; the reason if it does not.
///
/// # Panics
/// If it does not work, and the environment variable [`DEMANDED`] is 1.
pub fn available() -> Result<(), String> {
    let tried = Command::new("strace").args(["-qq", "-o", "/dev/null", "-e", "trace=none", "true"]).output();
    let why = match tried {
        Ok(tried) if tried.status.success() => return Ok(()),
        Ok(tried) => String::from_utf8_lossy(&tried.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    if std::env::var_os(DEMANDED).is_some_and(|value| value == "1") {
        panic!("strace does not work here, and {DEMANDED}=1 demands it: {why}");
    }
    Err(why)
}

/// The words before a command that is to be killed at the nth of these system calls of a thread.
pub fn kill_at(nth: u32) -> Vec<OsString> {
    let inject = format!("inject={CHANGES}:signal=KILL:when={nth}");
    let words = ["strace", "-qq", "-f", "-o", "/dev/null", "-e", &format!("trace={CHANGES}"), "-e", &inject];
    words.map(OsString::from).to_vec()
}

/// The words before a command whose system calls are to be written to a file.
pub fn trace_to(file: &Path) -> Vec<OsString> {
    let trace = format!("trace=write,{CHANGES}");
    let mut words = ["strace", "-qq", "-f", "-y", "-s", "70000", "-e", &trace, "-o"].map(OsString::from).to_vec();
    words.push(file.into());
    words
}

/// Kills a running process at the nth of these system calls that one of its threads makes from now on.
pub fn attach(process: u32, nth: u32) -> Result<Child, String> {
    let words = kill_at(nth);
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).args(["-p", &process.to_string()]).stdin(Stdio::null()).stdout(Stdio::null());
    let strace = command.spawn().map_err(|error| error.to_string())?;
    let until = Instant::now() + Duration::from_secs(60);
    while !is_traced(process)? {
        if Instant::now() > until {
            return Err("strace does not attach".into());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(strace)
}

/// Whether each thread of a process is traced.
fn is_traced(process: u32) -> Result<bool, String> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).map_err(|error| error.to_string())?;
    for thread in threads.flatten() {
        let status = std::fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        let traced = status.lines().any(|line| line.strip_prefix("TracerPid:").is_some_and(|by| by.trim() != "0"));
        if !traced {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A system call, or the second half of one that was interrupted by calls of other threads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The thread.
    pub thread: u32,
    /// Its name.
    pub name: String,
    /// Its arguments, as far as this line has them.
    pub arguments: String,
    /// Whether it begins in this line.
    pub begins: bool,
    /// Whether it ends in this line, without an error.
    pub ends: bool,
}

/// Reads a file of [`trace_to`]. Lines that are no system calls are skipped.
pub fn calls(text: &str) -> Vec<Call> {
    text.lines().filter_map(call).collect()
}

fn call(line: &str) -> Option<Call> {
    let (thread, rest) = line.split_once(' ')?;
    let thread = thread.parse().ok()?;
    let rest = rest.trim_start();
    let succeeds = |text: &str| text.rsplit_once(" = ").is_some_and(|(_, result)| !result.starts_with('-'));
    if let Some(resumed) = rest.strip_prefix("<... ") {
        let (name, rest) = resumed.split_once(" resumed>")?;
        let ends = succeeds(rest);
        return Some(Call { thread, name: name.into(), arguments: String::new(), begins: false, ends });
    }
    let (name, arguments) = rest.split_once('(')?;
    let unfinished = rest.ends_with("<unfinished ...>");
    let ends = !unfinished && succeeds(rest);
    Some(Call { thread, name: name.into(), arguments: arguments.into(), begins: true, ends })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read_whole_or_in_halves() {
        let text = "12 write(1<pipe:[5]>, \"P 1 7\\n\", 6) = 6\n\
            13 fdatasync(4</tmp/jobs.db-wal> <unfinished ...>\n\
            12 write(1<pipe:[5]>, \"T 8\\n\", 4) = 4\n\
            13 <... fdatasync resumed>) = 0\n\
            13 ftruncate(4</tmp/jobs.db-wal>, 0) = -1 EIO (Input/output error)\n\
            13 +++ exited with 0 +++\n";
        let calls = calls(text);
        let halves: Vec<_> = calls.iter().map(|call| (call.name.as_str(), call.begins, call.ends)).collect();
        let expected = [
            ("write", true, true),
            ("fdatasync", true, false),
            ("write", true, true),
            ("fdatasync", false, true),
            ("ftruncate", true, false),
        ];
        assert_eq!(halves, expected);
        assert!(calls[1].arguments.starts_with("4</tmp/jobs.db-wal>"));
    }
}
