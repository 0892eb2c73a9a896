//! Opens the file of a store, and refuses it unless it is whole.

use super::{unsigned, Pages, SqliteStore};
use crate::store::{file, Safe, StoreError};
use crate::BoxError;
use rusqlite::{Connection, ErrorCode, OpenFlags, MAIN_DB};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// "join": the id in the header of the file, by which the program `file` and this crate know it.
const APPLICATION: i64 = 0x6a6f_696e;
/// The version of the tables below.
const VERSION: i64 = 2;
/// The version without traces.
const WITHOUT_TRACE: i64 = 1;

/// The bytes of the header of a file, and of its smallest page.
const HEADER: u64 = 512;

/// The body is the last column, so that the others are read without it. All types and limits are checked when
/// the file is opened. `AUTOINCREMENT` keeps the largest id for good, also when its job is gone.
const TABLES: &str = "
    CREATE TABLE job (
        id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id > 0),
        attempts INTEGER NOT NULL CHECK (attempts BETWEEN 0 AND 4294967295),
        crashes INTEGER NOT NULL CHECK (crashes BETWEEN 0 AND 4294967295),
        started INTEGER NOT NULL CHECK (started IN (0, 1)),
        due INTEGER NOT NULL CHECK (due >= 0),
        trace TEXT NOT NULL DEFAULT '',
        body BLOB NOT NULL
    ) STRICT;
    CREATE TABLE dead (
        id INTEGER PRIMARY KEY CHECK (id > 0),
        attempts INTEGER NOT NULL CHECK (attempts BETWEEN 0 AND 4294967295),
        crashes INTEGER NOT NULL CHECK (crashes BETWEEN 0 AND 4294967295),
        trace TEXT NOT NULL DEFAULT '',
        body BLOB NOT NULL,
        error TEXT NOT NULL
    ) STRICT;
";

/// What a file is before it is changed.
enum Kind {
    /// It has no tables.
    Empty,
    /// It has ours.
    Store,
    /// It has ours, as version 1 made them.
    WithoutTrace,
}

pub(super) fn open(path: &Path) -> Result<SqliteStore, StoreError> {
    let path = &file::resolve(path)?;
    let failed = |error| failed(path, error);
    // SQLite takes a file that is shorter than its header for an empty one.
    if fs::metadata(path).is_ok_and(|file| (1..HEADER).contains(&file.len())) {
        return Err(StoreError::Foreign { path: path.clone(), error: "too short for an SQLite database".into() });
    }
    let mut db = connect(path).map_err(failed)?;
    if db.is_readonly(MAIN_DB).map_err(failed)? {
        return Err(StoreError::Unusable { path: path.clone(), error: "it is read-only".into() });
    }
    match kind(&db, path)? {
        Kind::Empty => create(&mut db).map_err(failed)?,
        Kind::Store => check(&db, path, COLUMNS)?,
        Kind::WithoutTrace => {
            check(&db, path, COLUMNS_WITHOUT_TRACE)?;
            add_trace(&mut db).map_err(failed)?;
        }
    }
    let mode: String = db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)).map_err(failed)?;
    if mode != "wal" {
        let error = format!("SQLite keeps no write-ahead log for it, but the journal mode `{mode}`").into();
        return Err(StoreError::Unusable { path: path.clone(), error });
    }
    db.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    // A log that one large commit has grown is cut to this when it is written anew.
    db.pragma_update(None, "journal_size_limit", 16 << 20).map_err(failed)?;
    file::sync_folder(path)?;
    let size = db.pragma_query_value(None, "page_size", |row| unsigned(row, 0)).map_err(failed)?;
    let safe = Safe::FromPowerLoss;
    let mut store = SqliteStore { db, safe, synchronous: safe, pages: Pages { size, ..Pages::default() } };
    store.count_pages().map_err(failed)?;
    Ok(store)
}

