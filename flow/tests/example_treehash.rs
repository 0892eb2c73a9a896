//! The example `treehash` on a tree with odd names, files and folders. Its table is compared with what `find` and
//! `sha256sum` print; it is killed and interrupted, and must not read a file again whose row was committed.
#![cfg(unix)]

use rusqlite::Connection;
use rustix::process::{kill_process, Pid, Signal};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{symlink, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

/// A run that takes longer counts as hung.
const PATIENCE: Duration = Duration::from_secs(120);

/// Size and SHA-256 of each file, by its path.
type Hashes = BTreeMap<PathBuf, (u64, String)>;

/// A folder with a tree, a table and a log.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("tree")).unwrap();
        Place(folder)
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The folder that is hashed, as the program names it in the table.
    fn tree(&self) -> PathBuf {
        fs::canonicalize(self.beside("tree")).unwrap()
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.tree().join(name)
    }

    fn file(&self, name: impl AsRef<Path>, text: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Many small files in nested folders.
    fn fill(&self, files: usize, most: usize) {
        for file in 0..files {
            self.file(format!("{}/{}/{file}", file % 7, file % 50), &bytes(fastrand::usize(..most)));
        }
    }

    fn command(&self, arguments: &[&str], path: &Path) -> Command {
        let mut command = Command::new(binary());
        command.arg("--table").arg(self.beside("table")).arg("--log").arg(self.beside("log"));
        command.args(arguments).arg(path);
        command
    }

    fn run(&self, arguments: &[&str]) -> Outcome {
        end(start(self.command(arguments, &self.tree())))
    }

    /// What is committed in the table.
    fn rows(&self) -> Hashes {
        if !self.beside("table").exists() {
            return Hashes::new();
        }
        let table = Connection::open(self.beside("table")).unwrap();
        let check = table.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0)).unwrap();
        assert_eq!(check, "ok");
        let is_there = "SELECT count(*) FROM sqlite_schema WHERE name = 'file'";
        if table.query_row(is_there, [], |row| row.get::<_, i64>(0)).unwrap() == 0 {
            return Hashes::new(); // killed before the table was made
        }
        let mut rows = table.prepare("SELECT path, size, lower(hex(sha256)) FROM file").unwrap();
        let row = |row: &rusqlite::Row<'_>| {
            let path = PathBuf::from(OsString::from_vec(row.get(0)?));
            Ok((path, (row.get::<_, i64>(1)? as u64, row.get(2)?)))
        };
        rows.query_map([], row).unwrap().map(Result::unwrap).collect()
    }

    /// The files that were begun to be read: the lines of the log from byte `from` on. Also the log's length.
    fn read_since(&self, from: usize) -> (Vec<String>, usize) {
        let log = fs::read_to_string(self.beside("log")).unwrap_or_default();
        (log[from..].lines().map(str::to_owned).collect(), log.len())
    }

    /// Waits until the log has so many more lines, or the run ends.
    fn wait_for_lines(&self, child: &mut Child, from: usize, lines: usize) {
        let start = Instant::now();
        while self.read_since(from).0.len() < lines && child.try_wait().unwrap().is_none() {
            assert!(start.elapsed() < PATIENCE, "treehash hangs");
            thread::sleep(Duration::from_micros(500));
        }
    }
}

/// As the log writes a path.
fn logged(path: &Path) -> String {
    format!("{path:?}")
}

fn bytes(length: usize) -> Vec<u8> {
    std::iter::repeat_with(|| fastrand::u8(..)).take(length).collect()
}

/// The path of the built example: cargo puts examples beside the folder of this test.
///
/// `cargo test` builds them, but `cargo test --test example_treehash` does not: then an old build must not be
/// tested.
fn binary() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let binary = test.parent().unwrap().with_file_name("examples").join("treehash");
    let made = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/treehash");
    let sources: Vec<_> = fs::read_dir(source).unwrap().map(|entry| made(&entry.unwrap().path())).collect();
    assert!(
        made(&binary).is_some_and(|binary| sources.into_iter().flatten().all(|source| binary >= source)),
        "{binary:?} is missing or old: run `cargo test -p joinq-flow` without `--test`, or before this `cargo build \
         -p joinq-flow --examples`"
    );
    binary
}

