//! The progress bar, and what is reported at the end.

use crate::table::Row;
use crate::Ended;
use indicatif::{HumanBytes, ProgressBar, ProgressState, ProgressStyle};
use joinq_flow::Dead;
use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use std::time::Duration;

/// The counts of a run. They can be relaxed: what was counted before a job was settled happens-before the return of
/// the stage's `join`.
#[derive(Default)]
struct Counts {
    saved: AtomicU64,
    bytes: AtomicU64,
    known: AtomicU64,
}

pub struct Report {
    counts: Arc<Counts>,
    progress: ProgressBar,
}

impl Report {
    pub fn new() -> Self {
        let counts = Arc::new(Counts::default());
        let shown = counts.clone();
        let bytes = move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
            let _ = write!(out, "{}", HumanBytes(shown.bytes.load(Relaxed)));
        };
        let known = counts.clone();
        let known = move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
            let _ = write!(out, "{}", known.known.load(Relaxed));
        };
        // The length grows while the walk finds files.
        let template = "{elapsed} [{bar:30}] {human_pos} of {human_len} files found, {hashed}; {known} known";
        let style = ProgressStyle::with_template(template).expect("a valid template");
        // Printed to stderr, and only if that is a terminal.
        let progress = ProgressBar::new(0).with_style(style.with_key("hashed", bytes).with_key("known", known));
        progress.enable_steady_tick(Duration::from_millis(100));
        Report { counts, progress }
    }

    /// A file has to be hashed.
    pub fn found(&self) {
        self.progress.inc_length(1);
    }

    /// The table has this version of a file.
    pub fn known(&self) {
        self.counts.known.fetch_add(1, Relaxed);
    }

    pub fn saved(&self, row: &Row) {
        self.counts.saved.fetch_add(1, Relaxed);
        self.counts.bytes.fetch_add(row.size as u64, Relaxed);
        self.progress.inc(1);
    }

    /// Prints a line to stderr.
    pub fn say(&self, text: &str) {
        self.progress.suspend(|| eprintln!("treehash: {text}"));
    }

    /// `unsaved` is the number of rows that could not be written.
    pub fn finish(&self, ended: Ended, unread: &[Dead<PathBuf>], unsaved: u64) -> Result<ExitCode, Box<dyn Error>> {
        let seconds = self.progress.elapsed().as_secs_f64();
        self.progress.finish_and_clear();
        for letter in unread {
            // Quoted, because a name may contain any character, also line feeds.
            eprintln!("treehash: {:?}: {letter}", *letter.job);
        }
        let [saved, bytes, known] =
            [&self.counts.saved, &self.counts.bytes, &self.counts.known].map(|count| count.load(Relaxed));
        let failed = unread.len() as u64 + unsaved;
        writeln!(io::stdout(), "hashed {saved} bytes {bytes} known {known} failed {failed} seconds {seconds:.2}")?;
        Ok(match ended {
            Ended::Interrupted { folders, files } => {
                eprintln!("treehash: folders left: {folders}, files left: {files}; start it again to go on");
                ExitCode::from(130)
            }
            Ended::NoTable => {
                eprintln!("treehash: ended, as {unsaved} rows could not be written; start it again to go on");
                ExitCode::FAILURE
            }
            Ended::Complete if failed > 0 => ExitCode::FAILURE,
            Ended::Complete => ExitCode::SUCCESS,
        })
    }
}
