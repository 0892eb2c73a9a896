//! The end of a queue: a thread is stopped in `close`, or in the drop of the last handle of a side, and others put and
//! get meanwhile.
//!
//! A close happens once for each queue, so the closer has rounds of fresh queues and closes one after the other; the
//! putter, the getter and the second victim use the queue that it is closing. While the closer is stopped, either the
//! queue is open and items pass in order, or it is closed and both sides learn it.
//!
//! Knows the rounds and their threads. `shots.rs` has the queues.

use super::engine::signal::{Program, Victim};
use super::engine::{
    freeze_all, pause_if, until, Ledger, Mark, NotGot, NotPut, Op, Plan, Results, FIRST_LIMIT, PRODUCERS, PUTTER,
};
use super::shots::{End, Shot, Token, KEPT};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

/// Queues that are closed one after the other.
struct Round {
    /// The number of the first one.
    first: u64,
    shots: Vec<Shot>,
}

/// What a thread has done.
#[derive(Default)]
#[repr(align(128))]
struct Progress {
    done: AtomicU64,
    /// One more than the number of the last queue that it found closed.
    closed: AtomicU64,
    /// Of the getter: the putter's items that were put after the stop.
    passed: AtomicU64,
    /// Of the putter: the item that it puts.
    at: AtomicU64,
}

struct Stage {
    round: Mutex<Arc<Round>>,
    /// The number of the queue that is being closed.
    at: AtomicU64,
    putter: Progress,
    getter: Progress,
    victims: [OnceLock<Victim>; 2],
    /// The last item of the putter before the stop, while the victims are stopped.
    window: AtomicU64,
    quiet: AtomicBool,
    end: AtomicBool,
    /// The sum of `KEPT` of all threads.
    kept: AtomicI64,
}

impl Stage {
    const ROUND: u64 = 64;
    const NO_WINDOW: u64 = u64::MAX;

    /// Closes fresh queues until the end. Returns the number of items that it put into them before, and the items that
    /// it got before the closes and after them.
    fn keep_closing(&self, open: impl Fn() -> (Shot, End), faults: &Mutex<Vec<String>>) -> (u64, [Ledger; 2]) {
        let mark = self.victims[0].get_or_init(|| Victim::me(0)).mark();
        let (mut first, mut number, mut early, mut left) = (0, 0, Ledger::default(), Ledger::default());
        loop {
            let (shots, ends): (Vec<_>, Vec<_>) = (0..Self::ROUND).map(|_| open()).unzip();
            // Before the close the tail is at each slot of the first two segments, and beyond.
            for (shot, index) in shots.iter().zip(first..) {
                for _ in 0..if index % 4 == 0 { index % 29 } else { index % 3 } {
                    if (shot.put)(Token::new(1, number)).is_err() {
                        break;
                    }
                    number += 1;
                    if index % 3 > 0 {
                        (shot.get)().ok().into_iter().for_each(|token| early.enter(token.0, token.1));
                    } else {
                        shot.items.fetch_add(1, Relaxed);
                    }
                }
            }
            let before = std::mem::replace(&mut *self.round.lock().unwrap(), Arc::new(Round { first, shots }));
            for (index, end) in ends.into_iter().enumerate() {
                self.at.store(first + index as u64, Release);
                mark.during(Op::Close, end);
            }
            settle(before, &mut left, faults);
            first += Self::ROUND;
            if self.end.load(Acquire) {
                let empty = Arc::new(Round { first: u64::MAX, shots: Vec::new() });
                let last = std::mem::replace(&mut *self.round.lock().unwrap(), empty);
                self.at.store(u64::MAX, Release);
                settle(last, &mut left, faults);
                self.add_kept();
                return (number, [early, left]);
            }
        }
    }

    fn add_kept(&self) {
        self.kept.fetch_add(KEPT.replace(0), Relaxed);
    }

