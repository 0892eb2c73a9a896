//! Copies what can be read of a damaged file.

use super::open::{connect, failed};
use super::{read, signed, unsigned, SqliteStore};
use crate::store::{file, Row, StoreError};
use rusqlite::config::DbConfig;
use rusqlite::{params, Connection, OptionalExtension, Statement};
use std::path::Path;

/// What [`SqliteStore::salvage`] has copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Salvaged {
    /// The number of jobs.
    pub jobs: u64,
    /// The number of dead letters.
    pub dead: u64,
    /// The number of places at which rows could not be read. How many rows were there is not known.
    pub gaps: u64,
}

/// A table to copy.
struct Source {
    /// Selects one row, the first after ?1: id, attempts, crashes, due, trace, body, error, started.
    first: &'static str,
    /// The same from a table of version 1.
    first_without_trace: &'static str,
    insert: &'static str,
    /// Runs `insert`.
    run: fn(&mut Statement<'_>, &Row, Started) -> rusqlite::Result<usize>,
}

/// The mark of a start, as the file has it.
type Started = bool;

const JOBS: Source = Source {
    first: "SELECT id, attempts, crashes, due, trace, body, '', started FROM job WHERE id > ?1 ORDER BY id LIMIT 1",
    first_without_trace:
        "SELECT id, attempts, crashes, due, '', body, '', started FROM job WHERE id > ?1 ORDER BY id LIMIT 1",
    insert: "INSERT INTO job (id, attempts, crashes, due, trace, body, started) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    run: |insert, row, started| {
        let Row { id, attempts, crashes, due, trace, body, .. } = row;
        insert.execute(params![signed(*id), attempts, crashes, signed(*due), trace, body, started])
    },
};

const DEAD: Source = Source {
    first: "SELECT id, attempts, crashes, 0, trace, body, error, 0 FROM dead WHERE id > ?1 ORDER BY id LIMIT 1",
    first_without_trace:
        "SELECT id, attempts, crashes, 0, '', body, error, 0 FROM dead WHERE id > ?1 ORDER BY id LIMIT 1",
    insert: "INSERT INTO dead (id, attempts, crashes, trace, body, error) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    run: |insert, row, _| {
        let Row { id, attempts, crashes, trace, body, error, .. } = row;
        insert.execute(params![signed(*id), attempts, crashes, trace, body, error])
    },
};

pub(super) fn salvage(damaged: &Path, fresh: &Path) -> Result<Salvaged, StoreError> {
    let damaged = &file::resolve(damaged)?;
    let unusable = |path: &Path, error: &str| StoreError::Unusable { path: path.to_owned(), error: error.into() };
    if !damaged.exists() {
        return Err(unusable(damaged, "there is no such file"));
    }
    if file::resolve(fresh)?.exists() {
        return Err(unusable(fresh, "the file exists already; give the path of a new one"));
    }
    let db = connect(damaged).map_err(|error| failed(damaged, error))?;
    // The damaged file stays as it is, with its log.
    let unchanged = || {
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        db.pragma_update(None, "query_only", true)?;
        db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))
    };
    unchanged().map_err(|error| failed(damaged, error))?;
    let mut store = SqliteStore::open(fresh)?;
    let mut copy = || {
        let transaction = store.db.transaction()?;
        let (jobs, gaps_of_jobs) = copy(&db, &transaction, &JOBS)?;
        let (dead, gaps_of_dead) = copy(&db, &transaction, &DEAD)?;
        // Ids are not used again, if the largest one can be read. The table of the largest ids has no key.
        let last = db.query_row("SELECT seq FROM sqlite_sequence WHERE name = 'job'", [], |row| unsigned(row, 0));
        let sql = "SELECT max(?1, coalesce((SELECT max(id) FROM job), 0), coalesce((SELECT max(id) FROM dead), 0))";
        let last = transaction.query_row(sql, [signed(last.unwrap_or(0))], |row| unsigned(row, 0))?;
        transaction.execute("DELETE FROM sqlite_sequence WHERE name = 'job'", [])?;
        transaction.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('job', ?1)", [signed(last)])?;
        transaction.commit()?;
        Ok(Salvaged { jobs, dead, gaps: gaps_of_jobs + gaps_of_dead })
    };
    copy().map_err(|error| failed(fresh, error))
}

/// Copies the rows of one table in the order of their ids: how many, and the number of gaps between them.
fn copy(from: &Connection, to: &Connection, table: &Source) -> rusqlite::Result<(u64, u64)> {
    let (mut rows, mut gaps) = (0, 0);
    let mut after = 0;
    let Ok(mut first) = from.prepare(table.first).or_else(|_| from.prepare(table.first_without_trace)) else {
        return Ok((0, 1));
    };
    let mut insert = to.prepare(table.insert)?;
    // The first row after an id. Rows out of order come from a damaged page as well.
    let mut first_after = |id: u64| -> Result<Option<(Row, Started)>, Unreadable> {
        let found = first.query_row([signed(id)], |row| Ok((read(row)?, row.get(7)?))).optional();
        found.map_err(|_| Unreadable)?.map_or(Ok(None), |(row, started): (Row, Started)| match row.id > id {
            true => Ok(Some((row, started))),
            false => Err(Unreadable),
        })
    };
    loop {
        match first_after(after) {
            Ok(None) => return Ok((rows, gaps)),
            Ok(Some((row, started))) => {
                (table.run)(&mut insert, &row, started)?;
                rows += 1;
                after = row.id;
            }
            Err(Unreadable) => {
                gaps += 1;
                // The unreadable rows come to an end somewhere: first in ever larger steps, then by halves.
                let mut step = 1;
                let (mut bad, mut good) = (after, after);
                while good == bad {
                    let Some(next) = after.checked_add(step).filter(|&id| id < i64::MAX as u64) else {
                        return Ok((rows, gaps));
                    };
                    match first_after(next) {
                        Ok(_) => good = next,
                        Err(Unreadable) => (bad, good) = (next, next),
                    }
                    step *= 2;
                }
                while good - bad > 1 {
                    let middle = bad + (good - bad) / 2;
                    match first_after(middle) {
                        Ok(_) => good = middle,
                        Err(Unreadable) => bad = middle,
                    }
                }
                after = good;
            }
        }
    }
}

/// A row that cannot be read.
struct Unreadable;
