//! A process is killed again and again at random moments.

use super::{left, options, work, Verdict};
use crate::child::Work;
use crate::ledger::{Ledger, Order};
use crate::parent::{self, Folder, Until};
use crate::stores::Kind;
use std::path::Path;
use std::time::{Duration, Instant};

/// How the test is run.
#[derive(Clone, Copy, Debug)]
pub struct Kills {
    /// The store.
    pub store: Kind,
    /// The workers; with one, the order of the first attempts is judged as well.
    pub workers: usize,
    /// The number of kills.
    pub kills: u32,
    /// The seed of their moments.
    pub seed: u64,
}

/// Kills the process that many times, 5 to 150 ms after its start or after its store was open. Then a last
/// process settles all jobs.
pub fn run(program: &Path, kills: Kills) -> Verdict {
    let began = Instant::now();
    let mut random = fastrand::Rng::with_seed(kills.seed);
    let folder = Folder::new();
    let work = Work { workers: kills.workers, ..work() };
    let mut ledger = Ledger::new(if kills.workers == 1 { Order::OfIds } else { Order::Any }, work.fates);
    for _ in 0..kills.kills {
        ledger.begins();
        let delay = Duration::from_micros(random.u64(5_000..150_000));
        let until = if random.bool() { Until::AfterStart(delay) } else { Until::AfterOpen(delay) };
        let running = parent::start(program, &options(kills.store, folder.path(), &ledger, work.clone()), &[]);
        match running.finish(&mut ledger, until) {
            None => ledger.killed(),
            Some(status) => ledger.violated(format!("process {} ended by itself: {status}", ledger.process())),
        }
        if !ledger.violations().is_empty() {
            break;
        }
    }
    let found = left(kills.store, folder.path(), &mut ledger);
    ledger.inspect(&found);
    settle(program, kills.store, folder.path(), &mut ledger, Work { puts: Some(20), ..work });
    let found = left(kills.store, folder.path(), &mut ledger);
    ledger.close(&found);
    if ledger.sums(&found).done == 0 {
        ledger.violated("no job was done: nothing was tested");
    }
    let Kills { store, workers, seed, .. } = kills;
    let title = format!("kill, {store}, {workers} workers, seed {seed}, {:.0?}", began.elapsed());
    let mut verdict = Verdict::of(title, &ledger, &found, folder);
    verdict.ledger.push(ledger.kills().to_string());
    verdict
}

/// A process that settles all jobs and ends.
pub(super) fn settle(program: &Path, store: Kind, folder: &Path, ledger: &mut Ledger, work: Work) {
    ledger.begins();
    let running = parent::start(program, &options(store, folder, ledger, work), &[]);
    match running.finish(ledger, Until::End) {
        Some(status) if status.success() => {}
        Some(status) => ledger.violated(format!("the last process failed: {status}")),
        None => {}
    }
}
