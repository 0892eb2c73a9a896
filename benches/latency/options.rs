//! The arguments of the paced part.

use lexopt::prelude::*;
use std::path::PathBuf;
use std::time::Duration;

pub const USAGE: &str = "\
Usage: cargo bench -p joinq-benches --bench latency -- paced [OPTIONS]

Prints the latency under a paced load as Markdown tables.

  --only TEXT      only situations whose names contain TEXT
  --loads N,N      messages per second (default 10000,100000,1000000)
  --rounds N       rounds of each, joinq and tokio in turn (default 5)
  --round-ms N     milliseconds of a round (default 400)
  --busy N         busy threads in the situations with such threads (default: twice the cores)
  --watchdog N     seconds after which a round is taken to hang (default 60)
  --out FILE       also write the tables to FILE, and each round to FILE with the extension csv
";

pub struct Options {
    pub only: String,
    pub loads: Vec<u64>,
    pub rounds: usize,
    pub round: Duration,
    pub busy: usize,
    pub watchdog: Duration,
    pub out: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            only: String::new(),
            loads: vec![10_000, 100_000, 1_000_000],
            rounds: 5,
            round: Duration::from_millis(400),
            busy: 2 * std::thread::available_parallelism().map_or(2, usize::from),
            watchdog: Duration::from_secs(60),
            out: None,
        }
    }
}

/// `None` if help is requested.
pub fn parse(mut parser: lexopt::Parser) -> Result<Option<Options>, lexopt::Error> {
    let mut options = Options::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("only") => options.only = parser.value()?.string()?,
            Long("loads") => {
                let loads = parser.value()?.string()?;
                options.loads =
                    loads.split(',').map(str::parse).collect::<Result<_, _>>().map_err(|_| "--loads: numbers")?;
            }
            Long("rounds") => options.rounds = parser.value()?.parse::<usize>()?.max(1),
            Long("round-ms") => options.round = Duration::from_millis(parser.value()?.parse()?),
            Long("busy") => options.busy = parser.value()?.parse()?,
            Long("watchdog") => options.watchdog = Duration::from_secs(parser.value()?.parse()?),
            Long("out") => options.out = Some(parser.value()?.into()),
            Long("help") => return Ok(None),
            // An argument of cargo.
            Long("bench") => {}
            _ => return Err(argument.unexpected()),
        }
    }
    Ok(Some(options))
}
