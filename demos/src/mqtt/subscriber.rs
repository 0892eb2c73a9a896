//! The witness: `mosquitto_sub`, a process that writes a line for each message that has arrived.

use super::{wait_for, TOPIC};
use crate::servers::Server;
use std::collections::HashMap;
use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const NAME: &str = "subscriber";

/// A subscriber with a session that the broker keeps, so that messages arrive for it also while it is not
/// connected. It ends when it is dropped, and in any case after ten minutes.
#[derive(Debug)]
pub struct Subscriber {
    child: Child,
    folder: TempDir,
}

impl Subscriber {
    /// Subscribes, and waits until the broker has the subscription.
    ///
    /// # Errors
    /// If the broker never has it.
    ///
    /// # Panics
    /// If `mosquitto_sub` is missing.
    pub fn start(broker: &Server, qos: u8) -> Result<Subscriber, String> {
        let folder = tempfile::Builder::new().prefix("joinq-subscriber").tempdir().expect("a folder");
        let lines = File::create(folder.path().join("lines")).expect("a file");
        let errors = File::create(folder.path().join("errors")).expect("a file");
        let (port, qos) = (broker.port().to_string(), qos.to_string());
        let child = Command::new("mosquitto_sub")
            .args(["-F", "%p %m"])
            .args(["-h", "127.0.0.1", "-p", &port, "-i", NAME, "-c", "-q", &qos, "-t", TOPIC, "-W", "600"])
            .stdin(Stdio::null())
            .stdout(lines)
            .stderr(errors)
            .spawn()
            .expect("mosquitto_sub is in the package mosquitto-clients");
        let subscriber = Subscriber { child, folder };
        let subscribed = format!("{NAME} {qos} {TOPIC}");
        wait_for("the broker has the subscription", || broker.log().contains(&subscribed))?;
        Ok(subscriber)
    }

    /// How often it has connected to this broker.
    pub fn connections(broker: &Server) -> usize {
        broker.log().matches(&format!("as {NAME} (")).count()
    }

    /// What has arrived, in its order.
    pub fn arrived(&self) -> Vec<Arrived> {
        let text = fs::read_to_string(self.folder.path().join("lines")).unwrap_or_default();
        // The last line may be written just now.
        let end = text.rfind('\n').map_or(0, |at| at + 1);
        let arrived = |line: &str| {
            let (number, identifier) = line.split_once(' ')?;
            Some(Arrived { number: number.parse().ok()?, identifier: identifier.parse().ok()? })
        };
        text[..end].lines().filter_map(arrived).collect()
    }

    /// How often each number has arrived.
    pub fn counts(&self) -> HashMap<u32, u32> {
        let mut counts = HashMap::new();
        self.arrived().iter().for_each(|arrived| *counts.entry(arrived.number).or_default() += 1);
        counts
    }

    /// Whether more arrives within two seconds.
    pub fn is_growing(&self) -> bool {
        let before = self.arrived().len();
        let until = Instant::now() + Duration::from_secs(2);
        while Instant::now() < until {
            if self.arrived().len() > before {
                return true;
            }
            thread::sleep(Duration::from_millis(20));
        }
        false
    }
}

/// A message that has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Its payload.
    pub number: u32,
    /// The identifier that the broker has given it on the way to the subscriber: another one for each message that a
    /// publisher has published, and the same one if the broker sends the message again.
    pub identifier: u16,
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
