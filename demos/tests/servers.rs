//! The servers of other tests: they end, and start again where they were.

use joinq_demos::servers::{accepts, missing, Server};
use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn a_server_ends_by_either_signal_and_starts_again_on_its_port() {
    for (program, server) in [("nats-server", Server::nats as fn() -> Server), ("redis-server", Server::redis)] {
        if missing(program) {
            continue;
        }
        let mut server = server();
        let address = server.address();
        for end in [Server::kill, Server::stop, Server::kill] {
            assert!(accepts(address));
            end(&mut server);
            assert!(!accepts(address), "{program} still accepts connections");
            server.start();
        }
        let folder = server.folder().to_owned();
        drop(server);
        assert!(!accepts(address) && !folder.exists());
    }
}

/// The process that the next test kills.
#[test]
#[ignore = "it waits to be killed"]
fn starts_a_server_and_waits() {
    let server = Server::redis();
    println!("port {}", server.port());
    fs::write(std::env::var_os("JOINQ_PORT_FILE").expect("a file"), server.port().to_string()).expect("a file");
    thread::sleep(Duration::from_secs(60));
}

#[test]
fn a_server_ends_when_the_process_is_killed_that_has_started_it() {
    if missing("redis-server") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("port");
    let mut child = Command::new(std::env::current_exe().expect("this program has a path"))
        .args(["--ignored", "--exact", "starts_a_server_and_waits"])
        .env("JOINQ_PORT_FILE", &file)
        .spawn()
        .expect("this program starts");
    let wait = |what: &str, until: &dyn Fn() -> bool| {
        let since = Instant::now();
        while !until() {
            assert!(since.elapsed() < Duration::from_secs(60), "{what}");
            thread::sleep(Duration::from_millis(10));
        }
    };
    let port = || fs::read_to_string(&file).ok().and_then(|text| text.parse::<u16>().ok());
    wait("no server has started", &|| port().is_some());
    let address = ([127, 0, 0, 1], port().expect("a port")).into();
    assert!(accepts(address));
    child.kill().and_then(|()| child.wait()).expect("a child");
    wait("the server goes on after its starter was killed", &|| !accepts(address));
}
