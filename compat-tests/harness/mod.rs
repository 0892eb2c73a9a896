//! Runs a random program on two sides, compares them step by step, and shrinks a program that fails.

mod base;
mod held;
mod item;
mod lent;
mod operation;

pub(crate) use base::{Base, Slots};
pub(crate) use held::{held, Orders};
pub(crate) use item::Item;
pub(crate) use lent::Place;
pub(crate) use operation::{Operation, Topic, Work};

use std::collections::BTreeMap;
use std::fmt::Write;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::mpsc::{channel, RecvTimeoutError, Sender};
use std::sync::OnceLock;
use std::time::Duration;

/// The result of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Out {
    /// There is no handle or operation for this step.
    Nothing,
    Done,
    Pending,
    Item(u32),
    Items(Vec<u32>),
    /// The channel has ended.
    End,
    /// An error by its name, with the item that it returns.
    Failed(&'static str, Option<u32>),
    Facts(Vec<(&'static str, usize)>),
    Panicked,
}

impl Out {
    /// A message, or the end.
    pub(crate) fn next(message: Option<Item>) -> Out {
        message.map_or(Out::End, |item| Out::Item(item.id()))
    }

    pub(crate) fn items(items: impl IntoIterator<Item = Item>) -> Out {
        Out::Items(items.into_iter().map(Item::id).collect())
    }

    /// A send that failed, with the item that its error returns.
    pub(crate) fn not_sent(error: &'static str, item: Item) -> Out {
        Out::Failed(error, Some(item.id()))
    }
}

/// A kind of step: its weight, its name, and its function, which gets two small numbers.
pub(crate) struct Op<S>(pub(crate) u32, pub(crate) &'static str, pub(crate) fn(&mut S, u8, u8) -> Option<Out>);

/// The name of the step that polls an operation.
pub(crate) const POLL: &str = "poll";

/// One channel with all its handles: the peer's or ours.
pub(crate) trait Side: Sized + 'static {
    const OPS: &'static [Op<Self>];

    /// A new channel; `kind` chooses the capacity.
    fn new(kind: u8) -> Self;
    fn base(&mut self) -> &mut Base;

    /// Whether this operation should not be polled now, because the peer would behave differently after that.
    fn skips(_: &Operation) -> bool {
        false
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    op: usize,
    first: u8,
    second: u8,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Program {
    kind: u8,
    steps: Vec<Step>,
}

impl Program {
    fn random<S: Side>(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let weights: u32 = S::OPS.iter().map(|op| op.0).sum();
        let length = random.usize(2..100);
        let steps = (0..length).map(|_| {
            let mut left = random.u32(..weights);
            let chosen = S::OPS.iter().position(|op| {
                let here = left < op.0;
                left = left.saturating_sub(op.0);
                here
            });
            Step { op: chosen.unwrap(), first: random.u8(..5), second: random.u8(..8) }
        });
        let steps = steps.collect();
        Program { kind: random.u8(..60), steps }
    }
}

/// A step with different results on the two sides.
pub(crate) struct Seen<'a> {
    pub(crate) real: &'a Out,
    pub(crate) ours: &'a Out,
    /// Before it, a receive was woken on one side and not on the other.
    pub(crate) receives_differ: bool,
    /// Before it, an operation waited for capacity.
    pub(crate) capacity_is_waited_for: bool,
}

/// An operation that was woken on one side only.
pub(crate) struct Wake<'a> {
    /// The step that woke it.
    pub(crate) step: &'a str,
    pub(crate) topic: Topic,
    /// Whether it was woken on our side.
    pub(crate) ours: bool,
    /// Earlier in the program an operation was woken on one side only: the order of the waiters may differ.
    pub(crate) not_the_first: bool,
    /// An operation waits for capacity.
    pub(crate) capacity_is_waited_for: bool,
}

/// The intended differences of a family. Each function returns the name of the difference, or `None` for a
/// fault.
#[derive(Clone, Copy)]
pub(crate) struct Known {
    pub(crate) outcome: fn(&Seen<'_>) -> Option<&'static str>,
    pub(crate) wake: fn(&Wake<'_>) -> Option<&'static str>,
}

impl Known {
    /// Both sides behave alike.
    pub(crate) const NOTHING: Known = Known { outcome: |_| None, wake: |_| None };
}

/// How a comparison ends before the end of the program.
enum Stop {
    /// With a difference that is a fault.
    Differs(String),
    /// With an explained difference, after which the two sides are in different states.
    Explained,
}

impl From<String> for Stop {
    fn from(difference: String) -> Self {
        Stop::Differs(difference)
    }
}

/// The explained differences, and how often each occurred.
type Explained = BTreeMap<String, usize>;

/// Both sides of one program.
struct Pair<R, O> {
    real: R,
    ours: O,
    known: Known,
    explained: Explained,
    transcript: Option<String>,
    /// The operations that are woken on one side only.
    differ: [bool; base::MOST],
    has_differed: bool,
    receives_differ: bool,
    capacity_is_waited_for: bool,
}

fn perform<S: Side>(side: &mut S, act: impl FnOnce(&mut S) -> Option<Out>) -> Out {
    catch_unwind(AssertUnwindSafe(|| act(side).unwrap_or(Out::Nothing))).unwrap_or(Out::Panicked)
}

fn take_drops<S: Side>(side: &mut S) -> Vec<u32> {
    side.base().drops.take()
}

impl<R: Side, O: Side> Pair<R, O> {
    fn new(kind: u8, known: Known, traced: bool) -> Self {
        let transcript = traced.then(String::new);
        Pair {
            real: R::new(kind),
            ours: O::new(kind),
            known,
            explained: Explained::new(),
            transcript,
            differ: [false; base::MOST],
            has_differed: false,
            receives_differ: false,
            capacity_is_waited_for: false,
        }
    }

    /// Counts a difference that is not a fault.
    fn note(&mut self, what: String) -> Result<(), Stop> {
        if is_shown(&what) {
            return Err(Stop::Differs(what));
        }
        *self.explained.entry(what).or_default() += 1;
        Ok(())
    }

    /// Runs one step on both sides; an error says how they differ.
    fn step(&mut self, step: Step) -> Result<(), Stop> {
        let Op(_, name, real) = R::OPS[step.op];
        let Op(_, _, ours) = O::OPS[step.op];
        if name == POLL && self.real.base().operations.get(step.first).is_some_and(R::skips) {
            return Ok(());
        }
        let real = perform(&mut self.real, |side| real(side, step.first, step.second));
        let ours = perform(&mut self.ours, |side| ours(side, step.first, step.second));
        self.compare(name, (step.first, step.second), &real, &ours)
    }

    fn compare(&mut self, step: &'static str, numbers: (u8, u8), real: &Out, ours: &Out) -> Result<(), Stop> {
        let (real_drops, our_drops) = (take_drops(&mut self.real), take_drops(&mut self.ours));
        let (real_woken, our_woken) = (self.real.base().woken(), self.ours.base().woken());
        if let Some(transcript) = &mut self.transcript {
            let (first, second) = numbers;
            let _ = writeln!(transcript, "  {step} {first} {second}");
            for (side, out, drops, woken) in
                [("real", real, &real_drops, &real_woken), ("ours", ours, &our_drops, &our_woken)]
            {
                let woken: Vec<usize> = (0..woken.len()).filter(|&place| woken[place]).collect();
                let _ = writeln!(transcript, "    {side}: {out:?}, dropped {drops:?}, woken {woken:?}");
            }
        }
        if real != ours || real_drops != our_drops {
            self.explain_or_stop(step, real, ours, real_drops == our_drops)?;
        }
        if self.ours.base().lost_wakes > 0 {
            return Err(Stop::Differs(format!("a wake-up was lost, which `{step}` shows")));
        }
        self.compare_wakes(step)
    }

    /// Continues after a difference if it is explained and both sides are in the same state.
    fn explain_or_stop(&mut self, step: &'static str, real: &Out, ours: &Out, drops_agree: bool) -> Result<(), Stop> {
        let seen = Seen {
            real,
            ours,
            receives_differ: self.receives_differ,
            capacity_is_waited_for: self.capacity_is_waited_for,
        };
        // No known difference changes which items are dropped.
        let known = if drops_agree { (self.known.outcome)(&seen) } else { None };
        let Some(difference) = known else {
            return Err(Stop::Differs(format!("`{step}` differs")));
        };
        self.note(format!("explained: {difference}"))?;
        match (real, ours) {
            (Out::Facts(_), Out::Facts(_)) => Ok(()),
            _ => Err(Stop::Explained),
        }
    }

    /// Compares which operations are woken, and records what an explanation may need.
    fn compare_wakes(&mut self, step: &str) -> Result<(), Stop> {
        self.receives_differ = false;
        let waits = |operation: &Operation| operation.topic == Topic::Capacity && operation.waits();
        self.capacity_is_waited_for = self.real.base().operations.all().any(waits);
        for place in 0..base::MOST {
            let differed = std::mem::take(&mut self.differ[place]);
            let Some(ours) = self.ours.base().operations.at(place) else { continue };
            let (topic, our_woken) = (ours.topic, ours.is_woken());
            let real = self.real.base().operations.at(place);
            let real_woken = real.is_some_and(Operation::is_woken);
            if real_woken == our_woken {
                continue;
            }
            self.differ[place] = true;
            self.receives_differ |= topic == Topic::Items;
            if !differed {
                let wake = Wake {
                    step,
                    topic,
                    ours: our_woken,
                    not_the_first: self.has_differed,
                    capacity_is_waited_for: self.capacity_is_waited_for,
                };
                self.has_differed = true;
                match (self.known.wake)(&wake) {
                    Some(difference) => self.note(format!("explained: {difference}"))?,
                    None => {
                        let side = if our_woken { "our side" } else { "the peer's side" };
                        return Err(Stop::Differs(format!("`{step}` wakes {place} on {side} only")));
                    }
                }
            }
        }
        Ok(())
    }

    /// Polls all woken operations until no operation is woken, and then the others, which must still be
    /// pending.
    fn settle(&mut self) -> Result<(), Stop> {
        for _ in 0..100 {
            let (real, ours) = (self.real.base().woken(), self.ours.base().woken());
            let both = (0..real.len()).find(|&place| real[place] && ours[place]);
            let Some(place) = both.or_else(|| (0..real.len()).find(|&place| real[place] || ours[place])) else { break };
            self.poll(place)?;
        }
        for place in 0..self.real.base().woken().len() {
            let polled = |operation: &Operation| operation.waits() && !R::skips(operation);
            if self.real.base().operations.at(place).is_some_and(polled) {
                self.poll(place)?;
            }
        }
        Ok(())
    }

    fn poll(&mut self, place: usize) -> Result<(), Stop> {
        let real = perform(&mut self.real, |side| Some(side.base().poll_at(place, 0)));
        let ours = perform(&mut self.ours, |side| Some(side.base().poll_at(place, 0)));
        self.compare("(poll to settle)", (place as u8, 0), &real, &ours)
    }

    /// Runs a whole program, until all handles are dropped.
    fn run(&mut self, program: &Program) -> Result<(), Stop> {
        for &step in &program.steps {
            self.step(step)?;
        }
        self.settle()?;
        let peers = self.real.base().lost_wakes;
        if peers > 0 {
            self.note("ready without a wake-up on the peer's side".into())?;
        }
        for place in 0..5 {
            let real = perform(&mut self.real, |side| side.base().drop_operation(place));
            let ours = perform(&mut self.ours, |side| side.base().drop_operation(place));
            self.compare("(drop of an operation at the end)", (place, 0), &real, &ours)?;
        }
        self.settle()?;
        let (real, ours) = (self.real.base().drops.clone(), self.ours.base().drops.clone());
        let (was_real, was_ours) =
            (std::mem::replace(&mut self.real, R::new(0)), std::mem::replace(&mut self.ours, O::new(0)));
        drop((was_real, was_ours));
        let (real, ours) = (real.take(), ours.take());
        if real != ours {
            let text = format!("when all handles are dropped {real:?} are dropped by the peer, {ours:?} by ours");
            if let Some(transcript) = &mut self.transcript {
                let _ = writeln!(transcript, "  {text}");
            }
            return Err(Stop::Differs("the drop of all handles differs".into()));
        }
        Ok(())
    }
}

/// Runs a program; an error says how the sides differ.
fn run<R: Side, O: Side>(program: &Program, known: Known) -> Result<Explained, String> {
    let mut pair = Pair::<R, O>::new(program.kind, known, false);
    match pair.run(program) {
        Ok(()) | Err(Stop::Explained) => Ok(pair.explained),
        Err(Stop::Differs(difference)) => Err(difference),
    }
}

/// Removes steps and lowers numbers while the program still fails.
fn shrink<R: Side, O: Side>(mut program: Program, known: Known) -> Program {
    loop {
        let before = program.clone();
        let mut at = program.steps.len();
        while at > 0 {
            at -= 1;
            let mut smaller = program.clone();
            smaller.steps.remove(at);
            if run::<R, O>(&smaller, known).is_err() {
                program = smaller;
            }
        }
        for at in 0..program.steps.len() {
            for (first, second) in [(0, 0), (0, program.steps[at].second), (program.steps[at].first, 0)] {
                let mut smaller = program.clone();
                smaller.steps[at] = Step { first, second, ..smaller.steps[at] };
                if run::<R, O>(&smaller, known).is_err() {
                    program = smaller;
                    break;
                }
            }
        }
        if program == before {
            return program;
        }
    }
}

/// The report on a program that fails: its seed, and the shrunk program with the results of both sides.
fn report<R: Side, O: Side>(name: &str, seed: u64, program: Program, known: Known) -> String {
    let program = shrink::<R, O>(program, known);
    let mut pair = Pair::<R, O>::new(program.kind, known, true);
    let Err(Stop::Differs(difference)) = pair.run(&program) else { unreachable!("it failed before") };
    let transcript = pair.transcript.unwrap_or_default();
    format!("{name}, seed {seed}: {difference}\n  kind {} of channel\n{transcript}", program.kind)
}

/// Whether `JOINQ_SHOW` asks to report this explained difference as a fault.
fn is_shown(what: &str) -> bool {
    static SHOWN: OnceLock<Option<String>> = OnceLock::new();
    let shown = SHOWN.get_or_init(|| std::env::var("JOINQ_SHOW").ok());
    shown.as_ref().is_some_and(|shown| what.contains(shown))
}

/// Aborts the process, with the name of the family and the seed, if one program takes a minute.
struct Watchdog(Sender<u64>);

impl Watchdog {
    fn new(name: &str) -> Self {
        let (sender, receiver) = channel();
        let name = name.to_owned();
        std::thread::spawn(move || {
            let mut running = 0;
            loop {
                match receiver.recv_timeout(Duration::from_secs(60)) {
                    Ok(seed) => running = seed,
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
            eprintln!("watchdog: {name}, seed {running} has not ended within a minute");
            std::process::abort();
        });
        Watchdog(sender)
    }

    fn begin(&self, seed: u64) {
        let _ = self.0.send(seed);
    }
}

/// Runs the programs of all seeds up to `JOINQ_PROGRAMS` (2,000 by default), or only that of `JOINQ_SEED`.
///
/// # Panics
/// If a program has different results on the two sides.
pub(crate) fn compare<R: Side, O: Side>(name: &str, known: Known) {
    let number = |variable: &str| std::env::var(variable).ok().map(|text| text.parse().expect("a number"));
    let seeds = match number("JOINQ_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("JOINQ_PROGRAMS").unwrap_or(2_000),
    };
    let most_reports: usize = number("JOINQ_REPORTS").unwrap_or(1) as usize;
    let mut explained = Explained::new();
    let mut reports = BTreeMap::new();
    let mut failed = 0;
    let programs = seeds.end - seeds.start;
    // A panic is a result of a step and should not be printed.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let watchdog = Watchdog::new(name);
    for seed in seeds {
        watchdog.begin(seed);
        let program = Program::random::<R>(seed);
        match run::<R, O>(&program, known) {
            Ok(found) => found.into_iter().for_each(|(what, times)| *explained.entry(what).or_default() += times),
            Err(_) => {
                failed += 1;
                if reports.len() < most_reports {
                    let text = report::<R, O>(name, seed, program, known);
                    reports.insert(text.split_once('\n').map_or(0, |(_, rest)| rest.len()), text);
                }
            }
        }
    }
    std::panic::set_hook(hook);
    for (what, times) in &explained {
        println!("{name}: {what}, {times} times in {programs} programs");
    }
    for text in reports.values() {
        eprintln!("{text}");
    }
    assert!(failed == 0, "{name}: {failed} of {programs} programs differ");
}
