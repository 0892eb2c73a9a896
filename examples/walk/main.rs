//! Counts the files below a folder, and their lines and bytes, with many workers on one queue.
//!
//! A worker that takes a folder puts the entries of this folder into the same queue that all workers get
//! from. So an empty queue does not mean that the work is done: a worker may still be reading a folder. Only
//! `join` can tell: it waits until every entry that was put is processed, and a folder is processed after its
//! entries were put.
//!
//! It counts regular files, as `find PATH -xdev -type f` finds them: it does not follow links, and opens only
//! files and folders. Lines are line feeds, as `wc -l` counts them. Paths that cannot be read are reported at
//! the end; such a file is not counted.
//!
//! The queue and its workers are in this file. How a file is opened is in `tree`, how its lines are
//! counted in `lines`, the command line in `options`.
// A program has no public interface, so `pub` is short for `pub(crate)`.
#![allow(unreachable_pub)]

mod lines;
mod options;
mod tree;

use indicatif::{ProgressBar, ProgressStyle};
use joinq::{PutError, Queue};
use lines::Lines;
use options::{Options, Workers, USAGE};
use std::fs::File;
use std::io::{self, BufReader, Take, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use tree::{Entry, Opened, Tree, PROCFS_MOST};

/// How many of the unreadable paths are named in the report.
const NAMED: u64 = 5;

fn main() -> ExitCode {
    let bad_usage = |error| {
        eprint!("walk: {error}\n\n{USAGE}");
        ExitCode::from(2)
    };
    let Options { workers, file_systems, path } = match options::parse(lexopt::Parser::from_env()) {
        Ok(options) => options,
        Err(error) => return bad_usage(error),
    };
    let (tree, first) = match Tree::at(path.clone(), file_systems, workers.count()) {
        Ok(found) => found,
        Err(error) => return bad_usage(format!("{path:?}: {error}").into()),
    };
    walk(workers, tree, first).unwrap_or_else(|error| {
        eprintln!("walk: {error}");
        ExitCode::FAILURE
    })
}

fn walk(workers: Workers, tree: Tree, first: Entry) -> io::Result<ExitCode> {
    let walk = Arc::new(Walk::new(tree));
    walk.queue.put(first).wait().expect("a new queue is open");
    match workers {
        Workers::Threads(count) => walk_with_threads(&walk, count)?,
        Workers::Tasks(count) => walk_with_tasks(&walk, count)?,
    }
    walk.report()
}

fn walk_with_threads(walk: &Walk, count: usize) -> io::Result<()> {
    thread::scope(|scope| {
        // The scope waits for its threads, and these wait for entries until the queue is closed: at the end of
        // this block, also if a thread cannot be spawned.
        let _end = walk.queue.shutdown_on_drop();
        for _ in 0..count {
            thread::Builder::new().spawn_scoped(scope, || walk.work())?;
        }
        walk.queue.join().wait();
        Ok(())
    })
}

fn walk_with_tasks(walk: &Arc<Walk>, count: usize) -> io::Result<()> {
    // One thread runs all tasks, as they only wait. Files are read on the runtime's threads for blocking work.
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(count).build()?;
    runtime.block_on(async {
        let end = walk.queue.shutdown_on_drop();
        let workers: Vec<_> = (0..count).map(|_| tokio::spawn(work_async(walk.clone()))).collect();
        walk.queue.join().await;
        drop(end);
        for worker in workers {
            worker.await??;
        }
        Ok(())
    })
}

async fn work_async(walk: Arc<Walk>) -> io::Result<()> {
    let _end = walk.queue.shutdown_on_drop();
    while let Ok(task) = walk.queue.clone().get_task_owned().await {
        // The guard owns the queue, so it can move to another thread. There it marks the entry done. That thread
        // also takes what else is in the queue: to wake a thread costs more than to read a small file.
        let walk = walk.clone();
        let read = move || {
            walk.visit(&task, |entry| task.put_subtask(entry));
            drop(task);
            while let Ok(task) = walk.queue.try_get_task() {
                walk.visit(&task, |entry| task.put_subtask(entry));
            }
        };
        tokio::task::spawn_blocking(read).await?;
    }
    Ok(())
}

/// The state that all workers share. The counters can be relaxed: what was done before each entry was marked
/// done happens-before the return of `join`.
struct Walk {
    queue: Arc<Queue<Entry>>,
    tree: Tree,
    files: AtomicU64,
    lines: AtomicU64,
    bytes: AtomicU64,
    unreadable: AtomicU64,
    first_unreadable: Mutex<Vec<String>>,
    progress: ProgressBar,
}

impl Walk {
    fn new(tree: Tree) -> Self {
        let style = ProgressStyle::with_template("{spinner} {human_pos} files, {elapsed}").expect("a valid template");
        // Printed to stderr, and only if that is a terminal.
        let progress = ProgressBar::new_spinner().with_style(style);
        progress.enable_steady_tick(Duration::from_millis(100));
        Walk {
            queue: Arc::new(Queue::unbounded()),
            tree,
            files: AtomicU64::new(0),
            lines: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            unreadable: AtomicU64::new(0),
            first_unreadable: Mutex::default(),
            progress,
        }
    }

    /// The loop of a blocking worker. Each entry is marked done when its guard is dropped, at the end of an
    /// iteration.
    fn work(&self) {
        // If this worker panics, the entries that are left are removed, so that neither the other workers nor
        // `join` wait for ever.
        let _guard = self.queue.shutdown_on_panic();
        while let Ok(task) = self.queue.get_task().wait() {
            self.visit(&task, |entry| task.put_subtask(entry));
        }
    }

    fn visit(&self, entry: &Entry, put: impl Fn(Entry) -> Result<(), PutError<Entry>>) {
        if let Err(error) = self.look_at(entry, put) {
            if self.unreadable.fetch_add(1, Relaxed) < NAMED {
                // Quoted, because a name may contain any character, also line feeds.
                let line = format!("{:?}: {error}", entry.path());
                self.first_unreadable.lock().expect("no thread panics while it holds this lock").push(line);
            }
        }
    }

    fn look_at(&self, entry: &Entry, put: impl Fn(Entry) -> Result<(), PutError<Entry>>) -> io::Result<()> {
        match self.tree.open(entry)? {
            Opened::Folder(entries) => {
                for entry in entries {
                    if put(entry?).is_err() {
                        break; // the queue is closed, as a worker panicked
                    }
                }
                Ok(())
            }
            Opened::File(file) => self.count(file),
            Opened::Skipped => Ok(()),
        }
    }

    fn count(&self, mut file: BufReader<Take<File>>) -> io::Result<()> {
        let mut lines = Lines(0);
        let bytes = io::copy(&mut file, &mut lines)?;
        if file.get_ref().limit() == 0 {
            return Err(io::Error::new(
                io::ErrorKind::Other,
                format!("longer than {PROCFS_MOST} MiB, which is read of a file of procfs"),
            ));
        }
        self.files.fetch_add(1, Relaxed);
        self.lines.fetch_add(lines.0, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
        self.progress.inc(1);
        Ok(())
    }

    fn report(&self) -> io::Result<ExitCode> {
        self.progress.finish_and_clear();
        let [files, lines, bytes, unreadable] =
            [&self.files, &self.lines, &self.bytes, &self.unreadable].map(|count| count.load(Relaxed));
        if unreadable > 0 {
            let first = self.first_unreadable.lock().expect("no thread panics while it holds this lock");
            eprintln!("unreadable {unreadable}, the first of them:\n  {}", first.join("\n  "));
        }
        writeln!(io::stdout(), "files {files} lines {lines} bytes {bytes}")?;
        Ok(if unreadable == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
