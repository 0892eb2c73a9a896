//! Jobs in a redb file.

use super::{file, Change, Recovered, Row, Safe, Store, StoreError, Table};
use crate::BoxError;
// All names, since `ReadableDatabase` is needed from redb 3 on, and does not exist before.
use ::redb::*;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::{Path, PathBuf};

/// Jobs in a redb file: Rust only, without a C compiler.
///
/// Each commit waits for the disk, also one that need only survive a kill: the faster commits of redb survive
/// neither. So a stage on this store synchronizes when a job starts as well, which
/// [`SqliteStore`](crate::SqliteStore) does not. Free pages are used again; the file becomes smaller only at
/// its end.
///
/// One process owns the file; the lock ends with the process. A network file system may not keep it.
///
/// # Examples
/// ```
/// use joinq_flow::{Change, RedbStore, Safe, Store};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("jobs.redb");
/// let mut store = RedbStore::open(&path)?;
/// assert_eq!(store.recover()?.jobs, 0);
/// store.apply(&[Change::Put { id: 1, body: b"thumb", trace: "" }], Safe::FromPowerLoss)?;
/// drop(store);
///
/// let mut store = RedbStore::open(&path)?;
/// assert_eq!(store.recover()?.jobs, 1);
/// # Ok::<(), joinq_flow::BoxError>(())
/// ```
#[derive(Debug)]
pub struct RedbStore {
    path: PathBuf,
    /// None after a failure: redb makes no further commit after an error of the disk, and must be opened anew.
    db: Option<Database>,
    /// The number of commits, as in the table of numbers.
    commits: u64,
    bytes: u64,
}

/// The items of jobs.
const JOB: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("job");
/// The items of dead letters.
const DEAD: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("dead");
/// Failed attempts, crashes, and when the next attempt is due, of jobs and dead letters for which one of them
/// is not 0. In a table of its own, as is the next one, so that no item is written again.
const HISTORY: TableDefinition<'_, u64, (u32, u32, u64)> = TableDefinition::new("history");
/// The jobs that are marked as started.
const STARTED: TableDefinition<'_, u64, ()> = TableDefinition::new("started");
/// Why a dead letter is dead.
const ERROR: TableDefinition<'_, u64, &str> = TableDefinition::new("error");
/// Where a job or a dead letter comes from, of those for which that is known.
const TRACE: TableDefinition<'_, u64, &str> = TableDefinition::new("trace");
/// Numbers of the whole store.
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("joinq");

/// The version of the tables above.
const VERSION: u64 = 2;
/// The version without traces.
const WITHOUT_TRACE: u64 = 1;
/// What a row takes beside its item.
const ROW: u64 = 64;
/// The pages that redb keeps in memory; its own default is a gigabyte.
const CACHE: usize = 16 << 20;

