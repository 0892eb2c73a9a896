//! Files of stores that are damaged, foreign, full, read-only or open elsewhere: errors that name the file,
//! never a repair, never a loop.

#![cfg(any(feature = "sqlite", feature = "redb"))]

use joinq_flow::{Change, Row, Safe, Store, StoreError, Table};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Opens the file of a store.
type Open = fn(&Path) -> Result<Box<dyn Store>, StoreError>;

#[cfg(feature = "sqlite")]
fn sqlite(path: &Path) -> Result<Box<dyn Store>, StoreError> {
    Ok(Box::new(joinq_flow::SqliteStore::open(path)?))
}

#[cfg(feature = "redb")]
fn redb(path: &Path) -> Result<Box<dyn Store>, StoreError> {
    Ok(Box::new(joinq_flow::RedbStore::open(path)?))
}

/// Runs a test for each kind of file.
macro_rules! suite {
    ($($test:ident),* $(,)?) => {
        #[cfg(feature = "sqlite")]
        mod sqlite {
            $(#[test] fn $test() { super::$test(super::sqlite, "sqlite"); })*
        }
        #[cfg(feature = "redb")]
        mod redb {
            $(#[test] fn $test() { super::$test(super::redb, "redb"); })*
        }
    };
}

suite! {
    a_file_with_changed_bytes_is_refused_or_read_but_never_repaired,
    a_file_that_was_cut_is_refused,
    a_file_that_is_open_in_this_process_is_refused,
    a_file_that_is_open_in_another_process_is_refused_until_that_ends,
    a_file_of_another_kind_is_refused_and_stays_as_it_is,
    a_folder_and_a_path_without_folder_are_refused,
    a_symbolic_link_is_followed,
    a_file_without_right_to_write_is_refused,
    a_full_disk_fails_a_change_as_a_whole_and_space_ends_it,
    a_file_is_used_again_before_it_grows,
}

/// The environment variable with which a test runs itself as a child process.
const CHILD: &str = "JOINQ_FLOW_CHILD";

/// The path that a parent process gave to this test, if it has one.
fn given() -> Option<std::path::PathBuf> {
    std::env::var_os(CHILD).map(Into::into)
}

/// This test as a child process, with a path.
fn child(test: &str, path: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(CHILD, path);
    command
}

fn rows(store: &mut dyn Store) -> Result<Vec<Row>, joinq_flow::BoxError> {
    let mut rows = Vec::new();
    for table in [Table::Jobs, Table::Dead] {
        let (mut after, before) = (0, rows.len());
        // More rounds than there are rows would be a loop.
        for _ in 0..1000 {
            let first = rows.len();
            store.load(table, after, 16, &mut rows)?;
            let Some(last) = rows[first..].last() else { break };
            assert!(last.id > after, "rows out of order");
            after = last.id;
        }
        assert!(rows[before..].windows(2).all(|pair| pair[0].id < pair[1].id), "rows out of order");
    }
    Ok(rows)
}

const JOBS: u64 = 200;

fn body(id: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(id);
    // Some are larger than a page.
    (0..if id % 10 == 0 { 9000 } else { 300 }).map(|_| random.u8(..)).collect()
}

/// A closed file with jobs and dead letters.
fn filled(open: Open, path: &Path) {
    let mut store = open(path).unwrap();
    store.recover().unwrap();
    for id in 1..=JOBS {
        store.apply(&[Change::Put { id, body: &body(id), trace: "" }], Safe::FromKill).unwrap();
    }
    for id in (1..=JOBS).step_by(9) {
        store.apply(&[Change::Dead { id, attempts: 5, error: "connection refused" }], Safe::FromKill).unwrap();
    }
    store.apply(&[Change::Started { id: 2 }, Change::Done { id: 3 }], Safe::FromPowerLoss).unwrap();
}

fn a_file_with_changed_bytes_is_refused_or_read_but_never_repaired(open: Open, kind: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs");
    filled(open, &path);
    let whole = fs::read(&path).unwrap();
    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut refused, mut repaired, mut failed, mut changed, mut same) = (0, 0, 0, 0, 0);
    let pages = whole.len().div_ceil(4096);
    let step = (pages / 150).max(1);
    for page in (0..pages).step_by(step) {
        let mut bytes = whole.clone();
        let end = (page * 4096 + 4096).min(bytes.len());
        for _ in 0..random.usize(1..64) {
            bytes[random.usize(page * 4096..end)] = random.u8(..);
        }
        fs::write(&path, &bytes).unwrap();
        match open(&path) {
            Err(error) => {
                refused += 1;
                assert!(error.to_string().contains(path.to_str().unwrap()), "seed {seed}, page {page}: {error}");
                let what = matches!(error, StoreError::Damaged { .. } | StoreError::Foreign { .. });
                assert!(what, "seed {seed}, page {page}: {error}");
                let stayed = fs::read(&path).unwrap() == bytes;
                assert!(stayed || kind != "sqlite", "seed {seed}, page {page}: repaired, though refused");
                repaired += u32::from(!stayed);
                let again = open(&path).err().map(|error| error.to_string());
                assert!(again.is_some(), "seed {seed}, page {page}: repaired by the first open, which said: {error}");
            }
            Ok(mut store) => match store.recover().and_then(|_| rows(&mut *store)) {
                Err(_) => failed += 1,
                // SQLite keeps no checksums: what is read may be changed, but only where the bytes were.
                Ok(rows) if rows.len() as u64 == JOBS - 1 && rows.iter().all(|row| row.body == body(row.id)) => {
                    same += 1
                }
                Ok(rows) => {
                    changed += 1;
                    assert!(rows.len() as u64 <= JOBS, "seed {seed}, page {page}");
                    assert!(kind == "sqlite", "seed {seed}, page {page}: redb has checksums");
                }
            },
        }
        let _ = fs::remove_file(path.with_file_name("jobs-wal"));
    }
    println!("{kind}: {refused} refused ({repaired} of them written to), {failed} failed later, {changed} changed items, {same} as before");
    assert!(refused > 0);
}

fn a_file_that_was_cut_is_refused(open: Open, kind: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs");
    filled(open, &path);
    let whole = fs::read(&path).unwrap();
    let mut unnoticed = 0;
    let step = (whole.len() / 4096 / 100).max(1) * 4096;
    for length in (1..whole.len()).step_by(step) {
        fs::write(&path, &whole[..length]).unwrap();
        match open(&path) {
            Err(error) => assert!(error.to_string().contains(path.to_str().unwrap()), "{error}"),
            // Free pages at the end are no loss.
            Ok(mut store) => {
                store.recover().unwrap();
                assert_eq!(rows(&mut *store).unwrap().len() as u64, JOBS - 1, "cut to {length} of {}", whole.len());
                unnoticed += 1;
            }
        }
    }
    println!("{kind}: {unnoticed} cuts through free pages");
}

fn a_file_that_is_open_in_this_process_is_refused(open: Open, _: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs");
    for _ in 0..2 {
        let mut store = open(&path).unwrap();
        let error = open(&path).err().expect("opened twice");
        assert!(matches!(error, StoreError::InUse { .. }), "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        // The refusal has not taken the lock away.
        assert!(open(&path).is_err());
        store.recover().unwrap();
        drop(store);
    }
}

fn a_file_that_is_open_in_another_process_is_refused_until_that_ends(open: Open, kind: &str) {
    use std::io::{BufRead, BufReader};
    if let Some(path) = given() {
        let _store = open(&path).unwrap();
        println!("\nit is open");
        std::thread::sleep(std::time::Duration::from_secs(100));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs");
    let test = format!("{kind}::a_file_that_is_open_in_another_process_is_refused_until_that_ends");
    let mut child = child(&test, &path).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.find(|line| line.as_ref().unwrap() == "it is open").expect("the child has ended").unwrap();
    let error = open(&path).err().expect("opened twice");
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    child.kill().unwrap();
    child.wait().unwrap();
    open(&path).unwrap();
}

fn a_file_of_another_kind_is_refused_and_stays_as_it_is(open: Open, _: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs");
    for content in [&b"name,size\nthumb,3\n"[..], &[0; 8192], &[0xff; 100_000], b"x"] {
        fs::write(&path, content).unwrap();
        let error = open(&path).err().expect("it is no store");
        assert!(matches!(error, StoreError::Foreign { .. } | StoreError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        assert!(fs::read(&path).unwrap() == content, "{error}, but the file has changed");
    }
}

fn a_folder_and_a_path_without_folder_are_refused(open: Open, _: &str) {
    let folder = tempfile::tempdir().unwrap();
    let error = open(folder.path()).err().unwrap();
    assert!(error.to_string().ends_with("it is a directory; give the path of a file"), "{error}");
    let error = open(&folder.path().join("none/jobs")).err().unwrap();
    assert!(error.to_string().contains("create the folder first"), "{error}");
    for path in ["", "/", ".."] {
        let error = open(Path::new(path)).err().unwrap();
        assert!(matches!(error, StoreError::Unusable { .. }), "{error}");
    }
}

#[allow(unused_variables)]
fn a_symbolic_link_is_followed(open: Open, _: &str) {
    #[cfg(unix)]
    {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("jobs"), folder.path().join("link"));
        open(&path).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let store = open(&link).unwrap();
        assert!(matches!(open(&path), Err(StoreError::InUse { .. })));
        drop(store);
        open(&path).unwrap();
    }
}

/// Root may write each file, so the test goes on as another user.
#[allow(unused_variables)]
fn a_file_without_right_to_write_is_refused(open: Open, kind: &str) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        use std::os::unix::process::CommandExt;
        if let Some(path) = given() {
            let error = open(&path).err().expect("it is read-only");
            assert!(matches!(error, StoreError::Unusable { .. }), "{error}");
            assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
            assert!(error.to_string().contains("read-only"), "{error}");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobs");
        filled(open, &path);
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
        let whole = fs::read(&path).unwrap();
        let mut child = child(&format!("{kind}::a_file_without_right_to_write_is_refused"), &path);
        if fs::OpenOptions::new().write(true).open(&path).is_ok() {
            child.uid(65534).gid(65534);
        }
        assert!(child.current_dir("/").status().unwrap().success());
        assert!(fs::read(&path).unwrap() == whole);
    }
}

/// A limit of the size of files stands for the full disk; a child process can set it for itself.
#[allow(unused_variables)]
fn a_full_disk_fails_a_change_as_a_whole_and_space_ends_it(open: Open, kind: &str) {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{getrlimit, setrlimit, Resource, Rlimit};
        if let Some(path) = given() {
            let mut store = open(&path).unwrap();
            store.recover().unwrap();
            let body = vec![7; 20_000];
            let maximum = getrlimit(Resource::Fsize).maximum;
            let mut last = 0;
            for round in 0..3 {
                let limit = fs::metadata(&path).unwrap().len().max(4 << 20) + (2 << 20);
                setrlimit(Resource::Fsize, Rlimit { current: Some(limit), maximum }).unwrap();
                let mut failures = 0;
                for _ in 0..1000 {
                    let changes = [last + 1, last + 2, last + 3].map(|id| Change::Put { id, body: &body, trace: "" });
                    match store.apply(&changes, Safe::FromPowerLoss) {
                        Ok(()) => last += 3,
                        Err(_) => failures += 1,
                    }
                    if failures > 3 {
                        break;
                    }
                }
                assert!(failures > 3, "the limit was not reached");
                setrlimit(Resource::Fsize, Rlimit { current: maximum, maximum }).unwrap();
                // The next ones overwrite what a failed commit may have left.
                store
                    .apply(&[Change::Put { id: last + 1, body: b"after all", trace: "" }], Safe::FromPowerLoss)
                    .unwrap();
                store.apply(&[Change::Done { id: last + 1 }], Safe::FromPowerLoss).unwrap();
                last += 1;
                println!("{kind}: full after {last} ids");
                if round == 1 {
                    drop(store);
                    store = open(&path).unwrap();
                    store.recover().unwrap();
                }
                let ids: Vec<u64> = rows(&mut *store).unwrap().iter().map(|row| row.id).collect();
                assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
                assert!(ids.iter().all(|&id| id < last));
                assert_eq!(ids.len() as u64, last - (round + 1), "round {round}");
            }
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobs");
        let test = format!("{kind}::a_full_disk_fails_a_change_as_a_whole_and_space_ends_it");
        // The signal of the limit would end the process; ignored, it is an error of the write.
        let child = child(&test, &path);
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(child.get_program()).args(child.get_args());
        assert!(shell.env(CHILD, &path).status().unwrap().success());
    }
}

fn a_file_is_used_again_before_it_grows(open: Open, kind: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs");
    let mut store = open(&path).unwrap();
    store.recover().unwrap();
    let body = vec![7; 60_000];
    let (mut next, mut peak, mut log, mut bytes) = (1, 0, 0, 0);
    // At most 100 jobs at a time, 2,000 in all: 6 MB of 120. Ten share a commit.
    for _ in 0..20 {
        for _ in 0..10 {
            let puts: Vec<_> = (next..next + 10).map(|id| Change::Put { id, body: &body, trace: "" }).collect();
            store.apply(&puts, Safe::FromKill).unwrap();
            bytes = bytes.max(store.bytes());
            next += 10;
        }
        for first in (next - 100..next).step_by(10) {
            let done: Vec<_> = (first..first + 10).map(|id| Change::Done { id }).collect();
            store.apply(&done, Safe::FromKill).unwrap();
        }
        peak = peak.max(fs::metadata(&path).unwrap().len());
        log = log.max(fs::metadata(path.with_file_name("jobs-wal")).map_or(0, |file| file.len()));
    }
    println!("{kind}: file of {peak} bytes, log of {log}, of which jobs had {bytes}");
    assert!(peak < 24 << 20, "{peak}");
    assert!(log < 12 << 20, "{log}");
    // A large file becomes small again.
    let changes: Vec<Change<'_>> = (next..next + 500).map(|id| Change::Put { id, body: &body, trace: "" }).collect();
    store.apply(&changes, Safe::FromKill).unwrap();
    for first in (next..next + 500).step_by(20) {
        let done: Vec<_> = (first..first + 20).map(|id| Change::Done { id }).collect();
        store.apply(&done, Safe::FromKill).unwrap();
    }
    drop(store);
    let end = fs::metadata(&path).unwrap().len();
    println!("{kind}: {end} bytes at the end");
    if kind == "sqlite" {
        assert!(end < 20 << 20, "{end}");
        assert!(!path.with_file_name("jobs-wal").exists());
    }
}
