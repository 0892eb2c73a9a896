//! What only `SqliteStore` has: salvage, its pragmas, and its refusal of other databases.

#![cfg(feature = "sqlite")]

use joinq_flow::{Change, Row, Safe, SqliteStore, Store, StoreError, Table};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const JOBS: u64 = 400;

fn body(id: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(id);
    (0..if id % 20 == 0 { 9000 } else { 200 }).map(|_| random.u8(..)).collect()
}

/// A closed store with jobs and dead letters, and one job that was started.
fn filled(path: &Path) {
    let mut store = SqliteStore::open(path).unwrap();
    store.recover().unwrap();
    let bodies: Vec<(u64, Vec<u8>)> = (1..=JOBS).map(|id| (id, body(id))).collect();
    let changes: Vec<_> = bodies.iter().map(|(id, body)| Change::Put { id: *id, body, trace: "" }).collect();
    store.apply(&changes, Safe::FromKill).unwrap();
    let letters: Vec<_> =
        (1..=JOBS).step_by(4).map(|id| Change::Dead { id, attempts: 5, error: "connection refused" }).collect();
    store.apply(&letters, Safe::FromKill).unwrap();
    let rest = [Change::Started { id: 2 }, Change::Failed { id: 3, attempts: 1, due: 7 }, Change::Done { id: JOBS }];
    store.apply(&rest, Safe::FromPowerLoss).unwrap();
}

fn load(store: &mut SqliteStore, table: Table) -> BTreeMap<u64, Row> {
    let mut rows = Vec::new();
    store.load(table, 0, usize::MAX, &mut rows).unwrap();
    rows.into_iter().map(|row| (row.id, row)).collect()
}

#[test]
fn a_whole_file_is_salvaged_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (damaged, fresh) = (folder.path().join("jobs.db"), folder.path().join("fresh.db"));
    filled(&damaged);
    let before = fs::read(&damaged).unwrap();
    let salvaged = SqliteStore::salvage(&damaged, &fresh).unwrap();
    assert_eq!((salvaged.jobs, salvaged.dead, salvaged.gaps), (JOBS - JOBS / 4 - 1, JOBS / 4, 0));
    assert!(fs::read(&damaged).unwrap() == before);
    let (mut old, mut new) = (SqliteStore::open(&damaged).unwrap(), SqliteStore::open(&fresh).unwrap());
    assert_eq!(new.recover().unwrap(), old.recover().unwrap());
    assert_eq!(new.recover().unwrap().last_id, JOBS);
    for table in [Table::Jobs, Table::Dead] {
        assert_eq!(load(&mut new, table), load(&mut old, table));
    }
    assert_eq!(load(&mut new, Table::Jobs)[&2].crashes, 1, "the mark of the start was lost");
}

/// Each page in turn is overwritten.
#[test]
fn what_a_damaged_page_does_not_touch_is_salvaged() {
    let folder = tempfile::tempdir().unwrap();
    let (damaged, fresh) = (folder.path().join("jobs.db"), folder.path().join("fresh.db"));
    filled(&damaged);
    let whole = fs::read(&damaged).unwrap();
    let (mut refused, mut salvaged_all, mut least) = (0, 0, u64::MAX);
    for page in 1..whole.len() / 4096 {
        let mut bytes = whole.clone();
        bytes[page * 4096..(page + 1) * 4096].fill(0xa5);
        fs::write(&damaged, &bytes).unwrap();
        refused += u64::from(SqliteStore::open(&damaged).is_err());
        let salvaged = match SqliteStore::salvage(&damaged, &fresh) {
            Ok(salvaged) => salvaged,
            Err(error) => panic!("page {page}: {error}"),
        };
        assert!(fs::read(&damaged).unwrap() == bytes, "page {page}: the damaged file has changed");
        let rows = salvaged.jobs + salvaged.dead;
        assert!(rows == JOBS - 1 || salvaged.gaps > 0, "page {page}: {salvaged:?}");
        salvaged_all += u64::from(rows == JOBS - 1);
        let mut store = SqliteStore::open(&fresh).unwrap();
        assert_eq!(store.recover().unwrap().jobs, salvaged.jobs);
        let changed = [Table::Jobs, Table::Dead]
            .map(|table| load(&mut store, table).values().filter(|row| row.body != body(row.id)).count());
        // The rest of a large item is in pages of its own.
        assert!(changed.iter().sum::<usize>() <= 1, "page {page}: {changed:?} items have changed");
        least = least.min(rows);
        drop(store);
        fs::remove_file(&fresh).unwrap();
    }
    println!("{refused} refused by open, {salvaged_all} salvaged with all rows, at least {least} of {} rows", JOBS - 1);
    // The root of a table is the only page that takes all its rows with it.
    assert!(refused > 0 && least >= JOBS / 4 - 1, "{refused} {least}");
}

