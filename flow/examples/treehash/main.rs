//! Writes the SHA-256 of each regular file below a folder into an SQLite table, in three stages:
//!
//! * `walk` reads folders. A folder in a folder is a further job of this stage, so that only `join` can tell when
//!   the walk is done. A file whose row is in the table, and that has not changed since, is left out; each other
//!   file is put into the next stage.
//! * `hash` reads files, on several threads. A put waits while too many files are unfinished, so that the walk
//!   cannot outrun it.
//! * `save` writes rows, on one thread. Each row is one transaction.
//!
//! The program can be killed at any instruction and started again: a file is left out exactly if its row was
//! committed. Hashed again are the files that were being read, and those whose row waited for its commit: at most
//! one file for each thread, and `ROWS` rows. The stages need no store of their own for this. The walk has to be
//! done again anyway, since the tree may have changed meanwhile, and it finds what is not in the table; a second
//! list of these files on disk would only be one more that has to agree with the other two.
//!
//! A commit survives `kill -9`, but it is not synchronized to the disk. After a power cut the table is intact, and
//! the files of the last rows are hashed again.
//!
//! The stages and their end are in this file. What is read of the tree is in `files`, the table in `table`, the
//! progress and the report in `report`, the command line in `options`.
// A program has no public interface, so `pub` is short for `pub(crate)`.
#![allow(unreachable_pub)]

mod files;
mod options;
mod report;
mod table;

use backon::ConstantBuilder;
use files::Files;
use joinq::Queue;
use joinq_flow::{Dead, Failure, Job, Retry, Stage, Workers};
use options::{Options, USAGE};
use report::Report;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use table::{Row, Table};
use tokio::time::sleep;

/// How many files are unfinished in the stage `hash`, at most.
const FILES: usize = 256;
/// How many rows wait for their commit, at most.
const ROWS: usize = 64;
/// The threads that read folders. They mostly wait for the stage `hash`.
const WALKERS: usize = 2;
/// How long a stage may take to end after its last job was cancelled.
const PATIENCE: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let options = match options::parse(lexopt::Parser::from_env()) {
        Ok(options) => options,
        Err(error) => {
            eprint!("treehash: {error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    run(options).unwrap_or_else(|error| {
        eprintln!("treehash: {error}");
        ExitCode::from(2)
    })
}

fn run(options: Options) -> Result<ExitCode, Box<dyn Error>> {
    let root = fs::canonicalize(&options.path).map_err(|error| format!("{:?}: {error}", options.path))?;
    let table = Table::open(&options.table).map_err(|error| format!("{:?}: {error}", options.table))?;
    let files = Files::below(&root, options.log.as_deref())?;
    let pipeline = Pipeline::new(table, files, options.threads);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(pipeline.run(root.clone(), options.grace))?;
    pipeline.report(&root, ended)
}

/// How the run ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// All files were found.
    Complete,
    /// By a signal: so many folders and files are left, at least.
    Interrupted { folders: usize, files: usize },
    /// A row could not be written.
    NoTable,
}

struct Pipeline {
    walk: Stage<PathBuf>,
    hash: Stage<PathBuf>,
    save: Stage<Row>,
    /// Folders and files that cannot be read.
    unread: Arc<Queue<Dead<PathBuf>>>,
    /// Rows that cannot be written.
    unsaved: Arc<Queue<Dead<Row>>>,
    table: Arc<Table>,
    report: Arc<Report>,
}

impl Pipeline {
    fn new(table: Table, files: Files, threads: usize) -> Self {
        let (unread, unsaved) = (Arc::new(Queue::unbounded()), Arc::new(Queue::unbounded()));
        // A folder is not tried again: its first entries would be put a second time.
        let walk = Stage::builder("walk").dead_letters(unread.clone()).build();
        // A file that changes while it is read is tried again.
        let soon = ConstantBuilder::default().with_delay(Duration::from_millis(100)).with_max_times(2);
        let hash = Stage::builder("hash").capacity(FILES).retry(Retry::new(soon)).dead_letters(unread.clone()).build();
        // Another program may hold the lock of the table for a while.
        let save = Stage::builder("save").capacity(ROWS).retry(Retry::default()).dead_letters(unsaved.clone()).build();
        let (table, files, report) = (Arc::new(table), Arc::new(files), Arc::new(Report::new()));

        let pipeline = Pipeline { walk, hash, save, unread, unsaved, table, report };
        pipeline.start(files, threads);
        pipeline
    }

