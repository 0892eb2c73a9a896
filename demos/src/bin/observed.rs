//! A pipeline with an endpoint for Prometheus.

use joinq_demos::observed::{run, Options};
use lexopt::prelude::*;
use std::process::ExitCode;
use std::time::Duration;

const HELP: &str = "\
Usage: observed [--listen ADDRESS] [--rate N] [--outage-every S] [--outage S] [--end S] [--commands]

Two stages whose metrics Prometheus takes, with outages; flow/docs/metrics.md says how to look at them.

  --listen ADDRESS  where the metrics are: 127.0.0.1:9100 by default
  --rate N          items per second: 200 by default
  --outage-every S  seconds between two outages: 60 by default
  --outage S        seconds of an outage: 15 by default
  --end S           seconds until the end: 600 by default
  --commands        the input has the commands `outage`, `recovery` and `end`; the output has a line for each event
";

fn seconds(parser: &mut lexopt::Parser) -> Result<Duration, lexopt::Error> {
    Ok(Duration::from_secs(parser.value()?.parse()?))
}

fn options() -> Result<Option<Options>, lexopt::Error> {
    let mut options = Options {
        listen: ([127, 0, 0, 1], 9100).into(),
        rate: 200,
        outage_every: Duration::from_secs(60),
        outage: Duration::from_secs(15),
        end: Duration::from_secs(600),
        commands: false,
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("outage-every") => options.outage_every = seconds(&mut parser)?,
            Long("outage") => options.outage = seconds(&mut parser)?,
            Long("end") => options.end = seconds(&mut parser)?,
            Long("listen") => options.listen = parser.value()?.parse()?,
            Long("rate") => options.rate = parser.value()?.parse::<u32>()?.max(1),
            Long("commands") => options.commands = true,
            Long("help") => return Ok(None),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(options))
}

fn main() -> ExitCode {
    match options() {
        Ok(Some(options)) => {
            run(options);
            ExitCode::SUCCESS
        }
        Ok(None) => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}\n{HELP}");
            ExitCode::from(2)
        }
    }
}
