//! Many items through channels of all kinds: each is received exactly once, whole, and in the order of its sender, and
//! all memory is freed.
//!
//! All combinations of senders, receivers, methods, types and capacities ([`mix`]) have their turn, in random order,
//! and each the same time ([`plan`]). In each round handles are cloned and dropped, operations are cancelled, and in
//! one round of eight a sender closes the channel before all items are sent.

mod item;
mod ledger;
pub mod mix;
mod plan;
mod round;

use crate::memory::measured;
use crate::report::Report;
use crate::watchdog::watch;
use fastrand::Rng;
use mix::{Mix, Type};
use plan::Plan;
use round::Counts;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many items in all.
    pub items: u64,
    /// The seed of all rounds.
    pub seed: u64,
}

type Inspect = Box<dyn Fn() -> String + Send>;

/// What the watchdog prints.
#[derive(Default)]
pub(crate) struct Current {
    progress: AtomicU64,
    sent: [AtomicU64; 4],
    received: [AtomicU64; 4],
    mix: Mutex<Option<Mix>>,
    inspect: Mutex<Option<Inspect>>,
}

impl Current {
    fn watch(&self, inspect: Inspect) {
        *self.inspect.lock().unwrap_or_else(PoisonError::into_inner) = Some(inspect);
    }

    fn begin(&self, mix: Option<Mix>) {
        *self.mix.lock().unwrap_or_else(PoisonError::into_inner) = mix;
        *self.inspect.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.sent.iter().chain(&self.received).for_each(|count| count.store(0, Ordering::Relaxed));
        self.progress.fetch_add(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mix = *self.mix.lock().unwrap_or_else(PoisonError::into_inner);
        let inspect = self.inspect.lock().unwrap_or_else(PoisonError::into_inner);
        let channel = inspect.as_ref().map(|inspect| inspect());
        write!(f, "{mix:?}; sent {:?}, received {:?}; the channel: {channel:?}", self.sent, self.received)
    }
}

fn run_mix(mix: Mix, items: u64, runtime: &Runtime, rng: &mut Rng, current: &Arc<Current>) -> Result<Counts, String> {
    current.begin(Some(mix));
    let each = items.div_ceil(mix.senders as u64);
    let counts = match mix.item {
        Type::Unit => round::run::<()>(mix, each, runtime, rng, current),
        Type::Number => round::run::<u64>(mix, each, runtime, rng, current),
        Type::Boxed => round::run::<Box<u64>>(mix, each, runtime, rng, current),
        Type::Large => round::run::<[u8; 4096]>(mix, each, runtime, rng, current),
        Type::Page => round::run::<item::Page>(mix, each, runtime, rng, current),
    };
    current.begin(None);
    counts.map_err(|fault| format!("{mix:?}: {fault}"))
}

/// The counts of all rounds.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    counts: Counts,
    rounds: u64,
    /// The items of the combination that has fewest.
    fewest: u64,
}

/// Rounds of all combinations, until there were `items`, but at most `rounds`.
fn run(options: Options, rounds: u64, current: &Arc<Current>) -> Result<Totals, String> {
    let runtime = Builder::new_multi_thread().worker_threads(2).build().map_err(|error| error.to_string())?;
    let mut rng = Rng::with_seed(options.seed);
    let mixes = mix::all();
    let mut plan = Plan::new(options.items, mixes.len());
    let (mut totals, mut items) = (Totals::default(), vec![0; mixes.len()]);
    let mut order: Vec<_> = (0..mixes.len()).collect();
    let start = Instant::now();
    loop {
        rng.shuffle(&mut order);
        for &number in &order {
            if totals.counts.items >= options.items || totals.rounds >= rounds {
                totals.fewest = items.into_iter().min().unwrap_or(0);
                return Ok(totals);
            }
            let begin = Instant::now();
            let counts = run_mix(mixes[number], plan.items(number, mixes[number]), &runtime, &mut rng, current)?;
            plan.note(number, counts.items, begin.elapsed());
            items[number] += counts.items;
            totals.counts.add(counts);
            totals.rounds += 1;
        }
        let (items, passed) = (totals.counts.items, start.elapsed().as_secs());
        let seconds = plan.seconds(options.items.saturating_sub(items));
        eprintln!("{items} items after {passed} s; the others take about {seconds:.0} s");
    }
}

/// Sends and receives items, until a fault is found.
pub fn soak(options: Options) -> Report {
    let mut report = Report::new("soak", options.seed);
    let current = Arc::new(Current::default());
    let (watched, state) = (current.clone(), current.clone());
    let watchdog = watch(
        Duration::from_secs(60),
        move || watched.progress.load(Ordering::Relaxed),
        move || format!("seed {}, {state:?}", options.seed),
    );
    let warm_up = || drop(run(options, 100, &current));
    let (result, memory) = measured(warm_up, || run(options, u64::MAX, &current));
    drop(watchdog);
    match result {
        Ok(Totals { counts, rounds, fewest }) => {
            report.figure("items", counts.items);
            report.figure("rounds", rounds);
            report.figure("combinations", mix::all().len());
            report.figure("fewest items of a combination", fewest);
            report.figure("operations cancelled", counts.cancelled);
            report.figure("handles cloned", counts.clones);
            report.figure("rounds closed early", counts.closes);
        }
        Err(fault) => report.fault(fault),
    }
    report.figure("bytes live at the end", memory.left);
    report.figure("wrong deallocations", memory.wrong);
    if let Some(fault) = memory.fault().filter(|_| report.first_fault().is_none()) {
        report.fault(fault);
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_of_all_types_arrive_exactly_once() {
        let options = Options { items: 20_000, seed: fastrand::u64(..) };
        if let Err(fault) = run(options, u64::MAX, &Arc::default()) {
            panic!("seed {}: {fault}", options.seed);
        }
    }
}
