//! Tests of `joinq_bridge::mqtt` with mosquitto: brokers are killed, lines are cut, and another process, mosquitto's
//! own subscriber, writes down what arrives.

pub mod broker;
pub mod cuts;
pub mod edge;
pub mod identity;
pub mod kills;
pub mod limits;
pub mod proxy;
pub mod source;
pub mod subscriber;
pub mod writes;

use std::thread;
use std::time::{Duration, Instant};

/// The time after which something that has to happen is held not to happen.
pub const WATCHDOG: Duration = Duration::from_secs(60);

/// The topic of all messages.
pub const TOPIC: &str = "jobs";

/// Waits until a condition holds; an error with `what` if it never does.
pub fn wait_for(what: &str, condition: impl Fn() -> bool) -> Result<(), String> {
    let since = Instant::now();
    while !condition() {
        if since.elapsed() > WATCHDOG {
            return Err(format!("after {} s still not: {what}", WATCHDOG.as_secs()));
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}
