//! What every store promises, for the one in memory, SQLite and redb alike.

mod memory_store;

use joinq_flow::{BoxError, Change, Recovered, Row, Safe, Store, Table};
use memory_store::{row, MemoryStore};
#[cfg(any(feature = "sqlite", feature = "redb"))]
use std::path::Path;

/// A kind of store that can be opened again.
trait Kind {
    fn open(&self) -> Box<dyn Store>;
}

impl Kind for MemoryStore {
    fn open(&self) -> Box<dyn Store> {
        Box::new(self.clone())
    }
}

#[cfg(feature = "sqlite")]
struct Sqlite<'a>(&'a Path);

#[cfg(feature = "sqlite")]
impl Kind for Sqlite<'_> {
    fn open(&self) -> Box<dyn Store> {
        Box::new(joinq_flow::SqliteStore::open(self.0).unwrap())
    }
}

#[cfg(feature = "redb")]
struct Redb<'a>(&'a Path);

#[cfg(feature = "redb")]
impl Kind for Redb<'_> {
    fn open(&self) -> Box<dyn Store> {
        Box::new(joinq_flow::RedbStore::open(self.0).unwrap())
    }
}

/// Runs a test for each kind of store.
macro_rules! suite {
    ($($test:ident),* $(,)?) => {
        mod memory {
            $(#[test] fn $test() { super::$test(&super::MemoryStore::default()); })*
        }
        #[cfg(feature = "sqlite")]
        mod sqlite {
            $(#[test] fn $test() {
                let folder = tempfile::tempdir().unwrap();
                super::$test(&super::Sqlite(&folder.path().join("jobs.db")));
            })*
        }
        #[cfg(feature = "redb")]
        mod redb {
            $(#[test] fn $test() {
                let folder = tempfile::tempdir().unwrap();
                super::$test(&super::Redb(&folder.path().join("jobs.redb")));
            })*
        }
    };
}

suite! {
    a_new_store_is_empty,
    jobs_are_loaded_in_the_order_of_their_ids,
    a_job_that_was_started_counts_a_crash_at_each_recovery,
    a_failure_clears_the_mark_and_the_crashes,
    a_job_that_went_back_counts_no_crash,
    a_dead_letter_keeps_its_item_its_attempts_and_its_error,
    a_redriven_letter_is_a_new_job,
    a_trace_stays_with_its_job_until_that_is_removed,
    ids_are_never_used_again,
    changes_may_be_made_twice,
    changes_of_a_job_that_does_not_exist_change_nothing,
    items_are_kept_byte_for_byte,
    bytes_follow_the_rows,
    random_changes_leave_what_the_store_in_memory_has,
}

/// Where a job comes from.
const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 congo=t61rcWkgMzE";

fn put(id: u64, body: &[u8]) -> Change<'_> {
    Change::Put { id, body, trace: "" }
}

