//! For the models of lock-freedom: threads that stop at a named point of the core until the main thread lets them go
//! on, which it does only after all other threads have finished their operations.
//!
//! A model is explored once without a stop, which finds the points that its victim passes, and then once for each of
//! them: the victim stops there, by waiting for a condition that the main thread sets. A design in which another thread
//! waits for the victim ends with loom's error of a deadlock, or with that of too many steps.
//!
//! The models are explored completely where loads are RMWs. Otherwise each exploration ends after a few executions: a
//! stale load makes an execution longer, and does not make a thread wait for another one.
#![allow(dead_code)] // each file of models uses a part of it

use joinq::raw::{visit_points, Point};
use loom::sync::{Condvar, Mutex};
use loom::thread::ThreadId;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

/// A victim passes this point for the n-th time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stop {
    pub point: Point,
    pub nth: usize,
}

/// How often a victim may pass a point before it stops there, at most.
const MOST: usize = 2;

/// A thread that stops, or that notes the points that it passes.
struct Victim {
    thread: Option<ThreadId>,
    at: Option<Stop>,
    passed: Vec<Point>,
    has_stopped: bool,
}

/// What the victims and the main thread wait for.
#[derive(Default)]
struct Gate {
    /// Victims that have stopped, or finished.
    arrived: usize,
    is_open: bool,
}

/// The victims of one execution.
pub struct Stops {
    gate: Mutex<Gate>,
    changed: Condvar,
    victims: RefCell<Vec<Victim>>,
    /// All victims were stopped when all other threads had finished.
    were_stopped: Cell<bool>,
}

impl Stops {
    fn new(at: &[Option<Stop>]) -> Rc<Self> {
        let victim = |at: &Option<Stop>| Victim { thread: None, at: *at, passed: Vec::new(), has_stopped: false };
        Rc::new(Stops {
            gate: Mutex::new(Gate::default()),
            changed: Condvar::new(),
            victims: RefCell::new(at.iter().map(victim).collect()),
            were_stopped: Cell::new(false),
        })
    }

    /// The calling thread does `work` as the victim of this number.
    pub fn as_victim<R>(&self, number: usize, work: impl FnOnce() -> R) -> R {
        self.victims.borrow_mut()[number].thread = Some(loom::thread::current().id());
        let result = work();
        let has_stopped = {
            let victim = &mut self.victims.borrow_mut()[number];
            victim.thread = None;
            victim.has_stopped
        };
        if !has_stopped {
            self.arrive(false);
        }
        result
    }

    /// Waits until each victim has stopped or finished. Returns whether all have stopped.
    pub fn wait_for_victims(&self) -> bool {
        let victims = self.victims.borrow().len();
        let mut gate = self.gate.lock().unwrap();
        while gate.arrived < victims {
            gate = self.changed.wait(gate).unwrap();
        }
        drop(gate);
        self.were_stopped.set(self.have_stopped());
        self.were_stopped.get()
    }

    /// Lets the victims go on.
    pub fn release(&self) {
        self.gate.lock().unwrap().is_open = true;
        self.changed.notify_all();
    }

    /// Does `victim` on a thread of its own, which may be stopped, `other` on another one, and `then` when that has
    /// finished, with the answer whether the victim is stopped; then lets the victim go on. Returns what the two
    /// threads return.
    pub fn beside<V: 'static, R: 'static>(
        self: &Rc<Self>,
        victim: impl FnOnce() -> V + 'static,
        other: impl FnOnce() -> R + 'static,
        then: impl FnOnce(bool),
    ) -> (V, R) {
        let stops = self.clone();
        let victim = loom::thread::spawn(move || stops.as_victim(0, victim));
        let result = loom::thread::spawn(other).join().unwrap();
        then(self.wait_for_victims());
        self.release();
        (victim.join().unwrap(), result)
    }

    /// Whether all victims have stopped by now.
    pub fn have_stopped(&self) -> bool {
        self.victims.borrow().iter().all(|victim| victim.has_stopped)
    }

    fn visit(&self, point: Point) {
        let mut stops = false;
        {
            let mut victims = self.victims.borrow_mut();
            let this = loom::thread::current().id();
            if let Some(victim) = victims.iter_mut().find(|victim| victim.thread == Some(this)) {
                victim.passed.push(point);
                let nth = victim.passed.iter().filter(|passed| **passed == point).count();
                stops = victim.at == Some(Stop { point, nth });
                victim.has_stopped |= stops;
            }
        }
        if stops {
            self.arrive(true);
        }
    }

    fn arrive(&self, stops: bool) {
        let mut gate = self.gate.lock().unwrap();
        gate.arrived += 1;
        self.changed.notify_all();
        while stops && !gate.is_open {
            gate = self.changed.wait(gate).unwrap();
        }
    }

