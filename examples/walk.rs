//! Counts the files below a folder, and their lines and bytes, with many workers on one queue.
//!
//! A worker that takes a folder puts the entries of this folder into the same queue that all workers get
//! from. So an empty queue does not mean that the work is done: a worker may still be reading a folder. Only
//! `join` can tell: it waits until every path that was put is processed, and a folder is processed after its
//! entries were put.
//!
//! It counts regular files, as `find PATH -type f` finds them: it does not follow links, and opens only files
//! and folders. Lines are line feeds, as `wc -l` counts them. Paths that cannot be read are reported at the
//! end; such a file is not counted.

use indicatif::{ProgressBar, ProgressStyle};
use joinq::Queue;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

const USAGE: &str = "\
Usage: walk [--threads N | --tasks N] [PATH]

Counts the regular files below PATH (default: the current folder), their lines and their bytes.

  --threads N  walk with N blocking threads (default: as many as can run in parallel, at least 2)
  --tasks N    walk with N async tasks
  --help       show this text
";

/// The largest number of workers. More would only wait for one another.
const MOST: usize = 1024;
/// How many of the unreadable paths are named in the report.
const NAMED: u64 = 5;

fn main() -> ExitCode {
    match parse(lexopt::Parser::from_env()).map(|(workers, path)| walk(workers, path)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            eprintln!("walk: {error}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprint!("walk: {error}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn walk(workers: Workers, path: PathBuf) -> io::Result<()> {
    let walk = Arc::new(Walk::new());
    walk.queue.put(path).wait().expect("a new queue is open");
    match workers {
        Workers::Threads(count) => walk_with_threads(&walk, count)?,
        Workers::Tasks(count) => walk_with_tasks(&walk, count)?,
    }
    walk.report()
}

fn walk_with_threads(walk: &Walk, count: usize) -> io::Result<()> {
    thread::scope(|scope| {
        // The scope waits for its threads, and these wait for paths until the queue is closed.
        let _end = End(&walk.queue);
        for _ in 0..count {
            thread::Builder::new().spawn_scoped(scope, || walk.work())?;
        }
        walk.queue.join().wait();
        Ok(())
    })
}

fn walk_with_tasks(walk: &Arc<Walk>, count: usize) -> io::Result<()> {
    // One thread runs all tasks, as they only wait. Paths are read on the runtime's threads for blocking
    // work.
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let end = End(&walk.queue);
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
    let _end = End(&walk.queue);
    while let Ok(task) = walk.queue.get_task().await {
        // The path moves to another thread. The guard that marks it done stays here until that thread has
        // finished.
        let (path, _done) = task.into_parts();
        let walk = walk.clone();
        tokio::task::spawn_blocking(move || walk.visit(&path)).await?;
    }
    Ok(())
}

/// Ends the walk when it is dropped.
///
/// After `join` the queue is empty, and this only ends the loops of the workers. If a worker panics, it also
/// removes the paths that are left, so that neither the other workers nor `join` wait for ever.
struct End<'a>(&'a Queue<PathBuf>);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.shutdown_now();
    }
}

/// The state that all workers share. The counters can be relaxed: what was done before each path was marked
/// done happens-before the return of `join`.
struct Walk {
    queue: Queue<PathBuf>,
    files: AtomicU64,
    lines: AtomicU64,
    bytes: AtomicU64,
    unreadable: AtomicU64,
    first_unreadable: Mutex<Vec<String>>,
    progress: ProgressBar,
}

impl Walk {
    fn new() -> Self {
        let style = ProgressStyle::with_template("{spinner} {human_pos} files, {elapsed}").expect("a valid template");
        // Printed to stderr, and only if that is a terminal.
        let progress = ProgressBar::new_spinner().with_style(style);
        progress.enable_steady_tick(Duration::from_millis(100));
        Walk {
            queue: Queue::unbounded(),
            files: AtomicU64::new(0),
            lines: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            unreadable: AtomicU64::new(0),
            first_unreadable: Mutex::default(),
            progress,
        }
    }

    /// The loop of a blocking worker. Each path is marked done when its guard is dropped, at the end of an
    /// iteration.
    fn work(&self) {
        let _end = End(&self.queue);
        while let Ok(path) = self.queue.get_task().wait() {
            self.visit(&path);
        }
    }

    fn visit(&self, path: &Path) {
        if let Err(error) = self.look_at(path) {
            if self.unreadable.fetch_add(1, Relaxed) < NAMED {
                // Quoted, because a name may contain any character, also line feeds.
                let line = format!("{path:?}: {error}");
                self.first_unreadable.lock().expect("no thread panics while it holds this lock").push(line);
            }
        }
    }

    fn look_at(&self, path: &Path) -> io::Result<()> {
        // This follows no link and opens no file: to open a fifo would wait for a writer.
        match fs::symlink_metadata(path)?.file_type() {
            kind if kind.is_dir() => self.put_entries(path),
            kind if kind.is_file() => self.count(path),
            _ => Ok(()),
        }
    }

    fn put_entries(&self, folder: &Path) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            // This never waits, because the queue is unbounded. It fails only if the walk was aborted.
            let _ = self.queue.put(entry?.path()).wait();
        }
        Ok(())
    }

    fn count(&self, file: &Path) -> io::Result<()> {
        let mut lines = Lines(0);
        let bytes = io::copy(&mut File::open(file)?, &mut lines)?;
        self.files.fetch_add(1, Relaxed);
        self.lines.fetch_add(lines.0, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
        self.progress.inc(1);
        Ok(())
    }

    fn report(&self) -> io::Result<()> {
        self.progress.finish_and_clear();
        let [files, lines, bytes, unreadable] =
            [&self.files, &self.lines, &self.bytes, &self.unreadable].map(|count| count.load(Relaxed));
        if unreadable > 0 {
            let first = self.first_unreadable.lock().expect("no thread panics while it holds this lock");
            eprintln!("unreadable {unreadable}, the first of them:\n  {}", first.join("\n  "));
        }
        writeln!(io::stdout(), "files {files} lines {lines} bytes {bytes}")
    }
}

/// Counts the lines that are written to it and stores nothing, so a file of any size passes through a small
/// buffer.
struct Lines(u64);

impl Write for Lines {
    fn write(&mut self, chunk: &[u8]) -> io::Result<usize> {
        self.0 += chunk.iter().filter(|&&byte| byte == b'\n').count() as u64;
        Ok(chunk.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

enum Workers {
    Threads(usize),
    Tasks(usize),
}

fn parse(mut arguments: lexopt::Parser) -> Result<(Workers, PathBuf), lexopt::Error> {
    use lexopt::prelude::{Long, Short, Value};

    let (mut workers, mut path) = (None, None);
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
            Value(value) if path.is_none() => path = Some(PathBuf::from(value)),
            other => return Err(other.unexpected()),
        }
    }
    let parallel = || thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, MOST));
    let workers = workers.unwrap_or_else(|| Workers::Threads(parallel()));
    let path = path.unwrap_or_else(|| PathBuf::from("."));
    fs::symlink_metadata(&path).map_err(|error| format!("{path:?}: {error}"))?;
    Ok((workers, path))
}

fn number(value: &OsStr) -> Result<usize, lexopt::Error> {
    match value.to_str().and_then(|text| text.parse().ok()) {
        Some(number @ 1..=MOST) => Ok(number),
        _ => Err(format!("the number of workers must be 1 to {MOST}, not {value:?}").into()),
    }
}
