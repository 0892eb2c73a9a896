//! The capacity of a stage changes at random while eight threads put and eight threads work.
//!
//! Two kinds of phases follow each other. In the first kind no job ends unless it is told to: then each
//! change of the capacity has one exact outcome, for which the test waits, however long it takes. In the
//! second kind all threads run freely, and the capacity changes as fast as it can.
//!
//! All events have the time of one clock of integers, from which the judge knows for each moment which jobs
//! were certainly in the stage, and after which moment each of them got its permit at the earliest: the last
//! poll of its put that was pending.

use super::judge::{self, Line};
use super::lines::{self, note, stamp};
use super::{code, verdict, Ledger};
use crate::acceptance::Verdict;
use fastrand::Rng;
use joinq_flow::{Job, Stage};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

const PUTTERS: usize = 8;
const WORKERS: usize = 8;
const MOST: usize = 64;
/// Changes of the capacity in a phase of each kind.
const EXACT: u64 = 5;
const FREE: u64 = 15;

/// How often the capacity changes, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// How often.
    pub changes: u64,
    /// Of the random capacities.
    pub seed: u64,
}

/// Lets jobs end.
#[derive(Default)]
struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Default)]
struct GateState {
    is_open: bool,
    permits: u64,
    passed: u64,
}

impl Gate {
    fn pass(&self) {
        let mut state = self.state.lock().expect("no thread panics");
        while !state.is_open && state.permits == 0 {
            state = self.changed.wait(state).expect("no thread panics");
        }
        if !state.is_open {
            state.permits -= 1;
        }
        state.passed += 1;
    }

    /// Changes the gate; returns how many jobs have passed it.
    fn change(&self, change: impl FnOnce(&mut GateState)) -> u64 {
        let mut state = self.state.lock().expect("no thread panics");
        change(&mut state);
        self.changed.notify_all();
        state.passed
    }
}

/// What the threads share.
struct Shared {
    stage: Stage<u64>,
    gate: Gate,
    next: AtomicU64,
    is_over: AtomicBool,
    /// Changed when all puts that wait are to be polled again.
    epoch: AtomicU64,
    /// Per putter: the epoch that it has read before its last poll that was pending.
    seen: [AtomicU64; PUTTERS],
    acknowledged: AtomicU64,
    settled: AtomicU64,
}

impl Shared {
    /// The jobs that were acknowledged and are not settled.
    fn held(&self) -> u64 {
        let settled = self.settled.load(Ordering::SeqCst);
        self.acknowledged.load(Ordering::SeqCst).saturating_sub(settled)
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Puts jobs, one at a time.
fn putter(shared: &Arc<Shared>, number: usize) {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    while !shared.is_over.load(Ordering::SeqCst) {
        let key = shared.next.fetch_add(1, Ordering::SeqCst);
        note('T', key, stamp());
        let settled = shared.clone();
        let mut put = pin!(shared.stage.put(key).on_settled(move |job: &Job<u64>| {
            note('E', key, stamp());
            note('S', key, code(job.state()));
            settled.settled.fetch_add(1, Ordering::SeqCst);
        }));
        loop {
            let epoch = shared.epoch.load(Ordering::SeqCst);
            let before = stamp();
            match put.as_mut().poll(&mut context) {
                Poll::Ready(Ok(_)) => {
                    note('P', key, stamp());
                    shared.acknowledged.fetch_add(1, Ordering::SeqCst);
                    break;
                }
                Poll::Ready(Err(_)) => {
                    note('R', key, 0);
                    break;
                }
                Poll::Pending => {
                    note('W', key, before);
                    shared.seen[number].store(epoch, Ordering::SeqCst);
                    thread::park();
                }
            }
        }
    }
    shared.seen[number].store(u64::MAX, Ordering::SeqCst);
}

/// Changes the capacity.
struct Setter<'a> {
    shared: &'a Shared,
    putters: &'a [Thread],
    rng: Rng,
    capacity: u64,
}

impl Setter<'_> {
    fn set(&mut self) {
        self.capacity = self.rng.u64(1..=MOST as u64);
        note('L', self.capacity, stamp());
        self.shared.stage.set_capacity(self.capacity as usize);
        note('M', self.capacity, stamp());
    }

    /// Waits until each put that waits was polled once more.
    fn poll_all(&self) {
        let epoch = self.shared.epoch.fetch_add(1, Ordering::SeqCst) + 1;
        self.putters.iter().for_each(Thread::unpark);
        let seen = || self.shared.seen.iter().all(|seen| seen.load(Ordering::SeqCst) >= epoch);
        lines::wait_until(|| "a putter hangs".to_owned(), seen);
    }

