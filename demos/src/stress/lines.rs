//! The lines of the process under test: a letter, the key of an item, a number.

use std::cell::RefCell;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::Duration;

/// A write of up to this size into a pipe is not divided.
const WHOLE: usize = 4096;
/// The time without a line after which the process is held to hang.
const WATCHDOG: Duration = Duration::from_secs(60);

static OUTPUT: OnceLock<File> = OnceLock::new();
static CLOCK: AtomicU64 = AtomicU64::new(1);
static WRITTEN: AtomicU64 = AtomicU64::new(0);
/// What the watchdog reports.
static REPORT: Mutex<Option<Box<dyn Fn() -> String + Send>>> = Mutex::new(None);

thread_local!(static BUFFER: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) });

/// The next number of a clock that all threads share: an order of their events.
pub fn stamp() -> u64 {
    CLOCK.fetch_add(1, Ordering::SeqCst)
}

fn output(bytes: &[u8]) {
    let output = OUTPUT.get_or_init(|| {
        let pipe = std::io::stdout().as_fd().try_clone_to_owned();
        File::from(pipe.expect("the pipe to the judge can be duplicated"))
    });
    // Without a judge there is nothing to do.
    if (&*output).write_all(bytes).is_err() {
        std::process::exit(3);
    }
}

/// Writes a line: at once, unless this thread collects its lines.
fn write(line: &[u8]) {
    WRITTEN.fetch_add(1, Ordering::Relaxed);
    let collected = BUFFER.try_with(|buffer| {
        let mut buffer = buffer.borrow_mut();
        let Some(lines) = &mut *buffer else { return false };
        if lines.len() + line.len() > WHOLE {
            output(lines);
            lines.clear();
        }
        lines.extend_from_slice(line);
        true
    });
    if !collected.unwrap_or(false) {
        output(line);
    }
}

/// Notes an event.
pub fn note(tag: char, key: u64, number: u64) {
    let mut line = [0; 48];
    let mut rest = &mut line[..];
    writeln!(rest, "{tag} {key} {number}").expect("a line is short");
    let free = rest.len();
    write(&line[..48 - free]);
}

/// Notes what the process under test has found itself.
pub fn violation(what: &str) {
    output(format!("X {}\n", what.replace('\n', " ")).as_bytes());
}

/// Notes a figure for the reader.
pub fn figure(what: &str) {
    output(format!("F {}\n", what.replace('\n', " ")).as_bytes());
}

/// From now on this thread collects its lines, until [`stop_collecting`].
pub fn collect() {
    BUFFER.with(|buffer| *buffer.borrow_mut() = Some(Vec::with_capacity(WHOLE)));
}

/// Writes the lines of this thread.
pub fn stop_collecting() {
    if let Some(lines) = BUFFER.with(|buffer| buffer.borrow_mut().take()) {
        output(&lines);
    }
}

/// Runs a function on this thread, and collects its lines meanwhile.
pub fn collecting<R>(run: impl FnOnce() -> R) -> R {
    collect();
    let result = run();
    stop_collecting();
    result
}

/// Tells the judge that it may look at this process, and waits for its answer.
pub fn wait_for_judge(tag: char) {
    note(tag, 0, 0);
    let mut answer = [0];
    std::io::stdin().read_exact(&mut answer).expect("the judge answers");
}

/// Ends the process with a violation when no line was written for a minute. `report` describes the state then.
pub fn start_watchdog() {
    thread::spawn(|| {
        let mut before = WRITTEN.load(Ordering::Relaxed);
        loop {
            thread::sleep(WATCHDOG);
            let now = WRITTEN.load(Ordering::Relaxed);
            if now == before {
                let report = REPORT.try_lock().ok();
                let report = report.and_then(|report| report.as_ref().map(|report| report())).unwrap_or_default();
                violation(&format!("hangs: nothing has happened for {WATCHDOG:?}; {report}"));
                std::process::exit(4);
            }
            before = now;
        }
    });
}

/// Says what the watchdog reports from now on.
pub fn report(report: impl Fn() -> String + Send + 'static) {
    *REPORT.lock().expect("no report panics") = Some(Box::new(report));
}

/// Says that the watchdog has nothing to report.
pub fn no_report() {
    *REPORT.lock().expect("no report panics") = None;
}

/// Waits until `is_true`; a violation if that does not become true.
pub fn wait_until(what: impl Fn() -> String, is_true: impl Fn() -> bool) {
    let until = std::time::Instant::now() + WATCHDOG;
    let mut pause = Duration::from_micros(10);
    while !is_true() {
        if std::time::Instant::now() > until {
            violation(&what());
            std::process::exit(4);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(1));
    }
}
