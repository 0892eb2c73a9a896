//! A producer is ten times too fast for a stage that spills: all jobs run in order, and memory and disk are bounded.

use super::{left, options, work, Verdict};
use crate::child::{Mode, Work};
use crate::item::Fates;
use crate::ledger::{Ledger, Order};
use crate::parent::{self, Folder, Until};
use crate::stores::Kind;
use std::path::Path;
use std::time::{Duration, Instant};

/// The capacity of the stage in memory.
pub const CAPACITY: usize = 100;

/// Puts that many jobs, as fast as they are taken, to one worker.
pub fn run(program: &Path, store: Kind, jobs: u32) -> Verdict {
    let began = Instant::now();
    let folder = Folder::new();
    let work = Work {
        mode: Mode::Spill,
        fates: Fates::Done,
        workers: 1,
        putters: 1,
        puts: Some(jobs),
        handler: Duration::ZERO,
        pause: Duration::ZERO,
        capacity: CAPACITY,
        ..work()
    };
    let mut ledger = Ledger::new(Order::OfPuts, work.fates);
    ledger.begins();
    let running = parent::start(program, &options(store, folder.path(), &ledger, work), &[]);
    let status = running.finish(&mut ledger, Until::End);
    if !status.is_some_and(|status| status.success()) {
        ledger.violated(format!("the process failed: {status:?}"));
    }
    let found = left(store, folder.path(), &mut ledger);
    ledger.close(&found);
    let title = format!("spill, {store}, {jobs} jobs, capacity {CAPACITY}, {:.0?}", began.elapsed());
    Verdict::of(title, &ledger, &found, folder)
}
