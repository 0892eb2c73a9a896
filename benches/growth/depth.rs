//! A growing number of items in a queue.

use crate::heap;
use crate::peers::Unbounded;
use crate::report::Report;
use std::time::Instant;

/// The total number of items in a measurement with few items in each queue.
const SOME: usize = 100_000;
/// Pairs of a put and a get at each depth.
const PAIRS: usize = 100_000;

pub fn measure<P: Unbounded>(depth: usize, report: &mut Report) -> f64 {
    // Many queues, so that the clock is read seldom; for a large depth one queue.
    let count = (SOME / depth).clamp(1, 1000);
    let queues: Vec<P> = (0..count).map(|_| P::unbounded()).collect();
    let items = (count * depth) as f64;
    let mut add = |title, value| report.add(title, "items", depth, P::NAME, value);

    let before = heap();
    let start = Instant::now();
    for queue in &queues {
        (0..depth as u64).for_each(|item| queue.try_put(item));
    }
    add("fill, ns an item", start.elapsed().as_nanos() as f64 / items);
    let filled = heap() - before;

    // The queues in turn, each at least as often as its depth.
    let start = Instant::now();
    for pair in 0..PAIRS {
        let queue = &queues[pair % count];
        queue.try_put(pair as u64);
        assert!(queue.try_get().is_some());
    }
    add("one put and one get at this depth, ns", start.elapsed().as_nanos() as f64 / PAIRS as f64);

    let start = Instant::now();
    for queue in &queues {
        (0..depth).for_each(|_| assert!(queue.try_get().is_some()));
    }
    add("drain, ns an item", start.elapsed().as_nanos() as f64 / items);
    add("bytes an item while all are in the queue, without those of the new queue", filled / items);
    add("bytes a queue keeps after all are taken, without those of the new queue", (heap() - before) / count as f64);
    assert!(queues[0].try_get().is_none());
    filled
}
