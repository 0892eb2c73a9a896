//! The example `walk` on a tree with files, folders, links and pipes of all kinds. Its counts are compared
//! with those of `find` and `wc`, and with the numbers known from making the tree.
#![cfg(all(unix, not(loom), not(miri)))]

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
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
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/walk");
    let sources = ["main.rs", "options.rs", "tree.rs", "tree/handles.rs"].map(|name| made(&source.join(name)));
    assert!(
        made(&binary).is_some_and(|binary| sources.into_iter().flatten().all(|source| binary >= source)),
        "{binary:?} is missing or old: run plain `cargo test`, or before this `cargo build --examples`"
    );
    binary
}

fn walk(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>, folder: &Path) -> Outcome {
    let mut command = Command::new(walk_binary());
    command.args(arguments).current_dir(folder);
    outcome(command)
}

/// A walk that may open no more than `files` files at a time.
fn walk_with_open_files(files: usize, mode: &[&str], path: &Path) -> Outcome {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -n {files} && exec \"$0\" \"$@\"")]).arg(walk_binary());
    command.args(mode).arg(path);
    outcome(command)
}

fn outcome(mut command: Command) -> Outcome {
    command.stdin(Stdio::null());
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

#[test]
fn walk_reports_unreadable_entries_and_continues() {
    let mut tree = Tree::new();
    tree.folder("open");
    tree.file("open/file", b"readable\n");
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
    if fs::read_dir(&closed).is_ok() {
        eprintln!("skipped the permissions: they do not bind this user (root?)");
        protect(0o700);
        return;
    }
    for mode in MODES {
        let outcome = walk(mode.iter().copied(), tree.folder.path());
        assert_eq!(outcome.status.code(), Some(1), "{mode:?}");
        assert_eq!(parse(&outcome.stdout), tree.totals, "{mode:?}");
        let lines: Vec<&str> = outcome.stderr.lines().collect();
        assert!(lines[0].starts_with("unreadable 10,"), "{}", outcome.stderr);
        assert_eq!(lines.len(), 6, "{}", outcome.stderr);
        assert!(lines[1..].iter().all(|line| line.contains("(os error ")), "{}", outcome.stderr);
    }
    protect(0o700);
}

/// Even root cannot read the first byte of the memory of a process, which is never mapped.
#[test]
#[cfg(target_os = "linux")]
fn walk_exits_with_status_1_if_a_file_is_unreadable() {
    for mode in MODES {
        let outcome = walk(mode.iter().copied().chain(["/proc/self/mem"]), Path::new("/"));
        assert_eq!(outcome.status.code(), Some(1), "{mode:?}");
        assert_eq!(parse(&outcome.stdout), Totals::default(), "{mode:?}");
        assert!(outcome.stderr.starts_with("unreadable 1, "), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("\"/proc/self/mem\": "), "{}", outcome.stderr);
    }
}

/// Files of procfs have no size. Some are short; the page map of a process would be read for hours.
#[test]
#[cfg(target_os = "linux")]
fn walk_does_not_read_a_file_without_an_end_for_ever() {
    let outcome = walk(["/proc/self/limits"], Path::new("/"));
    assert_eq!(outcome.status.code(), Some(0), "{}", outcome.stderr);
    let limits = parse(&outcome.stdout);
    assert!(limits.files == 1 && limits.lines > 10 && limits.bytes > limits.lines, "{limits:?}");

    let outcome = walk(["/proc/self/pagemap"], Path::new("/"));
    assert_eq!(outcome.status.code(), Some(1), "{}", outcome.stderr);
    assert_eq!(parse(&outcome.stdout), Totals::default());
    assert!(outcome.stderr.starts_with("unreadable 1, "), "{}", outcome.stderr);
}

/// `levels` nested folders with a link to the file in each, made step by step, as the path soon is longer than
/// a system call accepts.
fn chain(tree: &mut Tree, name: &str, levels: usize) {
    use rustix::fs::{linkat, mkdirat, open, openat, AtFlags, Mode, OFlags};

    let start = tree.folder(name);
    fs::write(start.join("file"), "deep\n").unwrap();
    let file = open(&start, OFlags::RDONLY, Mode::empty()).unwrap();
    let mut folder = file.try_clone().unwrap();
    for _ in 1..levels {
        mkdirat(&folder, "d", Mode::RWXU).unwrap();
        folder = openat(&folder, "d", OFlags::RDONLY, Mode::empty()).unwrap();
        linkat(&file, "file", &folder, "file", AtFlags::empty()).unwrap();
    }
    (0..levels).for_each(|_| tree.count(b"deep\n"));
}

/// `TempDir` keeps a file open for each level.
fn remove(tree: Tree) {
    let status = Command::new("rm").arg("-rf").arg(tree.folder.path()).status();
    assert!(status.is_ok_and(|status| status.success()), "{:?} is left", tree.folder.keep());
}

#[test]
fn a_tree_deeper_than_the_longest_path_is_walked() {
    let mut tree = Tree::new();
    chain(&mut tree, "chain", 5000);
    for mode in MODES {
        assert_eq!(totals(mode, tree.folder.path()), tree.totals, "{mode:?}");
        let outcome = walk_with_open_files(64, mode, tree.folder.path());
        assert_eq!((outcome.status.code(), &*outcome.stderr), (Some(0), ""), "{mode:?}");
        assert_eq!(parse(&outcome.stdout), tree.totals, "{mode:?}");
    }
    remove(tree);
}

#[test]
fn more_folders_are_walked_than_files_may_be_open() {
    let mut tree = Tree::new();
    tree.file("file", b"one\n");
    for folder in 0..2000 {
        let folder = format!("{}/{}/{folder}", folder % 7, folder % 50);
        tree.folder(&folder);
        tree.name("file", format!("{folder}/a"));
        tree.name("file", format!("{folder}/b"));
    }
    // Long chains, none of which is done before another one begins.
    for name in 0..30 {
        chain(&mut tree, &format!("chain {name}"), 100);
    }
    for (files, modes) in [(64, &MODES[..]), (20, &MODES[..2])] {
        for mode in modes {
            let outcome = walk_with_open_files(files, mode, tree.folder.path());
            assert_eq!((outcome.status.code(), &*outcome.stderr), (Some(0), ""), "{files} {mode:?}");
            assert_eq!(parse(&outcome.stdout), tree.totals, "{files} {mode:?}");
        }
    }
    let outcome = walk_with_open_files(20, &["--threads", "8"], tree.folder.path());
    assert_eq!(outcome.status.code(), Some(2));
    assert!(outcome.stderr.contains("ulimit -n"), "{}", outcome.stderr);
    remove(tree);
}

/// The mounted file system is one of a namespace of its own, for which Linux asks no privilege.
#[test]
#[cfg(target_os = "linux")]
fn walk_stays_on_one_file_system() {
    let mut tree = Tree::new();
    tree.file("file", b"here\n");
    let mount = tree.folder("folder/mount");
    fs::write(mount.join("covered"), "\n").unwrap();
    let mounted = |program: &Path, arguments: &[&str], path: &Path| {
        let script = r#"mount -t tmpfs none "$0" && mkdir "$0/a" && echo there > "$0/a/file" && exec "$@""#;
        let mut command = Command::new("unshare");
        command.args(["-rm", "sh", "-c", script]).arg(&mount).arg(program).args(arguments).arg(path);
        outcome(command)
    };
    let tried = Command::new("unshare").arg("--help").output().map(|_| mounted(Path::new("true"), &[], &mount));
    if !tried.is_ok_and(|outcome| outcome.status.success()) {
        eprintln!("skipped: `unshare` cannot mount a file system for this user");
        return;
    }
    let here = tree.totals;
    let there = Totals { files: 1, lines: 1, bytes: 6 };
    let both = Totals { files: 2, lines: 2, bytes: 11 };
    for mode in MODES {
        let all: Vec<&str> = mode.iter().copied().chain(["--all-filesystems"]).collect();
        for (arguments, path, expected) in [
            (mode, tree.folder.path(), here),
            (mode, &mount, there),
            (&all, tree.folder.path(), both),
            (&all, &mount, there),
        ] {
            let outcome = mounted(&walk_binary(), arguments, path);
            assert_eq!((outcome.status.code(), &*outcome.stderr), (Some(0), ""), "{arguments:?} {path:?}");
            assert_eq!(parse(&outcome.stdout), expected, "{arguments:?} {path:?}");
        }
    }
}

/// Walks 20 times while `change` is called again and again.
fn walk_during(mut change: impl FnMut() + Send, mut walk: impl FnMut() -> Outcome) -> Vec<Outcome> {
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Relaxed) {
                change();
            }
        });
        // A hung walk panics.
        let outcomes = catch_unwind(AssertUnwindSafe(|| (0..20).map(|_| walk()).collect()));
        is_done.store(true, Relaxed);
        outcomes.unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// To open a fifo that has no writer waits for one.
