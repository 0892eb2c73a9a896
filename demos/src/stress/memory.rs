//! Items come ten times faster than they are worked off: how much memory the process takes.
//!
//! A clock offers items. For each ten of them one job may end, so that the ratio does not depend on the
//! machine. More jobs run at a time than the margin of the bound allows beside a full queue: so capacity that is
//! free before its job has ended would be seen.

use super::judge::{self, Line};
use super::lines::{self, note, stamp};
use super::{code, verdict, Ledger};
use crate::acceptance::Verdict;
use crate::parent::Folder;
use joinq_flow::{Bytes, Job, Overflow, SqliteStore, Stage};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{mpsc, Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// What a stage does when it is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// The put waits.
    Wait,
    /// The oldest job is dropped.
    DropOldest,
    /// The item goes to an SQLite file.
    Spill,
    /// There is no bound.
    Unbounded,
}

impl Mode {
    /// All modes; the last one is the control.
    pub const ALL: [Mode; 4] = [Mode::Wait, Mode::DropOldest, Mode::Spill, Mode::Unbounded];
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(name: &str) -> Result<Mode, String> {
        match name {
            "wait" => Ok(Mode::Wait),
            "drop-oldest" => Ok(Mode::DropOldest),
            "spill" => Ok(Mode::Spill),
            "unbounded" => Ok(Mode::Unbounded),
            _ => Err(format!("`{name}` is no mode: wait, drop-oldest, spill or unbounded")),
        }
    }
}

/// How a stage is overloaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// The bound, in bytes.
    pub capacity: usize,
    /// How many items are offered.
    pub offers: u64,
    /// How many items are offered in a millisecond.
    pub rate: u64,
}

/// The allocator of glibc has an arena for each thread, and what is free in one is not used by another: the
/// resident set is larger than what was ever allocated at a time. With one arena it shows what the stage
/// holds.
const ONE_ARENA: Option<(&str, &str)> = Some(("MALLOC_ARENA_MAX", "1"));

/// The bytes of an item.
pub const ITEM: usize = 64 << 10;
const PUTTERS: usize = 4;
/// Jobs of which one ends, when so many items were offered.
const OVERLOAD: u64 = 10;

impl Load {
    /// 20 seconds against 64 MiB.
    pub const LONG: Load = Load { capacity: 64 << 20, offers: 20_000, rate: 1 };
    /// A few seconds.
    pub const SHORT: Load = Load { capacity: 32 << 20, offers: 4000, rate: 2 };

    /// The items that fit.
    fn items(&self) -> u64 {
        (self.capacity / ITEM) as u64
    }

    /// Half of the items that fit can run at a time.
    fn workers(&self) -> u64 {
        self.items() / 2
    }
}

/// The arguments of a process.
#[derive(Debug, Serialize, Deserialize)]
struct Options {
    mode: Mode,
    load: Load,
    folder: PathBuf,
}

/// An item, with its key in front.
fn item(key: u64) -> Vec<u8> {
    let mut bytes = vec![1; ITEM];
    bytes[..8].copy_from_slice(&key.to_le_bytes());
    bytes
}

fn key(item: &[u8]) -> u64 {
    u64::from_le_bytes(item[..8].try_into().expect("eight bytes"))
}

fn stage(options: &Options) -> Stage<Vec<u8>> {
    let builder = Stage::builder("memory").weigh(|item: &Vec<u8>| item.len()).capacity(options.load.capacity);
    match options.mode {
        Mode::Wait => builder,
        Mode::DropOldest => builder.overflow(Overflow::DropOldest),
        Mode::Spill => {
            let store = SqliteStore::open(options.folder.join("memory.db")).expect("a new store");
            builder.spill(store, Bytes)
        }
        Mode::Unbounded => builder.capacity(1 << 50),
    }
    .build()
}

/// Puts an item, and notes it.
fn put(stage: &Stage<Vec<u8>>, key: u64) {
    note('T', key, 0);
    let put = stage.put(item(key)).on_settled(move |job: &Job<Vec<u8>>| {
        // Two lines, as the second has the state.
        note('E', key, stamp());
        note('S', key, code(job.state()));
    });
    match put.wait() {
        Ok(_) => note('P', key, stamp()),
        Err(_) => note('R', key, 0),
    }
}

/// The process under test.
pub(super) fn child(options: &str, peak: fn() -> usize) {
    let options: Options = serde_json::from_str(options).expect("the judge passes options");
    let Load { offers, rate, .. } = options.load;
    let stage = stage(&options);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    // A permit lets one job end.
    let ends = Arc::new(Semaphore::new(0));
    for _ in 0..options.load.workers() {
        let ends = ends.clone();
        runtime.spawn(stage.work_async(move |job: Job<Vec<u8>>| {
            let ends = ends.clone();
            async move {
                note('B', key(&job), 0);
                ends.acquire().await?.forget();
                Ok(())
            }
        }));
    }
    // One job first, so that everything that a stage needs is there.
    ends.add_permits(1);
    put(&stage, 0);
    stage.join().wait();
    lines::wait_for_judge('H');

    let (offer, offered) = mpsc::channel();
    let offered = Mutex::new(offered);
    let over = AtomicBool::new(false);
    let began = Instant::now();
    thread::scope(|scope| {
        for _ in 0..PUTTERS {
            scope.spawn(|| loop {
                let next = offered.lock().expect("no putter panics").recv();
                match next {
                    Ok(key) if !over.load(Ordering::SeqCst) => put(&stage, key),
                    _ => return,
                }
            });
        }
        for key in 1..=offers {
            offer.send(key).expect("the putters are there");
            if key % OVERLOAD == 0 {
                ends.add_permits(1);
            }
            if key % rate == 0 {
                thread::sleep(Duration::from_millis(key / rate).saturating_sub(began.elapsed()));
            }
        }
        drop(offer);
        if options.mode == Mode::Wait {
            // Items that were never taken from their source.
            over.store(true, Ordering::SeqCst);
            stage.close();
        }
    });
    let stats = stage.stats();
    lines::figure(&format!(
        "{:.1?} of overload: {} done, {} dead, {} unfinished, {} of them on disk",
        began.elapsed(),
        stats.done,
        stats.dead,
        stats.unfinished,
        stats.on_disk
    ));
    lines::wait_for_judge('O');
    // Jobs that remain end at once.
    ends.add_permits(Semaphore::MAX_PERMITS / 2);
    stage.close();
    stage.join().wait();
    lines::figure(&format!("at most {} MiB were allocated at a time, beside those of SQLite", peak() >> 20));
    lines::wait_for_judge('Z');
}

