//! The stores under test, and their files as another process finds them.

use crate::ledger::{Left, Letter};
use joinq_flow::{RedbStore, Row, Safe, SqliteStore, Store, Table};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A kind of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// `SqliteStore`, which synchronizes each put.
    Sqlite,
    /// `SqliteStore` with `Safe::FromKill`.
    SqliteFromKill,
    /// `RedbStore`, which synchronizes each put.
    Redb,
}

impl Kind {
    /// Both engines, with their default.
    pub const BOTH: [Kind; 2] = [Kind::Sqlite, Kind::Redb];

    /// The file of the store in this folder.
    pub fn path(self, folder: &Path) -> PathBuf {
        folder.join(if self == Kind::Redb { "jobs.redb" } else { "jobs.db" })
    }

    /// What is left in a copy of the file; an error if the file is damaged. The file itself is not touched.
    pub fn left(self, folder: &Path) -> Result<Left, String> {
        let copy = tempfile::tempdir().map_err(|error| error.to_string())?;
        for entry in std::fs::read_dir(folder).map_err(|error| error.to_string())? {
            let from = entry.map_err(|error| error.to_string())?.path();
            std::fs::copy(&from, copy.path().join(from.file_name().unwrap_or_default()))
                .map_err(|error| format!("{}: {error}", from.display()))?;
        }
        let path = self.path(copy.path());
        if !path.exists() {
            return Ok(Left::default());
        }
        match self {
            Kind::Redb => left_in_redb(&path),
            _ => left_in_sqlite(&path).map_err(|error| error.to_string()),
        }
        .map_err(|error| format!("{}: {error}", self.path(folder).display()))
    }

    /// The bytes of all files in the folder.
    pub fn bytes(folder: &Path) -> u64 {
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
        files.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
    }
}

/// SQLite's own look at its file, without joinq-flow.
fn left_in_sqlite(path: &Path) -> rusqlite::Result<Left> {
    let file = rusqlite::Connection::open(path)?;
    let integrity: String = file.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    if integrity != "ok" {
        return Err(rusqlite::Error::InvalidColumnName(format!("integrity_check: {integrity}")));
    }
    let exists = |table: &str| {
        file.query_row("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?", [table], |row| {
            row.get::<_, i64>(0)
        })
        .map(|tables| tables > 0)
    };
    let id = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0).map(i64::unsigned_abs);
    let mut left = Left::default();
    if exists("job")? {
        let mut rows = file.prepare("SELECT id FROM job ORDER BY id")?;
        left.jobs = rows.query_map([], id)?.collect::<Result<_, _>>()?;
    }
    if exists("dead")? {
        let mut rows = file.prepare("SELECT id, error FROM dead ORDER BY id")?;
        let letter = |row: &rusqlite::Row<'_>| Ok(Letter { id: id(row)?, error: row.get(1)? });
        left.dead = rows.query_map([], letter)?.collect::<Result<_, _>>()?;
    }
    Ok(left)
}

/// redb has no shell of its own: the store of joinq-flow reads the file, in this process.
fn left_in_redb(path: &Path) -> Result<Left, String> {
    let mut store = RedbStore::open(path).map_err(|error| error.to_string())?;
    let mut load = |table| -> Result<Vec<Row>, String> {
        let mut rows = Vec::new();
        store.load(table, 0, usize::MAX, &mut rows).map_err(|error| error.to_string())?;
        Ok(rows)
    };
    let jobs = load(Table::Jobs)?.iter().map(|row| row.id).collect();
    let dead = load(Table::Dead)?.into_iter().map(|row| Letter { id: row.id, error: row.error }).collect();
    Ok(Left { jobs, dead })
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Sqlite => "sqlite",
            Kind::SqliteFromKill => "sqlite-from-kill",
            Kind::Redb => "redb",
        })
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Kind, String> {
        let kinds = [Kind::Sqlite, Kind::SqliteFromKill, Kind::Redb];
        let kind = kinds.into_iter().find(|kind| kind.to_string() == text);
        kind.ok_or(format!("{text:?} is no store; there are sqlite, sqlite-from-kill and redb"))
    }
}

/// Opens a store and passes it on, whatever its type.
pub trait WithStore {
    /// The result.
    type Output;
    /// Called with the open store.
    fn with<S: Store>(self, store: S) -> Self::Output;
}

/// Opens the store in this folder for the process under test.
pub fn open<W: WithStore>(kind: Kind, folder: &Path, with: W) -> Result<W::Output, String> {
    let path = kind.path(folder);
    let error = |error: joinq_flow::StoreError| error.to_string();
    Ok(match kind {
        Kind::Sqlite => with.with(SqliteStore::open(&path).map_err(error)?),
        Kind::SqliteFromKill => with.with(SqliteStore::open(&path).map_err(error)?.safe(Safe::FromKill)),
        Kind::Redb => with.with(RedbStore::open(&path).map_err(error)?),
    })
}