#[test]
fn files_that_are_replaced_by_fifos_do_not_hang_the_walk() {
    let tree = Tree::new();
    if !Command::new("mkfifo").arg(tree.path("fifo")).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: there is no mkfifo");
        return;
    }
    tree.folder("folder");
    fs::write(tree.path("file"), "\n").unwrap();
    let replace = || {
        for kind in ["file", "fifo"] {
            for name in 0..300 {
                fs::hard_link(tree.path(kind), tree.path("new")).unwrap();
                fs::rename(tree.path("new"), tree.path(format!("folder/{name}"))).unwrap();
            }
        }
    };
    replace();
    for outcome in walk_during(replace, || walk(["folder"], tree.folder.path())) {
        assert_eq!(outcome.status.code(), Some(0), "{}", outcome.stderr);
        assert!(parse(&outcome.stdout).files <= 300);
    }
}

/// Both for folders that are open and for those that are opened again for each entry.
#[test]
fn folders_that_are_replaced_by_links_do_not_lead_out_of_the_tree() {
    const OUTSIDE: usize = 1_000_000;
    let tree = Tree::new();
    let outside = tree.folder("outside/folder");
    for name in 0..10 {
        fs::write(outside.join(name.to_string()), "\n".repeat(OUTSIDE)).unwrap();
        for folder in 0..20 {
            let folder = tree.folder(format!("inside/{folder}/folder"));
            fs::write(folder.join(name.to_string()), "\n").unwrap();
        }
    }
    symlink(tree.path("outside"), tree.path("link")).unwrap();
    let replace = || {
        for folder in 0..20 {
            let folder = tree.path(format!("inside/{folder}"));
            fs::rename(&folder, tree.path("aside")).unwrap();
            fs::rename(tree.path("link"), &folder).unwrap();
            thread::yield_now();
            fs::rename(&folder, tree.path("link")).unwrap();
            fs::rename(tree.path("aside"), &folder).unwrap();
        }
    };
    for files in [20, 256] {
        let inside = tree.path("inside");
        for outcome in walk_during(replace, || walk_with_open_files(files, &[], &inside)) {
            assert!(matches!(outcome.status.code(), Some(0 | 1)), "{}", outcome.stderr);
            assert!(parse(&outcome.stdout).lines <= 200, "{files}: {}", outcome.stdout);
        }
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
    for told in ["--all-filesystems", "Exit status: 0", "procfs"] {
        assert!(help.stdout.contains(told), "{told}");
    }
}
