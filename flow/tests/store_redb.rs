//! What only `RedbStore` has: its refusal of other databases.

#![cfg(feature = "redb")]

use joinq_flow::{RedbStore, StoreError};
use redb::{Database, TableDefinition};

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
fn tables_of_a_newer_version_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.redb");
    drop(RedbStore::open(&path).unwrap());
    let meta: TableDefinition<'_, &str, u64> = TableDefinition::new("joinq");
    let db = Database::open(&path).unwrap();
    let transaction = db.begin_write().unwrap();
    transaction.open_table(meta).unwrap().insert("version", 2).unwrap();
    transaction.commit().unwrap();
    drop(db);
    let error = RedbStore::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    assert!(error.to_string().contains("update the crate"), "{error}");
}