#[derive(Debug, Default)]
struct Record {
    refused: bool,
    acknowledged: Option<u64>,
    ended: Option<u64>,
    runs: u64,
    states: Vec<u64>,
}

/// Runs a process and judges it.
pub fn run(program: &Path, mode: Mode, load: Load) -> Verdict {
    let began = Instant::now();
    let folder = Folder::new();
    let options = Options { mode, load, folder: folder.path().to_owned() };
    let mut jobs: HashMap<u64, Record> = HashMap::new();
    let (mut base, mut overload, mut peak, mut done) = (0, 0, 0, 0);
    let said = judge::run_with(program, "memory", &options, ONE_ARENA, |Line { tag, key, number }, process| {
        let job = jobs.entry(key).or_default();
        match tag {
            'T' => {}
            'P' => job.acknowledged = Some(number),
            'R' => job.refused = true,
            'B' => job.runs += 1,
            'E' => job.ended = Some(number),
            'S' => job.states.push(number),
            'H' => (base, ()) = (process.high_water(), process.go_on()),
            'O' => {
                overload = process.high_water();
                done = jobs.values().filter(|job| job.states == [0]).count() as u64;
                process.go_on();
            }
            'Z' => (peak, ()) = (process.high_water(), process.go_on()),
            _ => {}
        }
    });
    let mut violations = said.violations;
    let mut figures = said.figures;
    let ledger = ledger(&jobs, mode, &mut violations);
    let bound = base + load.capacity as u64 * 5 / 4;
    let mebibytes = |bytes: u64| bytes >> 20;
    figures.push(format!(
        "VmHWM: {} MiB before, {} MiB under overload, {} MiB at the end; bound {} MiB; {} offers for {done} jobs done",
        mebibytes(base),
        mebibytes(overload),
        mebibytes(peak),
        mebibytes(bound),
        load.offers,
    ));
    if mode == Mode::Unbounded {
        if peak <= 4 * bound {
            violations.push(format!("without a bound {peak} bytes are at most four times {bound}"));
        }
    } else {
        if peak > bound {
            violations.push(format!("VmHWM {peak} is above the bound {bound}"));
        }
        let least = base + load.capacity as u64 * 9 / 10;
        if overload < least {
            violations.push(format!("VmHWM {overload} is below {least}: the stage did not use its capacity"));
        }
    }
    if matches!(mode, Mode::Wait | Mode::DropOldest) {
        let most = most_at_a_time(&jobs);
        figures.push(format!("at most {most} jobs in the stage, of {} that fit", load.items()));
        // A job that is dropped is settled after its permits were taken.
        let above = if mode == Mode::DropOldest { PUTTERS as u64 } else { 0 };
        if most > load.items() + above {
            violations.push(format!("{most} jobs were in the stage, and {} fit", load.items()));
        }
        if most + (PUTTERS as u64) < load.items() {
            violations.push(format!("only {most} jobs were in the stage, and {} fit", load.items()));
        }
    }
    let seconds = began.elapsed().as_secs();
    verdict(format!("memory, {mode:?}, {} offers, {seconds} s", load.offers), ledger, figures, violations)
}

fn ledger(jobs: &HashMap<u64, Record>, mode: Mode, violations: &mut Vec<String>) -> Ledger {
    let mut ledger = Ledger::default();
    for (key, job) in jobs {
        ledger.put += 1;
        ledger.acknowledged += u64::from(job.acknowledged.is_some());
        ledger.refused += u64::from(job.refused);
        ledger.started += u64::from(job.runs > 0);
        ledger.repeated += job.runs.saturating_sub(1);
        match (job.acknowledged, &job.states[..]) {
            (Some(_), [0]) if job.runs == 1 => ledger.done += 1,
            (Some(_), [1]) if mode == Mode::DropOldest && job.runs == 0 => ledger.dead += 1,
            (Some(_), []) => ledger.lost += 1,
            (None, []) if job.refused && job.runs == 0 => {}
            _ => violations.push(format!("item {key}: {job:?}")),
        }
    }
    if ledger.lost > 0 {
        violations.push(format!("{} jobs were not settled", ledger.lost));
    }
    ledger
}

/// The most jobs that were acknowledged and had not ended.
fn most_at_a_time(jobs: &HashMap<u64, Record>) -> u64 {
    let acknowledged = jobs.values().filter_map(|job| job.acknowledged.map(|at| (at, job.ended.unwrap_or(u64::MAX))));
    let mut changes: Vec<(u64, i64)> =
        acknowledged.filter(|(at, ended)| at < ended).flat_map(|(at, ended)| [(at, 1), (ended, -1)]).collect();
    changes.sort_unstable();
    let (mut now, mut most) = (0, 0);
    for (_, change) in changes {
        now += change;
        most = most.max(now);
    }
    most.max(0) as u64
}