#[test]
fn a_salvage_includes_the_log_and_changes_neither() {
    let folder = tempfile::tempdir().unwrap();
    let (path, damaged, fresh) =
        (folder.path().join("jobs.db"), folder.path().join("copy.db"), folder.path().join("fresh.db"));
    let mut store = SqliteStore::open(&path).unwrap();
    store.recover().unwrap();
    store.apply(&[Change::Put { id: 1, body: b"in the log", trace: "" }], Safe::FromKill).unwrap();
    // A copy as a kill would leave it.
    fs::copy(&path, &damaged).unwrap();
    fs::copy(folder.path().join("jobs.db-wal"), folder.path().join("copy.db-wal")).unwrap();
    let log = fs::read(folder.path().join("copy.db-wal")).unwrap();
    let salvaged = SqliteStore::salvage(&damaged, &fresh).unwrap();
    assert_eq!((salvaged.jobs, salvaged.gaps), (1, 0));
    assert!(fs::read(folder.path().join("copy.db-wal")).unwrap() == log);
}

#[test]
fn a_salvage_refuses_what_it_would_overwrite_and_what_is_missing_or_open() {
    let folder = tempfile::tempdir().unwrap();
    let (damaged, fresh) = (folder.path().join("jobs.db"), folder.path().join("fresh.db"));
    let error = SqliteStore::salvage(&damaged, &fresh).unwrap_err();
    assert!(error.to_string().ends_with("there is no such file"), "{error}");
    filled(&damaged);
    fs::write(&fresh, "mine").unwrap();
    let error = SqliteStore::salvage(&damaged, &fresh).unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");
    fs::remove_file(&fresh).unwrap();
    let _open = SqliteStore::open(&damaged).unwrap();
    let error = SqliteStore::salvage(&damaged, &fresh).unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    assert!(!fresh.exists());
}

#[test]
fn the_database_of_another_program_is_refused_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.db");
    let db = Connection::open(&path).unwrap();
    db.execute_batch("CREATE TABLE job (id INTEGER PRIMARY KEY, name TEXT)").unwrap();
    drop(db);
    let before = fs::read(&path).unwrap();
    let error = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    assert!(error.to_string().contains("another program"), "{error}");
    assert!(fs::read(&path).unwrap() == before);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "another file was left");
}

#[test]
fn tables_of_a_newer_version_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    filled(&path);
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 3).unwrap();
    let error = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    assert!(error.to_string().contains("update the crate"), "{error}");
}

#[test]
fn an_empty_database_becomes_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    fs::write(&path, "").unwrap();
    drop(SqliteStore::open(&path).unwrap());
    // A kill between the first write and the tables leaves this.
    fs::remove_file(&path).unwrap();
    Connection::open(&path).unwrap().pragma_update(None, "journal_mode", "WAL").unwrap();
    SqliteStore::open(&path).unwrap().recover().unwrap();
}

#[test]
fn a_missing_table_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    filled(&path);
    Connection::open(&path).unwrap().execute_batch("DROP TABLE dead").unwrap();
    let error = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("no such table: dead"), "{error}");
}

/// The file is what the documentation says, for a shell.
#[test]
fn a_closed_store_can_be_read_by_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    filled(&path);
    let db = Connection::open(&path).unwrap();
    let row: (i64, i64, i64, i64, i64, Vec<u8>) = db
        .query_row("SELECT id, attempts, crashes, started, due, body FROM job WHERE id = 2", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
        })
        .unwrap();
    assert_eq!(row, (2, 0, 0, 1, 0, body(2)));
    let row: (i64, i64, String) = db
        .query_row("SELECT id, attempts, error FROM dead ORDER BY id LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    assert_eq!(row, (1, 5, "connection refused".to_owned()));
}