    /// Calls `act` with the queue that is being closed, until the end.
    fn follow(&self, mut act: impl FnMut(&Shot, u64)) {
        let mut round = self.round.lock().unwrap().clone();
        loop {
            let at = self.at.load(Acquire);
            if at == u64::MAX {
                drop(round);
                self.add_kept();
                return;
            }
            match at.checked_sub(round.first).and_then(|index| round.shots.get(index as usize)) {
                Some(shot) => act(shot, at),
                None => {
                    drop(round);
                    round = self.round.lock().unwrap().clone();
                    thread::yield_now();
                }
            }
        }
    }

    /// One put as this producer; true if it succeeded.
    fn put(&self, mark: Mark, shot: &Shot, token: Token) -> Result<(), NotPut> {
        if shot.items.load(Relaxed) > Shot::MOST {
            return Err(NotPut::Full);
        }
        mark.during(Op::Put, || (shot.put)(token)).map(|()| {
            shot.items.fetch_add(1, Relaxed);
        })
    }

    fn get(&self, mark: Mark, shot: &Shot, ledger: &mut Ledger) -> Result<(u64, u64), NotGot> {
        let token = mark.during(Op::Get, || (shot.get)())?;
        shot.items.fetch_sub(1, Relaxed);
        ledger.enter(token.0, token.1);
        Ok((token.0, token.1))
    }

    fn keep_putting(&self) -> u64 {
        let mut number = 0;
        self.follow(|shot, at| {
            pause_if(&self.quiet);
            self.putter.at.store(number, Release);
            match self.put(Mark::NONE, shot, Token::new(PUTTER, number)) {
                Ok(()) => number += 1,
                Err(NotPut::Closed) => self.putter.closed.store(at + 1, Release),
                Err(NotPut::Full) => thread::yield_now(),
            }
            self.putter.done.fetch_add(1, Release);
        });
        number
    }

    fn keep_getting(&self) -> Ledger {
        let (mut ledger, mut last) = (Ledger::default(), None);
        self.follow(|shot, at| {
            pause_if(&self.quiet);
            match self.get(Mark::NONE, shot, &mut ledger) {
                Ok((PUTTER, number)) => {
                    let mark = self.window.load(Acquire);
                    if mark != Self::NO_WINDOW && number > mark {
                        if number != last.map_or(mark, |last: u64| last.max(mark)) + 1 {
                            ledger.early += 1;
                        }
                        self.getter.passed.fetch_add(1, Release);
                    }
                    last = Some(number);
                }
                Ok(_) => {}
                Err(NotGot::Closed) => {
                    shot.closed.store(true, Release);
                    self.getter.closed.store(at + 1, Release);
                }
                Err(NotGot::Empty) => thread::yield_now(),
            }
            self.getter.done.fetch_add(1, Release);
        });
        ledger
    }

    /// The second victim puts and gets.
    fn run_second(&self) -> (u64, Ledger) {
        let mark = self.victims[1].get_or_init(|| Victim::me(1)).mark();
        let (mut number, mut ledger) = (0, Ledger::default());
        self.follow(|shot, _| {
            number += u64::from(self.put(mark, shot, Token::new(2, number)).is_ok());
            let _ = self.get(mark, shot, &mut ledger);
        });
        (number, ledger)
    }