fn apply(store: &mut dyn Store, changes: &[Change<'_>]) {
    store.apply(changes, Safe::FromKill).unwrap();
}

fn load(store: &mut dyn Store, table: Table) -> Vec<Row> {
    let mut rows = Vec::new();
    store.load(table, 0, usize::MAX, &mut rows).unwrap();
    rows
}

fn ids(store: &mut dyn Store, table: Table) -> Vec<u64> {
    load(store, table).iter().map(|row| row.id).collect()
}

/// A row with the length of its item.
fn short(row: &Row) -> String {
    let Row { id, attempts, crashes, due, body, error, .. } = row;
    format!("job {id}: {attempts} attempts, {crashes} crashes, due {due}, {} bytes, `{error}`", body.len())
}

fn recovered(jobs: u64, dead: u64, last_id: u64) -> Recovered {
    Recovered { jobs, dead, last_id }
}

fn a_new_store_is_empty(kind: &impl Kind) {
    for _ in 0..2 {
        let mut store = kind.open();
        assert_eq!(store.recover().unwrap(), recovered(0, 0, 0));
        assert!(ids(&mut *store, Table::Jobs).is_empty());
        assert!(ids(&mut *store, Table::Dead).is_empty());
    }
}

fn jobs_are_loaded_in_the_order_of_their_ids(kind: &impl Kind) {
    let mut store = kind.open();
    store.recover().unwrap();
    for id in 1..=300 {
        apply(&mut *store, &[put(id, &id.to_le_bytes())]);
    }
    let (mut after, mut found) = (0, Vec::new());
    loop {
        let mut rows = vec![row(7, b"stays".to_vec(), "")];
        store.load(Table::Jobs, after, 7, &mut rows).unwrap();
        assert_eq!(rows[0].body, b"stays");
        assert!(rows.len() <= 8);
        let Some(last) = rows[1..].last() else { break };
        after = last.id;
        found.extend(rows.drain(1..).map(|row| (row.id, row.body)));
    }
    assert_eq!(found, (1..=300u64).map(|id| (id, id.to_le_bytes().to_vec())).collect::<Vec<_>>());
    let mut rows = Vec::new();
    store.load(Table::Jobs, u64::MAX, 7, &mut rows).unwrap();
    store.load(Table::Jobs, 0, 0, &mut rows).unwrap();
    assert_eq!(rows, []);
}

fn a_job_that_was_started_counts_a_crash_at_each_recovery(kind: &impl Kind) {
    let mut store = kind.open();
    store.recover().unwrap();
    apply(&mut *store, &[put(1, b"poison"), put(2, b"waits"), Change::Started { id: 1 }]);
    assert_eq!(load(&mut *store, Table::Jobs)[0].crashes, 0, "counted before the process has ended");
    for crashes in 1..=3 {
        drop(store);
        store = kind.open();
        assert_eq!(store.recover().unwrap(), recovered(2, 0, 2));
        let rows = load(&mut *store, Table::Jobs);
        assert_eq!((rows[0].crashes, rows[1].crashes), (crashes, 0));
        apply(&mut *store, &[Change::Started { id: 1 }]);
    }
    // The mark is cleared by a recovery.
    drop(store);
    for _ in 0..2 {
        store = kind.open();
        store.recover().unwrap();
        assert_eq!(load(&mut *store, Table::Jobs)[0].crashes, 4);
        drop(store);
    }
}

fn a_failure_clears_the_mark_and_the_crashes(kind: &impl Kind) {
    let mut store = kind.open();
    store.recover().unwrap();
    apply(&mut *store, &[put(1, b"job"), Change::Started { id: 1 }]);
    drop(store);
    let mut store = kind.open();
    store.recover().unwrap();
    let due = 1_800_000_000_000;
    apply(&mut *store, &[Change::Started { id: 1 }, Change::Failed { id: 1, attempts: 3, due }]);
    drop(store);
    let mut store = kind.open();
    store.recover().unwrap();
    let rows = load(&mut *store, Table::Jobs);
    assert_eq!((rows[0].attempts, rows[0].crashes, rows[0].due), (3, 0, due));
}

fn a_job_that_went_back_counts_no_crash(kind: &impl Kind) {
    let mut store = kind.open();
    store.recover().unwrap();
    apply(&mut *store, &[put(1, b"job"), Change::Started { id: 1 }]);
    apply(&mut *store, &[Change::Back { id: 1 }]);
    drop(store);
    let mut store = kind.open();
    assert_eq!(store.recover().unwrap(), recovered(1, 0, 1));
    let rows = load(&mut *store, Table::Jobs);
    assert_eq!((rows[0].attempts, rows[0].crashes), (0, 0));
}

fn a_dead_letter_keeps_its_item_its_attempts_and_its_error(kind: &impl Kind) {
    let mut store = kind.open();
    store.recover().unwrap();
    apply(&mut *store, &[put(1, b"done"), put(2, b"dead"), Change::Started { id: 2 }]);
    apply(&mut *store, &[Change::Done { id: 1 }, Change::Dead { id: 2, attempts: 5, error: "refused — \u{1f980}" }]);
    drop(store);
    let mut store = kind.open();
    assert_eq!(store.recover().unwrap(), recovered(0, 1, 2));
    assert!(ids(&mut *store, Table::Jobs).is_empty());
    let rows = load(&mut *store, Table::Dead);
    let row = &rows[0];
    assert_eq!((row.id, row.attempts, &row.body[..], &row.error[..]), (2, 5, &b"dead"[..], "refused — \u{1f980}"));
}

fn a_redriven_letter_is_a_new_job(kind: &impl Kind) {
    let mut store = kind.open();
    store.recover().unwrap();
    apply(&mut *store, &[put(1, b"one"), put(2, b"two"), Change::Dead { id: 1, attempts: 5, error: "no" }]);
    apply(&mut *store, &[Change::Redrive { dead: 1, id: 3 }]);
    drop(store);
    let mut store = kind.open();
    assert_eq!(store.recover().unwrap(), recovered(2, 0, 3));
    assert_eq!(load(&mut *store, Table::Jobs), [row(2, b"two".to_vec(), ""), row(3, b"one".to_vec(), "")]);
}

fn ids_are_never_used_again(kind: &impl Kind) {
    let mut store = kind.open();
    store.recover().unwrap();
    apply(&mut *store, &[put(1, b"one"), put(7, b"seven")]);
    apply(&mut *store, &[Change::Done { id: 7 }, Change::Done { id: 1 }]);
    drop(store);
    let mut store = kind.open();
    assert_eq!(store.recover().unwrap(), recovered(0, 0, 7));
    apply(&mut *store, &[put(8, b"eight"), Change::Dead { id: 8, attempts: 1, error: "" }]);
    apply(&mut *store, &[Change::Redrive { dead: 8, id: 9 }, Change::Done { id: 9 }]);
    drop(store);
    assert_eq!(kind.open().recover().unwrap(), recovered(0, 0, 9));
}

fn changes_may_be_made_twice(kind: &impl Kind) {
    let mut store = kind.open();
    store.recover().unwrap();
    let changes: &[&[Change<'_>]] = &[
        &[put(1, b"one"), put(2, b"two"), put(3, b"three"), put(4, b"four")],
        &[Change::Started { id: 1 }, Change::Back { id: 1 }, Change::Failed { id: 2, attempts: 1, due: 9 }],
        &[Change::Done { id: 1 }, Change::Dead { id: 3, attempts: 2, error: "no" }],
        &[Change::Redrive { dead: 3, id: 5 }],
    ];
    for changes in changes {
        apply(&mut *store, changes);
        let once = (load(&mut *store, Table::Jobs), load(&mut *store, Table::Dead), store.bytes());
        apply(&mut *store, changes);
        assert_eq!((load(&mut *store, Table::Jobs), load(&mut *store, Table::Dead), store.bytes()), once);
    }
    // A put replaces a job with the same id, which was put by a commit that failed after all.
    apply(&mut *store, &[Change::Started { id: 5 }, put(5, b"another")]);
    drop(store);
    let mut store = kind.open();
    store.recover().unwrap();
    assert_eq!(load(&mut *store, Table::Jobs).last(), Some(&row(5, b"another".to_vec(), "")));
}

fn changes_of_a_job_that_does_not_exist_change_nothing(kind: &impl Kind) {
    let mut store = kind.open();
    store.recover().unwrap();
    apply(&mut *store, &[Change::Started { id: 1 }, Change::Back { id: 2 }, Change::Done { id: 3 }]);
    let error = "no";
    apply(&mut *store, &[Change::Failed { id: 4, attempts: 1, due: 1 }, Change::Dead { id: 5, attempts: 1, error }]);
    apply(&mut *store, &[Change::Redrive { dead: 6, id: 7 }]);
    apply(&mut *store, &[]);
    drop(store);
    let mut store = kind.open();
    assert_eq!(store.recover().unwrap(), recovered(0, 0, 0));
    assert_eq!((ids(&mut *store, Table::Jobs), ids(&mut *store, Table::Dead)), (vec![], vec![]));
}

fn items_are_kept_byte_for_byte(kind: &impl Kind) {
    let mut store = kind.open();
    store.recover().unwrap();
    let bodies = [vec![], vec![0; 3], (0..=255).collect(), vec![0xa5; 4096], vec![7; 1 << 20], b"\"text\"".to_vec()];
    let bodies: Vec<(u64, Vec<u8>)> = (1..).zip(bodies).collect();
    let changes: Vec<Change<'_>> = bodies.iter().map(|(id, body)| put(*id, body)).collect();
    apply(&mut *store, &changes);
    let last = bodies.len() as u64;
    apply(&mut *store, &[Change::Dead { id: last, attempts: 1, error: "e" }, Change::Started { id: 5 }]);
    drop(store);
    let mut store = kind.open();
    store.recover().unwrap();
    let mut rows = load(&mut *store, Table::Jobs);
    rows.extend(load(&mut *store, Table::Dead));
    assert!(rows.into_iter().map(|row| (row.id, row.body)).eq(bodies));
}

fn a_trace_stays_with_its_job_until_that_is_removed(kind: &impl Kind) {
    let traces = |store: &mut dyn Store, table| -> Vec<(u64, String)> {
        load(store, table).into_iter().map(|row| (row.id, row.trace)).collect()
    };
    let mut store = kind.open();
    store.recover().unwrap();
    let bytes = store.bytes();
    let (with, without) = (Change::Put { id: 1, body: b"one", trace: TRACE }, put(2, b"two"));
    apply(&mut *store, &[with, without]);
    drop(store);
    let mut store = kind.open();
    store.recover().unwrap();
    assert_eq!(traces(&mut *store, Table::Jobs), [(1, TRACE.into()), (2, String::new())]);
    apply(&mut *store, &[Change::Started { id: 1 }, Change::Failed { id: 1, attempts: 1, due: 7 }]);
    assert_eq!(traces(&mut *store, Table::Jobs)[0], (1, TRACE.into()));
    apply(&mut *store, &[Change::Dead { id: 1, attempts: 2, error: "no" }]);
    assert_eq!(traces(&mut *store, Table::Dead), [(1, TRACE.into())]);
    apply(&mut *store, &[Change::Redrive { dead: 1, id: 3 }]);
    assert_eq!(traces(&mut *store, Table::Jobs), [(2, String::new()), (3, TRACE.into())]);
    // Another job with the id is no part of the trace.
    apply(&mut *store, &[put(3, b"another")]);
    assert_eq!(traces(&mut *store, Table::Jobs)[1], (3, String::new()));
    // Nor is one that comes after the end of the job, as after a commit that was undone.
    apply(&mut *store, &[Change::Put { id: 4, body: b"four", trace: TRACE }, Change::Done { id: 4 }]);
    apply(&mut *store, &[put(4, b"four again")]);
    assert_eq!(traces(&mut *store, Table::Jobs)[2], (4, String::new()));
    apply(&mut *store, &[2, 3, 4].map(|id| Change::Done { id }));
    assert!(store.bytes() - bytes < 10_000, "{} bytes without a row", store.bytes() - bytes);
}

fn bytes_follow_the_rows(kind: &impl Kind) {
    let mut store = kind.open();
    store.recover().unwrap();
    let (empty, body) = (store.bytes(), vec![1; 10_000]);
    for id in 1..=50 {
        apply(&mut *store, &[put(id, &body)]);
    }
    let full = store.bytes();
    assert!((500_000..800_000).contains(&(full - empty)), "{full} bytes for 50 items of 10,000");
    drop(store);
    let mut store = kind.open();
    store.recover().unwrap();
    assert_eq!(store.bytes(), full);
    apply(&mut *store, &[Change::Dead { id: 1, attempts: 1, error: "no" }]);
    for id in 2..=50 {
        apply(&mut *store, &[Change::Done { id }]);
    }
    let left = store.bytes();
    assert!((8_000..40_000).contains(&(left - empty)), "{left} bytes for one dead letter of 10,000");
    apply(&mut *store, &[Change::Redrive { dead: 1, id: 51 }, Change::Done { id: 51 }]);
    assert!(store.bytes() - empty < 10_000);
}

fn random_changes_leave_what_the_store_in_memory_has(kind: &impl Kind) {
    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    let reference = MemoryStore::default();
    let (mut store, mut expected) = (kind.open(), reference.clone());
    for round in 0..30 {
        let found = store.recover().unwrap();
        assert_eq!(found, expected.recover().unwrap(), "seed {seed}, round {round}");
        let mut last = found.last_id;
        for _ in 0..random.usize(..8) {
            let bodies: Vec<Vec<u8>> = (0..8).map(|_| vec![random.u8(..); random.usize(..6000)]).collect();
            let changes: Vec<Change<'_>> = bodies[..random.usize(1..8)]
                .iter()
                .map(|body| {
                    let id = random.u64(1..last.max(1) + 1);
                    match random.u8(..9) {
                        0..=2 => {
                            last += 1;
                            let trace = ["", TRACE, "of another program"][random.usize(..3)];
                            Change::Put { id: last, body, trace }
                        }
                        3 => Change::Started { id },
                        4 => Change::Back { id },
                        5 => Change::Failed { id, attempts: random.u32(..), due: random.u64(..1 << 60) },
                        6 => Change::Done { id },
                        7 => Change::Dead { id, attempts: random.u32(..), error: "out of order" },
                        _ => {
                            last += 1;
                            Change::Redrive { dead: id, id: last }
                        }
                    }
                })
                .collect();
            apply(&mut *store, &changes);
            apply(&mut expected, &changes);
            // A redrive of nothing uses no id.
            last = expected.state().last_id;
        }
        for table in [Table::Jobs, Table::Dead] {
            let (mut found, mut wanted) = (load(&mut *store, table), load(&mut expected, table));
            // The time at which a dead letter was due is of no use.
            found.iter_mut().chain(&mut wanted).filter(|_| table == Table::Dead).for_each(|row| row.due = 0);
            for (found, wanted) in found.iter().zip(&wanted) {
                assert!(found == wanted, "seed {seed}, round {round}: {} instead of {}", short(found), short(wanted));
            }
            assert_eq!(found.len(), wanted.len(), "seed {seed}, round {round}");
        }
        if random.bool() {
            drop(store);
            store = kind.open();
        }
    }
}

/// A store is given to another thread, and boxed.
#[test]
fn stores_can_be_sent() {
    fn sent<T: Send + 'static>() {}
    sent::<Box<dyn Store>>();
    sent::<BoxError>();
}