#[derive(Debug)]
struct Outcome {
    /// `None` if a signal ended it.
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn start(mut command: Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits for a run. Its output is short and fits into the pipes.
fn end(mut child: Child) -> Outcome {
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("treehash hangs: {:?}", child.wait_with_output());
        }
        thread::sleep(Duration::from_millis(2));
    }
    let output = child.wait_with_output().unwrap();
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[derive(Debug, PartialEq)]
struct Counts {
    hashed: u64,
    bytes: u64,
    known: u64,
    failed: u64,
}

fn counts(outcome: &Outcome) -> Counts {
    let words: Vec<&str> = outcome.stdout.split_whitespace().collect();
    let ["hashed", hashed, "bytes", bytes, "known", known, "failed", failed, "seconds", _] = words[..] else {
        panic!("not a report: {outcome:?}")
    };
    let [hashed, bytes, known, failed] = [hashed, bytes, known, failed].map(|number| number.parse().unwrap());
    Counts { hashed, bytes, known, failed }
}

fn assert_clean(outcome: &Outcome) {
    assert_eq!((outcome.code, &*outcome.stderr), (Some(0), ""), "{outcome:?}");
}

/// The output of a program that ends each record with a zero byte.
fn records(program: &str, arguments: &[&OsStr]) -> Vec<Vec<u8>> {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout.split(|&byte| byte == 0).filter(|record| !record.is_empty()).map(<[u8]>::to_vec).collect()
}

/// What `find` and `sha256sum` say.
fn find_and_sha256sum(tree: &Path) -> Hashes {
    let mut arguments = vec![tree.as_os_str()];
    arguments.extend(["-xdev", "-type", "f", "-printf", "%s %p\\0"].map(OsStr::new));
    let file = |record: Vec<u8>| {
        let space = record.iter().position(|&byte| byte == b' ').unwrap();
        let size: u64 = String::from_utf8(record[..space].to_vec()).unwrap().parse().unwrap();
        (size, PathBuf::from(OsString::from_vec(record[space + 1..].to_vec())))
    };
    let files: Vec<_> = records("find", &arguments).into_iter().map(file).collect();
    let mut hashes = Hashes::new();
    // A command line has a limit.
    for files in files.chunks(200) {
        let mut arguments = ["--binary", "--zero", "--"].map(OsStr::new).to_vec();
        arguments.extend(files.iter().map(|(_, path)| path.as_os_str()));
        for (record, (size, path)) in records("sha256sum", &arguments).into_iter().zip(files) {
            assert_eq!(&record[66..], path.as_os_str().as_bytes());
            hashes.insert(path.clone(), (*size, String::from_utf8(record[..64].to_vec()).unwrap()));
        }
    }
    hashes
}

#[test]
fn the_table_agrees_with_find_and_sha256sum() {
    let place = Place::new();
    place.fill(300, 3000);
    place.file("empty", b"");
    place.file("large", &bytes(3_000_000));
    place.file("exactly one buffer", &bytes(256 << 10));
    place.file("with a space", b"1");
    place.file("with\na line feed", b"2");
    place.file("folder\nwith a line feed\n/\\-", b"3");
    place.file("--table", b"4");
    place.file("'quoted' \"twice\"", b"5");
    place.file(".hidden/.file", b"6");
    place.file(OsStr::from_bytes(b"not \xff\xfe UTF-8/\x80\n"), b"7");
    place.file("n".repeat(255), b"8");
    place.file(format!("{}file", "deep/".repeat(300)), b"9");
    fs::create_dir(place.path("an empty folder")).unwrap();
    fs::hard_link(place.path("large"), place.path("a second name")).unwrap();

    let link = |to: &str, from: &str| symlink(to, place.path(from)).unwrap();
    link("large", "link to a file");
    link("0", "link to a folder");
    link(".", "link to itself, nearly");
    link("nowhere", "dangling");
    // A program that opens the fifo hangs.
    let _socket = UnixListener::bind(place.path("socket")).unwrap();
    assert!(Command::new("mkfifo").arg(place.path("fifo")).status().unwrap().success());

    let expected = find_and_sha256sum(&place.tree());
    let all = expected.len() as u64;
    let sum = expected.values().map(|(size, _)| size).sum();
    for threads in ["1", "4"] {
        let _ = fs::remove_file(place.beside("table"));
        let outcome = place.run(&["--threads", threads]);
        assert_clean(&outcome);
        assert_eq!(place.rows(), expected);
        assert_eq!(counts(&outcome), Counts { hashed: all, bytes: sum, known: 0, failed: 0 });
        // The second run has nothing to do.
        let outcome = place.run(&["--threads", threads]);
        assert_clean(&outcome);
        assert_eq!(counts(&outcome), Counts { hashed: 0, bytes: 0, known: all, failed: 0 });
        assert_eq!(place.rows(), expected);
    }
}

#[test]
fn changed_new_and_removed_files_are_seen_by_the_next_run() {
    let place = Place::new();
    place.fill(40, 100);
    let changed = place.file("changed", b"before");
    let removed = place.file("folder/removed", b"1");
    let replaced = place.file("replaced", b"2");
    // Another tree in the same table.
    let other = Place::new();
    other.file("other", b"3");
    let run_other = || end(start(place.command(&[], &other.tree())));
    assert_eq!(counts(&run_other()).hashed, 1);
    assert_eq!(counts(&place.run(&[])).hashed, 43);

    // Of the same size, and with the same time of modification.
    let time = fs::metadata(&changed).unwrap().modified().unwrap();
    thread::sleep(Duration::from_millis(20)); // more than a tick of the kernel's clock
    fs::write(&changed, b"AFTER.").unwrap();
    fs::File::options().write(true).open(&changed).unwrap().set_modified(time).unwrap();
    fs::remove_dir_all(removed.parent().unwrap()).unwrap();
    fs::remove_file(&replaced).unwrap();
    fs::create_dir(&replaced).unwrap();
    place.file("replaced/new", b"4");

    let outcome = place.run(&[]);
    assert_clean(&outcome);
    assert_eq!(counts(&outcome), Counts { hashed: 2, bytes: 7, known: 40, failed: 0 });
    let mut expected = find_and_sha256sum(&place.tree());
    expected.extend(find_and_sha256sum(&other.tree()));
    assert_eq!(place.rows(), expected);
    assert_eq!(counts(&run_other()).known, 1);
}

#[test]
fn the_path_may_be_a_file_and_the_table_itself_is_not_hashed() {
    let place = Place::new();
    let file = place.file("file", b"1");
    let run = |table: &str, path: &str| {
        let mut command = Command::new(binary());
        command.args(["--table", table, path]).current_dir(place.tree());
        let outcome = end(start(command));
        assert_clean(&outcome);
        counts(&outcome)
    };
    assert_eq!(run("../table", "file"), Counts { hashed: 1, bytes: 1, known: 0, failed: 0 });
    assert_eq!(place.rows().keys().collect::<Vec<_>>(), [&file]);
    assert_eq!(run("table", "."), Counts { hashed: 1, bytes: 1, known: 0, failed: 0 });
}

#[test]
fn what_cannot_be_read_is_reported_and_the_rest_is_hashed() {
    let place = Place::new();
    place.file("file", b"1");
    let secret = place.file("secret\n", b"2");
    let hidden = place.file("closed/hidden", b"3");
    let closed = place.path("closed");
    assert_eq!(place.run(&[]).code, Some(0));
    let protect = |mode| {
        for path in [&secret, &closed] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    protect(0);
    if fs::read_dir(&closed).is_ok() {
        eprintln!("skipped the permissions: they do not bind this user (root?)");
        return protect(0o700);
    }
    let outcome = place.run(&[]);
    protect(0o700);
    assert_eq!(outcome.code, Some(1));
    assert_eq!(counts(&outcome), Counts { hashed: 0, bytes: 0, known: 1, failed: 2 });
    for path in [&secret, &closed] {
        let begin = format!("treehash: {path:?}: stage `");
        let line = outcome.stderr.lines().find(|line| line.starts_with(&begin)).expect("a line for each path");
        assert!(line.ends_with("Permission denied (os error 13)"), "{line}");
    }
    // The row of the file that was changed is gone; that of the file that cannot be seen now is kept.
    assert!(place.rows().contains_key(&hidden) && !place.rows().contains_key(&secret));
}

/// Even root cannot read the first byte of the memory of a process, which is never mapped.
#[test]
#[cfg(target_os = "linux")]
fn a_file_that_cannot_be_read_is_a_dead_letter_and_the_exit_status_is_1() {
    let place = Place::new();
    let outcome = end(start(place.command(&[], Path::new("/proc/self/mem"))));
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert_eq!(counts(&outcome), Counts { hashed: 0, bytes: 0, known: 0, failed: 1 });
    let [line] = outcome.stderr.lines().collect::<Vec<_>>()[..] else { panic!("{}", outcome.stderr) };
    assert!(line.contains("/mem\": stage `hash`, job 1: ") && line.ends_with("(os error 5)"), "{line}");
}

/// Each run must end, and complain of nothing but files that are gone.
#[test]
fn files_that_vanish_or_are_replaced_do_no_harm() {
    let place = Place::new();
    assert!(Command::new("mkfifo").arg(place.beside("fifo")).status().unwrap().success());
    fs::write(place.beside("outside"), "a text that must not be read").unwrap();
    (0..3).for_each(|name| fs::create_dir(place.path(name.to_string())).unwrap());
    let is_done = AtomicBool::new(false);
    let change = || {
        for kind in (0..4).cycle().take_while(|_| !is_done.load(Relaxed)) {
            for name in 0..200 {
                let (path, new) = (place.path(format!("{}/{name}", name % 3)), place.beside("new"));
                match (name + kind) % 4 {
                    0 => fs::hard_link(place.beside("fifo"), &new).unwrap(),
                    2 => symlink(place.beside("outside"), &new).unwrap(),
                    _ => fs::write(&new, "text").unwrap(),
                }
                fs::rename(&new, &path).unwrap();
                if name % 5 == kind {
                    fs::remove_file(&path).unwrap();
                }
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(change);
        // A run that hangs panics.
        let run = || (0..30).map(|_| place.run(&[])).collect::<Vec<_>>();
        let outcomes = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
        is_done.store(true, Relaxed);
        for outcome in outcomes.unwrap() {
            let Counts { hashed, bytes, failed, .. } = counts(&outcome);
            assert_eq!(outcome.code, Some(i32::from(failed > 0)), "{outcome:?}");
            assert_eq!(bytes, hashed * "text".len() as u64, "a link was followed");
            for line in outcome.stderr.lines() {
                let causes = [
                    "No such file or directory (os error 2)",
                    "Too many levels of symbolic links (os error 40)",
                    "it is no regular file any more",
                    "it changed while it was read",
                ];
                assert!(causes.iter().any(|cause| line.ends_with(cause)), "{line}");
            }
        }
    });
    assert_clean(&place.run(&[]));
    assert_eq!(place.rows(), find_and_sha256sum(&place.tree()));
}

#[test]
fn a_killed_run_goes_on_and_reads_no_file_again_whose_row_was_committed() {
    const KILLS: usize = 12;
    const THREADS: usize = 3;
    /// Rows that wait for their commit, and the one that is being committed.
    const ROWS: usize = 64;
    let place = Place::new();
    place.fill(1500, 60_000);
    let expected = find_and_sha256sum(&place.tree());

    let (mut kills, mut lives, mut again, mut length) = (0, 0, 0, 0);
    let (mut committed, mut read) = (Hashes::new(), BTreeSet::new());
    loop {
        lives += 1;
        let mut child = start(place.command(&["--threads", &THREADS.to_string()], &place.tree()));
        if kills < KILLS {
            place.wait_for_lines(&mut child, length, fastrand::usize(1..60));
            thread::sleep(Duration::from_micros(fastrand::u64(..3000)));
            child.kill().unwrap();
        }
        let outcome = end(child);
        let (files, new_length) = place.read_since(length);
        length = new_length;

        for (path, row) in &committed {
            assert!(!files.contains(&logged(path)), "{path:?} was committed, and is read again in life {lives}");
            assert_eq!(expected.get(path), Some(row), "{path:?}");
        }
        let rows = place.rows();
        assert!(committed.keys().all(|path| rows.contains_key(path)), "a committed row is gone");
        let once: BTreeSet<String> = files.into_iter().collect();
        let unsaved = once.len() - (rows.len() - committed.len());
        assert!(unsaved <= THREADS + ROWS, "{unsaved} files were read, but not saved");
        again += once.intersection(&read).count();
        read.extend(once);
        committed = rows;

        if outcome.code.is_none() {
            kills += 1;
            continue;
        }
        assert_clean(&outcome);
        if kills >= KILLS {
            break;
        }
        // It was done before it was killed: once more from the start.
        fs::remove_file(place.beside("table")).unwrap();
        (committed, read) = (Hashes::new(), BTreeSet::new());
    }
    assert_eq!(committed, expected);
    let files = expected.len();
    println!("{files} files, {lives} lives, {kills} kills; read again: {again}, of committed ones: 0");
}

#[test]
fn a_signal_saves_what_was_begun_and_the_next_run_goes_on() {
    for signal in [Signal::INT, Signal::TERM] {
        let place = Place::new();
        place.fill(1500, 60_000);
        let mut child = start(place.command(&["--threads", "2", "--grace", "100"], &place.tree()));
        place.wait_for_lines(&mut child, 0, 20);
        kill_process(Pid::from_child(&child), signal).unwrap();
        let outcome = end(child);
        if outcome.code == Some(0) {
            eprintln!("skipped: it was done before the signal");
            continue;
        }
        assert_eq!(outcome.code, Some(130), "{outcome:?}");
        assert!(outcome.stderr.contains("start it again to go on"), "{outcome:?}");
        let (first, length) = place.read_since(0);
        let saved: BTreeSet<String> = place.rows().keys().map(|path| logged(path)).collect();
        assert_eq!(saved, first.into_iter().collect(), "not all that was begun is saved");

        let known = counts(&outcome).hashed;
        let outcome = place.run(&[]);
        assert_clean(&outcome);
        assert_eq!(counts(&outcome).known, known);
        assert_eq!(place.read_since(length).0.len() as u64, counts(&outcome).hashed);
        assert_eq!(place.rows(), find_and_sha256sum(&place.tree()));
    }
}

/// It is cut off when the time after the signal is over.
#[test]
#[cfg(target_os = "linux")]
fn a_signal_ends_a_file_without_an_end() {
    let place = Place::new();
    let mut child = start(place.command(&["--grace", "0"], Path::new("/proc/self/pagemap")));
    place.wait_for_lines(&mut child, 0, 1);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let outcome = end(child);
    assert_eq!(outcome.code, Some(130), "{outcome:?}");
    assert_eq!(counts(&outcome), Counts { hashed: 0, bytes: 0, known: 0, failed: 0 });
    assert!(outcome.stderr.contains("folders left: 0, files left: 1"), "{outcome:?}");
}

#[test]
fn a_table_that_cannot_be_used_is_an_error() {
    let place = Place::new();
    let text = place.file("text", &b"This is no database. ".repeat(100));
    let other = place.path("other.db");
    Connection::open(&other).unwrap().execute("CREATE TABLE file (name TEXT)", []).unwrap();
    for (table, complaint) in [
        (text, "file is not a database"),
        (other, "no column named path"),
        (place.path("no folder/table"), "unable to open database file"),
        (place.tree(), "unable to open database file"),
    ] {
        let mut command = Command::new(binary());
        command.arg("--table").arg(&table).arg(place.tree());
        let outcome = end(start(command));
        assert_eq!((outcome.code, &*outcome.stdout), (Some(2), ""), "{outcome:?}");
        assert!(outcome.stderr.starts_with(&format!("treehash: {table:?}: ")), "{outcome:?}");
        assert!(outcome.stderr.contains(complaint), "{outcome:?}");
    }
}

#[test]
fn treehash_rejects_bad_usage() {
    let place = Place::new();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(binary());
        command.args(arguments).current_dir(place.tree());
        end(start(command))
    };
    for (arguments, complaint) in [
        (&["."][..], "--table FILE is missing"),
        (&["--table"], "--table"),
        (&["--table", "t", "--threads", "0"], "a number from 1 to 1024 is needed, not \"0\""),
        (&["--table", "t", "--threads", "many"], "\"many\""),
        (&["--table", "t", "--grace=-1"], "\"-1\""),
        (&["--table", "t", "-x"], "-x"),
        (&["--table", "t", ".", "."], "unexpected argument"),
        (&["--table", "t", "nowhere"], "\"nowhere\": No such file or directory"),
        (&["--table", "t", "--log", ".", "."], "\".\": Is a directory"),
    ] {
        let outcome = run(arguments);
        assert_eq!((outcome.code, &*outcome.stdout), (Some(2), ""), "{arguments:?} {outcome:?}");
        assert!(outcome.stderr.starts_with("treehash: ") && outcome.stderr.contains(complaint), "{outcome:?}");
    }
    let help = run(&["--help"]);
    assert_eq!(help.code, Some(0));
    assert!(help.stdout.starts_with("Usage: treehash"));
}
