#!/usr/bin/env python3
"""Runs the published test suites of other crates against `joinq::compat`, unchanged.

    python3 compat-tests/conformance.py                     all suites
    python3 compat-tests/conformance.py crossbeam-channel   some of them
    python3 compat-tests/conformance.py --oracle flume      the same tests on the crate itself
    options: --files select,ready   --filter TEXT   --limit SECONDS   --again RUNS   --project DIR
             --work DIR   --list

For each suite it makes a stand-in, a crate that has the peer's name and contains nothing but a re-export of the
module of `joinq::compat`, and copies the tests out of the peer's package, which cargo downloads. The files are
not edited. A test that fails is repeated by itself, and the report says so: some tests of the peers measure times and
fail on a busy machine. A test is left out by libtest's `--skip`, and the report names it and says why.

Prints a line for each file and at last `conformance: N passed, M failed`. Ends with 0 if all files were built and
no test failed.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Suite:
    """The tests of one package."""

    peer: str  # the crate that the tests use
    version: str
    module: str  # of joinq
    files: list[str]
    dependencies: dict[str, str]
    package: str = ""  # the package that has the tests, if it is not the peer's own
    package_version: str = ""
    features: list[str] = field(default_factory=list)  # of the tests themselves, as `#[cfg(feature = "async")]`
    renamed: dict[str, str] = field(default_factory=dict)  # words of the test files
    left_out: dict[str, dict[str, str]] = field(default_factory=dict)  # file -> test -> reason
    files_left_out: dict[str, str] = field(default_factory=dict)


SUITES = {
    "async-channel": Suite(
        peer="async-channel",
        version="2.5.0",
        module="async_channel",
        files=["bounded", "unbounded"],
        dependencies={"easy-parallel": '"3"', "futures-lite": '"2"'},
    ),
    "crossbeam-channel": Suite(
        peer="crossbeam-channel",
        version="0.5.17",
        module="crossbeam_channel",
        files=[
            "after", "array", "golang", "iter", "list", "mpsc", "never", "ready", "same_channel", "select",
            "select_macro", "thread_locals", "tick", "zero",
        ],
        dependencies={
            "crossbeam-utils": '"0.8"',
            "num_cpus": '"1.13"',
            "rand": '"0.8"',
            "signal-hook": '"0.3"',
        },
    ),
    "flume": Suite(
        peer="flume",
        version="0.12.0",
        module="flume",
        files=["array", "async", "basic", "check_same_channel", "iter", "list", "method_sharing", "stream", "zero"],
        dependencies={
            "async-std": '{ version = "1.13", features = ["attributes", "unstable"] }',
            "crossbeam-utils": '"0.8"',
            "futures": '"0.3"',
            "rand": '"0.8"',
            "tokio": '{ version = "1", features = ["full"] }',
            "waker-fn": '"1"',
        },
        features=["async", "select"],
        files_left_out={
            "mpsc": "imports crossbeam-channel in place of flume; the suite flume-mpsc has the same tests",
            "after, golang, never, ready, same_channel, select, select_macro, thread_locals, tick":
                "contain nothing but comments: flume has neither `select!` nor timers",
        },
    ),
    "flume-mpsc": Suite(
        peer="flume",
        version="0.12.0",
        module="flume",
        package="loole",
        package_version="0.6.0",
        files=["flume_mpsc"],
        renamed={"loole": "flume"},
        dependencies={"crossbeam-utils": '"0.8"', "rand": '"0.10"'},
    ),
}


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def manifest(name, rest):
    return f'[package]\nname = "{name}"\nversion = "0.0.0"\nedition = "2021"\n{rest}'


def package_folder(package, version, work):
    """Where cargo has put the sources of a package."""
    probe = work / "fetch" / package
    write(probe / "src/lib.rs", "")
    write(probe / "Cargo.toml", manifest("fetch", f'[workspace]\n[dependencies]\n{package} = "={version}"\n'))
    answer = subprocess.run(
        ["cargo", "metadata", "--format-version", "1"], cwd=probe, capture_output=True, text=True, check=False
    )
    if answer.returncode != 0:
        sys.exit(answer.stderr)
    for found in json.loads(answer.stdout)["packages"]:
        if (found["name"], found["version"]) == (package, version):
            return Path(found["manifest_path"]).parent
    sys.exit(f"cargo did not resolve {package} {version}")


def make_workspace(suite, folder, project, source, files, oracle):
    """A workspace with the tests and the stand-in for the peer."""
    shutil.rmtree(folder, ignore_errors=True)
    for file in files:
        text = (source / f"tests/{file}.rs").read_text()
        for old, new in suite.renamed.items():
            text = re.sub(rf"\b{old}\b", new, text)
            text = text.replace(f"use {new} as {new};", f"use {new};")
        write(folder / f"tests/tests/{file}.rs", text)
    write(folder / "tests/src/lib.rs", "")
    peer = f'version = "={suite.version}"' if oracle else 'path = "../stand-in"'
    lines = [f"{suite.peer} = {{ {peer} }}"] + [f"{name} = {value}" for name, value in suite.dependencies.items()]
    profile = "[profile.dev]\nopt-level = 1\n"
    members = '"tests"' if oracle else '"tests", "stand-in"'
    write(folder / "Cargo.toml", f'[workspace]\nresolver = "2"\nmembers = [{members}]\n{profile}')
    declared = "".join(f"{feature} = []\n" for feature in suite.features)
    features = f"[features]\ndefault = {json.dumps(suite.features)}\n{declared}"
    write(folder / "tests/Cargo.toml", manifest("tests", f"{features}[dependencies]\n" + "\n".join(lines) + "\n"))
    if not oracle:
        joinq = f'joinq = {{ path = "{project}", features = ["compat"] }}'
        stand_in = manifest(suite.peer, f"[dependencies]\n{joinq}\n").replace("0.0.0", suite.version)
        write(folder / "stand-in/Cargo.toml", stand_in)
        write(folder / "stand-in/src/lib.rs", f"pub use joinq::compat::{suite.module}::*;\n")


def run(command, folder):
    return subprocess.run(
        command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )


def run_file(name, suite, file, folder, target, options):
    """Builds and runs one file of tests. Returns the numbers of passed and failed tests; None if it was not run."""
    skips = [argument for test in suite.left_out.get(file, {}) for argument in ("--skip", test)]
    command = ["timeout", str(options.limit), "cargo", "test", "-q", "-p", "tests", "--test", file]
    command += ["--target-dir", str(target), "--"] + skips + ([options.filter] if options.filter else [])
    done = run(command, folder)
    results = re.findall(r"test result: \w+\. (\d+) passed; (\d+) failed", done.stdout)
    if not results:
        print(f"  {name}/{file}: was not run to its end (exit status {done.returncode})")
        print("\n".join("    " + line for line in done.stdout.splitlines()[-40:]))
        return None
    passed, failed = (sum(int(result[column]) for result in results) for column in (0, 1))
    print(f"  {name}/{file}: {passed} passed, {failed} failed", flush=True)
    failures = re.findall(r"^(?:test )?([\w:]+)(?: - should panic)? (?:\.\.\.|---) FAILED$", done.stdout, re.M)
    for test in dict.fromkeys(failures):
        # Some tests measure times, and fail on a machine that is busy.
        for again in range(1, options.again + 1):
            repeated = run(command[: command.index("--") + 1] + ["--exact", test], folder)
            if " 1 passed; 0 failed" in repeated.stdout:
                print(f"    {test}: failed, and passed by itself in run {again + 1}")
                passed, failed = passed + 1, failed - 1
                break
        else:
            print(f"    {test}: FAILED")
            print("\n".join("    " + line for line in done.stdout.splitlines() if f"thread '{test}'" in line))
    return passed, failed


def run_suite(name, suite, project, work, options):
    source = package_folder(suite.package or suite.peer, suite.package_version or suite.version, work)
    folder = work / (f"oracle-{name}" if options.oracle else name)
    files = [file for file in suite.files if not options.files or file in options.files.split(",")]
    make_workspace(suite, folder, project, source, files, options.oracle)
    print(f"{name}: the tests of {suite.package or suite.peer} {suite.package_version or suite.version}")
    results = [(f"{name}/{file}", run_file(name, suite, file, folder, work / "build", options)) for file in files]
    for file, reason in suite.files_left_out.items():
        print(f"  {name}/{file}: left out: {reason}")
    for file, tests in suite.left_out.items():
        for test, reason in tests.items():
            print(f"  {name}/{file}::{test}: left out: {reason}")
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="suites; all of them by default")
    parser.add_argument("--oracle", action="store_true", help="test the peer itself")
    parser.add_argument("--files", help="some files of the suites, separated by commas")
    parser.add_argument("--filter", help="run the tests whose names contain this")
    parser.add_argument("--limit", type=int, default=600, help="seconds for one file, its build included")
    parser.add_argument("--again", type=int, default=3, help="how often a failed test is repeated by itself")
    parser.add_argument("--project", default=str(Path(__file__).resolve().parent.parent))
    parser.add_argument("--work", help="where the workspaces are made; DIR/target/conformance by default")
    parser.add_argument("--list", action="store_true", help="print the names of the suites")
    options = parser.parse_args()
    if options.list:
        print("\n".join(SUITES))
        return 0
    project = Path(options.project).resolve()
    work = Path(options.work).resolve() if options.work else project / "target/conformance"
    results = []
    for name in options.names or SUITES:
        results += run_suite(name, SUITES[name], project, work, options)
    unfinished = [file for file, result in results if result is None]
    passed, failed = (sum(result[column] for _, result in results if result) for column in (0, 1))
    if unfinished:
        print("not run to the end: " + ", ".join(unfinished))
    print(f"conformance: {passed} passed, {failed + len(unfinished)} failed")
    return 1 if failed or unfinished else 0


if __name__ == "__main__":
    sys.exit(main())
