//! The threads that share a queue, and the watcher that stops the victims.
//!
//! Knows no queue, only what each thread has of one.

use super::results::{Ledger, Results};
use super::signal::{Mark, Program, Victim};
use super::{Ends, Item, Next, NotGot, NotPut, PRODUCERS, PUTTER};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

/// Long enough on a quiet machine.
pub(crate) const FIRST_LIMIT: Duration = Duration::from_millis(120);

/// How to test a queue.
pub(crate) struct Plan {
    pub(crate) stalls: u32,
    /// A thread counts as frozen if it completes too little for so long beside the stopped victims.
    pub(crate) patience: Duration,
    /// After so many freezes the run ends, as they are evidence enough.
    pub(crate) enough: u32,
    /// The numbers of puts, of gets, and of items that must pass beside the stopped victims: more than a segment.
    pub(crate) pass: u64,
    /// Whether to stop the victims once more while the queue is closed and drained.
    pub(crate) end_beside: bool,
}

/// Written by one thread and read by others, on cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
struct Progress {
    /// Operations completed.
    done: AtomicU64,
    /// Of the putter: the number of the last item that it may be putting. Of a getter: one more than the number of the
    /// putter's last item that it got.
    at: AtomicU64,
    /// Of the getter: how many items of the putter it got that were put after a stop, during that stop.
    passed: AtomicU64,
}

impl Progress {
    /// Only the owner writes, so a load and a store are enough.
    fn count(number: &AtomicU64) {
        number.store(number.load(Relaxed) + 1, Release);
    }
}

struct Stage {
    putter: Progress,
    getter: Progress,
    victims: Vec<(Progress, OnceLock<Victim>)>,
    /// While the victims are stopped: the last item of the putter that may have been put before.
    window: AtomicU64,
    /// Whether all victims are stopped, so that the getter alone gets items.
    alone: AtomicBool,
    /// Whether the putter and the getter pause, so that a victim is stopped soon, and without contention.
    quiet: AtomicBool,
    /// The victims end, then the putter, and then the getter when it finds nothing more.
    victims_end: AtomicBool,
    putter_ends: AtomicBool,
    getter_ends: AtomicBool,
}

impl Stage {
    /// The most items that the putter may be ahead of the getters.
    const LEAD: u64 = 4096;
    const NO_WINDOW: u64 = u64::MAX;

    fn new(victims: usize) -> Self {
        Stage {
            putter: Progress::default(),
            getter: Progress::default(),
            victims: (0..victims).map(|_| Default::default()).collect(),
            window: AtomicU64::new(Self::NO_WINDOW),
            alone: AtomicBool::new(false),
            quiet: AtomicBool::new(false),
            victims_end: AtomicBool::new(false),
            putter_ends: AtomicBool::new(false),
            getter_ends: AtomicBool::new(false),
        }
    }

    /// Puts until the end or a close, and returns the number of items put. A put that finds the queue full is not
    /// counted.
    fn keep_putting<const WORDS: usize, E: Ends<WORDS>>(&self, mut ends: E) -> u64 {
        let mut number = 0;
        while !self.putter_ends.load(Acquire) {
            pause_if(&self.quiet);
            let getters = self.victims.iter().map(|(victim, _)| victim).chain([&self.getter]);
            let got = getters.map(|getter| getter.at.load(Relaxed)).max().unwrap_or(0);
            if number > got + Self::LEAD {
                Progress::count(&self.putter.done);
                thread::yield_now();
                continue;
            }
            self.putter.at.store(number + E::MOST - 1, Release);
            match ends.put(Mark::NONE, Next { producer: PUTTER, number }) {
                Ok(count) => {
                    number += count;
                    Progress::count(&self.putter.done);
                }
                Err(NotPut::Closed) => break,
                Err(NotPut::Full) => thread::yield_now(),
            }
        }
        number
    }

