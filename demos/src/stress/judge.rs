//! Starts a process under test and reads its lines.

use serde::Serialize;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// The process under test has its own watchdog, which has more to say.
const WATCHDOG: Duration = Duration::from_secs(150);

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// What has happened.
    pub tag: char,
    /// The key of the item.
    pub key: u64,
    /// A number.
    pub number: u64,
}

/// The process under test, as its judge sees it.
#[derive(Debug)]
pub struct Process {
    id: u32,
    input: ChildStdin,
}

impl Process {
    /// Answers `lines::wait_for_judge`.
    pub fn go_on(&mut self) {
        // It may have ended: then its exit says so.
        let _ = self.input.write_all(b"\n").and_then(|()| self.input.flush());
    }

    /// The largest resident set so far, in bytes, as the kernel counts it.
    pub fn high_water(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id)).expect("the process is there");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the kernel knows VmHWM");
        let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse().expect("a number");
        kibibytes * 1024
    }
}

/// What the process said beside its lines, and what was wrong with it.
#[derive(Debug, Default)]
pub struct Said {
    /// Figures for the reader.
    pub figures: Vec<String>,
    /// What it found itself, and how it ended.
    pub violations: Vec<String>,
}

/// Runs a process under test to its end. `read` gets each line.
pub fn run(program: &Path, test: &str, options: &impl Serialize, read: impl FnMut(Line, &mut Process)) -> Said {
    run_with(program, test, options, None, read)
}

/// As [`run`], with a variable of the environment.
pub fn run_with(
    program: &Path,
    test: &str,
    options: &impl Serialize,
    variable: Option<(&str, &str)>,
    mut read: impl FnMut(Line, &mut Process),
) -> Said {
    let options = serde_json::to_string(options).expect("options are JSON");
    let mut child = Command::new(program)
        .args(["child", test, &options])
        .envs(variable)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program under test starts");
    let mut output = BufReader::with_capacity(1 << 16, child.stdout.take().expect("a pipe"));
    let mut process = Process { id: child.id(), input: child.stdin.take().expect("a pipe") };
    let child = Arc::new(Mutex::new(child));
    let (progress, over, hangs) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)), Arc::default());
    let watchdog = thread::spawn({
        let (child, progress, over, hangs) =
            (child.clone(), progress.clone(), over.clone(), Arc::<AtomicBool>::clone(&hangs));
        move || loop {
            let before = progress.load(Ordering::Relaxed);
            thread::park_timeout(WATCHDOG);
            if over.load(Ordering::Relaxed) {
                return;
            }
            if progress.load(Ordering::Relaxed) == before {
                hangs.store(true, Ordering::Relaxed);
                child.lock().expect("the lock is not poisoned").kill().expect("the process can be killed");
            }
        }
    });
    let mut said = Said::default();
    let mut text = String::new();
    while output.read_line(&mut text).expect("the pipe can be read") > 0 {
        progress.fetch_add(1, Ordering::Relaxed);
        let line = text.trim_end();
        match line.split_at_checked(2) {
            Some(("X ", what)) => said.violations.push(what.to_owned()),
            Some(("F ", what)) => said.figures.push(what.to_owned()),
            _ => match parse(line) {
                Some(line) => read(line, &mut process),
                None => said.violations.push(format!("no line of the process under test: {line}")),
            },
        }
        text.clear();
    }
    over.store(true, Ordering::Relaxed);
    watchdog.thread().unpark();
    watchdog.join().expect("the watchdog ends");
    let status = child.lock().expect("the lock is not poisoned").wait().expect("the process is a child");
    if hangs.load(Ordering::Relaxed) {
        said.violations.push(format!("hangs: no line for {WATCHDOG:?}"));
    } else if !status.success() && said.violations.is_empty() {
        said.violations.push(format!("the process under test failed: {status}"));
    }
    said
}

fn parse(line: &str) -> Option<Line> {
    let mut words = line.split(' ');
    let line = Line {
        tag: words.next()?.parse().ok()?,
        key: words.next()?.parse().ok()?,
        number: words.next()?.parse().ok()?,
    };
    words.next().is_none().then_some(line)
}
