//! A producer is ten times too fast for a stage that spills: all jobs run in order, and memory and disk are
//! bounded.

use super::{left, options, work, Verdict};
use crate::child::{Mode, Work};
use crate::item::Fates;
use crate::ledger::{Ledger, Order};
use crate::parent::{self, Folder, Until};
use crate::stores::Kind;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The capacity of the stage in memory.
pub const CAPACITY: usize = 100;
/// Puts that wait at the same time share a commit, while the worker waits for two commits of each job: with
/// so many putters jobs are put more than ten times faster than they are done.
const PUTTERS: usize = 20;
/// The bytes that jobs on disk may take.
pub const QUOTA: u64 = 16 << 20;
/// What the files of the store may take: SQLite has its log beside the jobs; redb doubles its file when it
/// grows, and `RedbStore` counts the items and not the file.
const LARGEST: u64 = 4 * QUOTA;

/// Puts that many jobs, as fast as they are taken, to one worker.
pub fn run(program: &Path, store: Kind, jobs: u32) -> Verdict {
    let began = Instant::now();
    let folder = Folder::new();
    let work = Work {
        mode: Mode::Spill,
        fates: Fates::Done,
        workers: 1,
        putters: PUTTERS,
        puts: Some(jobs / PUTTERS as u32),
        handler: Duration::ZERO,
        pause: Duration::ZERO,
        capacity: CAPACITY,
        quota: QUOTA,
        ..work()
    };
    let mut ledger = Ledger::new(Order::OfPuts, work.fates);
    ledger.begins();
    let running = parent::start(program, &options(store, folder.path(), &ledger, work), &[]);
    let is_over = AtomicBool::new(false);
    let (status, largest) = thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut largest = 0;
            while !is_over.load(Ordering::Relaxed) {
                largest = largest.max(Kind::bytes(folder.path()));
                thread::sleep(Duration::from_millis(5));
            }
            largest
        });
        let status = running.finish(&mut ledger, Until::End);
        is_over.store(true, Ordering::Relaxed);
        (status, watch.join().expect("the files are watched"))
    });
    if !status.is_some_and(|status| status.success()) {
        ledger.violated(format!("the process failed: {status:?}"));
    }
    let found = left(store, folder.path(), &mut ledger);
    ledger.close(&found);
    if largest > LARGEST {
        ledger.violated(format!("the files of the store had {largest} bytes, with a quota of {QUOTA}"));
    }
    let title = format!("spill, {store}, {jobs} jobs, capacity {CAPACITY}, {:.0?}", began.elapsed());
    let at_the_end = Kind::bytes(folder.path());
    let mut verdict = Verdict::of(title, &ledger, &found, folder);
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    verdict.ledger.push(format!(
        "files of at most {:.1} MiB, {:.1} MiB at the end, with a quota of {:.0} MiB",
        mib(largest),
        mib(at_the_end),
        mib(QUOTA)
    ));
    verdict
}
