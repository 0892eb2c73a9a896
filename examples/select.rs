//! A pool of threads that waits for three things at once: jobs, a request to stop, and a ticker.
//!
//! ```text
//! cargo run --example select
//! ```

use joinq::{Queue, SelectTimeoutError, Selector};
use std::thread;
use std::time::Duration;

/// What a thread of the pool does next.
enum Next {
    Work(u64),
    Stop,
}

fn main() {
    let jobs = Queue::bounded(16);
    let results = Queue::unbounded();
    let stop = Queue::<()>::unbounded();

    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| loop {
                // A closed queue is always ready, so that one `close` stops all threads. `biased` stops them
                // although there are jobs left.
                let next = Selector::biased()
                    .get(&stop, |_| Next::Stop)
                    .get(&jobs, |job| job.map_or(Next::Stop, Next::Work))
                    .wait();
                match next {
                    Next::Work(number) => results.put((number, number * number)).wait().unwrap(),
                    Next::Stop => break,
                }
            });
        }

        scope.spawn(|| {
            for number in 1.. {
                let mut job = Some(number);
                let sent =
                    Selector::new().put(&jobs, &mut job, |put| put.is_ok()).add(stop.closed(), |()| false).wait();
                if !sent {
                    println!("job {number} was not sent, and came back: {job:?}");
                    break;
                }
            }
        });

        // A timeout is the ticker: it passes while no result arrives.
        let mut sum = 0;
        for _ in 0..1000 {
            match Selector::new().get(&results, |result| result).wait_timeout(Duration::from_millis(100)) {
                Ok(result) => sum += result.map_or(0, |(_, square)| square),
                Err(SelectTimeoutError) => println!("still waiting, {} jobs in the queue", jobs.len()),
            }
        }
        println!("the sum of 1000 squares is {sum}");
        stop.close();
    });
}