/// A file as version 1 of the tables has left it: without traces, with two jobs and a dead letter.
fn without_traces(path: &Path) {
    let db = Connection::open(path).unwrap();
    db.execute_batch(
        "PRAGMA journal_mode = WAL;
        CREATE TABLE job (
            id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id > 0),
            attempts INTEGER NOT NULL CHECK (attempts BETWEEN 0 AND 4294967295),
            crashes INTEGER NOT NULL CHECK (crashes BETWEEN 0 AND 4294967295),
            started INTEGER NOT NULL CHECK (started IN (0, 1)),
            due INTEGER NOT NULL CHECK (due >= 0),
            body BLOB NOT NULL
        ) STRICT;
        CREATE TABLE dead (
            id INTEGER PRIMARY KEY CHECK (id > 0),
            attempts INTEGER NOT NULL CHECK (attempts BETWEEN 0 AND 4294967295),
            crashes INTEGER NOT NULL CHECK (crashes BETWEEN 0 AND 4294967295),
            body BLOB NOT NULL,
            error TEXT NOT NULL
        ) STRICT;
        INSERT INTO job VALUES (1, 2, 1, 1, 7, x'6f6e65'), (3, 0, 0, 0, 0, x'7468726565');
        INSERT INTO dead VALUES (2, 5, 0, x'74776f', 'no');
        PRAGMA application_id = 0x6a6f696e;
        PRAGMA user_version = 1;",
    )
    .unwrap();
}

/// Each row, with what it has of its trace.
fn rows(store: &mut SqliteStore) -> Vec<String> {
    let (jobs, dead) = (load(store, Table::Jobs), load(store, Table::Dead));
    let line = |row: &Row| {
        let Row { id, attempts, crashes, due, trace, error, .. } = row;
        format!("{id} {attempts} {crashes} {due} {} {trace}{error}", String::from_utf8_lossy(&row.body))
    };
    jobs.values().chain(dead.values()).map(line).collect()
}

#[test]
fn tables_without_traces_become_those_of_this_version() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    without_traces(&path);
    let mut store = SqliteStore::open(&path).unwrap();
    let recovered = store.recover().unwrap();
    assert_eq!((recovered.jobs, recovered.dead, recovered.last_id), (2, 1, 3));
    let old = ["1 2 2 7 one ", "3 0 0 0 three ", "2 5 0 0 two no"];
    assert_eq!(rows(&mut store), old);
    let put = Change::Put { id: 4, body: b"four", trace: "text" };
    store.apply(&[put, Change::Redrive { dead: 2, id: 5 }], Safe::FromPowerLoss).unwrap();
    drop(store);
    let mut store = SqliteStore::open(&path).unwrap();
    store.recover().unwrap();
    assert_eq!(rows(&mut store), ["1 2 2 7 one ", "3 0 0 0 three ", "4 0 0 0 four text", "5 0 0 0 two "]);
    store.apply(&[Change::Dead { id: 4, attempts: 1, error: "-no" }], Safe::FromPowerLoss).unwrap();
    assert_eq!(rows(&mut store)[3], "4 1 0 0 four text-no");
}

#[test]
fn a_file_without_traces_is_salvaged() {
    let folder = tempfile::tempdir().unwrap();
    let (damaged, fresh) = (folder.path().join("jobs.db"), folder.path().join("fresh.db"));
    without_traces(&damaged);
    let salvaged = SqliteStore::salvage(&damaged, &fresh).unwrap();
    assert_eq!((salvaged.jobs, salvaged.dead, salvaged.gaps), (2, 1, 0));
    let mut store = SqliteStore::open(&fresh).unwrap();
    assert_eq!(rows(&mut store), ["1 2 1 7 one ", "3 0 0 0 three ", "2 5 0 0 two no"]);
}

#[test]
fn traces_are_salvaged() {
    let folder = tempfile::tempdir().unwrap();
    let (damaged, fresh) = (folder.path().join("jobs.db"), folder.path().join("fresh.db"));
    let mut store = SqliteStore::open(&damaged).unwrap();
    store.apply(&[1, 2].map(|id| Change::Put { id, body: b"x", trace: "text" }), Safe::FromPowerLoss).unwrap();
    store.apply(&[Change::Dead { id: 2, attempts: 1, error: "-no" }], Safe::FromPowerLoss).unwrap();
    drop(store);
    SqliteStore::salvage(&damaged, &fresh).unwrap();
    assert_eq!(rows(&mut SqliteStore::open(&fresh).unwrap()), ["1 0 0 0 x text", "2 1 0 0 x text-no"]);
}
