//! mosquitto, with a file of settings.

use super::proxy::Proxy;
use super::subscriber::Subscriber;
use super::wait_for;
use crate::servers::{accepts, answers, Server};
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
max_inflight_messages 0
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
    /// When all that it has acknowledged is saved.
    Saved,
    /// At any moment. mosquitto saves after its acknowledgements, so that a kill in between loses what no subscriber has.
    Any,
}

/// Kills the broker behind a line and starts it again after a while, and waits until the subscriber is there.
///
/// # Errors
/// If the subscriber never connects.
pub fn kill(broker: &mut Server, line: &Proxy, moment: Moment, off: Duration) -> Result<(), String> {
    if moment == Moment::Saved {
        line.set_reads(false);
        // The broker has one thread, which saves each time when it has read what was there. The first answer comes after
        // it has read all that the line had passed on, and the second one after it has saved.
        for _ in 0..2 {
            if !answers(broker.address(), "\x10\x11\0\x04MQTT\x04\x02\0\x3c\0\x05probe", "\x20\x02\0\0") {
                return Err("the broker does not answer".into());
            }
        }
    }
    let subscribed = Subscriber::connections(broker);
    broker.kill();
    line.set_reads(true);
    thread::sleep(off);
    broker.start();
    wait_for("the subscriber is connected again", || Subscriber::connections(broker) > subscribed)
}
