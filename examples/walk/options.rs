//! The command line.

use crate::tree::{most_workers, FileSystems};
use std::ffi::OsStr;
use std::path::PathBuf;
use std::thread;

pub const USAGE: &str = "\
Usage: walk [--threads N | --tasks N] [--all-filesystems] [PATH]

Counts the regular files below PATH (default: the current folder), their lines and their bytes.
Links are not followed. Files of procfs, as below /proc, are read up to 16 MiB.

  --threads N        walk with N blocking threads (default: as many as can run in parallel, at least 2)
  --tasks N          walk with N async tasks
  --all-filesystems  also read folders of other file systems that are mounted below PATH
  --help             show this text

Exit status: 0 if all was read, 1 if something could not be read, which is reported after the walk, and
2 if the command line is wrong or PATH does not exist.
";

/// The largest number of workers. More would only wait for one another.
const MOST: usize = 1024;

pub struct Options {
    pub workers: Workers,
    pub file_systems: FileSystems,
    pub path: PathBuf,
}

pub enum Workers {
    Threads(usize),
    Tasks(usize),
}

impl Workers {
    pub fn count(&self) -> usize {
        match self {
            Workers::Threads(count) | Workers::Tasks(count) => *count,
        }
    }
}

pub fn parse(mut arguments: lexopt::Parser) -> Result<Options, lexopt::Error> {
    use lexopt::prelude::{Long, Short, Value};

    let (mut workers, mut path) = (None, None);
    let mut file_systems = FileSystems::OnlyTheFirst;
    while let Some(argument) = arguments.next()? {
        match argument {
            Short('h') | Long("help") => {
                print!("{USAGE}");
                std::process::exit(0);
            }
            Long("threads" | "tasks") if workers.is_some() => {
                return Err("only one of --threads and --tasks can be given, and only once".into());
            }
            Long("threads") => workers = Some(Workers::Threads(number(&arguments.value()?)?)),
            Long("tasks") => workers = Some(Workers::Tasks(number(&arguments.value()?)?)),
            Long("all-filesystems") => file_systems = FileSystems::All,
            Value(value) if path.is_none() => path = Some(PathBuf::from(value)),
            other => return Err(other.unexpected()),
        }
    }
    let parallel = || thread::available_parallelism().map_or(2, |cores| cores.get().max(2)).min(most());
    let workers = workers.unwrap_or_else(|| Workers::Threads(parallel()));
    let path = path.unwrap_or_else(|| PathBuf::from("."));
    Ok(Options { workers, file_systems, path })
}

fn number(value: &OsStr) -> Result<usize, lexopt::Error> {
    let most = most();
    match value.to_str().and_then(|text| text.parse().ok()) {
        Some(number) if (1..=most).contains(&number) => Ok(number),
        _ if most < MOST => {
            Err(format!("the number of workers must be 1 to {most} (see `ulimit -n`), not {value:?}").into())
        }
        _ => Err(format!("the number of workers must be 1 to {most}, not {value:?}").into()),
    }
}

fn most() -> usize {
    most_workers().min(MOST)
}