    /// The first passes of each point, by each victim.
    fn passed(&self) -> Vec<BTreeSet<Stop>> {
        let stops = |victim: &Victim| {
            let nth = |at: usize| victim.passed[..=at].iter().filter(|point| **point == victim.passed[at]).count();
            let all = (0..victim.passed.len()).map(|at| Stop { point: victim.passed[at], nth: nth(at) });
            all.filter(|stop| stop.nth <= MOST).collect()
        };
        self.victims.borrow().iter().map(stops).collect()
    }
}

/// The producer of a slot.
const PRODUCER: &[Point] = &[Point::PushClaimed, Point::ValueWritten, Point::ValuePublished, Point::ByteRead];
/// The producer of a slot that is contested, and of one that is poisoned.
const POISONED: &[Point] = &[Point::ContestSeen, Point::PoisonSeen, Point::HoleUncounted, Point::HoleCounted];
const CONSUMER: &[Point] = &[
    Point::PopClaimed,
    Point::FullFound,
    Point::ValueTaken,
    Point::EmptyFound,
    Point::SlotContested,
    Point::ContestFenced,
    Point::SlotPoisoned,
    Point::HoleFound,
];
/// A thread that moves an end to the next segment.
const SWING: &[Point] = &[Point::NextRead, Point::BaseRaised, Point::EndSwung, Point::EndLeft];
const HELPER: &[Point] = &[Point::HelperClaimed, Point::ClaimLimitCleared, Point::HelperUnreleased];
const APPENDER: &[Point] = &[
    Point::SegmentUnlinked,
    Point::SegmentLinked,
    Point::LinkLost,
    Point::SealFound,
    Point::SparesTaken,
    Point::SpareUnlisted,
    Point::RetiredTaken,
];
/// A thread that has moved the head out of a segment.
const RETIRER: &[Point] =
    &[Point::LastSlotClaimed, Point::SegmentUnretired, Point::SpareUnlisted, Point::RetiredUnlisted];
const CLOSER: &[Point] = &[Point::CloseChecked, Point::LinkSealed];
const CELL: &[Point] = &[Point::CellHeld, Point::CellAccessed];

const PUSH: &[&[Point]] = &[&[Point::PushChecked], PRODUCER, POISONED, SWING, HELPER, APPENDER];
const POP: &[&[Point]] = &[&[Point::PopChecked], CONSUMER, SWING, HELPER, RETIRER];

/// The stopped operations of the models, and points at which their threads must have been stopped. Each point of the
/// core is in a row: see the test `each_point_is_in_a_row`.
pub const TABLE: &[(&str, &[&[Point]])] = &[
    ("push", PUSH),
    ("batch of pushes", PUSH),
    ("reserved slot", PUSH),
    ("push beside the single consumer", PUSH),
    ("push with a limit", &[&[Point::ClaimedBeforeLimit, Point::ClaimLimitUnset], PRODUCER, POISONED, SWING, APPENDER]),
    ("abandoned slot", &[&[Point::HoleUnlisted, Point::HoleListed, Point::HoleStored, Point::HolesLeft]]),
    ("pop", POP),
    ("batch of pops", POP),
    ("pop with a limit", &[&[Point::PopChecked, Point::ClaimLimitUnset], CONSUMER, SWING, RETIRER]),
    ("close", &[CLOSER, SWING, HELPER]),
    ("close and drain", &[CLOSER, CONSUMER, SWING, HELPER, RETIRER]),
    ("pop of the single consumer", &[&[Point::SingleTaken, Point::SingleAdvanced], CONSUMER, SWING]),
    ("batch of the single consumer", &[&[Point::SingleTaken]]),
    ("end of the single consumer", &[&[Point::SingleEnded], CLOSER]),
    ("push beside two threads", &[PRODUCER, SWING, HELPER, &[Point::SegmentUnlinked, Point::SegmentLinked]]),
    ("pop beside two threads", &[&[Point::PopClaimed, Point::LastSlotClaimed, Point::ValueTaken], SWING, HELPER]),
    ("two operations", &[PRODUCER, SWING, CLOSER, &[Point::SegmentLinked, Point::EmptyFound]]),
    ("drop of the last receiver", &[CLOSER, CONSUMER]),
    ("drop of the last sender", &[CLOSER]),
    ("drop of the single receiver", &[&[Point::SingleEnded], CLOSER, CONSUMER]),
    ("get in the cell", &[CELL]),
    ("another waker in the cell", &[CELL]),
    ("put that notifies the cell", &[CELL]),
    ("allocation on demand", &[&[Point::BoxMade]]),
];

/// Says where a model failed.
pub struct OnFailure(pub String);

