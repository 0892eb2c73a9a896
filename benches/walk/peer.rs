//! The same job with the parallel walker of the crate `ignore`, by which `ripgrep` finds its files.

#[path = "../../examples/walk/lines.rs"]
mod lines;

use ignore::{WalkBuilder, WalkState};
use lines::Lines;
use std::error::Error;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

pub fn run(threads: usize, path: &Path) -> Result<(), Box<dyn Error>> {
    let [files, lines, bytes, unreadable] = [const { AtomicU64::new(0) }; 4];
    let count = |path: &Path| -> io::Result<()> {
        let mut read = Lines(0);
        bytes.fetch_add(io::copy(&mut File::open(path)?, &mut read)?, Relaxed);
        lines.fetch_add(read.0, Relaxed);
        files.fetch_add(1, Relaxed);
        Ok(())
    };
    let mut walk = WalkBuilder::new(path);
    walk.standard_filters(false).same_file_system(true).threads(threads);
    walk.build_parallel().run(|| {
        Box::new(|entry| {
            let read = match entry {
                Ok(entry) if entry.file_type().is_some_and(|kind| kind.is_file()) => count(entry.path()).is_ok(),
                entry => entry.is_ok(),
            };
            unreadable.fetch_add(u64::from(!read), Relaxed);
            WalkState::Continue
        })
    });
    let [files, lines, bytes, unreadable] = [files, lines, bytes, unreadable].map(AtomicU64::into_inner);
    println!("files {files} lines {lines} bytes {bytes}");
    match unreadable {
        0 => Ok(()),
        _ => Err(format!("{unreadable} entries could not be read").into()),
    }
}
