//! Four threads work on jobs, the main thread puts them, and a shutdown waits at most 30 seconds for the rest.
//!
//! ```sh
//! cargo run --example threads -- picture.png another.png
//! ```

use joinq_flow::{Failure, Job, Stage};
use std::{
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

fn main() {
    let thumbs: Stage<PathBuf> = Stage::builder("thumbs").capacity(100).build();
    thread::scope(|scope| {
        for _ in 0..4 {
            // Runs jobs on this thread until the stage is closed and everything is settled.
            scope.spawn(|| thumbs.work(|job: &Job<PathBuf>| thumbnail(job)).wait());
        }
        for path in std::env::args_os().skip(1) {
            thumbs.put(path.into()).wait().expect("the stage is open"); // waits while 100 are unfinished
        }
        match thumbs.shutdown().wait_timeout(Duration::from_secs(30)) {
            Ok(stats) => println!("{} done, {} dead", stats.done, stats.dead),
            Err(late) => println!("{} not begun, {} still at work", late.left.len(), late.running),
        }
    });
}

fn thumbnail(path: &Path) -> Result<(), Failure> {
    let picture = std::fs::read(path)?; // any error: the attempt failed
    if picture.is_empty() {
        return Err(Failure::fatal("no picture")); // never tried again
    }
    Ok(std::fs::write(path.with_extension("thumb"), &picture[..picture.len().min(64)])?)
}
