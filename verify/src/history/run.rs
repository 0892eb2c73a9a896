//! Runs programs on threads that are kept, and checks what was recorded.
//!
//! A block of programs is given to the threads at once. The threads begin each program together, by a counter at which
//! they spin, so that a history takes microseconds.

use super::check::{check, overlaps};
use super::program::{Call, Kind, Planned, Program};
use super::spec::{Spec, Strictness};
use super::subject::{Port, Ports};
use super::{History, Record, Step};
use crate::report::Report;
use crate::watchdog::watch;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Programs that the threads run without a pause.
const BLOCK: usize = 256;
const MOST_THREADS: usize = 4;
/// How many nanoseconds a plain store may take to be visible.
const STORE_BUFFER: u64 = 10_000;

/// Where the times of a history come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamps {
    /// A counter, which also orders what the threads do before and after.
    Counter,
    /// The clock of the system, which orders nothing: the store buffers stay as they are.
    Clock,
}

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many histories.
    pub count: usize,
    /// The seed of all programs.
    pub seed: u64,
    /// The seed of the one program that all histories are of, and its number of threads.
    pub only: Option<(u64, usize)>,
}

/// What a thread gets: the programs of a block, and its port to each queue.
struct Work {
    programs: Arc<Vec<Program>>,
    thread: usize,
    ports: Ports,
    begun: Arc<AtomicUsize>,
    stamps: Stamps,
}

struct Done {
    thread: usize,
    ports: Ports,
    records: Vec<Vec<Record>>,
}

static COUNTER: AtomicU64 = AtomicU64::new(0);

fn stamp(stamps: Stamps, start: Instant) -> u64 {
    match stamps {
        Stamps::Counter => COUNTER.fetch_add(1, Ordering::SeqCst),
        Stamps::Clock => start.elapsed().as_nanos() as u64,
    }
}

/// Makes a call and appends its records.
fn record(port: &mut dyn Port, call: &Call, now: impl Fn() -> u64, steps: &mut Vec<Step>, records: &mut Vec<Record>) {
    steps.clear();
    let called = now();
    port.call(call, steps);
    let returned = now();
    let mut puts = call.puts();
    for &step in steps.iter() {
        records.push(Record { called, returned, step, puts });
        puts = puts.saturating_sub(1);
    }
}

fn run_calls(port: &mut dyn Port, calls: &[Planned], now: impl Fn() -> u64) -> Vec<Record> {
    let (mut steps, mut records) = (Vec::new(), Vec::with_capacity(2 * calls.len()));
    for planned in calls {
        if planned.yields {
            std::thread::yield_now();
        }
        (0..planned.pause).for_each(|_| std::hint::spin_loop());
        record(port, &planned.call, &now, &mut steps, &mut records);
    }
    records
}

fn serve(work: &Receiver<Work>, done: &Sender<Done>, start: Instant) {
    while let Ok(Work { programs, thread, mut ports, begun, stamps }) = work.recv() {
        let mut records = Vec::with_capacity(programs.len());
        for (number, (program, port)) in programs.iter().zip(&mut ports).enumerate() {
            let all = (number + 1) * program.threads.len();
            begun.fetch_add(1, Ordering::AcqRel);
            let mut spins = 0;
            while begun.load(Ordering::Acquire) < all {
                spins += 1;
                if spins % 256 == 0 {
                    std::thread::yield_now();
                }
                std::hint::spin_loop();
            }
            records.push(run_calls(&mut **port, &program.threads[thread], || stamp(stamps, start)));
        }
        if done.send(Done { thread, ports, records }).is_err() {
            return;
        }
    }
}

/// Releases the permits, closes the queue and takes what is left in it, as the last thread of the history.
fn empty(mut ports: Vec<Box<dyn Port>>, now: impl Fn() -> u64) -> Vec<Record> {
    let (mut steps, mut records) = (Vec::new(), Vec::new());
    for port in &mut ports {
        record(&mut **port, &Call::Release, &now, &mut steps, &mut records);
    }
    let getter = ports.iter_mut().find(|port| port.gets()).expect("one port gets");
    record(&mut **getter, &Call::Close, &now, &mut steps, &mut records);
    // A queue with a fault may never be empty.
    for _ in 0..200 {
        record(&mut **getter, &Call::TryGet, &now, &mut steps, &mut records);
        if !matches!(steps[..], [Step::Got(_)]) {
            break;
        }
    }
    records
}

