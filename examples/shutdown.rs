//! Two ways to shut down: after `close` the items in the queue are still processed, `shutdown_now` removes
//! them. After both, `join` waits until the workers have finished the items that they have taken.

use joinq::Queue;
use std::thread;
use std::time::Duration;

fn main() {
    println!("close, drain, join:");
    with_two_workers(|queue| {
        queue.close();
        // A put into a closed queue fails, and the error contains the item.
        let refused = queue.put("a late letter").wait().unwrap_err();
        println!("  {} comes too late", refused.into_inner());
    });

    println!("shutdown_now, join:");
    with_two_workers(|queue| {
        // Let the workers begin.
        thread::sleep(Duration::from_millis(30));
        for letter in queue.shutdown_now() {
            println!("  {letter} was removed");
        }
    });
}

fn with_two_workers(end: impl FnOnce(&Queue<&'static str>)) {
    let queue = Queue::unbounded();
    thread::scope(|scope| {
        // Ends the workers, should anything here panic.
        let _end = queue.shutdown_on_drop();
        for _ in 0..2 {
            scope.spawn(|| {
                let _guard = queue.shutdown_on_panic();
                // Ends when the queue is closed and empty.
                while let Ok(letter) = queue.get_task().wait() {
                    thread::sleep(Duration::from_millis(50));
                    println!("  {} is delivered", *letter);
                }
            });
        }
        queue.put_many(["letter 1", "letter 2", "letter 3", "letter 4", "letter 5"]).wait().expect("the queue is open");
        end(&queue);
        queue.join().wait();
        println!("  no letter is unfinished");
    });
}
