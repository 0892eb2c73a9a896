//! Ends the process when a part of it takes far too long, and says which.

use std::sync::mpsc::{channel, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

pub struct Watchdog(Sender<String>);

impl Watchdog {
    /// Watches until it is dropped that no two calls of [`Watchdog::begins`] are further apart than `limit`.
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
