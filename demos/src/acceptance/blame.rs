//! A job aborts the process again and again; it is found, and no other is held to be the reason.

use super::{kill::settle, left, options, work, Verdict};
use crate::child::{End, Work};
use crate::item::{self, Fates};
use crate::ledger::{Ledger, Order, CRASHES};
use crate::parent::{self, Folder, Until};
use crate::stores::Kind;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// SIGABRT.
const ABORT: i32 = 6;

/// Puts the jobs, one of which is poisoned, and starts a process until one stays up.
pub fn run(program: &Path, store: Kind, workers: usize, jobs: u32) -> Verdict {
    let began = Instant::now();
    let folder = Folder::new();
    let poison = item::key(1, 0, jobs / 2);
    let fates = Fates::Poisoned(poison);
    let work = Work {
        fates,
        workers,
        putters: 1,
        puts: Some(0),
        handler: Duration::from_micros(200),
        pause: Duration::ZERO,
        ..work()
    };
    let order = if workers == 1 { Order::OfIds } else { Order::Any };
    let mut ledger = Ledger::new(order, fates);
    let puts = Work { workers: 0, puts: Some(jobs), capacity: jobs as usize + 1, end: End::Exit, ..work.clone() };
    settle(program, store, folder.path(), &mut ledger, puts);
    let mut aborts = 0;
    while aborts <= 2 * CRASHES {
        ledger.begins();
        let running = parent::start(program, &options(store, folder.path(), &ledger, work.clone()), &[]);
        match running.finish(&mut ledger, Until::End) {
            Some(status) if status.signal() == Some(ABORT) => aborts += 1,
            Some(status) if status.success() => break,
            status => {
                ledger.violated(format!("the process failed: {status:?}"));
                break;
            }
        }
    }
    let found = left(store, folder.path(), &mut ledger);
    ledger.close(&found);
    if aborts != CRASHES {
        ledger.violated(format!("{aborts} processes ended by the poisoned job, instead of {CRASHES}"));
    }
    let dead: Vec<_> = found.dead.iter().map(|letter| ledger.key(letter.id)).collect();
    if dead != [Some(poison)] {
        ledger.violated(format!("the dead letters are {:?}, and not the poisoned job alone", found.dead));
    }
    let unsettled = ledger.sums(&found).acknowledged - u64::from(jobs);
    if unsettled != 0 {
        ledger.violated("not all jobs were put: a fault of the test");
    }
    let title = format!("crash blame, {store}, {workers} workers, {jobs} jobs, {:.0?}", began.elapsed());
    let mut verdict = Verdict::of(title, &ledger, &found, folder);
    let letters: Vec<_> = found.dead.iter().map(|letter| format!("job {}: {}", letter.id, letter.error)).collect();
    verdict.ledger.push(format!("{aborts} aborts; dead: {}", letters.join(", ")));
    verdict
}
