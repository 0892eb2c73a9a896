//! The command line.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

pub const USAGE: &str = "\
Usage: treehash [--threads N] [--grace SECONDS] [--log FILE] --table FILE [PATH]

Writes the SHA-256 of each regular file below PATH (default: the current folder) into a table of an SQLite
database. Links are not followed, and folders of other file systems are not read. A file that is in the table
and has not changed since is not read again: so the program can be killed at any time and started again.

  --table FILE       the database, with the table `file` (path, size, sha256); it is made if it does not exist
  --threads N        read N files at a time (default: as many as can run in parallel, at least 2)
  --grace SECONDS    after SIGINT or SIGTERM, hash the files that were already found for so long (default: 10)
  --log FILE         append a line to FILE before a file is read
  --help             show this text

Exit status: 0 if all files are in the table, 1 if something could not be read or written, which is reported at
the end, 2 if the command line is wrong or PATH or FILE cannot be opened, and 130 after a signal.
";

/// The largest number of threads that hash. More would only wait for one another.
const MOST: usize = 1024;

pub struct Options {
    pub threads: usize,
    pub grace: Duration,
    pub table: PathBuf,
    pub log: Option<PathBuf>,
    pub path: PathBuf,
}

pub fn parse(mut arguments: lexopt::Parser) -> Result<Options, lexopt::Error> {
    use lexopt::prelude::{Long, Short, Value};

    let (mut threads, mut grace, mut table, mut log, mut path) = (None, 10, None, None, None);
    while let Some(argument) = arguments.next()? {
        match argument {
            Short('h') | Long("help") => {
                print!("{USAGE}");
                std::process::exit(0);
            }
            Long("threads") => threads = Some(number(&arguments.value()?, 1, MOST)?),
            Long("grace") => grace = number(&arguments.value()?, 0, 1_000_000)?,
            Long("table") => table = Some(PathBuf::from(arguments.value()?)),
            Long("log") => log = Some(PathBuf::from(arguments.value()?)),
            Value(value) if path.is_none() => path = Some(PathBuf::from(value)),
            other => return Err(other.unexpected()),
        }
    }
    let parallel = || thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, MOST));
    Ok(Options {
        threads: threads.unwrap_or_else(parallel),
        grace: Duration::from_secs(grace as u64),
        table: table.ok_or("--table FILE is missing: where should the hashes be written?")?,
        log,
        path: path.unwrap_or_else(|| PathBuf::from(".")),
    })
}

fn number(value: &OsStr, least: usize, most: usize) -> Result<usize, lexopt::Error> {
    match value.to_str().and_then(|text| text.parse().ok()) {
        Some(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(format!("a number from {least} to {most} is needed, not {value:?}").into()),
    }
}