impl Drop for OnFailure {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("    {}", self.0);
        }
    }
}

/// What the explorations of one test have shown.
#[derive(Default)]
pub struct Tally {
    explorations: usize,
    executions: usize,
    /// Executions in which all victims were stopped when all other threads had finished.
    stopped: usize,
    /// The points at which a victim has stopped.
    points: BTreeSet<Point>,
    /// An exploration was cut off.
    is_cut: bool,
}

impl Tally {
    /// Fails unless a victim has stopped at each point of this row of the table, if no exploration was cut off.
    pub fn check(&self, row: &str) {
        println!(
            "{row}: {} points, {} explorations, {} executions, in {} of them all victims were stopped{}",
            self.points.len(),
            self.explorations,
            self.executions,
            self.stopped,
            if self.is_cut { ", some cut off" } else { "" }
        );
        let Some((_, points)) = TABLE.iter().find(|(name, _)| *name == row) else { panic!("no row {row}") };
        let missed: Vec<_> = points.concat().into_iter().filter(|point| !self.points.contains(point)).collect();
        assert!(missed.is_empty() || self.is_cut, "{row}: no thread was stopped at {missed:?}");
    }

    fn explore(
        &mut self,
        at: Vec<Option<Stop>>,
        bound: usize,
        scenario: &Arc<impl Fn(&Rc<Stops>) + Send + Sync + 'static>,
    ) -> (Vec<BTreeSet<Stop>>, usize) {
        let mut builder = loom::model::Builder::new();
        if std::env::var_os("JOINQ_LOOM_FULL").is_none() {
            builder.preemption_bound = builder.preemption_bound.map(|most| most.min(bound));
        }
        if cfg!(not(loom_rmw)) {
            builder.checkpoint_interval = 10;
            builder.max_permutations = Some(20);
        }
        let cap = builder.max_permutations;
        // Enough for each of these models; a thread that waits for a victim reaches it soon.
        builder.max_branches = 2_000;
        let failure = OnFailure(format!("stopped at {at:?}"));
        let found = Arc::new(std::sync::Mutex::new((0, 0, vec![BTreeSet::new(); at.len()])));
        let (seen, scenario) = (found.clone(), scenario.clone());
        builder.check(move || {
            assert_eq!(joinq::raw::live_segments(), 0, "the last execution has leaked segments");
            let stops = Stops::new(&at);
            let visited = stops.clone();
            visit_points(Some(Rc::new(move |point| visited.visit(point))));
            scenario(&stops);
            visit_points(None);
            let mut seen = seen.lock().unwrap();
            seen.0 += 1;
            seen.1 += usize::from(stops.were_stopped.get());
            let passed = stops.passed();
            seen.2.iter_mut().zip(passed).for_each(|(all, passed)| all.extend(passed));
        });
        assert_eq!(joinq::raw::live_segments(), 0, "leaked segments");
        drop(failure);
        let (executions, stopped, passed) = std::mem::take(&mut *found.lock().unwrap());
        self.explorations += 1;
        self.executions += executions;
        self.stopped += stopped;
        self.is_cut |= cap.is_some_and(|cap| executions + 1 >= cap);
        (passed, stopped)
    }

    /// Explores `scenario` with one victim at each of the points that it passes.
    pub fn stop_one(&mut self, bound: usize, scenario: impl Fn(&Rc<Stops>) + Send + Sync + 'static) {
        self.stop_one_at(Point::ALL, bound, scenario);
    }

    /// As [`Tally::stop_one`], at these points alone.
    pub fn stop_one_at(
        &mut self,
        points: &[Point],
        bound: usize,
        scenario: impl Fn(&Rc<Stops>) + Send + Sync + 'static,
    ) {
        let scenario = Arc::new(scenario);
        let (passed, _) = self.explore(vec![None], bound, &scenario);
        for &stop in passed[0].iter().filter(|stop| points.contains(&stop.point)) {
            let (_, stopped) = self.explore(vec![Some(stop)], bound, &scenario);
            if stopped > 0 {
                self.points.insert(stop.point);
            }
        }
    }

    /// Explores `scenario` with two victims at each pair of the points that they pass.
    pub fn stop_two(&mut self, bound: usize, scenario: impl Fn(&Rc<Stops>) + Send + Sync + 'static) {
        let scenario = Arc::new(scenario);
        let (passed, _) = self.explore(vec![None, None], bound, &scenario);
        for &first in &passed[0] {
            for &second in passed[1].iter().filter(|stop| stop.nth == 1) {
                let (_, stopped) = self.explore(vec![Some(first), Some(second)], bound, &scenario);
                if stopped > 0 {
                    self.points.extend([first.point, second.point]);
                }
            }
        }
    }
}