impl RedbStore {
    /// Opens the file of a store, or creates it.
    ///
    /// The whole file is read and its checksums are compared, so that damage is found here and not in the
    /// middle of the work.
    ///
    /// # Errors
    /// If the file is damaged, belongs to another program or to a newer version, is open elsewhere, or cannot
    /// be read and written. redb undoes a commit that a crash has cut off; nothing else is repaired, though
    /// redb may note in a damaged file that it was not closed.
    ///
    /// # Examples
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("jobs.redb");
    /// use joinq_flow::{RedbStore, Stage, Text};
    ///
    /// let stage: Stage<String> = Stage::builder("mails").durable(RedbStore::open(path)?, Text).build();
    /// stage.put("first".into()).wait()?; // on disk
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = file::resolve(path.as_ref())?;
        if !path.exists() {
            create(&path)?;
        }
        // redb may panic on a damaged file.
        let opened = catch_unwind(AssertUnwindSafe(|| {
            let mut db = database(&path).map_err(|error| failed(&path, error))?;
            let whole = db.check_integrity().map_err(|error| failed(&path, error))?;
            match whole {
                true => prepare(&db, &path).map(|(commits, bytes)| (db, commits, bytes)),
                false => {
                    let error = "its checksums or its list of free pages were wrong".into();
                    Err(StoreError::Damaged { path: path.clone(), error })
                }
            }
        }));
        let (db, commits, bytes) = opened.unwrap_or_else(|panic| {
            let error = message(&*panic).into();
            Err(StoreError::Damaged { path: path.clone(), error })
        })?;
        file::sync_folder(&path)?;
        Ok(RedbStore { path, db: Some(db), commits, bytes })
    }

    /// The database; opened anew if the last change has failed.
    fn database(&mut self) -> Result<&Database, BoxError> {
        if self.db.is_none() {
            let (db, commits) = self.reopen()?;
            if commits != self.commits {
                // The caller was told that these changes are not made. The next process finds them.
                let path = self.path.display();
                return Err(
                    format!("store {path}: a commit that had failed was made after all; open the store again").into()
                );
            }
            self.db = Some(db);
        }
        Ok(self.db.as_ref().expect("opened above"))
    }

    /// Opens the database anew, and reads its number of commits.
    fn reopen(&self) -> Result<(Database, u64), Error> {
        let db = database(&self.path)?;
        let transaction = db.begin_read()?;
        let commits = transaction.open_table(META)?.get("commits")?.map_or(0, |commits| commits.value());
        drop(transaction);
        Ok((db, commits))
    }

    /// Runs one transaction.
    fn write<R>(&mut self, change: impl FnOnce(&WriteTransaction) -> Result<R, Error>) -> Result<R, BoxError> {
        let next = self.commits + 1;
        let mut changed = None;
        let transaction = |db: &Database| -> Result<(), Error> {
            let transaction = db.begin_write()?;
            changed = Some(change(&transaction)?);
            transaction.open_table(META)?.insert("commits", next)?;
            Ok(transaction.commit()?)
        };
        let result = transaction(self.database()?);
        if let Err(error) = result {
            self.db = None;
            // The error of a commit may come after its last write. Whether it was made shows when it is
            // opened again.
            match self.reopen() {
                Ok((db, commits)) if commits == next => self.db = Some(db),
                Ok((db, _)) => {
                    self.db = Some(db);
                    return Err(error.into());
                }
                Err(_) => return Err(error.into()),
            }
        }
        self.commits = next;
        Ok(changed.expect("the transaction was made"))
    }
}

impl Store for RedbStore {
    fn recover(&mut self) -> Result<Recovered, BoxError> {
        let (recovered, bytes) = self.write(|transaction| {
            let mut history = transaction.open_table(HISTORY)?;
            let mut started = transaction.open_table(STARTED)?;
            for mark in started.iter()? {
                let id = mark?.0.value();
                let (attempts, crashes, due) = history.get(id)?.map_or((0, 0, 0), |history| history.value());
                history.insert(id, (attempts, crashes.saturating_add(1), due))?;
            }
            started.retain(|_, ()| false)?;
            let meta = transaction.open_table(META)?;
            let number = |name| Ok::<u64, Error>(meta.get(name)?.map_or(0, |number| number.value()));
            let jobs = transaction.open_table(JOB)?.len()?;
            let dead = transaction.open_table(DEAD)?.len()?;
            Ok((Recovered { jobs, dead, last_id: number("last_id")? }, number("bytes")?))
        })?;
        self.bytes = bytes;
        Ok(recovered)
    }

