//! A tree of files: how a file or folder of it is opened, and what is found there.
//!
//! `handles` is for unix, `paths` for all other systems. Both have the types `Tree`, `Entry` and `Entries`.

use std::fs::File;
use std::io::{BufReader, Read, Take};

#[cfg(unix)]
mod handles;
#[cfg(unix)]
pub use handles::{most_workers, Entries, Entry, Tree};

#[cfg(not(unix))]
mod paths;
#[cfg(not(unix))]
pub use paths::{most_workers, Entries, Entry, Tree};

/// Whether folders of other file systems, which are mounted in the tree, are read as well.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum FileSystems {
    OnlyTheFirst,
    All,
}

/// What an entry is.
pub enum Opened {
    Folder(Entries),
    File(BufReader<Take<File>>),
    /// A link, fifo, socket or device, or a folder of another file system.
    Skipped,
}

/// How many bytes of a file of procfs are read, in MiB. Such files have no size, and some have no end.
pub const PROCFS_MOST: u64 = 16;

/// A reader of at most `most` bytes, with a buffer that suits a file of `size` bytes.
fn reader(file: File, size: u64, most: u64) -> BufReader<Take<File>> {
    let buffer = size.clamp(8 << 10, 256 << 10) as usize;
    BufReader::with_capacity(buffer, file.take(most))
}
