//! Kills brokers, cuts lines, and kills the program `edge`; `bridge/docs/mqtt.md` says what that shows.

use joinq_demos::acceptance::Verdict;
use joinq_demos::mqtt::broker::Moment;
use joinq_demos::mqtt::{broker, cuts, edge, identity, kills, limits, writes};
use joinq_demos::servers;
use lexopt::prelude::*;
use std::process::ExitCode;
use std::time::Duration;

const HELP: &str = "\
Usage: mqtt [TEST ...] [--times N] [--off SECONDS] [--seed N]

Runs mosquitto and prints the ledger of what has arrived at mosquitto's own subscriber. Without a TEST all run.

  kills      QoS 1; the broker is killed N times (--times, 50 by default), and is off for a while once (--off, 10 s); first
             at moments at which it can lose nothing, so that all must arrive, and then at any moment
  unsaved    the second one with a broker that saves nothing before its end
  cuts       QoS 2; the line is cut N times, and then again with N / 5 stops of the broker
  writes     QoS 0; the line is cut N / 10 times
  limits     a message that the broker does not bear
  identity   TLS with certificates of clients; tokens
  edge       the program edge is killed N times, the broker N / 5 times, and the line is cut once; twice, as for kills

Where the broker is killed at any moment, what it has acknowledged and lost is counted, and is no failure.

  --seed N   the moments; others in each run by default
";

const TESTS: [&str; 7] = ["kills", "unsaved", "cuts", "writes", "limits", "identity", "edge"];

struct Arguments {
    tests: Vec<String>,
    times: u32,
    off: Duration,
    seed: u64,
}

fn arguments() -> Result<Option<Arguments>, lexopt::Error> {
    let mut found = Arguments { tests: Vec::new(), times: 50, off: Duration::from_secs(10), seed: fastrand::u64(..) };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("times") => found.times = parser.value()?.parse::<u32>()?.max(1),
            Long("off") => found.off = Duration::from_secs_f64(parser.value()?.parse()?),
            Long("seed") => found.seed = parser.value()?.parse()?,
            Long("help") => return Ok(None),
            Value(test) if TESTS.iter().any(|known| test == *known) => found.tests.push(test.string()?),
            other => return Err(other.unexpected()),
        }
    }
    if found.tests.is_empty() {
        found.tests = TESTS.map(str::to_owned).to_vec();
    }
    Ok(Some(found))
}

fn run(test: &str, arguments: &Arguments) -> Vec<Verdict> {
    let Arguments { times, off, seed, .. } = *arguments;
    match test {
        "kills" => {
            let run =
                |moment| kills::run(kills::Kills { kills: times, off, saves: broker::SAVES_EACH_CHANGE, moment, seed });
            vec![run(Moment::Quiet), run(Moment::Any)]
        }
        "unsaved" => {
            let saves = broker::SAVES_BY_DEFAULT;
            vec![kills::run(kills::Kills { kills: times, off, saves, moment: Moment::Any, seed })]
        }
        "cuts" => [0, times.div_ceil(5)].map(|stops| cuts::run(cuts::Cuts { cuts: times, stops, seed })).into(),
        "writes" => vec![writes::run(times.div_ceil(10))],
        "limits" => vec![limits::run()],
        "identity" => vec![identity::certificates(), identity::token()],
        "edge" => {
            let program = std::env::current_exe().expect("this program has a path").with_file_name("edge");
            let broker_kills = times.div_ceil(5);
            let run =
                |moment| edge::run(&program, edge::Faults { program_kills: times, broker_kills, off, moment, seed });
            vec![run(Moment::Quiet), run(Moment::Any)]
        }
        _ => unreachable!("a test of the list"),
    }
}

fn main() -> ExitCode {
    let arguments = match arguments() {
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
    if servers::missing("mosquitto") || servers::missing("mosquitto_sub") {
        return ExitCode::SUCCESS;
    }
    let mut failed = false;
    for test in &arguments.tests {
        for verdict in run(test, &arguments) {
            println!("{verdict}");
            failed |= !verdict.passes();
        }
    }
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
