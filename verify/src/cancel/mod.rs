//! Operations that are cancelled at random, in bulk: no item and no notification is lost.
//!
//! | way | how operations are cancelled |
//! |---|---|
//! | hand | polled by hand, then dropped, taken back, left without a poll, or polled with another waker |
//! | select | the loser of `tokio::select!` |
//! | timeout | dropped by `tokio::time::timeout` |
//! | threads | a wait of a thread that times out |
//!
//! At the end of each round: each item was got, is inside, was given back, or was dropped with its put, exactly one of
//! these; an item whose put has succeeded was got or is inside. In a round by hand no operation then waits for what is
//! there; in the other rounds some operations wait without a limit, and never end if a notification is lost.

mod hand;
mod ledger;
mod pending;
mod timed;

use crate::memory::measured;
use crate::report::Report;
use crate::watchdog::watch;
use fastrand::Rng;
use joinq::Queue;
use ledger::{Item, Ledger, Sums};
use pending::Round;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use timed::Way;

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many operations to cancel.
    pub count: u64,
    /// The seed of all rounds.
    pub seed: u64,
}

/// The counts of a run.
#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    rounds: u64,
    by_hand: u64,
    select: u64,
    timeout: u64,
    threads: u64,
    items: Sums,
}

impl Figures {
    fn cancelled(&self) -> u64 {
        self.by_hand + self.select + self.timeout + self.threads
    }
}

/// What the watchdog prints.
#[derive(Default)]
struct Current {
    rounds: AtomicU64,
    text: Mutex<String>,
    queue: Mutex<Option<Arc<Queue<Item>>>>,
}

fn capacity_of(rng: &mut Rng) -> (Queue<Item>, bool) {
    match rng.u8(..8) {
        0 => (Queue::bounded(0), false),
        1 => (Queue::bounded(1), false),
        2 => (Queue::bounded(2), false),
        3 => (Queue::bounded(5), false),
        4 => (Queue::bounded(64), false),
        5 => (Queue::with_permits(1), true),
        6 => (Queue::with_permits(3), true),
        _ => (Queue::unbounded(), false),
    }
}

fn run(options: Options, current: &Current) -> Result<Figures, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let mut rng = Rng::with_seed(options.seed);
    let mut figures = Figures::default();
    while figures.cancelled() < options.count {
        let way =
            [None, None, None, Some(Way::Select), Some(Way::Timeout), Some(Way::Threads)][figures.rounds as usize % 6];
        let (queue, permits) = capacity_of(&mut rng);
        let steps = 3_000;
        // By hand each step makes three items at most; the ledger does not run out.
        let ledger = Ledger::new(match way {
            None => 4 * 3 * steps,
            Some(Way::Threads) => 20_000,
            Some(_) => 4_000,
        });
        let round = Round { queue: Arc::new(queue), ledger, permits };
        let lock = |error: PoisonError<_>| error.into_inner();
        let name = format!("round {}, {way:?}, {:?}", figures.rounds, round.queue);
        current.text.lock().unwrap_or_else(lock).clone_from(&name);
        *current.queue.lock().unwrap_or_else(PoisonError::into_inner) = Some(round.queue.clone());
        let (counter, cancelled) = match way {
            None => (&mut figures.by_hand, hand::run(&round, &mut rng, steps)),
            Some(Way::Select) => (&mut figures.select, timed::run_tasks(&runtime, &round, Way::Select, &mut rng)),
            Some(Way::Timeout) => (&mut figures.timeout, timed::run_tasks(&runtime, &round, Way::Timeout, &mut rng)),
            Some(Way::Threads) => (&mut figures.threads, timed::run_threads(&round, &mut rng)),
        };
        let in_round = |fault| format!("{name}: {fault}");
        *counter += cancelled.map_err(in_round)?;
        while let Ok(item) = round.queue.try_get() {
            item.inside();
        }
        let sums = round.ledger.settle().map_err(in_round)?;
        let counts = round.queue.counts();
        if counts.put != sums.got + sums.inside || counts.got != counts.put {
            return Err(in_round(format!("{counts:?} beside {sums:?}")));
        }
        let total = &mut figures.items;
        total.got += sums.got;
        total.inside += sums.inside;
        total.returned += sums.returned;
        total.dropped += sums.dropped;
        figures.rounds += 1;
        current.rounds.fetch_add(1, Ordering::Relaxed);
    }
    *current.queue.lock().unwrap_or_else(PoisonError::into_inner) = None;
    *current.text.lock().unwrap_or_else(PoisonError::into_inner) = String::new();
    Ok(figures)
}

/// Cancels operations, until a fault is found.
pub fn cancel(options: Options) -> Report {
    let mut report = Report::new("cancel", options.seed);
    let current = Arc::new(Current::default());
    let (watched, state) = (current.clone(), current.clone());
    let watchdog = watch(
        Duration::from_secs(60),
        move || watched.rounds.load(Ordering::Relaxed),
        move || {
            let text = state.text.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let queue = state.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
            format!("seed {}, {text}, now {queue:?}", options.seed)
        },
    );
    let warm_up = || drop(run(Options { count: 20_000, ..options }, &current));
    let (figures, memory) = measured(warm_up, || run(options, &current));
    drop(watchdog);
    match figures {
        Ok(figures) => {
            report.figure("cancelled", figures.cancelled());
            report.figure("by hand", figures.by_hand);
            report.figure("by select", figures.select);
            report.figure("by tokio's timeout", figures.timeout);
            report.figure("by timeouts of threads", figures.threads);
            report.figure("rounds", figures.rounds);
            report.figure("items got", figures.items.got);
            report.figure("inside", figures.items.inside);
            report.figure("given back", figures.items.returned);
            report.figure("dropped with their puts", figures.items.dropped);
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
    fn cancelled_operations_lose_no_item_and_no_notification() {
        let current = Current::default();
        let seed = fastrand::u64(..);
        if let Err(fault) = run(Options { count: 30_000, seed }, &current) {
            panic!("seed {seed}: {fault}");
        }
    }
}