    /// Waits until so many jobs are in the stage, and no more: without a poll of a put that was not woken.
    fn wait_for(&self, expected: u64) {
        let what = || {
            let (capacity, held) = (self.capacity, self.shared.held());
            format!("putters sleep while there is free capacity: capacity {capacity}, {held} jobs, {expected} expected")
        };
        lines::wait_until(what, || self.shared.held() >= expected);
    }

    fn check(&self, expected: u64) {
        self.poll_all();
        let held = self.shared.held();
        if held != expected {
            let capacity = self.capacity;
            lines::violation(&format!("capacity {capacity}: {held} jobs are in the stage, {expected} expected"));
        }
    }

    /// No job ends unless it is told to.
    fn exactly(&mut self) {
        let passed = self.shared.gate.change(|gate| (gate.is_open, gate.permits) = (false, 0));
        self.wait_for_end(passed);
        // The last of them may still hold its permit. If there is free capacity then, a put takes it, and
        // otherwise no put does.
        self.wait_for(self.capacity);
        self.poll_all();
        let mut held = self.shared.held();
        for _ in 0..EXACT {
            self.set();
            held = held.max(self.capacity);
            self.wait_for(held);
            self.check(held);
            let ends = self.rng.u64(0..=held.min(WORKERS as u64));
            self.wait_for_end(self.shared.gate.change(|gate| gate.permits += ends) + ends);
            held = (held - ends).max(self.capacity);
            self.wait_for(held);
            self.check(held);
        }
    }

    /// Waits until so many jobs were settled since the start.
    fn wait_for_end(&self, count: u64) {
        let settled = || self.shared.settled.load(Ordering::SeqCst);
        let what = || format!("{} jobs were settled, not {count}: {:?}", settled(), self.shared.stage.stats());
        lines::wait_until(what, || settled() >= count);
    }

    /// All threads run.
    fn freely(&mut self) {
        self.shared.gate.change(|gate| gate.is_open = true);
        for _ in 0..FREE {
            self.set();
            match self.rng.u8(..) {
                0..=99 => {}
                100..=199 => thread::yield_now(),
                _ => {
                    let ends = self.rng.u64(1..40);
                    self.wait_for_end(self.shared.settled.load(Ordering::SeqCst) + ends);
                }
            }
        }
    }
}

/// The process under test.
pub(super) fn child(options: &str) {
    let Changes { changes, seed } = serde_json::from_str(options).expect("the judge passes options");
    note('M', MOST as u64, stamp());
    let shared = Arc::new(Shared {
        stage: Stage::builder("capacity").capacity(MOST).build(),
        gate: Gate::default(),
        next: AtomicU64::new(1),
        is_over: AtomicBool::new(false),
        epoch: AtomicU64::new(0),
        seen: Default::default(),
        acknowledged: AtomicU64::new(0),
        settled: AtomicU64::new(0),
    });
    let stage = shared.stage.clone();
    lines::report(move || format!("{:?}", stage.stats()));
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            let work = || {
                let handler = |job: &Job<u64>| {
                    note('B', **job, 0);
                    shared.gate.pass();
                    Ok(())
                };
                shared.stage.work(handler).wait();
            };
            scope.spawn(move || lines::collecting(work));
        }
        let shared = &shared;
        let putters: Vec<_> =
            (0..PUTTERS).map(|number| scope.spawn(move || lines::collecting(|| putter(shared, number)))).collect();
        let threads: Vec<_> = putters.iter().map(|putter| putter.thread().clone()).collect();
        let mut setter = Setter { shared, putters: &threads, rng: Rng::with_seed(seed), capacity: MOST as u64 };
        for _ in 0..changes.div_ceil(EXACT + FREE) {
            setter.exactly();
            setter.freely();
        }
        shared.gate.change(|gate| gate.is_open = true);
        shared.is_over.store(true, Ordering::SeqCst);
        for putter in putters {
            putter.join().expect("a putter does not panic");
        }
        shared.stage.close();
        shared.stage.join().wait();
    });
    let stats = shared.stage.stats();
    if (stats.used, stats.unfinished) != (0, 0) {
        lines::violation(&format!("at the end {stats:?}"));
    }
    lines::no_report();
}

/// What is known of a job.
#[derive(Debug, Default)]
struct Record {
    /// It got its permit after this time.
    after: u64,
    acknowledged: Option<u64>,
    ended: bool,
    refused: bool,
    runs: u64,
    states: Vec<u64>,
}

