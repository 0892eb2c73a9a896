//! More and more items inside.

use crate::heap;
use crate::peers::Unbounded;
use crate::report::Report;
use std::time::Instant;

/// Items in all of a measurement that holds few of them in each queue.
const SOME: usize = 100_000;
/// Pairs of a put and a get at each depth.
const PAIRS: usize = 100_000;

pub fn measure<P: Unbounded>(depth: usize, report: &mut Report) -> f64 {
    // So many queues that the clock is looked at seldom; for a large depth one.
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
    let inside = heap() - before;

    // One queue in turn after the other, each as often as its depth or oftener.
    let start = Instant::now();
    for pair in 0..PAIRS {
        let queue = &queues[pair % count];
        queue.try_put(pair as u64);
        assert!(queue.try_get().is_some());
    }
    add("one put and one get among so many, ns", start.elapsed().as_nanos() as f64 / PAIRS as f64);

    let start = Instant::now();
    for queue in &queues {
        (0..depth).for_each(|_| assert!(queue.try_get().is_some()));
    }
    add("drain, ns an item", start.elapsed().as_nanos() as f64 / items);
    add("bytes an item while all are inside, those of the new queue apart", inside / items);
    add("bytes a queue keeps when all are taken out, those of the new queue apart", (heap() - before) / count as f64);
    assert!(queues[0].try_get().is_none());
    inside
}
