//! Jobs out to a message server and in from it, while server, publisher and consumer are killed.

use joinq_demos::bridges::{child, run, Engine, Plan};
use joinq_demos::servers;
use lexopt::prelude::*;
use std::process::ExitCode;

const HELP: &str = "\
Usage: bridges [ENGINE ...] [--jobs N] [--kills N] [--publisher N] [--stops N]

Runs publisher and consumer with a server, kills them, and prints the ledger. ENGINE is nats or redis; both by
default.

  --jobs N        how many jobs; 10,000 by default
  --kills N       how often the server is killed, and how often the consumer; 100 by default
  --publisher N   how often the publisher is killed; 20 by default
  --stops N       how often the consumer is told to end at once, with jobs that have not begun; 20 by default

.ci/servers installs the servers; JOINQ_SERVERS=1 makes a missing one a failure.
";

fn arguments() -> Result<Option<(Vec<Engine>, Plan)>, lexopt::Error> {
    let mut plan = Plan { jobs: 10_000, server: 100, consumer: 100, publisher: 20, stops: 20 };
    let mut engines = Vec::new();
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("jobs") => plan.jobs = parser.value()?.parse()?,
            Long("kills") => {
                plan.server = parser.value()?.parse()?;
                plan.consumer = plan.server;
            }
            Long("publisher") => plan.publisher = parser.value()?.parse()?,
            Long("stops") => plan.stops = parser.value()?.parse()?,
            Long("help") => return Ok(None),
            Value(engine) => engines.push(engine.parse()?),
            other => return Err(other.unexpected()),
        }
    }
    if engines.is_empty() {
        engines = Engine::BOTH.to_vec();
    }
    Ok(Some((engines, plan)))
}

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args().collect();
    if let [_, word, options] = &words[..] {
        if word == "child" {
            return match child::main(options) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    eprintln!("the process under test: {error}");
                    ExitCode::FAILURE
                }
            };
        }
    }
    let (engines, plan) = match arguments() {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("{error}\n{HELP}");
            return ExitCode::from(2);
        }
    };
    let program = std::env::current_exe().expect("this program has a path");
    let mut failed = false;
    for engine in engines.into_iter().filter(|engine| !servers::missing(engine.program())) {
        let verdict = run(&program, engine, plan);
        println!("{verdict}");
        failed |= !verdict.passes();
    }
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