    fn watch(&self, plan: &Plan, ending: Ending) -> Results {
        let at = self.at.load(Acquire) + 1;
        let puts = self.putter.done.load(Acquire) + plan.pass + 1;
        let gets = self.getter.done.load(Acquire) + plan.pass + 1;
        let passed = self.getter.passed.load(Acquire) + plan.pass;
        self.window.store(self.putter.at.load(Acquire), Release);
        let mut results = Results::default();
        let mut all_well = || {
            let [putter, getter] = [&self.putter, &self.getter].map(|thread| thread.closed.load(Acquire) == at);
            let closed = match ending {
                Ending::Close => putter && getter,
                Ending::LastSender => putter,
                Ending::LastReceiver => getter,
            };
            results.puts = u32::from(self.putter.done.load(Acquire) < puts);
            results.gets = u32::from(self.getter.done.load(Acquire) < gets);
            results.items = u32::from(!closed && self.getter.passed.load(Acquire) < passed);
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

/// Takes what is left in the queues of a round when no thread uses it any more.
fn settle(mut round: Arc<Round>, ledger: &mut Ledger, faults: &Mutex<Vec<String>>) {
    let round = loop {
        match Arc::try_unwrap(round) {
            Ok(round) => break round,
            Err(shared) => round = shared,
        }
        thread::yield_now();
    };
    for shot in round.shots {
        let closed = shot.closed.load(Acquire);
        let end = loop {
            match (shot.get)() {
                Ok(token) => {
                    ledger.enter(token.0, token.1);
                    if closed {
                        faults.lock().unwrap().push(format!("an item of {} after *closed*", token.0));
                    }
                }
                Err(end) => break end,
            }
        };
        if end == NotGot::Empty {
            faults.lock().unwrap().push("a closed queue is *empty*".into());
        }
    }
}

/// What ends the queues.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Both sides learn of the close.
    Close,
    /// While it is being dropped the weak senders find no sender, and the receivers may still find the channel empty.
    LastSender,
    /// While it is being dropped the weak receivers find no receiver, and the senders may still send. Then the messages
    /// are dropped.
    LastReceiver,
}

/// Runs the threads and stops the closer, and with `victims == 2` another thread in its `try_put` or `try_get`.
pub(crate) fn run(open: impl Fn() -> (Shot, End) + Sync, ending: Ending, victims: usize, plan: &Plan) -> Results {
    let program = Program::prepare();
    let faults = Mutex::default();
    let mut results = Results::default();
    let stage = Stage {
        round: Mutex::new(Arc::new(Round { first: u64::MAX, shots: Vec::new() })),
        at: AtomicU64::new(0),
        putter: Progress::default(),
        getter: Progress::default(),
        victims: Default::default(),
        window: AtomicU64::new(Stage::NO_WINDOW),
        quiet: AtomicBool::new(false),
        end: AtomicBool::new(false),
        kept: AtomicI64::new(0),
    };
    thread::scope(|scope| {
        let closer = scope.spawn(|| stage.keep_closing(&open, &faults));
        let putter = scope.spawn(|| stage.keep_putting());
        let getter = scope.spawn(|| stage.keep_getting());
        let second = (victims > 1).then(|| scope.spawn(|| stage.run_second()));
        let threads: Vec<Victim> = stage.victims[..victims].iter().map(|thread| *thread.wait()).collect();
        while results.stalls < plan.stalls && results.frozen() < plan.enough {
            stage.quiet.store(results.stalls % 2 == 1, Relaxed);
            let places = freeze_all(&threads, plan.patience);
            stage.quiet.store(false, Relaxed);
            if places.is_empty() {
                continue;
            }
            let mut stall = if places.len() == victims { stage.watch(plan, ending) } else { Results::default() };
            stall.stalls = 1;
            stall.stuck = u32::from(places.len() < victims);
            threads[..places.len()].iter().for_each(|victim| stall.ops[victim.op()] += 1);
            threads[..places.len()].iter().for_each(|victim| victim.release());
            if stall.frozen() > 0 {
                stall.places = places.into_iter().map(|place| place - program.start).collect();
            }
            results += stall;
        }
        stage.end.store(true, Release);
        let mut put: [u64; PRODUCERS] = [0; PRODUCERS];
        let (number, [early, left]) = closer.join().unwrap();
        (put[0], put[1]) = (putter.join().unwrap(), number);
        let mut ledgers = vec![early, left, getter.join().unwrap()];
        if let Some(second) = second {
            let (number, ledger) = second.join().unwrap();
            put[2] = number;
            ledgers.push(ledger);
        }
        results.audit(put, &ledgers, ending == Ending::LastReceiver);
    });
    results.faults.extend(faults.into_inner().unwrap().into_iter().take(5));
    match stage.kept.into_inner() {
        0 => {}
        kept if kept > 0 => results.fault(format!("{kept} items were not dropped")),
        kept => results.fault(format!("{} items were dropped twice", -kept)),
    }
    results
}
