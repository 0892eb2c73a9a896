//! Jobs in an SQLite file.

mod open;
mod salvage;

use super::{Change, Recovered, Row, Safe, Store, StoreError, Table};
use crate::BoxError;
use rusqlite::{params, Connection, Transaction, TransactionBehavior};
use std::path::Path;

pub use salvage::Salvaged;

/// Jobs in an SQLite file.
///
/// The file has the tables `job(id, attempts, crashes, started, due, trace, body)` and `dead(id, attempts,
/// crashes, trace, body, error)`, which every SQLite shell can read once the store is closed. Beside the file is its
/// write-ahead log, with `-wal` at the end of its name; both belong together. The log takes about 4 MiB, or
/// the size of the largest commit. The file takes free pages again before it grows, and gives them back when
/// nine tenths of it are free.
///
/// One process owns the file; the lock ends with the process. A network file system may not keep it.
///
/// # Examples
/// ```
/// use joinq_flow::{Change, Safe, SqliteStore, Store, Table};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("jobs.db");
/// let mut store = SqliteStore::open(&path)?;
/// assert_eq!(store.recover()?.jobs, 0);
/// store.apply(&[Change::Put { id: 1, body: b"thumb", trace: "" }], Safe::FromPowerLoss)?;
/// drop(store);
///
/// let mut store = SqliteStore::open(&path)?;
/// assert_eq!(store.recover()?.jobs, 1);
/// # Ok::<(), joinq_flow::BoxError>(())
/// ```
#[derive(Debug)]
pub struct SqliteStore {
    db: Connection,
    /// What commits survive at most.
    safe: Safe,
    /// What the connection is set to.
    synchronous: Safe,
    pages: Pages,
}

/// The pages of the file.
#[derive(Clone, Copy, Debug, Default)]
struct Pages {
    size: u64,
    count: u64,
    free: u64,
    /// As many must be free before the file is made smaller.
    wanted: u64,
}

/// The file is made smaller if at least so many pages are free, ..
const FREE_PAGES: u64 = 4096;
/// .. if at most so many are not, since these are copied, ..
const USED_PAGES: u64 = 16_384;
/// .. and if so many times more are free than are not.
const FREE_PER_USED: u64 = 9;

impl SqliteStore {
    /// Opens the file of a store, or creates it.
    ///
    /// The whole file is read, so that damage is found here and not in the middle of the work: a large file
    /// takes as long as the disk needs for it. SQLite keeps no checksums of pages: changed bytes inside an
    /// item are found by the codec or not at all.
    ///
    /// # Errors
    /// If the file is damaged, belongs to another program or to a newer version, is open elsewhere, or cannot
    /// be read and written. Nothing is repaired: [`salvage`](SqliteStore::salvage) copies what can be read of
    /// a damaged file.
    ///
    /// # Examples
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("jobs.db");
    /// use joinq_flow::{SqliteStore, Stage, Text};
    ///
    /// let stage: Stage<String> = Stage::builder("mails").durable(SqliteStore::open(path)?, Text).build();
    /// stage.put("first".into()).wait()?; // on disk
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        open::open(path.as_ref())
    }

    /// What commits survive: [`Safe::FromPowerLoss`] by default, for which each commit waits for the disk.
    ///
    /// With [`Safe::FromKill`] a commit waits for the operating system only. A power cut may undo the last
    /// commits; it does not damage the file.
    ///
    /// # Examples
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("jobs.db");
    /// use joinq_flow::{Safe, SqliteStore};
    ///
    /// let store = SqliteStore::open(path)?.safe(Safe::FromKill);
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    #[must_use]
    pub fn safe(self, safe: Safe) -> Self {
        SqliteStore { safe, ..self }
    }

    /// Copies all jobs and dead letters that can be read from a damaged file into a new one.
    ///
    /// The damaged file is not changed, and no other process may have it open.
    ///
    /// # Errors
    /// If `fresh` exists or cannot be created, or if not even the list of the tables in the damaged file can
    /// be read.
    ///
    /// # Examples
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let [damaged, fresh] = ["jobs.db", "salvaged.db"].map(|name| folder.path().join(name));
    /// # drop(joinq_flow::SqliteStore::open(&damaged)?);
    /// use joinq_flow::SqliteStore;
    ///
    /// let salvaged = SqliteStore::salvage(&damaged, &fresh)?;
    /// println!("{salvaged:?}"); // Salvaged { jobs: 993, dead: 2, gaps: 1 }
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    pub fn salvage(damaged: impl AsRef<Path>, fresh: impl AsRef<Path>) -> Result<Salvaged, StoreError> {
        salvage::salvage(damaged.as_ref(), fresh.as_ref())
    }

    /// Sets how far commits are synchronized from now on. SQLite takes it outside of transactions only.
    fn synchronize(&mut self, safe: Safe) -> rusqlite::Result<()> {
        if safe != self.synchronous {
            let level = match safe {
                Safe::FromKill => "NORMAL",
                Safe::FromPowerLoss => "FULL",
            };
            self.db.pragma_update(None, "synchronous", level)?;
            self.synchronous = safe;
        }
        Ok(())
    }

    /// Reads the numbers of pages.
    fn count_pages(&mut self) -> rusqlite::Result<()> {
        let number = |sql: &str| self.db.prepare_cached(sql)?.query_row([], |row| unsigned(row, 0));
        let count = number("PRAGMA page_count")?;
        let free = number("PRAGMA freelist_count")?;
        self.pages = Pages { count, free, ..self.pages };
        Ok(())
    }

    /// Gives free pages back to the file system if they are many. A failure is no failure of the changes
    /// before.
    fn shrink(&mut self) {
        let Pages { count, free, wanted, .. } = self.pages;
        let used = count - free;
        if free < wanted.max(FREE_PAGES) || used > USED_PAGES || free < used * FREE_PER_USED {
            return;
        }
        // Copies the pages that are in use; a failure, for want of space, is not tried again at once.
        let done = self.db.execute_batch("VACUUM").is_ok() && self.count_pages().is_ok();
        self.pages.wanted = if done { 0 } else { free * 2 };
    }
}

