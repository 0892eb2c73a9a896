//! The arguments.

use lexopt::prelude::*;
use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Duration;

pub const HELP: &str = "\
Compares the queues of joinq and of other crates in turn, within one run.

cargo bench -p joinq-benches --bench rivals -- [OPTIONS] [FILTER]...
cargo bench --profile lto -p joinq-benches --bench rivals -- [OPTIONS] [FILTER]...
  the same with fat LTO and one codegen unit

  FILTER          only cells whose names contain one of these, as `threads/4p4c`
  --all           every group; without it and without a filter: threads, tokio-2, tokio-current, pair, round-trip,
                  memory. On a machine with more than two cores it has the group cores as well, with as many senders,
                  receivers and workers as cores. A million queues (memory/million-*) take up to 6 GB
  --cores N       the number of cores for the group cores (those of this machine)
  --only A,B      only these crates or queues, as `joinq,kanal,crossfire::mpsc`
  --rounds N      rounds in each cell (6)
  --quick         a twentieth of the messages and two rounds, to test that it works; its figures mean nothing
  --timeout S     seconds until a run counts as hung (60)
  --out DIR       folder for data.csv, table.md and the pictures, relative to the workspace
                  (target/rivals/release, or with the name of another profile)
  --list          print the names of the cells and their contenders
";

/// One run of one contender in one cell.
#[derive(Clone, Debug, Default)]
pub struct Run {
    pub cell: String,
    pub contender: String,
    pub messages: u64,
}

#[derive(Clone, Debug)]
pub struct Options {
    pub filters: Vec<String>,
    pub all: bool,
    pub only: Vec<String>,
    pub rounds: usize,
    pub quick: bool,
    pub timeout: Duration,
    pub cores: usize,
    /// Makes one run and prints what it has measured: the part that runs in a process of its own.
    pub run: Option<Run>,
    pub out: Option<PathBuf>,
    pub list: bool,
}

impl Options {
    /// `None` if help is requested.
    pub fn parse() -> Result<Option<Self>, lexopt::Error> {
        let mut options = Options {
            filters: Vec::new(),
            all: false,
            only: Vec::new(),
            rounds: 0,
            quick: false,
            timeout: Duration::from_secs(60),
            cores: available_parallelism().map_or(1, |cores| cores.get()),
            run: None,
            out: None,
            list: false,
        };
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Value(filter) => options.filters.push(filter.string()?),
                Long("all") => options.all = true,
                Long("only") => options.only.extend(parser.value()?.string()?.split(',').map(String::from)),
                Long("rounds") => options.rounds = parser.value()?.parse()?,
                Long("quick") => options.quick = true,
                Long("timeout") => options.timeout = Duration::from_secs(parser.value()?.parse()?),
                Long("cores") => options.cores = parser.value()?.parse()?,
                Long("run") => {
                    let (cell, contender) = (parser.value()?.string()?, parser.value()?.string()?);
                    options.run = Some(Run { cell, contender, messages: 0 });
                }
                Long("messages") => options.run.get_or_insert_default().messages = parser.value()?.parse()?,
                Long("out") => options.out = Some(parser.value()?.into()),
                Long("list") => options.list = true,
                // An argument of cargo.
                Long("bench") => {}
                Long("help") | Short('h') => return Ok(None),
                _ => return Err(argument.unexpected()),
            }
        }
        if options.rounds == 0 {
            options.rounds = if options.quick { 2 } else { 6 };
        }
        Ok(Some(options))
    }
}
