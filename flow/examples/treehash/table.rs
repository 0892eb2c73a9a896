//! The table of hashes.

use crate::files::Version;
use rusqlite::{params, Connection, OptionalExtension, Result};
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// `path` has the bytes of the name, which need not be UTF-8. `length` is the size that the file system tells, which
/// is 0 for some files that are not empty; `size` counts the bytes that were hashed.
const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS file (
        path BLOB PRIMARY KEY,
        size INTEGER NOT NULL,
        sha256 BLOB NOT NULL,
        length INTEGER NOT NULL,
        changed INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID";
const INSERT: &str = "INSERT OR REPLACE INTO file (path, size, sha256, length, changed) VALUES (?, ?, ?, ?, ?)";
const FIND: &str = "SELECT 1 FROM file WHERE path = ? AND length = ? AND changed = ?";
const REMOVE: &str = "DELETE FROM file WHERE path = ?";

/// How long a statement waits for another program that has locked the table.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is written of one file.
pub struct Row {
    pub path: PathBuf,
    pub version: Version,
    pub size: i64,
    pub sha256: [u8; 32],
}

pub struct Table {
    connection: Mutex<Connection>,
    /// The files of the database, which change while they are read.
    own: Vec<PathBuf>,
}

impl Table {
    pub fn open(path: &Path) -> Result<Self> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(PATIENCE)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        // A commit survives a kill. A power cut may undo the last ones, whose files are then hashed again.
        connection.pragma_update(None, "synchronous", "normal")?;
        connection.execute(TABLE, [])?;
        // A table of this name may be another program's.
        [INSERT, FIND, REMOVE].into_iter().try_for_each(|text| connection.prepare_cached(text).map(drop))?;
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let own = ["", "-wal", "-shm", "-journal"].map(|end| {
            let mut name = OsString::from(&path);
            name.push(end);
            name.into()
        });
        Ok(Table { connection: Mutex::new(connection), own: own.into() })
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().expect("no thread panics while it holds this lock")
    }

    /// Whether this is a file of the database itself.
    pub fn owns(&self, path: &Path) -> bool {
        self.own.iter().any(|own| own == path)
    }

    /// Whether the table has this version of the file.
    pub fn has(&self, path: &Path, version: Version) -> Result<bool> {
        let connection = self.connection();
        let mut find = connection.prepare_cached(FIND)?;
        find.exists(params![bytes(path), version.size, version.changed])
    }

    /// The row is committed when this returns.
    pub fn insert(&self, row: &Row) -> Result<()> {
        let Row { path, version, size, sha256 } = row;
        let connection = self.connection();
        let mut insert = connection.prepare_cached(INSERT)?;
        insert.execute(params![bytes(path), size, sha256, version.size, version.changed]).map(drop)
    }

    pub fn remove(&self, path: &Path) -> Result<()> {
        self.connection().prepare_cached(REMOVE)?.execute([bytes(path)]).map(drop)
    }

    /// Removes the rows of paths below `root` where there is no file any more.
    pub fn remove_missing(&self, root: &Path) -> Result<()> {
        let mut last = Vec::new();
        while let Some(path) = self.path_after(&last)? {
            last = path;
            let path = path_of(&last);
            if path.starts_with(root) && is_missing(&path) {
                self.remove(&path)?;
            }
        }
        Ok(())
    }

    fn path_after(&self, path: &[u8]) -> Result<Option<Vec<u8>>> {
        let connection = self.connection();
        let mut next = connection.prepare_cached("SELECT path FROM file WHERE path > ? ORDER BY path LIMIT 1")?;
        next.query_row([path], |row| row.get(0)).optional()
    }
}

fn is_missing(path: &Path) -> bool {
    match fs::symlink_metadata(path) {
        Ok(metadata) => !metadata.is_file(),
        // Any other error does not tell.
        Err(error) => matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
    }
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

#[cfg(unix)]
fn path_of(bytes: &[u8]) -> PathBuf {
    <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes).into()
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> PathBuf {
    String::from_utf8_lossy(bytes).into_owned().into()
}
