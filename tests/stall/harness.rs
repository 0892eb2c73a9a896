//! The harness: the three threads, and the one that watches them.

use super::signal::{freeze, last_place, release, Program, Victim};
use super::tally::{Ledger, Tally};
use super::{Item, Line, PUTTER, VICTIM};
use joinq::{TryGetError, TryPutError};
use std::io::Write;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::mpsc::{channel, RecvTimeoutError, Sender};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

/// What a quiet machine leaves time enough for.
const FIRST_LOOK: Duration = Duration::from_millis(120);

/// What to do to a queue.
pub(crate) struct Plan {
    pub(crate) stalls: u32,
    /// How long a thread may do nothing beside the stopped victim before it counts as frozen.
    pub(crate) patience: Duration,
    /// How many freezes are evidence enough, so that the rest need not be waited for.
    pub(crate) enough: u32,
    /// Whether the victim is stopped once more while the queue is closed and drained.
    pub(crate) end_beside: bool,
}

/// What one thread writes and others read, away from what others write.
#[derive(Default)]
#[repr(align(128))]
struct Progress {
    /// Operations completed.
    done: AtomicU64,
    /// The putter: the number of the item it puts. Who gets: one more than that of the putter's last item it got.
    at: AtomicU64,
}

impl Progress {
    /// Only the owner writes, so that this need not be one step.
    fn count(&self) {
        self.done.store(self.done.load(Relaxed) + 1, Release);
    }
}

#[derive(Default)]
struct Stage {
    putter: Progress,
    getter: Progress,
    victim: Progress,
    thread: OnceLock<Victim>,
}

impl Stage {
    /// How many items the putter may be ahead of those who get.
    const LEAD: u64 = 4096;

    /// Puts until the queue is closed, and says how many items went in. Finding it full does not count.
    fn keep_putting<const WORDS: usize>(&self, line: &impl Line<WORDS>) -> u64 {
        let mut number = 0;
        loop {
            let got = self.getter.at.load(Relaxed).max(self.victim.at.load(Relaxed));
            if number > got + Self::LEAD {
                self.putter.count();
                thread::yield_now();
                continue;
            }
            self.putter.at.store(number, Release);
            match line.put(Item::new(PUTTER, number)) {
                Ok(()) => {
                    number += 1;
                    self.putter.count();
                }
                Err(TryPutError::Closed(_)) => return number,
                Err(_) => thread::yield_now(),
            }
        }
    }

    /// Gets until the queue is closed.
    fn keep_getting<const WORDS: usize>(&self, line: &impl Line<WORDS>) -> Ledger {
        let mut ledger = Ledger::default();
        loop {
            match line.get() {
                Ok(item) => Self::note(&self.getter, &mut ledger, &item),
                Err(TryGetError::Closed) => return ledger,
                Err(_) => thread::yield_now(),
            }
            self.getter.count();
        }
    }

    /// Puts and gets until the queue is closed.
    fn suffer<const WORDS: usize>(&self, line: &impl Line<WORDS>) -> (u64, Ledger) {
        let _ = self.thread.set(Victim::me());
        let (mut number, mut ledger) = (0, Ledger::default());
        loop {
            match line.put(Item::new(VICTIM, number)) {
                Ok(()) => number += 1,
                Err(TryPutError::Closed(_)) => return (number, ledger),
                Err(_) => (),
            }
            if let Ok(item) = line.get() {
                Self::note(&self.victim, &mut ledger, &item);
            }
        }
    }

    fn note<const WORDS: usize>(progress: &Progress, ledger: &mut Ledger, item: &Item<WORDS>) {
        if let Some((PUTTER, number)) = ledger.enter(item) {
            progress.at.store(number + 1, Release);
        }
    }

    /// Watches the putter and the getter beside the stopped victim, until each was seen at work or patience is out.
    fn watch(&self, plan: &Plan) -> Tally {
        // What was under way at the freeze may end, and does not count: hence two operations, and a number above.
        thread::sleep(Duration::from_millis(2));
        let puts = self.putter.done.load(Acquire) + 2;
        let gets = self.getter.done.load(Acquire) + 2;
        let number = self.putter.at.load(Acquire) + 1;
        let mut tally = Tally { stalls: 1, ..Tally::default() };
        let mut all_well = || {
            tally.puts = u32::from(self.putter.done.load(Acquire) < puts);
            tally.gets = u32::from(self.getter.done.load(Acquire) < gets);
            tally.nothing = u32::from(self.getter.at.load(Acquire) <= number);
            tally.frozen() == 0
        };
        if !until(FIRST_LOOK, &mut all_well) {
            until(plan.patience, &mut all_well);
            tally.late = 1;
        }
        tally
    }
}

/// Whether `done` came true before `patience` was out. Counts the steps that were slept, not the time that went by:
/// while the machine stands still so does this.
pub(crate) fn until(patience: Duration, mut done: impl FnMut() -> bool) -> bool {
    const STEP: Duration = Duration::from_micros(200);
    (0..patience.as_micros() / STEP.as_micros()).any(|_| {
        thread::sleep(STEP);
        done()
    })
}

/// To be held by one test at a time: the signal's word is one for all, and three threads keep two cores busy.
pub(crate) fn alone() -> impl Sized {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has the three threads work on `line`, stalls the victim as planned, and closes.
pub(crate) fn run<const WORDS: usize>(line: &impl Line<WORDS>, plan: &Plan) -> Tally {
    let _alone = alone();
    let freezes = plan.patience * (plan.enough.min(plan.stalls) + 1);
    let _watchdog = watchdog(Duration::from_secs(60) + Duration::from_millis(50) * plan.stalls + freezes);
    let program = Program::prepare();
    let stage = Stage::default();
    let mut tally = Tally::default();
    thread::scope(|scope| {
        let victim = scope.spawn(|| stage.suffer(line));
        let putter = scope.spawn(|| stage.keep_putting(line));
        let getter = scope.spawn(|| stage.keep_getting(line));
        let thread = loop {
            match stage.thread.get() {
                Some(thread) => break *thread,
                None => thread::yield_now(),
            }
        };
        while tally.stalls < plan.stalls && tally.places.len() < plan.enough as usize {
            let place = freeze(thread);
            let mut stall = stage.watch(plan);
            release();
            if stall.frozen() > 0 {
                stall.places.push(place - program.start);
            }
            tally += stall;
        }
        if plan.end_beside && tally.frozen() == 0 {
            let place = freeze(thread);
            tally.stalls += 1;
            // If this does not return the watchdog will tell.
            line.end();
            if !until(plan.patience, || putter.is_finished() && getter.is_finished()) {
                tally.ends += 1;
                tally.places.push(place - program.start);
            }
            release();
        } else {
            line.end();
        }
        let (by_victim, of_victim) = victim.join().unwrap();
        tally.audit([putter.join().unwrap(), by_victim], &[getter.join().unwrap(), of_victim]);
    });
    tally
}

/// Ends the whole program if what it returns is not dropped in time. Says so past the test's capture, which would be
/// lost.
pub(crate) fn watchdog(limit: Duration) -> Sender<()> {
    let (alive, end) = channel();
    thread::spawn(move || {
        if end.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            let place = last_place();
            let _ =
                writeln!(std::io::stderr(), "stall: no end after {limit:?}; the victim was last stopped at {place:#x}");
            std::process::abort();
        }
    });
    alive
}
