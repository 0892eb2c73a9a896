//! Opens files and folders through handles of the folders that contain them (`openat`), not by whole paths.
//!
//! So a tree may be deeper than the longest path that a system call accepts, and a folder that is replaced by
//! a link during the walk does not lead out of the tree.
//!
//! A folder stays open as long as entries of it are to be opened, but the number of open folders is limited.
//! A folder beyond the limit is closed once it has been read, and opened again for each of its entries, from
//! the nearest folder above it that is open.

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

/// The longest path, in bytes, that is given to one system call.
const LONGEST: usize = 1000;

/// How many files a worker has open at most, beside the folders that are counted: a folder, a second handle
/// from which its entries are read, and one more, because each worker may exceed the limit of open folders.
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
    folder: Folder,
    name: OsString,
    kind: FileType,
}

/// The entries of a folder, without those that are neither files nor folders.
pub struct Entries {
    folder: Folder,
    names: Dir,
}

/// The folder that contains an entry.
#[derive(Clone)]
enum Folder {
    /// The current folder of the process, for the first entry.
    Current,
    Open(Arc<OpenFolder>),
    Closed(Arc<ClosedFolder>),
}

struct OpenFolder {
    handle: OwnedFd,
    path: PathBuf,
    _counted: Arc<()>,
}

struct ClosedFolder {
    above: Arc<OpenFolder>,
    /// The way from `above`. No path in it is longer than a system call accepts.
    steps: Vec<PathBuf>,
    found: Stat,
}

impl Tree {
    /// The tree at `path`, and its first entry.
    pub fn at(path: PathBuf, file_systems: FileSystems, workers: usize) -> io::Result<(Self, Entry)> {
        let start = statat(CWD, &path, AtFlags::SYMLINK_NOFOLLOW)?;
        let kind = FileType::from_raw_mode(start.st_mode);
        // At least one, so that there is always an open folder from which a closed one is opened again.
        let most_folders = open_files().saturating_sub(OTHERS + PER_WORKER * workers).max(1);
        let tree = Tree { start, file_systems, most_folders, folders: Arc::new(()) };
        Ok((tree, Entry { folder: Folder::Current, name: path.into(), kind }))
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
        let found = fstat(&handle)?;
        if self.file_systems == FileSystems::OnlyTheFirst && found.st_dev != self.start.st_dev {
            return Ok(Opened::Skipped);
        }
        // One clone is the tree's own. A folder that another worker opens now may not be counted yet.
        let is_full = Arc::strong_count(&self.folders) > self.most_folders;
        let (folder, names) = match &entry.folder {
            Folder::Open(above) if is_full => {
                let steps = vec![PathBuf::from(&entry.name)];
                (Folder::Closed(Arc::new(ClosedFolder { above: above.clone(), steps, found })), handle)
            }
            Folder::Closed(folder) if is_full => (Folder::Closed(Arc::new(folder.below(&entry.name, found))), handle),
            // The first folder is never beyond the limit.
            _ => {
                let names = handle.try_clone()?;
                let folder = OpenFolder { handle, path: entry.path(), _counted: self.folders.clone() };
                (Folder::Open(Arc::new(folder)), names)
            }
        };
        Ok(Opened::Folder(Entries { folder, names: Dir::new(names)? }))
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
        match &self.folder {
            Folder::Current => PathBuf::from(&self.name),
            Folder::Open(folder) => folder.path.join(&self.name),
            Folder::Closed(folder) => folder.path().join(&self.name),
        }
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
        Ok(match &self.folder {
            Folder::Current => action(CWD),
            Folder::Open(folder) => action(folder.handle.as_fd()),
            Folder::Closed(folder) => action(folder.open()?.as_fd()),
        }?)
    }
}

impl ClosedFolder {
    /// A folder in this one.
    fn below(&self, name: &OsStr, found: Stat) -> Self {
        let mut steps = self.steps.clone();
        match steps.last_mut() {
            Some(last) if last.as_os_str().len() + 1 + name.len() <= LONGEST => last.push(name),
            _ => steps.push(PathBuf::from(name)),
        }
        ClosedFolder { above: self.above.clone(), steps, found }
    }

    fn path(&self) -> PathBuf {
        self.steps.iter().fold(self.above.path.clone(), |path, step| path.join(step))
    }

    fn open(&self) -> io::Result<OwnedFd> {
        let mut opened = None;
        for step in &self.steps {
            let folder = opened.as_ref().map_or(self.above.handle.as_fd(), OwnedFd::as_fd);
            opened = Some(openat(folder, step, FOLDER, Mode::empty())?);
        }
        let opened = opened.expect("a closed folder is at least one step from an open one");
        // `NOFOLLOW` is about the last name of each step only: a name before it may be a link by now.
        let now = fstat(&opened)?;
        match (now.st_dev, now.st_ino) == (self.found.st_dev, self.found.st_ino) {
            true => Ok(opened),
            false => {
                Err(io::Error::new(io::ErrorKind::Other, "another folder has taken the place of the one that was read"))
            }
        }
    }
}

impl Iterator for Entries {
    type Item = io::Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let found = match self.names.read()? {
                Ok(found) => found,
                Err(error) => return Some(Err(error.into())),
            };
            let name = found.file_name().to_bytes();
            let kind = found.file_type();
            let is_wanted = matches!(kind, FileType::Directory | FileType::RegularFile | FileType::Unknown);
            if is_wanted && name != b"." && name != b".." {
                let name = OsStr::from_bytes(name).to_owned();
                return Some(Ok(Entry { folder: self.folder.clone(), name, kind }));
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