/// A connection that locks the file as soon as it reads, and keeps the lock.
pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(Duration::ZERO)?;
    db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    // The file may come from anywhere: its schema runs no functions, and its cells are checked as they are
    // read.
    db.pragma_update(None, "trusted_schema", false)?;
    db.pragma_update(None, "cell_size_check", true)?;
    // On Apple's systems `fsync` alone does not reach the disk.
    db.pragma_update(None, "fullfsync", true)?;
    db.pragma_update(None, "checkpoint_fullfsync", true)?;
    Ok(db)
}

/// Whether the file is a store, without changing it.
fn kind(db: &Connection, path: &Path) -> Result<Kind, StoreError> {
    let failed = |error| failed(path, error);
    let number = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(failed);
    let foreign = |error: String| Err(StoreError::Foreign { path: path.to_owned(), error: error.into() });
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    match (number("PRAGMA application_id")?, number("PRAGMA user_version")?) {
        (APPLICATION, VERSION) => Ok(Kind::Store),
        (APPLICATION, WITHOUT_TRACE) => Ok(Kind::WithoutTrace),
        (APPLICATION, version) if version > VERSION => {
            foreign(format!("version {version} of the tables, while this crate knows version {VERSION}; update the crate"))
        }
        (0, 0) if tables == 0 => Ok(Kind::Empty),
        (application, version) => foreign(format!(
            "an SQLite database of another program (application_id {application:#x}, user_version {version}, {tables} tables \
             and indices)"
        )),
    }
}

/// Makes the tables, all or none.
fn create(db: &mut Connection) -> rusqlite::Result<()> {
    let transaction = db.transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

/// Makes the tables of version 1 those of the present version, all or none. The new columns are the last ones, which
/// costs a read of the item before them.
fn add_trace(db: &mut Connection) -> rusqlite::Result<()> {
    let transaction = db.transaction()?;
    for table in ["job", "dead"] {
        transaction.execute_batch(&format!("ALTER TABLE {table} ADD COLUMN trace TEXT NOT NULL DEFAULT ''"))?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

/// The columns of both tables.
type Columns = [&'static str; 2];

const COLUMNS: Columns = [
    "id, attempts, crashes, started, due, trace, body FROM job",
    "id, attempts, crashes, trace, body, error FROM dead",
];
const COLUMNS_WITHOUT_TRACE: Columns =
    ["id, attempts, crashes, started, due, body FROM job", "id, attempts, crashes, body, error FROM dead"];

/// Reads the whole file.
fn check(db: &Connection, path: &Path, columns: Columns) -> Result<(), StoreError> {
    let failed = |error| failed(path, error);
    let damaged = |error: BoxError| Err(StoreError::Damaged { path: path.to_owned(), error });
    let found: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(failed)?;
    if found != "ok" {
        return damaged(found.into());
    }
    for columns in columns {
        if let Err(error) = db.prepare(&format!("SELECT {columns}")) {
            return damaged(error.into());
        }
    }
    // The check does not read the last page of a large item. What a crash has left in the log is moved into
    // the file first, so that the file must have all pages.
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(failed)?;
    let number = |pragma: &str| db.pragma_query_value(None, pragma, |row| unsigned(row, 0)).map_err(failed);
    let bytes = number("page_count")? * number("page_size")?;
    let length =
        fs::metadata(path).map_err(|error| StoreError::Unusable { path: path.to_owned(), error: error.into() })?;
    match length.len() < bytes {
        true => damaged(format!("it ends after {} of {bytes} bytes", length.len()).into()),
        false => Ok(()),
    }
}

/// The error of an open in which SQLite failed.
pub(super) fn failed(path: &Path, error: rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => {
            StoreError::InUse { path }
        }
        Some(ErrorCode::DatabaseCorrupt) => StoreError::Damaged { path, error: error.into() },
        Some(ErrorCode::NotADatabase) => {
            StoreError::Foreign { path, error: "no SQLite database, or its first bytes are damaged".into() }
        }
        Some(_) => StoreError::Unusable { path, error: error.into() },
        // A value of another type than the table allows.
        None => StoreError::Damaged { path, error: error.into() },
    }
}