/// The counts of a run.
#[derive(Debug, Default)]
struct Figures {
    histories: usize,
    steps: usize,
    overlaps: usize,
    inexact: usize,
    by_kind: [usize; 3],
    by_threads: [usize; 3],
}

impl Figures {
    /// Checks a history; the error describes it.
    fn judge(&mut self, program: &Program, stamps: Stamps, history: &mut History) -> Result<(), String> {
        self.histories += 1;
        self.by_threads[program.threads.len() - 2] += 1;
        self.by_kind[match program.kind {
            Kind::Queue => 0,
            Kind::Permits => 1,
            Kind::Mpsc => 2,
        }] += 1;
        self.steps += history.iter().map(Vec::len).sum::<usize>();
        self.overlaps += overlaps(history);
        if stamps == Stamps::Clock && program.kind == Kind::Mpsc && program.capacity.is_none() {
            // Such a receiver moves the head by a plain store, which other threads see when its store buffer is
            // written back, unless they have synchronized with the receiver; the counter does that, the clock does not.
            history[0].iter_mut().for_each(|record| record.returned += STORE_BUFFER);
        }
        let spec = |strictness| Spec { capacity: program.capacity, permits: program.kind == Kind::Permits, strictness };
        if check(history, spec(Strictness::Exact)).is_ok() {
            return Ok(());
        }
        self.inexact += 1;
        check(history, spec(Strictness::Documented)).map_err(|passed| describe(program, stamps, history, &passed))
    }
}

fn describe(program: &Program, stamps: Stamps, history: &History, passed: &[u8]) -> String {
    let mut text = format!(
        "a history that is not linearizable; run with --program {} --threads {}\n{:?}, capacity {:?}, times by {stamps:?}\n",
        program.seed,
        program.threads.len(),
        program.kind,
        program.capacity
    );
    let first = history.iter().flatten().map(|record| record.called).min().unwrap_or(0);
    for (thread, records) in history.iter().enumerate() {
        let _ = writeln!(text, "thread {thread}:");
        for (number, record) in records.iter().enumerate() {
            let mark = if number < usize::from(passed[thread]) { ' ' } else { '*' };
            let (called, returned) = (record.called - first, record.returned - first);
            let _ = writeln!(text, "{mark} {called:>6} {returned:>6} {:?}", record.step);
        }
    }
    text.push_str("* cannot be ordered behind those without a mark");
    text
}

