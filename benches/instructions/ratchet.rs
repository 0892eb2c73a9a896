//! The file of counts, and the comparison with it.
// Each of the programs uses its part.
#![allow(dead_code)]

use std::fmt::Write;
use std::process::Command;

/// A file of counts.
pub struct File {
    path: &'static str,
    title: &'static str,
    counted: &'static str,
}

pub const OPERATIONS: File = File {
    path: concat!(env!("CARGO_MANIFEST_DIR"), "/../instructions.txt"),
    title: "# Instructions, and locked instructions, of an operation for `u64` on one thread, by callgrind: written by
# `cargo bench -p joinq-instructions -- --bless`, and compared with by the same without `--bless`.
",
    counted: "instructions of an operation",
};
pub const FLOWS: File = File {
    path: concat!(env!("CARGO_MANIFEST_DIR"), "/../instructions-flows.txt"),
    title:
        "# Instructions, and locked instructions, of a message or a trip between two tasks on one thread, with those of
# tokio's scheduler `current_thread`, by callgrind: written and compared with as instructions.txt.
",
    counted: "a message between tasks",
};
pub const COPIES: File = File {
    path: concat!(env!("CARGO_MANIFEST_DIR"), "/../instructions-copies.txt"),
    title: "# Copies of a message on its way: calls of `memcpy` and its like with at least its size, by DHAT. Copies of
# 64 bytes are no calls. Written and compared with as instructions.txt.
",
    counted: "copies of a message",
};
pub const JOBS: File = File {
    path: concat!(env!("CARGO_MANIFEST_DIR"), "/../instructions-jobs.txt"),
    title: "# Instructions, allocations and bytes of one job of joinq-flow with a `u64`, from the put until it is settled, on
# one thread, by callgrind and memcheck: written and compared with as instructions.txt.
",
    counted: "a job of joinq-flow",
};
pub const JOBS_WITH_METRICS: File = File {
    path: concat!(env!("CARGO_MANIFEST_DIR"), "/../instructions-jobs-metrics.txt"),
    title:
        "# As instructions-jobs.txt, with joinq-flow's feature `metrics` and no recorder: written and compared with by
# `cargo bench -p joinq-instructions --features metrics --bench jobs`. What the thread for timers does each second is in
# the counts, so they are larger on a slow machine.
",
    counted: "a job of joinq-flow with metrics",
};
/// The factor by which a count may grow.
const TOLERANCE: f64 = 1.02;
/// By so much it may grow in any case: what a loop of 8,192 does before and after.
const ANYWAY: f64 = 0.01;
const NAMES: usize = 52;

/// What was counted, by its name.
pub type Counts = Vec<(String, f64)>;

pub enum Verdict {
    Passed,
    Failed,
}

/// The first line that `program` prints.
fn first_line(program: &str, argument: &str) -> Result<String, String> {
    let output = Command::new(program).arg(argument).output().map_err(|error| format!("{program}: {error}"))?;
    let output = String::from_utf8_lossy(&output.stdout);
    Ok(output.lines().next().unwrap_or_default().to_owned())
}

/// The tools and the platform on which the counts depend.
pub fn origin(valgrind: &str) -> Result<String, String> {
    let rustc = first_line("rustc", "--version")?;
    let libc = first_line("getconf", "GNU_LIBC_VERSION").unwrap_or_default();
    Ok(format!("# {rustc}, {}-{}, {libc}, {valgrind}", std::env::consts::ARCH, std::env::consts::OS))
}

pub fn bless(to: &File, origin: &str, counts: &[(String, f64)]) -> Result<Verdict, String> {
    let mut file = format!("{}{origin}\n", to.title);
    for (name, count) in counts {
        let _ = writeln!(file, "{name:<NAMES$}{count:>9.2}");
    }
    std::fs::write(to.path, &file).map_err(|error| format!("{}: {error}", to.path))?;
    print!("{file}");
    Ok(Verdict::Passed)
}

pub fn compare(with: &File, origin: &str, filter: &str, counts: &[(String, f64)]) -> Result<Verdict, String> {
    let explain = |error| format!("{}: {error}; write it by `-- --bless`", with.path);
    let file = std::fs::read_to_string(with.path).map_err(explain)?;
    let kept: Vec<(&str, f64)> = file.lines().filter(|line| !line.starts_with('#')).filter_map(entry).collect();
    let kept_of = |name: &str| kept.iter().find(|entry| entry.0 == name).map(|entry| entry.1);

    println!("{:<NAMES$}{:>9}{:>9}", with.counted, "kept", "now");
    let (mut grown, mut improved, mut unknown) = (0, 0, 0);
    for (name, now) in counts {
        let now = *now;
        let Some(kept) = kept_of(name) else {
            unknown += 1;
            println!("{name:<NAMES$}{:>9}{now:>9.2}  not in the file", "");
            continue;
        };
        let verdict = if now > kept * TOLERANCE + ANYWAY {
            grown += 1;
            "GREW"
        } else if now * TOLERANCE + ANYWAY < kept {
            improved += 1;
            "improved"
        } else {
            ""
        };
        let change = if verdict.is_empty() { String::new() } else { format!("  {:+.1} %", (now / kept - 1.0) * 100.0) };
        println!("{name:<NAMES$}{kept:>9.2}{now:>9.2}  {verdict}{change}");
    }
    let gone = kept.iter().filter(|entry| entry.0.contains(filter) && !counts.iter().any(|now| now.0 == entry.0));
    let gone =
        gone.inspect(|entry| println!("{:<NAMES$}{:>9.2}{:>9}  not counted any more", entry.0, entry.1, "")).count();

    println!("\n{grown} grew by more than 2 %, {improved} improved, {} are not in both", unknown + gone);
    if improved + grown + unknown + gone > 0 {
        println!("to keep the new counts: cargo bench -p joinq-instructions -- --bless");
    }
    let differs = !file.lines().any(|line| line == origin);
    if differs {
        println!("REPORTED ONLY: the kept counts are from\n{}\nand these from\n{origin}", kept_origin(&file));
    }
    Ok(if grown + unknown + gone == 0 || differs { Verdict::Passed } else { Verdict::Failed })
}

fn entry(line: &str) -> Option<(&str, f64)> {
    let (name, count) = line.rsplit_once(char::is_whitespace)?;
    Some((name.trim_end(), count.parse().ok()?))
}

fn kept_origin(file: &str) -> &str {
    file.lines().rfind(|line| line.starts_with('#')).unwrap_or_default()
}
