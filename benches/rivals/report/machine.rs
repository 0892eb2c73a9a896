//! The machine on which the figures were measured, and the versions of all crates.

use std::fs;
use std::process::Command;
use std::thread::available_parallelism;
use std::time::SystemTime;

/// The text of a file; empty if the file is missing.
fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn cpu() -> String {
    let info = read("/proc/cpuinfo");
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    model.map_or_else(|| std::env::consts::ARCH.into(), |(_, model)| model.trim().into())
}

/// The version of `name` on which `parent` depends: Cargo.lock adds it to the name if there are several.
fn version(lock: &str, parent: &str, name: &str) -> Option<String> {
    let named = |wanted: &str| format!("name = \"{wanted}\"");
    let packages: Vec<Vec<&str>> = lock.split("[[package]]").map(|package| package.lines().collect()).collect();
    let package = packages.iter().find(|lines| lines.contains(&named(parent).as_str()))?;
    let mut dependencies = package.iter().map(|line| line.trim().trim_matches(['"', ',']));
    let dependency = dependencies.find(|line| line.split(' ').next() == Some(name))?;
    if let Some(version) = dependency.split(' ').nth(1) {
        return Some(version.into());
    }
    let package = packages.iter().find(|lines| lines.contains(&named(name).as_str()))?;
    let version = package.iter().find_map(|line| line.strip_prefix("version = "))?;
    Some(version.trim_matches('"').into())
}

/// The profile with which Cargo has built this bench: the name of a folder, as Cargo tells it in no other way.
pub fn profile() -> String {
    let bench = std::env::current_exe().ok();
    let folder = bench.as_deref().and_then(|bench| bench.ancestors().nth(2)?.file_name());
    folder.map_or_else(|| "unknown".into(), |name| name.to_string_lossy().into_owned())
}

/// Lines of Markdown; `crates` are the crates of the contenders.
pub fn facts(crates: &[&str]) -> String {
    let rustc = output("rustc", &["--version"]).unwrap_or_default();
    let lock = read(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock"));
    let commit = output("git", &["-C", env!("CARGO_MANIFEST_DIR"), "describe", "--always", "--dirty"]);
    let versions = crates.iter().map(|&name| match name {
        "std" => "std of rustc".into(),
        _ => {
            let version = version(&lock, "joinq-benches", name).unwrap_or_else(|| "?".into());
            match &commit {
                Some(commit) if name == "joinq" => format!("{name} {version} ({commit})"),
                _ => format!("{name} {version}"),
            }
        }
    });
    let versions: Vec<String> = versions.collect();
    let cores = available_parallelism().map_or(0, |cores| cores.get());
    let lines = [
        format!("- CPU: {}, {cores} cores for this process", cpu()),
        format!("- kernel: {} {}", std::env::consts::OS, read("/proc/sys/kernel/osrelease").trim()),
        format!("- {rustc}, profile {}", profile()),
        format!("- date: {}", humantime::format_rfc3339_seconds(SystemTime::now())),
        format!("- load average at the end: {}", read("/proc/loadavg").trim()),
        format!("- {}", versions.join(", ")),
    ];
    lines.join("\n")
}