    fn apply(&mut self, changes: &[Change<'_>], _safe: Safe) -> Result<(), BoxError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.bytes = self.write(|transaction| make(transaction, changes))?;
        Ok(())
    }

    fn load(&mut self, table: super::Table, after: u64, limit: usize, rows: &mut Vec<Row>) -> Result<(), BoxError> {
        let definition = match table {
            Table::Jobs => JOB,
            Table::Dead => DEAD,
        };
        let read = |db: &Database| -> Result<Vec<Row>, Error> {
            let transaction = db.begin_read()?;
            let history = transaction.open_table(HISTORY)?;
            let errors = transaction.open_table(ERROR)?;
            let traces = transaction.open_table(TRACE)?;
            let bodies = transaction.open_table(definition)?;
            let mut found = Vec::new();
            for body in bodies.range(after.saturating_add(1)..)?.take(limit) {
                let (id, body) = body?;
                let id = id.value();
                let (attempts, crashes, due) = history.get(id)?.map_or((0, 0, 0), |history| history.value());
                let error = match table {
                    Table::Jobs => None,
                    Table::Dead => errors.get(id)?,
                };
                let error = error.map_or(String::new(), |error| error.value().to_owned());
                let trace = traces.get(id)?.map_or(String::new(), |trace| trace.value().to_owned());
                found.push(Row { id, attempts, crashes, due, body: body.value().to_vec(), trace, error });
            }
            Ok(found)
        };
        rows.extend(read(self.database()?)?);
        Ok(())
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// Makes the changes; the bytes that all rows take then.
fn make(transaction: &WriteTransaction, changes: &[Change<'_>]) -> Result<u64, Error> {
    let mut jobs = transaction.open_table(JOB)?;
    let mut letters = transaction.open_table(DEAD)?;
    let mut history = transaction.open_table(HISTORY)?;
    let mut started = transaction.open_table(STARTED)?;
    let mut errors = transaction.open_table(ERROR)?;
    let mut traces = transaction.open_table(TRACE)?;
    let mut meta = transaction.open_table(META)?;
    let number = |meta: &::redb::Table<'_, &str, u64>, name| {
        Ok::<u64, Error>(meta.get(name)?.map_or(0, |number| number.value()))
    };
    let (last_before, bytes_before) = (number(&meta, "last_id")?, number(&meta, "bytes")?);
    let (mut last_id, mut bytes) = (last_before, bytes_before);
    for change in changes {
        match *change {
            Change::Put { id, body, trace } => {
                bytes += ROW + body.len() as u64;
                let replaced = jobs.insert(id, body)?.map_or(0, |body| ROW + body.value().len() as u64);
                bytes = bytes.saturating_sub(replaced);
                if replaced > 0 {
                    history.remove(id)?;
                    started.remove(id)?;
                    bytes = bytes.saturating_sub(remove(&mut traces, id)?.len() as u64);
                }
                if !trace.is_empty() {
                    traces.insert(id, trace)?;
                    bytes += trace.len() as u64;
                }
                last_id = last_id.max(id);
            }
            Change::Started { id } => {
                if jobs.get(id)?.is_some() {
                    started.insert(id, ())?;
                }
            }
            Change::Back { id } => {
                started.remove(id)?;
            }
            Change::Failed { id, attempts, due } => {
                started.remove(id)?;
                if jobs.get(id)?.is_some() {
                    history.insert(id, (attempts, 0, due))?;
                }
            }
            Change::Done { id } => {
                let removed = jobs.remove(id)?.map_or(0, |body| ROW + body.value().len() as u64);
                if removed > 0 {
                    bytes = bytes.saturating_sub(removed);
                    history.remove(id)?;
                    started.remove(id)?;
                    bytes = bytes.saturating_sub(remove(&mut traces, id)?.len() as u64);
                }
            }
            Change::Dead { id, attempts, error } => {
                started.remove(id)?;
                if let Some(body) = jobs.remove(id)? {
                    letters.insert(id, body.value())?;
                    let crashes = history.get(id)?.map_or(0, |history| history.value().1);
                    history.insert(id, (attempts, crashes, 0))?;
                    errors.insert(id, error)?;
                    bytes += error.len() as u64;
                }
            }
            Change::Redrive { dead, id } => {
                if let Some(body) = letters.remove(dead)? {
                    jobs.insert(id, body.value())?;
                    history.remove(dead)?;
                    bytes = bytes.saturating_sub(remove(&mut errors, dead)?.len() as u64);
                    let trace = remove(&mut traces, dead)?;
                    if !trace.is_empty() {
                        traces.insert(id, &*trace)?;
                    }
                    last_id = last_id.max(id);
                }
            }
        }
    }
    if last_id != last_before {
        meta.insert("last_id", last_id)?;
    }
    if bytes != bytes_before {
        meta.insert("bytes", bytes)?;
    }
    Ok(bytes)
}

/// Removes a text, and returns it; empty if there is none.
fn remove(texts: &mut ::redb::Table<'_, u64, &'static str>, id: u64) -> Result<String, StorageError> {
    Ok(texts.remove(id)?.map_or(String::new(), |text| text.value().to_owned()))
}

/// Opens or creates the file. redb keeps the lock until the database is dropped.
fn database(path: &Path) -> Result<Database, DatabaseError> {
    Database::builder().set_cache_size(CACHE).create(path)
}

/// Creates the file under another name first: redb does not open a file in whose creation it was killed.
fn create(path: &Path) -> Result<(), StoreError> {
    file::create_whole(path, |fresh| database(fresh).map(drop).map_err(|error| failed(path, error)))
}

/// Makes the tables of a new file, and refuses a foreign one. The number of commits, and the bytes that all
/// rows take.
fn prepare(db: &Database, path: &Path) -> Result<(u64, u64), StoreError> {
    let foreign = |error: String| Ok(Err(StoreError::Foreign { path: path.to_owned(), error: error.into() }));
    let prepare = || -> Result<Result<(u64, u64), StoreError>, Error> {
        let transaction = db.begin_write()?;
        let names: Vec<String> = transaction.list_tables()?.map(|table| table.name().to_owned()).collect();
        if !names.is_empty() && !names.iter().any(|name| name == META.name()) {
            return foreign(format!("a redb database of another program, with a table `{}`", names[0]));
        }
        let mut meta = transaction.open_table(META)?;
        let version = meta.get("version")?.map(|version| version.value());
        match version {
            Some(VERSION) => {}
            // The missing table is made below.
            Some(WITHOUT_TRACE) | None => {
                meta.insert("version", VERSION)?;
            }
            Some(version) => {
                let it = "of the tables, while this crate knows version";
                return foreign(format!("version {version} {it} {VERSION}; update the crate"));
            }
        }
        let number = |name| Ok::<u64, Error>(meta.get(name)?.map_or(0, |number| number.value()));
        let numbers = (number("commits")?, number("bytes")?);
        drop(meta);
        transaction.open_table(JOB)?;
        transaction.open_table(DEAD)?;
        transaction.open_table(HISTORY)?;
        transaction.open_table(STARTED)?;
        transaction.open_table(ERROR)?;
        transaction.open_table(TRACE)?;
        match version {
            // Nothing has changed.
            Some(VERSION) => transaction.abort()?,
            _ => transaction.commit()?,
        }
        Ok(Ok(numbers))
    };
    prepare().unwrap_or_else(|error| Err(StoreError::Damaged { path: path.to_owned(), error: error.into() }))
}

/// The error of an open in which redb failed.
fn failed(path: &Path, error: DatabaseError) -> StoreError {
    let path = path.to_owned();
    match error {
        DatabaseError::DatabaseAlreadyOpen => StoreError::InUse { path },
        DatabaseError::UpgradeRequired(version) => {
            let error =
                format!("a file of version {version} of redb's format; copy the jobs with an older redb").into();
            StoreError::Foreign { path, error }
        }
        DatabaseError::Storage(StorageError::Io(error)) if error.kind() == std::io::ErrorKind::InvalidData => {
            StoreError::Foreign {
                path,
                error: format!("no redb database, or its first bytes are damaged ({error})").into(),
            }
        }
        DatabaseError::Storage(StorageError::Io(error)) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            StoreError::Unusable { path, error: format!("it is read-only, or not readable: {error}").into() }
        }
        DatabaseError::Storage(StorageError::Io(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            StoreError::Damaged { path, error: format!("it ends too early ({error})").into() }
        }
        DatabaseError::Storage(StorageError::Io(error)) => StoreError::Unusable { path, error: error.into() },
        error => StoreError::Damaged { path, error: error.into() },
    }
}

/// The message of a panic.
fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    format!("redb panicked: {}", text.unwrap_or("without a message"))
}
