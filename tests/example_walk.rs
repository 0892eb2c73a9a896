//! The example `walk` on a tree with files, folders, links and pipes of all kinds. Its counts are compared
//! with those of `find` and `wc`, and with the numbers known from making the tree.
#![cfg(all(unix, not(loom), not(miri)))]

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A walk that takes longer counts as hung.
const PATIENCE: Duration = Duration::from_secs(120);

const MODES: [&[&str]; 5] = [&[], &["--threads", "1"], &["--threads", "8"], &["--tasks", "1"], &["--tasks=8"]];

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Totals {
    files: u64,
    lines: u64,
    bytes: u64,
}

/// A tree under construction, with the counts of what was written.
struct Tree {
    folder: tempfile::TempDir,
    totals: Totals,
}

impl Tree {
    fn new() -> Self {
        Tree { folder: tempfile::tempdir().unwrap(), totals: Totals::default() }
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    fn folder(&self, name: impl AsRef<Path>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn file(&mut self, name: impl AsRef<Path>, text: &[u8]) {
        fs::write(self.path(name), text).unwrap();
        self.count(text);
    }

    /// A hard link. `walk` counts it like any other file, and it is made much faster than a file.
    fn name(&mut self, file: &str, name: impl AsRef<Path>) {
        fs::hard_link(self.path(file), self.path(name)).unwrap();
        self.count(&fs::read(self.path(file)).unwrap());
    }

    fn count(&mut self, text: &[u8]) {
        self.totals.files += 1;
        self.totals.lines += text.iter().filter(|&&byte| byte == b'\n').count() as u64;
        self.totals.bytes += text.len() as u64;
    }
}

struct Outcome {
    status: ExitStatus,
    stdout: String,
    stderr: String,
}

/// The path of the built example: cargo puts examples beside the folder of this test.
///
/// `cargo test` builds them, but `cargo test --test example_walk` does not: then an old build must not be
/// tested.
fn walk_binary() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let binary = test.parent().unwrap().with_file_name("examples").join("walk");
    let made = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/walk.rs");
    let made_since = made(&binary).is_some_and(|binary| made(&source).map_or(true, |source| binary >= source));
    assert!(
        made_since,
        "{binary:?} is missing or old: run plain `cargo test`, or before this `cargo build --examples`"
    );
    binary
}

fn walk(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>, folder: &Path) -> Outcome {
    let mut command = Command::new(walk_binary());
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    // A report is short and fits into the pipes, so a running child never blocks on output that is not read
    // yet.
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("{command:?} hangs: {:?}", child.wait_with_output());
        }
        thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    Outcome {
        status: output.status,
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A walk without errors.
fn totals(mode: &[&str], path: &Path) -> Totals {
    let outcome = walk(mode.iter().map(OsStr::new).chain([path.as_os_str()]), Path::new("/"));
    assert_eq!((outcome.status.code(), &*outcome.stderr), (Some(0), ""), "{mode:?} {path:?}");
    parse(&outcome.stdout)
}

fn parse(stdout: &str) -> Totals {
    let words: Vec<&str> = stdout.lines().last().unwrap_or_default().split(' ').collect();
    let ["files", files, "lines", lines, "bytes", bytes] = words[..] else { panic!("not a report: {stdout:?}") };
    Totals { files: files.parse().unwrap(), lines: lines.parse().unwrap(), bytes: bytes.parse().unwrap() }
}

/// The output of `find PATH -type f -print0 | wc -lc --files0-from=-`; `None` without the GNU versions of
/// both.
fn find_and_wc(path: &Path) -> Option<Totals> {
    let found = Command::new("find").arg(path).args(["-type", "f", "-print0"]).output().ok()?.stdout;
    let mut wc = Command::new("wc");
    wc.args(["-lc", "--files0-from=-"]);
    let mut wc = wc.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let mut input = wc.stdin.take()?;
    let names = found.clone();
    // Written by a thread of its own, as `wc` writes while it reads.
    let writer = thread::spawn(move || input.write_all(&names));
    let output = wc.wait_with_output().ok()?;
    writer.join().unwrap().ok()?;
    let files = found.iter().filter(|&&byte| byte == 0).count() as u64;
    // The last line has the totals: of the only file, or of several files.
    let last = output.stdout.split(|&byte| byte == b'\n').rev().find(|line| !line.is_empty());
    let last = String::from_utf8_lossy(last.unwrap_or(b"0 0")).into_owned();
    let mut counts = last.split_whitespace().map(|word| word.parse().ok());
    Some(Totals { files, lines: counts.next()??, bytes: counts.next()?? })
}

fn agrees(expected: Totals, path: &Path) {
    match find_and_wc(path) {
        Some(totals) => assert_eq!(totals, expected, "find and wc on {path:?}"),
        None => eprintln!("skipped the comparison with find and wc: they are missing, or not GNU's"),
    }
    for mode in MODES {
        assert_eq!(totals(mode, path), expected, "{mode:?} on {path:?}");
    }
}

#[test]
fn walk_counts_what_find_and_wc_count() {
    let mut tree = Tree::new();
    // 10,000 small files in nested folders; some are empty, and some have no final line feed.
    for kind in 0..10_usize {
        let text = "a line\n".repeat(kind % 5) + ["", "the rest"][kind % 2];
        tree.file(kind.to_string(), text.as_bytes());
    }
    for folder in 0..100 {
        let folder = format!("folder {}/{folder}/a", folder % 20);
        tree.folder(&folder);
        for file in 0..100 {
            tree.name(&(file % 10).to_string(), format!("{folder}/{file}"));
        }
    }
    // More nested folders than workers, and more files in one folder than a segment of the queue has slots.
    let deep = "d/".repeat(100);
    tree.folder(&deep);
    tree.file(deep + "file", b"at the end\n");
    tree.folder("wide");
    for file in 0..1000 {
        tree.name("1", format!("wide/{file}"));
    }
    tree.folder("empty");
    // Larger than any read buffer, with bytes that are not text.
    tree.file("large", &b"0123456789abcde\n".repeat(300_000));
    tree.file(
        "large.binary",
        &(0..1_000_000_u32).map(|index| (index.wrapping_mul(index) >> 3) as u8).collect::<Vec<_>>(),
    );

    tree.file("with a space", b"1\n");
    tree.file("with\na line feed", b"2\n");
    tree.folder("folder\nwith a line feed\n");
    tree.file("folder\nwith a line feed\n/-", b"3\n");
    tree.file("--threads", b"4\n");
    tree.file(".hidden", b"5\n");
    if cfg!(target_os = "linux") {
        tree.folder(OsStr::from_bytes(b"not \xff\xfe UTF-8"));
        tree.file(OsStr::from_bytes(b"not \xff\xfe UTF-8/\x80\n"), b"6\n");
    }

    let link = |to: &str, from: &str| symlink(to, tree.path(from)).unwrap();
    link("large", "link to a file");
    link("wide", "link to a folder");
    link(".", "link to itself, nearly");
    link("loop b", "loop a");
    link("loop a", "loop b");
    link("nowhere", "dangling");

    // Neither files nor folders. A program that opens the fifo hangs.
    let _socket = UnixListener::bind(tree.path("socket")).unwrap();
    match Command::new("mkfifo").arg(tree.path("fifo")).status() {
        Ok(status) if status.success() => {}
        failed => eprintln!("skipped the fifo: {failed:?}"),
    }

    assert!(tree.totals.files > 11_000);
    agrees(tree.totals, tree.folder.path());
}

#[test]
fn walk_starts_at_the_given_path() {
    let mut tree = Tree::new();
    tree.folder("folder");
    tree.file("folder/file", b"one\ntwo\nthree");
    symlink("folder", tree.path("link")).unwrap();
    symlink("folder/file", tree.path("link to the file")).unwrap();
    symlink("nowhere", tree.path("dangling")).unwrap();

    let one = tree.totals;
    assert_eq!(one, Totals { files: 1, lines: 2, bytes: 13 });
    let nothing = Totals::default();
    tree.folder("empty");
    for (path, expected) in [
        ("", one),
        ("folder", one),
        ("folder/", one),
        ("folder/file", one),
        ("folder/../folder", one),
        ("link", nothing),
        ("link/", one),
        ("link/file", one),
        ("link to the file", nothing),
        ("dangling", nothing),
        ("empty", nothing),
    ] {
        agrees(expected, &tree.path(path));
    }
    // Without a path, and with a relative one.
    let no_arguments: [&str; 0] = [];
    assert_eq!(parse(&walk(no_arguments, tree.folder.path()).stdout), one);
    assert_eq!(parse(&walk(["--tasks", "2", "folder"], tree.folder.path()).stdout), one);
    tree.file("--tasks", b"");
    assert_eq!(parse(&walk(["--", "--tasks"], tree.folder.path()).stdout), Totals { files: 1, ..nothing });
}

/// A chain of folders whose path is longer than a system call accepts, made step by step. Even root cannot
/// read its end by the full path.
fn too_deep(folder: &Path) -> bool {
    let script =
        "n=$(printf '%0200d' 0); i=0; while [ $i -lt 25 ]; do mkdir $n && cd -P $n || exit 1; i=$((i+1)); done";
    Command::new("sh").args(["-c", script]).current_dir(folder).status().is_ok_and(|status| status.success())
}

#[test]
fn walk_reports_unreadable_entries_and_continues() {
    let mut tree = Tree::new();
    tree.folder("open");
    tree.file("open/file", b"readable\n");
    let mut unreadable = 0;

    if too_deep(&tree.folder("chain")) {
        unreadable += 1;
    } else {
        eprintln!("skipped the chain of folders: the shell cannot make it");
    }
    let closed = tree.folder("closed");
    fs::write(closed.join("unseen"), "\n").unwrap();
    let secrets: Vec<PathBuf> = (0..9).map(|index| tree.path(format!("secret\n{index}"))).collect();
    for secret in &secrets {
        fs::write(secret, "\n").unwrap();
    }
    let protect = |mode| {
        for path in secrets.iter().chain([&closed]) {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    protect(0);
    if fs::read_dir(&closed).is_err() {
        unreadable += secrets.len() + 1;
    } else {
        eprintln!("skipped the permissions: they do not bind this user (root?)");
        protect(0o700);
        fs::remove_dir_all(&closed).unwrap();
        secrets.iter().for_each(|secret| fs::remove_file(secret).unwrap());
    }

    for mode in MODES {
        let outcome = walk(mode.iter().copied(), tree.folder.path());
        assert_eq!(outcome.status.code(), Some(0));
        assert_eq!(parse(&outcome.stdout), tree.totals, "{mode:?}");
        let lines: Vec<&str> = outcome.stderr.lines().collect();
        if unreadable == 0 {
            assert!(lines.is_empty(), "{}", outcome.stderr);
            continue;
        }
        assert!(lines[0].starts_with(&format!("unreadable {unreadable},")), "{}", outcome.stderr);
        assert_eq!(lines.len(), 1 + unreadable.min(5), "{}", outcome.stderr);
        assert!(lines[1..].iter().all(|line| line.contains("(os error ")), "{}", outcome.stderr);
    }
    if closed.exists() {
        protect(0o700);
    }
}

#[test]
fn walk_rejects_bad_usage() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, complaint) in [
        (&["--thread", "2"][..], "--thread"),
        (&["-x"], "-x"),
        (&["--threads"], "--threads"),
        (&["--threads", "0"], "\"0\""),
        (&["--tasks=0"], "\"0\""),
        (&["--threads", "-1"], "\"-1\""),
        (&["--threads", "two"], "\"two\""),
        (&["--tasks", "99999999999999999999"], "\"99999999999999999999\""),
        (&["--threads", "2", "--tasks", "2"], "only one of --threads and --tasks"),
        (&["--tasks", "2", "--tasks", "2"], "only one of --threads and --tasks"),
        (&["nowhere"], "\"nowhere\": No such file or directory"),
        (&[""], "\"\": No such file or directory"),
        (&[".", "."], "unexpected argument"),
    ] {
        let outcome = walk(arguments, folder.path());
        assert_eq!(outcome.status.code(), Some(2), "{arguments:?}: {}", outcome.stderr);
        assert!(outcome.stderr.starts_with("walk: ") && outcome.stderr.contains(complaint), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("Usage: walk"));
        assert_eq!(outcome.stdout, "");
    }
    let help = walk(["--help"], folder.path());
    assert_eq!(help.status.code(), Some(0));
    assert!(help.stdout.starts_with("Usage: walk"));
}
