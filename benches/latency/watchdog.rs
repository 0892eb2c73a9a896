//! Ends the process when a part of it takes far too long, and names the part.

use std::sync::mpsc::{channel, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

pub struct Watchdog(Sender<String>);

impl Watchdog {
    /// Ends the process if the next call of [`Watchdog::begins`], or the drop, takes longer than `limit`.
    pub fn new(limit: Duration) -> Self {
        let (sender, receiver) = channel::<String>();
        thread::spawn(move || {
            let mut part = String::from("the start");
            loop {
                match receiver.recv_timeout(limit) {
                    Ok(next) => part = next,
                    Err(RecvTimeoutError::Disconnected) => return,
                    Err(RecvTimeoutError::Timeout) => {
                        eprintln!("latency: no end after {limit:?}: {part}");
                        std::process::exit(3);
                    }
                }
            }
        });
        Watchdog(sender)
    }

    pub fn begins(&self, part: String) {
        let _ = self.0.send(part);
    }
}