    /// Starts the threads of the stages. They end when their stage is over.
    fn start(&self, files: Arc<Files>, threads: usize) {
        let (next, table, report, tree) = (self.hash.clone(), self.table.clone(), self.report.clone(), files.clone());
        Workers::threads(&self.walk, WALKERS..=WALKERS, move |folder: &Job<PathBuf>| {
            walk(folder, &tree, &table, &next, &report)
        });
        let next = self.save.clone();
        Workers::threads(&self.hash, threads..=threads, move |file: &Job<PathBuf>| {
            if let Some(row) = files.hash(file, || file.is_cancelled())? {
                next.put(row).wait()?;
            }
            Ok(())
        });
        let (table, report) = (self.table.clone(), self.report.clone());
        Workers::threads(&self.save, 1..=1, move |row: &Job<Row>| {
            table.insert(row)?;
            report.saved(row);
            Ok(())
        });
    }

    async fn run(&self, root: PathBuf, grace: Duration) -> Result<Ended, Box<dyn Error>> {
        let mut signals = Signals::new()?;
        self.walk.put(root).await?;
        let ended = tokio::select! {
            () = self.complete() => Ended::Complete,
            signal = signals.next() => {
                self.report.say(&format!("{signal}: ends within {grace:?}; a second signal ends at once"));
                // The program can be killed, so it can also just end.
                tokio::select! {
                    ended = self.shutdown(grace) => ended,
                    _ = signals.next() => std::process::exit(130),
                }
            }
            _ = self.unsaved.get() => {
                // What is hashed now would be lost, too.
                self.shutdown(Duration::ZERO).await;
                Ended::NoTable
            }
        };
        Ok(ended)
    }

    /// Closes the stages in order: when one is over, its last put into the next one has returned.
    async fn complete(&self) {
        self.walk.close();
        self.walk.join().await;
        self.hash.close();
        self.hash.join().await;
        self.save.close();
        self.save.join().await;
    }

    /// Begins no further folder, hashes the files that were found, but no longer than `grace`, and saves their rows.
    async fn shutdown(&self, grace: Duration) -> Ended {
        let folders = match self.walk.shutdown().until(sleep(Duration::ZERO)).await {
            Ok(_) => 0,
            Err(late) => late.left.len() + late.running,
        };
        let files = match self.hash.shutdown().until(sleep(grace)).await {
            Ok(_) => 0,
            Err(late) => {
                // A thread ends its file early, as the job is cancelled.
                let _ = self.hash.join().until(sleep(PATIENCE)).await;
                late.left.len() + late.running
            }
        };
        let _ = self.save.shutdown().until(sleep(PATIENCE)).await;
        Ended::Interrupted { folders, files }
    }

    fn report(&self, root: &Path, ended: Ended) -> Result<ExitCode, Box<dyn Error>> {
        let unread: Vec<Dead<PathBuf>> = self.unread.drain().collect();
        for letter in &unread {
            // A row of an earlier run would be wrong now.
            self.table.remove(&letter.job)?;
        }
        if ended == Ended::Complete {
            self.table.remove_missing(root)?;
        }
        self.report.finish(ended, &unread, self.save.stats().dead)
    }
}

/// Puts the files of a folder into the next stage, and its folders into this one.
fn walk(
    folder: &Job<PathBuf>,
    files: &Files,
    table: &Table,
    next: &Stage<PathBuf>,
    report: &Report,
) -> Result<(), Failure> {
    for entry in files.entries(folder)? {
        if folder.is_cancelled() {
            break;
        }
        match entry? {
            files::Entry::Folder(path) => drop(folder.spawn(path)?),
            files::Entry::File(path, version) => {
                if table.owns(&path) {
                    continue;
                }
                if table.has(&path, version)? {
                    report.known();
                } else if next.put(path).wait().is_ok() {
                    report.found();
                } else {
                    break; // closed, at the end of the program
                }
            }
        }
    }
    Ok(())
}

/// The signals that end the program.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{signal, SignalKind};
        Ok(Signals { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Signals {})
    }

    async fn next(&mut self) -> &'static str {
        match tokio::signal::ctrl_c().await {
            Ok(()) => "Ctrl-C",
            // Without the signal the program ends when it is done, or is killed.
            Err(_) => std::future::pending().await,
        }
    }
}
