//! A growing number of queues alive.

use crate::heap;
use crate::peers::Unbounded;
use crate::report::Report;
use std::time::Instant;

/// The number of items that each queue holds at its largest.
const ITEMS: u64 = 100;

pub fn measure<P: Unbounded>(count: usize, report: &mut Report) -> f64 {
    let mut add = |title, value| report.add(title, "queues", count, P::NAME, value / count as f64);
    let before = heap();
    let mut queues: Vec<P> = Vec::with_capacity(count);
    let start = Instant::now();
    (0..count).for_each(|_| queues.push(P::unbounded()));
    add("make, ns a queue", start.elapsed().as_nanos() as f64);
    add("bytes a queue, new", heap() - before);

    let start = Instant::now();
    for queue in &queues {
        (0..ITEMS).for_each(|item| queue.try_put(item));
    }
    let most = heap() - before;
    add("bytes a queue, with 100 items", most);
    for queue in &queues {
        (0..ITEMS).for_each(|_| assert!(queue.try_get().is_some()));
    }
    add("100 items in, then out, ns a queue", start.elapsed().as_nanos() as f64);
    add("bytes a queue, drained", heap() - before);

    let start = Instant::now();
    drop(queues);
    add("drop, ns a queue", start.elapsed().as_nanos() as f64);
    most
}
