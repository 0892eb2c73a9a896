//! What only `RedbStore` has: its refusal of other databases.

#![cfg(feature = "redb")]

use joinq_flow::{Change, RedbStore, Safe, Store, StoreError, Table};
use redb::{Database, ReadableTable, TableDefinition};

#[test]
fn the_database_of_another_program_is_refused_and_keeps_its_tables() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.redb");
    let names: TableDefinition<'_, u64, &str> = TableDefinition::new("names");
    let db = Database::create(&path).unwrap();
    let transaction = db.begin_write().unwrap();
    transaction.open_table(names).unwrap().insert(1, "mine").unwrap();
    transaction.commit().unwrap();
    drop(db);
    let error = RedbStore::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    assert!(error.to_string().contains("another program, with a table `names`"), "{error}");
    let transaction = Database::open(&path).unwrap().begin_write().unwrap();
    assert_eq!(transaction.list_tables().unwrap().count(), 1);
}

#[test]
fn tables_without_traces_become_those_of_this_version() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.redb");
    let mut store = RedbStore::open(&path).unwrap();
    store.recover().unwrap();
    let puts = [1, 2].map(|id| Change::Put { id, body: b"old", trace: "" });
    store.apply(&puts, Safe::FromPowerLoss).unwrap();
    store.apply(&[Change::Dead { id: 2, attempts: 5, error: "no" }], Safe::FromPowerLoss).unwrap();
    drop(store);
    // As version 1 has left it.
    let (meta, traces): (TableDefinition<'_, &str, u64>, TableDefinition<'_, u64, &str>) =
        (TableDefinition::new("joinq"), TableDefinition::new("trace"));
    let db = Database::open(&path).unwrap();
    let transaction = db.begin_write().unwrap();
    transaction.open_table(meta).unwrap().insert("version", 1).unwrap();
    assert!(transaction.delete_table(traces).unwrap());
    transaction.commit().unwrap();
    drop(db);

    for last in 3..5 {
        let mut store = RedbStore::open(&path).unwrap();
        let recovered = store.recover().unwrap();
        assert_eq!((recovered.dead, recovered.jobs, recovered.last_id), (1, last - 2, last - 1));
        store.apply(&[Change::Put { id: last, body: b"new", trace: "text" }], Safe::FromPowerLoss).unwrap();
        let mut rows = Vec::new();
        store.load(Table::Jobs, 0, 9, &mut rows).unwrap();
        store.load(Table::Dead, 0, 9, &mut rows).unwrap();
        let traces: Vec<&str> = rows.iter().map(|row| &*row.trace).collect();
        assert_eq!(traces, [&["", "text", "text"][..last as usize - 1], &[""]].concat());
    }
    let transaction = Database::open(&path).unwrap().begin_write().unwrap();
    let version = transaction.open_table(meta).unwrap().get("version").unwrap().map(|version| version.value());
    // An older crate would lose the traces.
    assert_eq!(version, Some(2));
}

#[test]
fn tables_of_a_newer_version_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.redb");
    drop(RedbStore::open(&path).unwrap());
    let meta: TableDefinition<'_, &str, u64> = TableDefinition::new("joinq");
    let db = Database::open(&path).unwrap();
    let transaction = db.begin_write().unwrap();
    transaction.open_table(meta).unwrap().insert("version", 3).unwrap();
    transaction.commit().unwrap();
    drop(db);
    let error = RedbStore::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    assert!(error.to_string().contains("update the crate"), "{error}");
}