/// Runs histories of the queues that `make` makes, until one is wrong.
pub fn histories(options: Options, make: impl Fn(&Program) -> Ports) -> Report {
    let mut report = Report::new("histories", options.seed);
    let start = Instant::now();
    let at = Arc::new((AtomicU64::new(0), Mutex::new(String::new())));
    let seen = at.clone();
    let state = {
        let at = at.clone();
        move || {
            format!("seed {}, in a block of {}", options.seed, at.1.lock().map(|text| text.clone()).unwrap_or_default())
        }
    };
    let _watchdog = watch(Duration::from_secs(60), move || seen.0.load(Ordering::Relaxed), state);
    let mut figures = Figures::default();
    let fault = std::thread::scope(|scope| {
        let (send_done, done) = channel();
        let threads: Vec<Sender<Work>> = (0..MOST_THREADS)
            .map(|_| {
                let (send, work) = channel();
                let send_done = send_done.clone();
                scope.spawn(move || serve(&work, &send_done, start));
                send
            })
            .collect();
        let mut rng = fastrand::Rng::with_seed(options.seed);
        while figures.histories < options.count {
            let stamps = if rng.bool() { Stamps::Counter } else { Stamps::Clock };
            let count = BLOCK.min(options.count - figures.histories);
            let programs: Vec<Program> = match options.only {
                Some((seed, threads)) => (0..count).map(|_| Program::new(seed, threads)).collect(),
                None => {
                    let threads = rng.usize(2..=MOST_THREADS);
                    (0..count).map(|_| Program::new(rng.u64(..), threads)).collect()
                }
            };
            if let Ok(mut text) = at.1.lock() {
                *text = format!("{} threads from program {}", programs[0].threads.len(), programs[0].seed);
            }
            let (programs, mut recorded) = run_block(programs, stamps, &threads, &done, &make, start);
            for (program, history) in programs.iter().zip(&mut recorded) {
                if let Err(fault) = figures.judge(program, stamps, history) {
                    return Some(fault);
                }
            }
            at.0.fetch_add(1, Ordering::Relaxed);
        }
        None
    });
    report.figure("histories", figures.histories);
    report.figure("steps", figures.steps);
    let overlaps = figures.overlaps as f64 / figures.histories as f64;
    report.figure("overlapping pairs per history", (overlaps * 10.0).round() / 10.0);
    report.figure("needed an operation in progress to count", figures.inexact);
    report.figure("of Queue", figures.by_kind[0]);
    report.figure("with permits", figures.by_kind[1]);
    report.figure("of mpsc", figures.by_kind[2]);
    report.figure("of 2 threads", figures.by_threads[0]);
    report.figure("of 3 threads", figures.by_threads[1]);
    report.figure("of 4 threads", figures.by_threads[2]);
    if let Some(fault) = fault {
        report.fault(fault);
    }
    report
}

fn run_block(
    programs: Vec<Program>,
    stamps: Stamps,
    threads: &[Sender<Work>],
    done: &Receiver<Done>,
    make: impl Fn(&Program) -> Ports,
    start: Instant,
) -> (Arc<Vec<Program>>, Vec<History>) {
    let used = programs[0].threads.len();
    let mut ports: Vec<Ports> = (0..used).map(|_| Vec::with_capacity(programs.len())).collect();
    for program in &programs {
        make(program).into_iter().enumerate().for_each(|(thread, port)| ports[thread].push(port));
    }
    let programs = Arc::new(programs);
    let begun = Arc::new(AtomicUsize::new(0));
    for (thread, ports) in ports.into_iter().enumerate() {
        let work = Work { programs: programs.clone(), thread, ports, begun: begun.clone(), stamps };
        threads[thread].send(work).expect("the threads serve until the end");
    }
    let mut parts: Vec<Done> = done.iter().take(used).collect();
    parts.sort_by_key(|part| part.thread);
    let mut ports: Vec<_> = parts.iter_mut().map(|part| std::mem::take(&mut part.ports).into_iter()).collect();
    let mut records: Vec<_> = parts.into_iter().map(|part| part.records.into_iter()).collect();
    let histories = (0..programs.len())
        .map(|_| {
            let mut history: History = records.iter_mut().filter_map(Iterator::next).collect();
            let ports = ports.iter_mut().filter_map(Iterator::next).collect();
            history.push(empty(ports, || stamp(stamps, start)));
            history
        })
        .collect();
    (programs, histories)
}

#[cfg(test)]
mod tests {
    use super::super::{faulty, faulty::Fault, subject};
    use super::*;

    fn options(count: usize, seed: u64) -> Options {
        Options { count, seed, only: None }
    }

    #[test]
    fn histories_of_the_queues_of_joinq_are_linearizable() {
        let report = histories(options(6_000, fastrand::u64(..)), subject::joinq);
        assert_eq!(report.first_fault(), None);
    }

    #[test]
    fn histories_of_a_correct_queue_are_accepted() {
        let report = histories(options(2_000, 1), |program| faulty::ports(program, Fault::None));
        assert_eq!(report.first_fault(), None);
    }

    #[test]
    fn each_fault_of_a_wrong_queue_is_found() {
        for fault in Fault::ALL {
            let report = histories(options(4_000, 2), |program| faulty::ports(program, fault));
            assert!(report.first_fault().is_some(), "{fault:?} was not found");
        }
    }
}