/// The capacities that may have been in force.
#[derive(Debug, Default)]
struct Capacities {
    /// From a time on, the largest one.
    largest: Vec<(u64, u64)>,
    /// The time when the last change had ended.
    since: u64,
}

impl Capacities {
    fn now(&self) -> u64 {
        self.largest.last().map_or(0, |(_, capacity)| *capacity)
    }

    /// The largest one since a time.
    fn largest_since(&self, time: u64) -> u64 {
        let later = self.largest.iter().rev().take_while(|(from, _)| *from > time).count();
        let from = self.largest.len().saturating_sub(later + 1);
        self.largest[from..].iter().map(|(_, capacity)| *capacity).max().unwrap_or(0)
    }
}

/// The jobs that are in the stage at a time: when they were acknowledged, and after which time they got their
/// permit.
#[derive(Debug, Default)]
struct Inside(BTreeMap<u64, (u64, u64)>);

impl Inside {
    /// A job is acknowledged. The violation, if there were too many jobs when it got its permit.
    fn add(&mut self, key: u64, after: u64, now: u64, capacities: &Capacities) -> Option<String> {
        // All of these were in the stage when the job got its permit.
        let before = self.0.values().filter(|(acknowledged, _)| *acknowledged < after).count() as u64;
        self.0.insert(key, (now, after));
        let (count, most) = (self.0.len() as u64, capacities.now());
        if before >= capacities.largest_since(after) {
            return Some(format!(
                "job {key} got a permit beside {before}, capacity {}",
                capacities.largest_since(after)
            ));
        }
        let late = self.0.iter().find(|(_, (_, after))| *after > capacities.since);
        match late {
            Some((late, _)) if count > most => {
                Some(format!("{count} jobs are in the stage, capacity {most}, and job {late} came after its change"))
            }
            _ => None,
        }
    }
}

/// Runs a process and judges it.
pub fn run(program: &Path, changes: Changes) -> Verdict {
    let began = Instant::now();
    let mut events: Vec<(u64, char, u64)> = Vec::new();
    let mut jobs: BTreeMap<u64, Record> = BTreeMap::new();
    let said = judge::run(program, "capacity", &changes, |Line { tag, key, number }, _| match tag {
        'L' | 'M' | 'T' | 'W' | 'P' | 'E' => events.push((number, tag, key)),
        'B' => jobs.entry(key).or_default().runs += 1,
        'S' => jobs.entry(key).or_default().states.push(number),
        'R' => jobs.entry(key).or_default().refused = true,
        _ => {}
    });
    let mut violations = said.violations;
    let mut figures = said.figures;
    events.sort_unstable();
    let mut capacities = Capacities::default();
    let mut inside = Inside::default();
    let (mut set, mut waits, mut above) = (0, 0, 0);
    for (now, tag, key) in events {
        match tag {
            // A change begins: both capacities may be in force.
            'L' => capacities.largest.push((now, capacities.now().max(key))),
            'M' => {
                set += 1;
                capacities.largest.push((now, key));
                capacities.since = now;
                above += u64::from(inside.0.len() as u64 > key);
            }
            _ => {
                let job = jobs.entry(key).or_default();
                match tag {
                    'T' => job.after = now,
                    'W' => (job.after, waits) = (now, waits + 1),
                    'P' => {
                        job.acknowledged = Some(now);
                        if !job.ended {
                            violations.extend(inside.add(key, job.after, now, &capacities));
                        }
                    }
                    _ => {
                        job.ended = true;
                        inside.0.remove(&key);
                    }
                }
            }
        }
    }
    let ledger = ledger(&jobs, &mut violations);
    figures.push(format!(
        "{} changes of the capacity, {above} of them below the number of jobs; {waits} polls found no free capacity; seed {}",
        set - 1,
        changes.seed
    ));
    verdict(format!("capacity, {:.0?}", began.elapsed()), ledger, figures, violations)
}

fn ledger(jobs: &BTreeMap<u64, Record>, violations: &mut Vec<String>) -> Ledger {
    let mut ledger = Ledger::default();
    for (key, job) in jobs {
        ledger.put += 1;
        ledger.acknowledged += u64::from(job.acknowledged.is_some());
        ledger.refused += u64::from(job.refused);
        ledger.started += u64::from(job.runs > 0);
        ledger.repeated += job.runs.saturating_sub(1);
        ledger.done += u64::from(job.states == [0]);
        if job.acknowledged.is_none() || job.runs != 1 || job.states != [0] {
            ledger.lost += u64::from(job.acknowledged.is_some() && job.states.is_empty());
            violations.push(format!("job {key}: {job:?}"));
        }
    }
    ledger
}
