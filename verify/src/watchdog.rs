//! Ends the process when a check makes no progress any more.

use std::io::Write;
use std::sync::mpsc::{channel, RecvTimeoutError, Sender};
use std::time::Duration;

/// A watchdog, until it is dropped.
#[derive(Debug)]
pub struct Watchdog {
    alive: Option<Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// Looks every second at a number that grows while the check makes progress. When it has not grown for `limit`, the
/// watchdog prints `state` and exits with status 1.
pub fn watch(
    limit: Duration,
    progress: impl Fn() -> u64 + Send + 'static,
    state: impl Fn() -> String + Send + 'static,
) -> Watchdog {
    let (alive, end) = channel();
    let watch = move || {
        let (mut seen, mut still) = (progress(), Duration::ZERO);
        let period = Duration::from_secs(1).min(limit);
        while end.recv_timeout(period) == Err(RecvTimeoutError::Timeout) {
            let now = progress();
            still = if now == seen { still + period } else { Duration::ZERO };
            seen = now;
            if still >= limit {
                let _ = writeln!(std::io::stderr(), "watchdog: no progress for {limit:?}; {}", state());
                std::process::exit(1);
            }
        }
    };
    Watchdog { alive: Some(alive), thread: Some(std::thread::spawn(watch)) }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.alive.take());
        let ended = self.thread.take().map(std::thread::JoinHandle::join);
        debug_assert!(ended.is_some_and(|ended| ended.is_ok()));
    }
}
