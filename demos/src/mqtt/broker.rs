//! mosquitto, with a file of settings.

use crate::servers::{accepts, Server};
use std::fs;

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