    /// Gets until the end or a close.
    fn keep_getting<const WORDS: usize>(&self, mut ends: impl Ends<WORDS>) -> Ledger {
        let (mut ledger, mut items, mut last) = (Ledger::default(), Vec::with_capacity(64), None);
        loop {
            pause_if(&self.quiet);
            let ending = self.getter_ends.load(Acquire);
            match ends.get(Mark::NONE, &mut items) {
                Ok(()) => items.drain(..).for_each(|item| self.note_of_getter(&mut ledger, &mut last, &item)),
                Err(NotGot::Closed) => return ledger,
                Err(NotGot::Empty) if ending => return ledger,
                Err(NotGot::Empty) => thread::yield_now(),
            }
            Progress::count(&self.getter.done);
        }
    }

    fn note_of_getter<const WORDS: usize>(&self, ledger: &mut Ledger, last: &mut Option<u64>, item: &Item<WORDS>) {
        let Some(number) = note(&self.getter, ledger, item) else { return };
        let mark = self.window.load(Acquire);
        // The window is still open, so no victim has run since the stop: each item put after it must be here, in order.
        if mark != Self::NO_WINDOW && number > mark {
            if number != last.map_or(mark, |last: u64| last.max(mark)) + 1 && self.alone.load(Relaxed) {
                ledger.early += 1;
            }
            Progress::count(&self.getter.passed);
        }
        *last = Some(number);
    }

    /// Puts and gets until the end or a close.
    fn run_victim<const WORDS: usize>(&self, index: usize, mut ends: impl Ends<WORDS>) -> (u64, Ledger) {
        let (progress, thread) = &self.victims[index];
        let mark = thread.get_or_init(|| Victim::me(index)).mark();
        let (mut number, mut ledger, mut items) = (0, Ledger::default(), Vec::with_capacity(64));
        while !self.victims_end.load(Acquire) {
            match ends.put(mark, Next { producer: 1 + index as u64, number }) {
                Ok(count) => number += count,
                Err(NotPut::Closed) => break,
                Err(NotPut::Full) => (),
            }
            if ends.get(mark, &mut items).is_ok() {
                items.drain(..).for_each(|item| {
                    note(progress, &mut ledger, &item);
                });
            }
        }
        (number, ledger)
    }

    /// Watches the putter and the getter beside the stopped victims, until both made progress or `plan.patience` is
    /// over.
    fn watch(&self, plan: &Plan, stopped: usize) -> Results {
        // An operation that was running at the stop may complete, and does not count: hence one more.
        let puts = self.putter.done.load(Acquire) + plan.pass + 1;
        let gets = self.getter.done.load(Acquire) + plan.pass + 1;
        let passed = self.getter.passed.load(Acquire) + plan.pass;
        self.alone.store(stopped == self.victims.len(), Relaxed);
        self.window.store(self.putter.at.load(Acquire), Release);
        let mut results = Results::default();
        let mut all_well = || {
            results.puts = u32::from(self.putter.done.load(Acquire) < puts);
            results.gets = u32::from(self.getter.done.load(Acquire) < gets);
            results.items = u32::from(self.getter.passed.load(Acquire) < passed);
            results.frozen() == 0
        };
        if !until(FIRST_LIMIT.min(plan.patience), &mut all_well) {
            until(plan.patience.saturating_sub(FIRST_LIMIT), &mut all_well);
            results.late = 1;
        }
        self.window.store(Self::NO_WINDOW, Release);
        results
    }
}

/// Records an item, and returns its number if it is one of the putter's.
fn note<const WORDS: usize>(progress: &Progress, ledger: &mut Ledger, item: &Item<WORDS>) -> Option<u64> {
    let Some((producer, number)) = item.read() else {
        ledger.torn += 1;
        return None;
    };
    ledger.enter(producer, number);
    (producer == PUTTER).then(|| {
        progress.at.store(number + 1, Release);
        number
    })
}

