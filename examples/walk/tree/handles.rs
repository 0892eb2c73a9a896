//! Opens files and folders through handles of the folders that contain them (`openat`), not by whole paths.
//!
//! So a tree may be deeper than the longest path that a system call accepts, and a folder that is replaced by
//! a link during the walk does not lead out of the tree.
//!
//! An entry refers to the nearest folder above it whose handle is still open. A folder stays open as long as
//! entries refer to it. The number of open folders is limited: below a folder that is not one of them, entries
//! refer to a folder further up, and the folders between are opened again, one after the other, for each
//! entry.

use super::{reader, FileSystems, Opened, PROCFS_MOST};
use rustix::fs::{fstat, openat, statat, AtFlags, Dir, FileType, Mode, OFlags, Stat, CWD};
use rustix::process::{getrlimit, Resource};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// If the file is replaced by a fifo or a terminal before it is opened, this neither waits nor takes control.
const FILE: OFlags =
    OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// How many files a worker has open at most: a folder, a second handle from which its entries are read, and
/// one more, because the limit of open folders may be exceeded by one for each worker.
const PER_WORKER: usize = 3;
/// Open files of the process that are not the workers': standard input and output, those of the runtime, and
/// inherited ones.
const OTHERS: usize = 16;

pub struct Tree {
    start: Stat,
    file_systems: FileSystems,
    most_folders: usize,
    /// Each open folder holds a clone, which counts it.
    folders: Arc<()>,
}

/// A file or folder that is to be opened.
pub struct Entry {
    /// An open folder; `None` is the current folder, for the first entry.
    above: Option<Arc<Folder>>,
    /// The folders between `above` and this entry.
    between: PathBuf,
    name: OsString,
    kind: FileType,
}

/// An open folder.
struct Folder {
    handle: OwnedFd,
    path: PathBuf,
    _counted: Arc<()>,
}

/// The entries of a folder, without those that are neither files nor folders.
pub struct Entries {
    folder: Dir,
    above: Option<Arc<Folder>>,
    between: PathBuf,
}

impl Tree {
    /// The tree at `path`, and its first entry.
    pub fn at(path: PathBuf, file_systems: FileSystems, workers: usize) -> io::Result<(Self, Entry)> {
        let start = statat(CWD, &path, AtFlags::SYMLINK_NOFOLLOW)?;
        let kind = FileType::from_raw_mode(start.st_mode);
        // At least one, so that the first folder stays open: the steps from one folder to another are single
        // names, and `path` may be of any form.
        let most_folders = open_files().saturating_sub(OTHERS + PER_WORKER * workers).max(1);
        let tree = Tree { start, file_systems, most_folders, folders: Arc::new(()) };
        Ok((tree, Entry { above: None, between: PathBuf::new(), name: path.into(), kind }))
    }

    pub fn open(&self, entry: &Entry) -> io::Result<Opened> {
        match entry.kind()? {
            FileType::Directory => self.open_folder(entry),
            FileType::RegularFile => open_file(entry),
            _ => Ok(Opened::Skipped),
        }
    }

    fn open_folder(&self, entry: &Entry) -> io::Result<Opened> {
        let handle = entry.open(FOLDER)?;
        if self.file_systems == FileSystems::OnlyTheFirst && fstat(&handle)?.st_dev != self.start.st_dev {
            return Ok(Opened::Skipped);
        }
        // One clone is the tree's own. A folder that another worker opens now may not be counted yet.
        let is_full = Arc::strong_count(&self.folders) > self.most_folders;
        Ok(Opened::Folder(if is_full {
            let between = entry.between.join(&entry.name);
            Entries { folder: Dir::new(handle)?, above: entry.above.clone(), between }
        } else {
            let folder = Dir::new(handle.try_clone()?)?;
            let above = Folder { handle, path: entry.path(), _counted: self.folders.clone() };
            Entries { folder, above: Some(Arc::new(above)), between: PathBuf::new() }
        }))
    }
}

fn open_file(entry: &Entry) -> io::Result<Opened> {
    let handle = entry.open(FILE)?;
    let found = fstat(&handle)?;
    if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
        return Ok(Opened::Skipped);
    }
    let most = if is_in_procfs(&handle, &found)? { PROCFS_MOST << 20 } else { u64::MAX };
    Ok(Opened::File(reader(File::from(handle), found.st_size as u64, most)))
}

#[cfg(target_os = "linux")]
fn is_in_procfs(file: &OwnedFd, found: &Stat) -> io::Result<bool> {
    // The blocks spare most files a second system call: nothing of procfs is stored.
    Ok(found.st_blocks == 0 && rustix::fs::fstatfs(file)?.f_type == rustix::fs::PROC_SUPER_MAGIC)
}

#[cfg(not(target_os = "linux"))]
fn is_in_procfs(_: &OwnedFd, _: &Stat) -> io::Result<bool> {
    Ok(false)
}

impl Entry {
    /// The path for messages. It may be too long for a system call.
    pub fn path(&self) -> PathBuf {
        let above = self.above.as_ref().map(|folder| folder.path.clone()).unwrap_or_default();
        above.join(&self.between).join(&self.name)
    }

    /// As told by the folder that contains the entry. Not every file system knows it there.
    fn kind(&self) -> io::Result<FileType> {
        if self.kind != FileType::Unknown {
            return Ok(self.kind);
        }
        let found = self.in_its_folder(|folder| statat(folder, &self.name, AtFlags::SYMLINK_NOFOLLOW))?;
        Ok(FileType::from_raw_mode(found.st_mode))
    }

    fn open(&self, flags: OFlags) -> io::Result<OwnedFd> {
        self.in_its_folder(|folder| openat(folder, &self.name, flags, Mode::empty()))
    }

    fn in_its_folder<T>(&self, action: impl FnOnce(BorrowedFd<'_>) -> rustix::io::Result<T>) -> io::Result<T> {
        let above = self.above.as_ref().map_or(CWD, |folder| folder.handle.as_fd());
        let mut opened: Option<OwnedFd> = None;
        for name in &self.between {
            let folder = opened.as_ref().map_or(above, OwnedFd::as_fd);
            opened = Some(openat(folder, name, FOLDER, Mode::empty())?);
        }
        Ok(action(opened.as_ref().map_or(above, OwnedFd::as_fd))?)
    }
}

impl Iterator for Entries {
    type Item = io::Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let found = match self.folder.read()? {
                Ok(found) => found,
                Err(error) => return Some(Err(error.into())),
            };
            let name = found.file_name().to_bytes();
            let kind = found.file_type();
            let is_wanted = matches!(kind, FileType::Directory | FileType::RegularFile | FileType::Unknown);
            if is_wanted && name != b"." && name != b".." {
                let (above, between) = (self.above.clone(), self.between.clone());
                return Some(Ok(Entry { above, between, name: OsStr::from_bytes(name).to_owned(), kind }));
            }
        }
    }
}

/// The largest number of workers: they must not run out of files that this process may open.
pub fn most_workers() -> usize {
    (open_files().saturating_sub(OTHERS + 1) / PER_WORKER).max(1)
}

fn open_files() -> usize {
    let limit = getrlimit(Resource::Nofile).current;
    limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
}