impl Store for SqliteStore {
    fn recover(&mut self) -> Result<Recovered, BoxError> {
        self.synchronize(self.safe)?;
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute("UPDATE job SET crashes = crashes + 1, started = 0 WHERE started = 1", [])?;
        let number = |sql: &str| transaction.query_row(sql, [], |row| unsigned(row, 0));
        let recovered = Recovered {
            jobs: number("SELECT count(*) FROM job")?,
            dead: number("SELECT count(*) FROM dead")?,
            last_id: number(
                "SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'job'), 0),
                coalesce((SELECT max(id) FROM job), 0), coalesce((SELECT max(id) FROM dead), 0))",
            )?,
        };
        transaction.commit()?;
        self.count_pages()?;
        Ok(recovered)
    }

    fn apply(&mut self, changes: &[Change<'_>], safe: Safe) -> Result<(), BoxError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.synchronize(safe.min(self.safe))?;
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for change in changes {
            make(&transaction, change)?;
        }
        transaction.commit()?;
        // From here on the changes are made, whatever happens.
        if self.count_pages().is_ok() {
            self.shrink();
        }
        Ok(())
    }

    fn load(&mut self, table: Table, after: u64, limit: usize, rows: &mut Vec<Row>) -> Result<(), BoxError> {
        let columns = match table {
            Table::Jobs => {
                "SELECT id, attempts, crashes, due, trace, body, '' FROM job WHERE id > ?1 ORDER BY id LIMIT ?2"
            }
            Table::Dead => {
                "SELECT id, attempts, crashes, 0, trace, body, error FROM dead WHERE id > ?1 ORDER BY id LIMIT ?2"
            }
        };
        let mut statement = self.db.prepare_cached(columns)?;
        let mut found = statement.query(params![signed(after), i64::try_from(limit).unwrap_or(i64::MAX)])?;
        let before = rows.len();
        loop {
            match found.next().and_then(|row| row.map(read).transpose()) {
                Ok(Some(row)) => rows.push(row),
                Ok(None) => return Ok(()),
                Err(error) => {
                    rows.truncate(before);
                    return Err(error.into());
                }
            }
        }
    }

    fn bytes(&self) -> u64 {
        (self.pages.count - self.pages.free) * self.pages.size
    }
}

/// Makes one change.
fn make(transaction: &Transaction<'_>, change: &Change<'_>) -> rusqlite::Result<()> {
    let run = |sql: &str, params: &[&dyn rusqlite::ToSql]| transaction.prepare_cached(sql)?.execute(params);
    match *change {
        Change::Put { id, body, trace } => {
            let sql =
                "INSERT OR REPLACE INTO job (id, attempts, crashes, started, due, trace, body) VALUES (?1, 0, 0, 0, 0, ?2, ?3)";
            run(sql, &[&signed(id), &trace, &body])?;
        }
        Change::Started { id } => {
            run("UPDATE job SET started = 1 WHERE id = ?1", &[&signed(id)])?;
        }
        Change::Back { id } => {
            run("UPDATE job SET started = 0 WHERE id = ?1", &[&signed(id)])?;
        }
        Change::Failed { id, attempts, due } => {
            let sql = "UPDATE job SET started = 0, crashes = 0, attempts = ?2, due = ?3 WHERE id = ?1";
            run(sql, &[&signed(id), &attempts, &signed(due)])?;
        }
        Change::Done { id } => {
            run("DELETE FROM job WHERE id = ?1", &[&signed(id)])?;
        }
        Change::Dead { id, attempts, error } => {
            let sql = "INSERT OR REPLACE INTO dead (id, attempts, crashes, trace, body, error)
                SELECT id, ?2, crashes, trace, body, ?3 FROM job WHERE id = ?1";
            run(sql, &[&signed(id), &attempts, &error])?;
            run("DELETE FROM job WHERE id = ?1", &[&signed(id)])?;
        }
        Change::Redrive { dead, id } => {
            let sql = "INSERT OR REPLACE INTO job (id, attempts, crashes, started, due, trace, body)
                SELECT ?2, 0, 0, 0, 0, trace, body FROM dead WHERE id = ?1";
            run(sql, &[&signed(dead), &signed(id)])?;
            run("DELETE FROM dead WHERE id = ?1", &[&signed(dead)])?;
        }
    }
    Ok(())
}

/// A number as SQLite has it. No id and no time comes near the limit.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number that is not negative.
fn unsigned(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

/// A row of the columns id, attempts, crashes, due, trace, body, error.
fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok(Row {
        id: unsigned(row, 0)?,
        attempts: row.get(1)?,
        crashes: row.get(2)?,
        due: unsigned(row, 3)?,
        trace: row.get(4)?,
        body: row.get(5)?,
        error: row.get(6)?,
    })
}