pub(crate) fn pause_if(quiet: &AtomicBool) {
    if quiet.load(Relaxed) {
        thread::sleep(Duration::from_micros(50));
    }
}

/// Whether `done` became true within `patience`. Counts the steps of its sleep and not the time that passed: if the
/// machine stops for a while, this does not count.
pub(crate) fn until(patience: Duration, mut done: impl FnMut() -> bool) -> bool {
    const STEP: Duration = Duration::from_micros(200);
    (0..patience.as_micros() / STEP.as_micros()).any(|_| {
        thread::sleep(STEP);
        done()
    })
}

/// A lock held by one test at a time: the tests share the slots of the signals, and the threads of one keep two cores
/// busy.
pub(crate) fn one_at_a_time() -> impl Sized {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stops the victims one after the other. Fewer are stopped if one ran no operation for so long beside the first ones.
pub(crate) fn freeze_all(victims: &[Victim], patience: Duration) -> Vec<usize> {
    victims.iter().map_while(|victim| victim.freeze(patience)).collect()
}

/// Runs the threads, stops the victims as planned, and closes the queue at the end. The caller has a watchdog.
pub(crate) fn run<const WORDS: usize, E: Ends<WORDS> + Send, O: Ends<WORDS> + Send>(
    victims: Vec<E>,
    [putter, getter]: [O; 2],
    close: impl Fn(),
    plan: &Plan,
) -> Results {
    let program = Program::prepare();
    let count = victims.len();
    let stage = &Stage::new(count);
    let mut results = Results::default();
    thread::scope(|scope| {
        let start = |(index, ends)| scope.spawn(move || stage.run_victim(index, ends));
        let victims: Vec<_> = victims.into_iter().enumerate().map(start).collect();
        let putter = scope.spawn(|| stage.keep_putting(putter));
        let getter = scope.spawn(|| stage.keep_getting(getter));
        let threads: Vec<Victim> = stage.victims.iter().map(|(_, thread)| *thread.wait()).collect();
        let relative = |places: Vec<usize>| places.into_iter().map(|place| place - program.start).collect::<Vec<_>>();
        let mut freezes = 0;
        while results.stalls < plan.stalls && freezes < plan.enough {
            stage.quiet.store(results.stalls % 2 == 1, Relaxed);
            let places = freeze_all(&threads, plan.patience);
            stage.quiet.store(false, Relaxed);
            if places.is_empty() {
                continue;
            }
            let mut stall = stage.watch(plan, places.len());
            stall.stalls = 1;
            stall.stuck = u32::from(places.len() < count);
            threads[..places.len()].iter().for_each(|victim| stall.ops[victim.op()] += 1);
            threads[..places.len()].iter().for_each(|victim| victim.release());
            if stall.frozen() > 0 {
                freezes += 1;
                stall.places = relative(places);
            }
            results += stall;
        }
        if plan.end_beside && freezes == 0 {
            let places = freeze_all(&threads, plan.patience);
            results.stalls += 1;
            // If this does not return, the watchdog reports it.
            close();
            if !until(plan.patience, || putter.is_finished() && getter.is_finished()) {
                results.ends += 1;
            }
            threads[..places.len()].iter().for_each(|victim| victim.release());
            if results.ends > 0 {
                results.places = relative(places);
            }
        }
        // A victim that waits needs the others.
        stage.victims_end.store(true, Release);
        let (mut put, mut ledgers) = ([0; PRODUCERS], Vec::new());
        for (index, victim) in victims.into_iter().enumerate() {
            let (number, ledger) = victim.join().unwrap();
            put[1 + index] = number;
            ledgers.push(ledger);
        }
        stage.putter_ends.store(true, Release);
        put[0] = putter.join().unwrap();
        close();
        stage.getter_ends.store(true, Release);
        ledgers.push(getter.join().unwrap());
        results.audit(put, &ledgers, false);
    });
    results
}
