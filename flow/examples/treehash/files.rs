//! What is read of the tree: the entries of folders, and the bytes of files.

use crate::table::Row;
use joinq_flow::Failure;
use sha2::{Digest, Sha256};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// The largest buffer of a file, in bytes.
const BUFFER: u64 = 256 << 10;

/// What tells one version of a file from the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// In bytes, as the file system says.
    pub size: i64,
    /// When the file or its metadata last changed, in nanoseconds since the Unix epoch. A program that writes to a
    /// file cannot set this time, but two changes within one tick of the kernel's clock have the same.
    pub changed: i64,
}

pub enum Entry {
    Folder(PathBuf),
    File(PathBuf, Version),
}

pub struct Files {
    /// The file system of the first folder.
    device: u64,
    log: Option<File>,
}

impl Files {
    pub fn below(root: &Path, log: Option<&Path>) -> Result<Self, String> {
        let explain = |path: &Path, error: io::Error| format!("{path:?}: {error}");
        let metadata = fs::symlink_metadata(root).map_err(|error| explain(root, error))?;
        let open = |path| OpenOptions::new().append(true).create(true).open(path);
        let log = log.map(|path| open(path).map_err(|error| explain(path, error))).transpose()?;
        Ok(Files { device: device(&metadata), log })
    }

    /// The files and folders in a folder; the file itself if `path` is a file. Links, pipes, sockets and devices are
    /// left out, and so are folders of other file systems.
    pub fn entries(&self, path: &Path) -> Result<impl Iterator<Item = Result<Entry, Failure>> + '_, Failure> {
        let explain = |error: io::Error| Failure::fatal(error);
        let metadata = fs::symlink_metadata(path).map_err(explain)?;
        let (folder, file) = match metadata.is_dir() {
            true => (Some(fs::read_dir(path).map_err(explain)?), None),
            false => (None, self.entry(path.to_owned(), &metadata).map(Ok)),
        };
        let in_folder = folder.into_iter().flatten().filter_map(move |entry| {
            let read = || -> io::Result<Option<Entry>> {
                let entry = entry?;
                match entry.metadata() {
                    Ok(metadata) => Ok(self.entry(entry.path(), &metadata)),
                    // It has vanished since the folder was read.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                    Err(error) => Err(error),
                }
            };
            read().map_err(explain).transpose()
        });
        Ok(file.into_iter().chain(in_folder))
    }

    fn entry(&self, path: PathBuf, metadata: &Metadata) -> Option<Entry> {
        if metadata.is_dir() {
            (device(metadata) == self.device).then_some(Entry::Folder(path))
        } else {
            metadata.is_file().then(|| Entry::File(path, version(metadata)))
        }
    }

    /// Reads a file. `None` if `stop` said that it should end before.
    pub fn hash(&self, path: &Path, stop: impl Fn() -> bool) -> Result<Option<Row>, Failure> {
        if let Some(mut log) = self.log.as_ref() {
            // One system call, so that lines of several threads are not mixed.
            log.write_all(format!("{path:?}\n").as_bytes())?;
        }
        let explain = |error: io::Error| Failure::fatal(error);
        let mut file = open(path).map_err(explain)?;
        let metadata = file.metadata().map_err(explain)?;
        if !metadata.is_file() {
            return Err(Failure::fatal("it is no regular file any more"));
        }
        let mut buffer = vec![0; metadata.len().clamp(4 << 10, BUFFER) as usize];
        let (mut sha256, mut size) = (Sha256::new(), 0);
        loop {
            if stop() {
                return Ok(None);
            }
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    sha256.update(&buffer[..count]);
                    size += count as i64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Failure::fatal(error)),
            }
        }
        let version = version(&metadata);
        if self::version(&file.metadata().map_err(explain)?) != version {
            return Err("it changed while it was read".into()); // tried again
        }
        Ok(Some(Row { path: path.to_owned(), version, size, sha256: sha256.finalize().into() }))
    }
}

/// A file that was replaced by a link or a pipe after the walk leads nowhere, and makes no thread wait.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

#[cfg(unix)]
fn device(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::dev(metadata)
}

#[cfg(not(unix))]
fn device(_: &Metadata) -> u64 {
    0
}

#[cfg(unix)]
fn version(metadata: &Metadata) -> Version {
    use std::os::unix::fs::MetadataExt;
    let changed = metadata.ctime().saturating_mul(1_000_000_000).saturating_add(metadata.ctime_nsec());
    Version { size: metadata.len() as i64, changed }
}

#[cfg(not(unix))]
fn version(metadata: &Metadata) -> Version {
    let since = |time: std::time::SystemTime| time.duration_since(std::time::UNIX_EPOCH).ok();
    let changed = metadata.modified().ok().and_then(since).map_or(0, |time| time.as_nanos() as i64);
    Version { size: metadata.len() as i64, changed }
}
