//! The harness: the three threads, and the thread that watches them.

use super::common::{watchdog_with, Watchdog};
use super::results::{Ledger, Results};
use super::signal::{freeze, last_place, release, Program, Victim};
use super::{Item, TestQueue, PUTTER, VICTIM};
use joinq::{TryGetError, TryPutError};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

/// Long enough on a quiet machine.
const FIRST_LIMIT: Duration = Duration::from_millis(120);

/// How to test a queue.
pub(crate) struct Plan {
    pub(crate) stalls: u32,
    /// A thread counts as frozen if it completes nothing for so long beside the stopped victim.
    pub(crate) patience: Duration,
    /// After so many freezes the run ends, as they are evidence enough.
    pub(crate) enough: u32,
    /// Whether to stop the victim once more while the queue is closed and drained.
    pub(crate) end_beside: bool,
}

/// Written by one thread and read by others, on cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
struct Progress {
    /// Operations completed.
    done: AtomicU64,
    /// Of the putter: the number of the item that it puts. Of a getter: one more than the number of the
    /// putter's last item that it got.
    at: AtomicU64,
}

impl Progress {
    /// Only the owner writes, so a load and a store are enough.
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
    /// The most items that the putter may be ahead of the getters.
    const LEAD: u64 = 4096;

    /// Puts until the queue is closed, and returns the number of items put. A put that finds the queue full
    /// is not counted.
    fn keep_putting<const WORDS: usize>(&self, queue: &impl TestQueue<WORDS>) -> u64 {
        let mut number = 0;
        loop {
            let got = self.getter.at.load(Relaxed).max(self.victim.at.load(Relaxed));
            if number > got + Self::LEAD {
                self.putter.count();
                thread::yield_now();
                continue;
            }
            self.putter.at.store(number, Release);
            match queue.put(Item::new(PUTTER, number)) {
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
    fn keep_getting<const WORDS: usize>(&self, queue: &impl TestQueue<WORDS>) -> Ledger {
        let mut ledger = Ledger::default();
        loop {
            match queue.get() {
                Ok(item) => Self::note(&self.getter, &mut ledger, &item),
                Err(TryGetError::Closed) => return ledger,
                Err(_) => thread::yield_now(),
            }
            self.getter.count();
        }
    }

    /// Puts and gets until the queue is closed.
    fn run_victim<const WORDS: usize>(&self, queue: &impl TestQueue<WORDS>) -> (u64, Ledger) {
        let _ = self.thread.set(Victim::me());
        let (mut number, mut ledger) = (0, Ledger::default());
        loop {
            match queue.put(Item::new(VICTIM, number)) {
                Ok(()) => number += 1,
                Err(TryPutError::Closed(_)) => return (number, ledger),
                Err(_) => (),
            }
            if let Ok(item) = queue.get() {
                Self::note(&self.victim, &mut ledger, &item);
            }
        }
    }

    fn note<const WORDS: usize>(progress: &Progress, ledger: &mut Ledger, item: &Item<WORDS>) {
        if let Some((PUTTER, number)) = ledger.enter(item) {
            progress.at.store(number + 1, Release);
        }
    }

    /// Watches the putter and the getter beside the stopped victim, until both made progress or
    /// `plan.patience` is over.
    fn watch(&self, plan: &Plan) -> Results {
        // An operation that was running at the stop may complete, and does not count: hence two operations,
        // and a higher number.
        thread::sleep(Duration::from_millis(2));
        let puts = self.putter.done.load(Acquire) + 2;
        let gets = self.getter.done.load(Acquire) + 2;
        let number = self.putter.at.load(Acquire) + 1;
        let mut results = Results { stalls: 1, ..Results::default() };
        let mut all_well = || {
            results.puts = u32::from(self.putter.done.load(Acquire) < puts);
            results.gets = u32::from(self.getter.done.load(Acquire) < gets);
            results.nothing = u32::from(self.getter.at.load(Acquire) <= number);
            results.frozen() == 0
        };
        if !until(FIRST_LIMIT, &mut all_well) {
            until(plan.patience, &mut all_well);
            results.late = 1;
        }
        results
    }
}

/// Whether `done` became true within `patience`. Counts the steps of its sleep and not the time that passed:
/// if the machine stops for a while, this does not count.
pub(crate) fn until(patience: Duration, mut done: impl FnMut() -> bool) -> bool {
    const STEP: Duration = Duration::from_micros(200);
    (0..patience.as_micros() / STEP.as_micros()).any(|_| {
        thread::sleep(STEP);
        done()
    })
}

/// A lock held by one test at a time: the tests share the signal's word, and three threads keep two cores
/// busy.
pub(crate) fn one_at_a_time() -> impl Sized {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs the three threads on `queue`, stops the victim as planned, and closes the queue.
pub(crate) fn run<const WORDS: usize>(queue: &impl TestQueue<WORDS>, plan: &Plan) -> Results {
    let _turn = one_at_a_time();
    let freezes = plan.patience * (plan.enough.min(plan.stalls) + 1);
    let _watchdog = watchdog(Duration::from_secs(60) + Duration::from_millis(50) * plan.stalls + freezes);
    let program = Program::prepare();
    let stage = Stage::default();
    let mut results = Results::default();
    thread::scope(|scope| {
        let victim = scope.spawn(|| stage.run_victim(queue));
        let putter = scope.spawn(|| stage.keep_putting(queue));
        let getter = scope.spawn(|| stage.keep_getting(queue));
        let thread = loop {
            match stage.thread.get() {
                Some(thread) => break *thread,
                None => thread::yield_now(),
            }
        };
        while results.stalls < plan.stalls && results.places.len() < plan.enough as usize {
            let place = freeze(thread);
            let mut stall = stage.watch(plan);
            release();
            if stall.frozen() > 0 {
                stall.places.push(place - program.start);
            }
            results += stall;
        }
        if plan.end_beside && results.frozen() == 0 {
            let place = freeze(thread);
            results.stalls += 1;
            // If this does not return, the watchdog reports it.
            queue.end();
            if !until(plan.patience, || putter.is_finished() && getter.is_finished()) {
                results.ends += 1;
                results.places.push(place - program.start);
            }
            release();
        } else {
            queue.end();
        }
        let (by_victim, of_victim) = victim.join().unwrap();
        results.audit([putter.join().unwrap(), by_victim], &[getter.join().unwrap(), of_victim]);
    });
    results
}

/// Aborts the process if the returned value is not dropped in time.
pub(crate) fn watchdog(limit: Duration) -> Watchdog {
    let report = move || format!("no end after {limit:?}; the victim was last stopped at {:#x}", last_place());
    watchdog_with(limit, report)
}
