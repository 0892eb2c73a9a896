//! The three programs of the documentation: they are printed as they are in `examples/`, and each does what it says.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The text of an example, without the comment at its head.
fn example(name: &str) -> String {
    let text = read(&format!("examples/{name}.rs"));
    text.split_once("\n\n").unwrap().1.to_owned()
}

/// The blocks of Rust code in a page.
fn programs(page: &str) -> Vec<String> {
    let blocks = page.split("\n```rust").skip(1);
    blocks.map(|block| block.split_once('\n').unwrap().1.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_pages_have_the_programs_as_they_are_in_the_examples() {
    assert_eq!(programs(&read("README.md")), [example("threads")]);
    assert_eq!(programs(&read("docs/programs.md")), ["threads", "tasks", "three_stages"].map(example));
}

/// The path of a built example: cargo puts examples beside the folder of this test, and `cargo test` without `--test`
/// builds them.
fn binary(name: &str) -> PathBuf {
    let binary = std::env::current_exe().unwrap().parent().unwrap().with_file_name("examples").join(name);
    let made = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let source = made(&Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/{name}.rs")));
    assert!(
        made(&binary).is_some_and(|binary| source.is_some_and(|source| binary >= source)),
        "{binary:?} is missing or old: run `cargo test -p joinq-flow` without `--test`"
    );
    binary
}

fn run(name: &str, arguments: &[&str], folder: &Path) -> (String, String) {
    let mut command = Command::new(binary(name));
    let Output { status, stdout, stderr } = command.args(arguments).current_dir(folder).output().unwrap();
    let [stdout, stderr] = [stdout, stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(status.success(), "{name}: {status}, {stdout:?}, {stderr:?}");
    (stdout, stderr)
}

#[test]
fn the_program_with_threads_runs() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("picture.png"), "a picture").unwrap();
    fs::write(folder.path().join("empty.png"), "").unwrap();
    let (stdout, _) = run("threads", &["picture.png", "empty.png", "missing.png"], folder.path());
    assert_eq!(stdout, "1 done, 2 dead\n");
    assert_eq!(fs::read_to_string(folder.path().join("picture.thumb")).unwrap(), "a picture");
}

#[test]
#[cfg(all(target_os = "linux", feature = "tokio"))]
fn the_program_with_tasks_runs_until_a_signal() {
    use rustix::process::{kill_process, Pid, Signal};
    use std::process::Stdio;
    use std::time::{Duration, Instant};

    let mut command = Command::new(binary("tasks"));
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    // Linux tells which signals the program handles; before, the signal would kill it.
    let handles_the_signal = || {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim().to_owned();
        u64::from_str_radix(&mask, 16).unwrap() >> (Signal::INT.as_raw() - 1) & 1 == 1
    };
    let start = Instant::now();
    while !handles_the_signal() {
        assert!(start.elapsed() < Duration::from_secs(60), "the program does not come to wait for the signal");
        std::thread::sleep(Duration::from_millis(5));
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let Output { status, stdout, .. } = child.wait_with_output().unwrap();
    let stdout = String::from_utf8(stdout).unwrap();
    // The second job may have been done before the cancel.
    let cancelled = "3 bytes\njob 2 is Cancelled\nuntil Ctrl-C\n1 done, 1 cancelled\n";
    let done = "3 bytes\njob 2 is Done\nuntil Ctrl-C\n2 done, 0 cancelled\n";
    assert!(status.success() && (stdout == cancelled || stdout == done), "{status}, {stdout}");
}

#[test]
#[cfg(all(feature = "tokio", feature = "json", feature = "sqlite"))]
fn the_program_with_three_stages_runs_and_runs_again() {
    let folder = tempfile::tempdir().unwrap();
    // The stores of the first run are opened again by the second.
    for _ in 0..2 {
        let (stdout, stderr) = run("three_stages", &["one", "two", "missing", ""], folder.path());
        let mut rows: Vec<&str> = stdout.lines().collect();
        rows.sort();
        assert_eq!(rows, ["one", "two"]);
        let mut letters: Vec<&str> = stderr.lines().collect();
        letters.sort();
        let [fetch, parse] = letters[..] else { panic!("{stderr}") };
        assert!(fetch.starts_with("stage `fetch`, job ") && fetch.ends_with(": 404 not found"), "{fetch}");
        assert!(parse.starts_with("stage `parse`, job ") && parse.ends_with(": a page without a title"), "{parse}");
    }
}
