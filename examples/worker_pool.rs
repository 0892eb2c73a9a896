//! A pool of workers: `put` gives them jobs, `task_done` marks a job done, `join` waits for all jobs.

use joinq::Queue;
use std::thread;
use std::time::Duration;

const JOBS: u64 = 12;

fn main() {
    let jobs = Queue::unbounded();
    let results = Queue::unbounded();
    thread::scope(|scope| {
        for worker in 1..=3 {
            let (jobs, results) = (&jobs, &results);
            scope.spawn(move || {
                while let Ok(number) = jobs.get().wait() {
                    results.put((number, steps_to_one(number), worker)).wait().expect("the results stay open");
                    // Once for each job, and after its result was put: so all results are there when `join`
                    // returns. `get_task` returns a guard that does this when it is dropped, also during a
                    // panic.
                    jobs.task_done().expect("this job was put and not counted yet");
                }
            });
        }
        jobs.put_many(1..=JOBS).wait().expect("the jobs are open");
        jobs.join().wait();
        println!("{JOBS} jobs are done, {} results are there", results.len());

        // The workers wait for more jobs. Their loops end when the queue is closed and empty.
        jobs.close();
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
