//! Long histories of puts and gets in slices, each through the checker of [`check`](mod@check).

pub mod check;
pub mod ends;

use crate::report::Report;
use crate::watchdog::watch;
use check::{check, Observed, Promise, Span};
use ends::{Ends, Getter, Putter};
use fastrand::Rng;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many items.
    pub items: u64,
    /// The seed of all slices.
    pub seed: u64,
    /// Items of a slice.
    pub slice: u64,
}

/// The queue and the threads of a slice.
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    /// Which queue.
    pub kind: ends::Kind,
    /// `None` for an unbounded queue.
    pub capacity: Option<usize>,
    /// Threads that put.
    pub putters: usize,
    /// Threads that get.
    pub getters: usize,
    /// How many items.
    pub items: u64,
}

impl Slice {
    fn new(rng: &mut Rng, items: u64) -> Self {
        let kind = [ends::Kind::Queue, ends::Kind::Permits, ends::Kind::Mpsc][rng.usize(..3)];
        let bounds = [Some(1), Some(2), Some(16), Some(63), Some(64), Some(65), Some(1024), None];
        let capacity = bounds[rng.usize(..bounds.len() - usize::from(kind == ends::Kind::Permits))];
        let getters = if kind == ends::Kind::Mpsc { 1 } else { rng.usize(1..=4) };
        Slice { kind, capacity, putters: rng.usize(1..=4), getters, items }
    }
}

/// Calls that found the queue empty or full are recorded up to this number for each thread and slice.
const MOST_REFUSALS: usize = 1 << 17;

fn refused(spans: &mut Vec<Span>, span: Span) {
    if spans.len() < MOST_REFUSALS {
        spans.push(span);
    }
    std::thread::yield_now();
}

/// So many puts are one step of the progress that the watchdog sees: rare, so that it orders no threads.
const STEP: u64 = 1024;

fn put_all(
    putter: &mut dyn Putter,
    numbers: std::ops::Range<u64>,
    rng: &mut Rng,
    now: impl Fn() -> u64,
    progress: &AtomicU64,
) -> Observed {
    let mut observed = Observed::default();
    let mut next = numbers.start;
    while next < numbers.end {
        let way = ends::Way::random(rng);
        let most = if way.is_batch() { rng.u64(1..=8) } else { 1 };
        let batch = next..(next + most).min(numbers.end);
        let called = now();
        let put = putter.put(way, batch.clone());
        let span = Span { called, returned: now() };
        observed.puts.extend((next..next + put).map(|number| (number, span)));
        if next / STEP != (next + put) / STEP {
            progress.fetch_add(1, Ordering::Relaxed);
        }
        next += put;
        if next < batch.end {
            refused(&mut observed.full, span);
        }
    }
    observed
}

fn get_all(getter: &mut dyn Getter, rng: &mut Rng, now: impl Fn() -> u64) -> Observed {
    let mut observed = Observed::default();
    let mut items = Vec::new();
    loop {
        let way = ends::Way::random(rng);
        let called = now();
        let closed = getter.get(way, rng.usize(1..=8), &mut items);
        let span = Span { called, returned: now() };
        if closed {
            return observed;
        }
        if items.is_empty() {
            refused(&mut observed.empty, span);
        }
        observed.gets.extend(items.drain(..).map(|number| (number, span)));
    }
}

/// Runs a slice on these ends, and checks it. Returns how often the queue was found empty, and full.
fn run(slice: Slice, ends: Ends, rng: &mut Rng, progress: &AtomicU64) -> Result<(u64, u64), String> {
    let start = Instant::now();
    let now = || start.elapsed().as_nanos() as u64;
    let Ends { putters, getters, close } = ends;
    let each = slice.items / putters.len() as u64;
    let parts = std::thread::scope(|scope| {
        let mut getting = Vec::new();
        for mut getter in getters {
            let mut rng = rng.fork();
            getting.push(scope.spawn(move || get_all(&mut *getter, &mut rng, now)));
        }
        let mut putting = Vec::new();
        for (mut putter, number) in putters.into_iter().zip(0..) {
            let mut rng = rng.fork();
            let numbers = number * each..(number + 1) * each;
            putting.push(scope.spawn(move || put_all(&mut *putter, numbers, &mut rng, now, progress)));
        }
        let mut parts: Vec<_> = putting.into_iter().map(|thread| thread.join()).collect();
        close();
        parts.extend(getting.into_iter().map(|thread| thread.join()));
        parts.into_iter().collect::<Result<Vec<_>, _>>().map_err(|_| "a thread has panicked".to_owned())
    })?;
    let mut observed = Observed::default();
    for part in parts {
        observed.puts.extend(part.puts);
        observed.gets.extend(part.gets);
        observed.empty.extend(part.empty);
        observed.full.extend(part.full);
    }
    check(&observed, Promise { capacity: slice.capacity, putters: slice.putters })?;
    Ok((observed.empty.len() as u64, observed.full.len() as u64))
}

/// Puts and gets items, until a slice is wrong.
pub fn fifo(options: Options, make: impl Fn(&Slice) -> Ends) -> Report {
    let mut report = Report::new("fifo", options.seed);
    let current = Arc::new((AtomicU64::new(0), Mutex::new(String::new())));
    let (watched, state) = (current.clone(), current.clone());
    let _watchdog = watch(
        Duration::from_secs(60),
        move || watched.0.load(Ordering::Relaxed),
        move || format!("seed {}, {}", options.seed, state.1.lock().unwrap_or_else(PoisonError::into_inner)),
    );
    let mut rng = Rng::with_seed(options.seed);
    let (mut slices, mut items, mut empty, mut full) = (0_u64, 0, 0, 0);
    while items < options.items {
        let slice = Slice::new(&mut rng, options.slice);
        let text = format!("slice {slices}: {slice:?}");
        current.1.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&text);
        match run(slice, make(&slice), &mut rng, &current.0) {
            Ok(found) => (empty, full) = (empty + found.0, full + found.1),
            Err(fault) => {
                report.fault(format!("{text}: {fault}"));
                break;
            }
        }
        items += slice.items / slice.putters as u64 * slice.putters as u64;
        slices += 1;
        current.0.fetch_add(1, Ordering::Relaxed);
    }
    report.figure("items", items);
    report.figure("slices", slices);
    report.figure("found empty", empty);
    report.figure("found full", full);
    report
}

#[cfg(test)]
mod tests {
    use super::ends::{faulty, joinq, Fault};
    use super::*;

    fn options(items: u64) -> Options {
        Options { items, seed: fastrand::u64(..), slice: 5_000 }
    }

    #[test]
    fn long_histories_of_the_queues_of_joinq_are_in_order() {
        assert_eq!(fifo(options(50_000), joinq).first_fault(), None);
    }

    #[test]
    fn long_histories_of_a_correct_queue_are_accepted() {
        assert_eq!(fifo(options(25_000), |slice| faulty(slice, Fault::None)).first_fault(), None);
    }

    #[test]
    fn each_fault_of_a_wrong_queue_is_found() {
        for fault in Fault::ALL {
            let report = fifo(options(200_000), |slice| faulty(slice, fault));
            assert!(report.first_fault().is_some(), "{fault:?} was not found");
        }
    }
}
