//! A pool of workers: `put` gives them jobs, the guard of `get_task` marks a job done, `join` waits for all jobs.

use joinq::Queue;
use std::thread;
use std::time::Duration;

const JOBS: u64 = 12;

fn main() {
    let jobs = Queue::unbounded();
    let results = Queue::unbounded();
    thread::scope(|scope| {
        // The workers wait for more jobs. This guard ends their loops at the end of the scope, also after a panic.
        let _end = jobs.shutdown_on_drop();
        for worker in 1..=3 {
            let (jobs, results) = (&jobs, &results);
            scope.spawn(move || {
                // A panic of one worker ends the others, and the `join` below.
                let _guard = jobs.shutdown_on_panic();
                while let Ok(job) = jobs.get_task().wait() {
                    results.put((*job, steps_to_one(*job), worker)).wait().expect("the results stay open");
                } // Here the guard `job` marks its job done: after its result was put, so `join` waits for all results.
            });
        }
        jobs.put_many(1..=JOBS).wait().expect("the jobs are open");
        jobs.join().wait();
        println!("{JOBS} jobs are done, {} results are there", results.len());
    });

    let mut results: Vec<_> = results.try_iter().collect();
    results.sort_unstable();
    for (number, steps, worker) in results {
        println!("from {number:2} to 1 in {steps:2} steps (worker {worker})");
    }
}

/// How often a number must be halved, or tripled and increased, until it is 1.
fn steps_to_one(number: u64) -> usize {
    thread::sleep(Duration::from_millis(10)); // As if it were hard work.
    let next = |&number: &u64| match number {
        1 => None,
        even if even % 2 == 0 => Some(even / 2),
        odd => Some(3 * odd + 1),
    };
    std::iter::successors(Some(number), next).count() - 1
}
