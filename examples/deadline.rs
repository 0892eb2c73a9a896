//! Every operation that may have to wait can be given a limit, and what did not go in comes back.

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
    println!("nothing came within {MOMENT:?}");

    queue.put("first".to_owned()).wait_timeout(MOMENT).expect("there is room");
    match queue.put("second".to_owned()).wait_timeout(MOMENT) {
        Err(PutTimeoutError::Timeout(item)) => println!("no room within {MOMENT:?}; \"{item}\" came back"),
        other => unreachable!("the queue is full and open: {other:?}"),
    }

    // One deadline for several steps. What can be done at once is done even if it has passed.
    let deadline = Instant::now() + MOMENT;
    let item = queue.get().wait_deadline(deadline).expect("one is inside");
    assert!(queue.join().wait_deadline(deadline).is_err());
    println!("\"{item}\" was got, and is not done yet");
    queue.task_done().expect("it was put");
    assert!(queue.join().wait_deadline(deadline).is_ok());
    println!("\"{item}\" is done");
}

/// In a task any future is the limit: a timer of the runtime, or a cancellation.
async fn in_a_task(queue: &Queue<String>) {
    assert!(queue.get().until(tokio::time::sleep(MOMENT)).await.unwrap_err().is_timeout());
    println!("in a task: nothing came within {MOMENT:?}");

    queue.try_put("third".to_owned()).expect("there is room");
    let refused = queue.put("fourth".to_owned()).until(tokio::time::sleep(MOMENT)).await.unwrap_err();
    println!("in a task: no room within {MOMENT:?}; \"{}\" came back", refused.into_inner());
}
