//! Known bugs of queues as scenarios, run on joinq and on other crates. Writes `docs/museum-peers.md`.
//!
//! ```text
//! cargo run --release -p joinq-museum -- [--print] [--only TEXT]
//! cargo run --release -p joinq-museum -- --stalls COUNT
//! ```
//!
//! `--print` writes the page to the standard output instead; `--only` does so for the scenarios whose title has the
//! text. `--stalls` prints another table instead: how often a stopped thread freezes others (`stall.rs`).
//! The exit status is 1 if joinq fails a scenario.

mod child;
mod peer;
mod peers;
mod probe;
mod report;
mod scenarios;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod stall;

use peer::Peer;
use peers::{AsyncChannel, Channel, Crossbeam, Crossfire, Flume, Kanal, Mpsc, Permits, Queue, Tokio};
use std::process::ExitCode;

/// The columns, those of joinq first.
const NAMES: [&str; 10] = [
    Queue::NAME,
    Channel::NAME,
    Permits::NAME,
    Mpsc::NAME,
    AsyncChannel::NAME,
    Crossbeam::NAME,
    Crossfire::NAME,
    Flume::NAME,
    Kanal::NAME,
    Tokio::NAME,
];
const OWN: usize = 4;

fn perform(name: &str, number: usize) -> bool {
    child::perform::<Queue>(name, number)
        || child::perform::<Channel>(name, number)
        || child::perform::<Permits>(name, number)
        || child::perform::<Mpsc>(name, number)
        || child::perform::<AsyncChannel>(name, number)
        || child::perform::<Crossbeam>(name, number)
        || child::perform::<Crossfire>(name, number)
        || child::perform::<Flume>(name, number)
        || child::perform::<Kanal>(name, number)
        || child::perform::<Tokio>(name, number)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (print, only) = match words[..] {
        ["--run", name, number] => {
            let ran = number.parse().is_ok_and(|number| perform(name, number));
            return if ran { ExitCode::SUCCESS } else { ExitCode::from(2) };
        }
        #[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
        ["--stall", ..] | ["--stalls", _] => return stall::main(&words),
        [] => (false, ""),
        ["--print"] => (true, ""),
        ["--only", text] => (true, text),
        _ => {
            eprintln!("usage: joinq-museum [--print] [--only TEXT] | --stalls COUNT");
            return ExitCode::from(2);
        }
    };
    let rows = report::run(only);
    let page = report::page(&rows);
    if print {
        print!("{page}");
    } else {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/museum-peers.md");
        std::fs::write(path, page).expect("the page is written");
    }
    match report::failures(&rows) {
        0 => ExitCode::SUCCESS,
        count => {
            eprintln!("joinq fails {count} cells");
            ExitCode::FAILURE
        }
    }
}
