//! Every operation that may have to wait can have a timeout, and the error contains the item that was not
//! put.

use joinq::{PutTimeoutError, Queue};
use std::time::{Duration, Instant};

const MOMENT: Duration = Duration::from_millis(50);

fn main() {
    let queue = Queue::bounded(1);
    on_a_thread(&queue);

    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime starts");
    runtime.block_on(in_a_task(&queue));
}

fn on_a_thread(queue: &Queue<String>) {
    assert!(queue.get().wait_timeout(MOMENT).unwrap_err().is_timeout());
    println!("no item arrived within {MOMENT:?}");

    queue.put("first".to_owned()).wait_timeout(MOMENT).expect("there is a free slot");
    match queue.put("second".to_owned()).wait_timeout(MOMENT) {
        Err(PutTimeoutError::Timeout(item)) => println!("no free slot within {MOMENT:?}; \"{item}\" was returned"),
        other => unreachable!("the queue is full and open: {other:?}"),
    }

    // One deadline for several steps. A step that need not wait succeeds even after the deadline.
    let deadline = Instant::now() + MOMENT;
    let item = queue.get().wait_deadline(deadline).expect("there is an item in the queue");
    assert!(queue.join().wait_deadline(deadline).is_err());
    println!("\"{item}\" was taken, and is not done yet");
    queue.task_done().expect("it was put");
    assert!(queue.join().wait_deadline(deadline).is_ok());
    println!("\"{item}\" is done");
}

/// In a task the timer may be any future: a timer of the runtime, or a cancellation.
async fn in_a_task(queue: &Queue<String>) {
    assert!(queue.get().until(tokio::time::sleep(MOMENT)).await.unwrap_err().is_timeout());
    println!("in a task: no item arrived within {MOMENT:?}");

    queue.try_put("third".to_owned()).expect("there is a free slot");
    let refused = queue.put("fourth".to_owned()).until(tokio::time::sleep(MOMENT)).await.unwrap_err();
    println!("in a task: no free slot within {MOMENT:?}; \"{}\" was returned", refused.into_inner());
}
