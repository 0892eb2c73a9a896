//! Threads send and a task receives: one channel serves both, each in its own way.

use std::thread;
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (sender, receiver) = joinq::bounded(4);
    for (place, pause) in [("cellar", 20), ("roof", 30), ("garden", 50)] {
        let sender = sender.clone();
        thread::spawn(move || {
            for reading in 1..=3 {
                thread::sleep(Duration::from_millis(pause));
                // On a thread: `wait`. It blocks while the channel is full, and fails after the receiver was
                // dropped.
                if sender.send((place, reading)).wait().is_err() {
                    return;
                }
            }
        });
    }
    // The channel is closed when the last sender is dropped; this one would keep it open.
    drop(sender);

    // In a task: `await`. Meanwhile the thread of the runtime is free for other tasks.
    while let Ok((place, reading)) = receiver.recv().await {
        println!("{place}: reading {reading}");
    }
    println!("all senders were dropped");
}
