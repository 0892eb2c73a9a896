//! mosquitto, with a file of settings.

use super::proxy::Proxy;
use super::subscriber::Subscriber;
use super::wait_for;
use crate::servers::{accepts, Server};
use std::collections::HashSet;
use std::fs;
use std::thread;
use std::time::Duration;

/// What a broker that is killed must have set: it saves its sessions and queues after each change, and drops
/// nothing because a queue is long.
pub const SAVES_EACH_CHANGE: &str = "\
persistence true
autosave_on_changes true
autosave_interval 1
max_queued_messages 0
";

/// What a broker saves by default: at its end, and every half an hour.
pub const SAVES_BY_DEFAULT: &str = "\
persistence true
";

/// Anyone may connect.
pub const FOR_ALL: &str = "allow_anonymous true\n";

/// A broker with these settings, in which `FOLDER` stands for its folder.
///
/// # Panics
/// If mosquitto is missing or does not start.
pub fn start(settings: &str) -> Server {
    start_with_files(settings, &[])
}

/// As [`start`], with these files in its folder.
///
/// # Panics
/// If mosquitto is missing or does not start.
pub fn start_with_files(settings: &str, files: &[(&str, &str)]) -> Server {
    let arguments = |port: u16, folder: &std::path::Path| {
        let folder_name = folder.display().to_string();
        for (name, text) in files {
            fs::write(folder.join(name), text).expect("a file in the folder of the broker");
        }
        let settings = settings.replace("FOLDER", &folder_name);
        // Started by root, mosquitto would become another user, that cannot write to the folder.
        let file = format!(
            "listener {port} 127.0.0.1\n{settings}persistence_location {folder_name}/\nuser root\n\
             log_type error\nlog_type warning\nlog_type notice\nlog_type information\nlog_type subscribe\n"
        );
        let path = folder.join("mosquitto.conf");
        fs::write(&path, file).expect("a file in the folder of the broker");
        ["-c".to_owned(), path.display().to_string()].to_vec()
    };
    Server::new("mosquitto", arguments, accepts)
}

/// When a broker is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// When it has acknowledged all that it has received, and the subscriber has that too, so that it can lose nothing.
    /// More messages are on the line, and do not reach it.
    Quiet,
    /// At any moment. mosquitto acknowledges before it saves, and may lose what the subscriber does not have.
    Any,
}

/// Kills the broker behind a line and starts it again after a while, and waits until the subscriber is there.
///
/// # Errors
/// If the moment never comes, or if the subscriber never connects.
pub fn kill(
    broker: &mut Server,
    line: &Proxy,
    subscriber: &Subscriber,
    moment: Moment,
    off: Duration,
) -> Result<(), String> {
    if moment == Moment::Quiet {
        line.set_reads(false);
        wait_for("all that the broker has received is acknowledged and has arrived", || {
            let has_arrived =
                |payload: &Vec<u8>, arrived: &HashSet<String>| arrived.contains(&*String::from_utf8_lossy(payload));
            line.awaits_nothing() && {
                let arrived = subscriber.arrived().iter().map(|arrived| arrived.number.to_string()).collect();
                line.acknowledged().iter().all(|payload| has_arrived(payload, &arrived))
            }
        })?;
    }
    let subscribed = Subscriber::connections(broker);
    broker.kill();
    line.set_reads(true);
    thread::sleep(off);
    broker.start();
    wait_for("the subscriber is connected again", || Subscriber::connections(broker) > subscribed)
}
