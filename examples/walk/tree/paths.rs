//! Opens files and folders by their paths, with the standard library alone.

use super::{reader, FileSystems, Opened};
use std::fs::{self, File, ReadDir};
use std::io;
use std::path::PathBuf;

pub struct Tree;

/// A file or folder that is to be opened.
pub struct Entry(PathBuf);

/// The entries of a folder.
pub struct Entries(ReadDir);

impl Tree {
    /// The tree at `path`, and its first entry. A mounted file system looks like a link on Windows, so it is
    /// never read.
    pub fn at(path: PathBuf, _: FileSystems, _workers: usize) -> io::Result<(Self, Entry)> {
        fs::symlink_metadata(&path)?;
        Ok((Tree, Entry(path)))
    }

    pub fn open(&self, entry: &Entry) -> io::Result<Opened> {
        // This follows no link and opens no file: to open a named pipe may wait for another process.
        match fs::symlink_metadata(&entry.0)? {
            found if found.is_dir() => Ok(Opened::Folder(Entries(fs::read_dir(&entry.0)?))),
            found if found.is_file() => Ok(Opened::File(reader(File::open(&entry.0)?, found.len(), u64::MAX))),
            _ => Ok(Opened::Skipped),
        }
    }
}

impl Entry {
    pub fn path(&self) -> PathBuf {
        self.0.clone()
    }
}

impl Iterator for Entries {
    type Item = io::Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|entry| Ok(Entry(entry?.path())))
    }
}

/// The number of workers is not limited here.
pub fn most_workers() -> usize {
    usize::MAX
}
