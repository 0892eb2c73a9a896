#!/usr/bin/env python3
"""Runs the tests of published crates with their channel and with joinq in its place, and prints a table.

    shims/field-tests.py [--work FOLDER] [CRATE ...]

Each crate is fetched by cargo from crates.io and copied. `cargo test` runs in the copy twice: as it is, and with a
[patch.crates-io] that replaces its channel by the shims of this folder. Both runs have the same dependencies. A run that
does not end within 20 minutes counts as failed. The rows are also appended to FOLDER/rows.md; the output of each run is
in FOLDER/CRATE.before and FOLDER/CRATE.after.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

SHIMS = pathlib.Path(__file__).resolve().parent
ROOT = SHIMS.parent
LIMIT = 20 * 60  # seconds

# What is patched for each peer. Two versions of one crate need two names.
PATCHES = {
    "async-channel": {"async-channel": SHIMS / "async-channel"},
    "async-channel 1": {"async-channel-1": SHIMS / "async-channel-1"},
    "crossbeam-channel": {"crossbeam-channel": SHIMS / "crossbeam-channel"},
    "flume": {"flume": SHIMS / "flume"},
    "flume 0.11": {"flume-0-11": SHIMS / "flume-0.11"},
}


class Case:
    """A crate, the channel that it uses and for what, the arguments of `cargo test`, and what must be edited."""

    def __init__(self, name, version, peer, use, test="", edits=None):
        self.name, self.version, self.peer, self.use, self.test, self.edits = name, version, peer, use, test, edits


CASES = [
    Case("blocking", "1.7.0", "async-channel", "results of blocking tasks"),
    Case("async-process", "2.5.0", "async-channel", "children to reap"),
    Case("async-global-executor", "2.4.1", "async-channel", "threads that end"),
    Case("smol", "2.0.2", "async-channel", "re-exports it; its tests and examples"),
    Case("async-std", "1.13.2", "async-channel 1", "`channel`", "--lib --tests --features unstable"),
    Case("http-types", "2.12.0", "async-channel 1", "trailers", "--lib --tests"),
    Case("async-h1", "2.3.4", "async-channel 1", "bodies and 100-continue", "--lib --tests"),
    Case("async-sse", "5.1.0", "async-channel 1", "events", "--lib --tests"),
    Case("tracing-appender", "0.2.5", "crossbeam-channel", "lines for the writing thread"),
    Case("slog-async", "2.8.0", "crossbeam-channel", "records for the logging thread"),
    Case("lsp-server", "0.7.9", "crossbeam-channel", "messages from and to stdio", "--lib"),
    Case("moka", "0.12.16", "crossbeam-channel", "read and write logs of the cache", "--no-default-features --features sync --lib"),
    Case("crossbeam", "0.8.5", "crossbeam-channel", "re-exports it"),
    Case("ignore", "0.4.35", "crossbeam-channel", "tests of the parallel walk"),
    Case("jwalk", "0.8.1", "crossbeam-channel", "folders that were read"),
    Case("rumqttc", "0.25.1", "flume 0.11", "requests of clients", "--no-default-features --lib"),
    Case("async-task", "4.7.1", "flume 0.11", "its tests: tasks that are scheduled", "--tests"),
    Case("async-lock", "3.5.0", "flume", "its tests", "--tests"),
    Case("fjall", "3.1.13", "flume", "messages for worker threads", "--lib --tests"),
    Case(
        "threadpool", "1.8.1", "std", "jobs", "",
        [("src/lib.rs", r"(?m)^( *)use std::sync::mpsc", r"\1use joinq::compat::std_mpsc"),
         ("src/lib.rs", r"(?m)^extern crate num_cpus;", "extern crate joinq;\nextern crate num_cpus;")],
    ),
    Case("tokio-stream", "0.1.19", "tokio", "`ReceiverStream`", "--features full --tests"),
    Case("tokio-util", "0.7.20", "tokio", "`PollSender`", "--features full --lib --tests"),
    Case("tower", "0.5.3", "tokio", "`Buffer`", "--features full --lib --tests"),
    Case("hyper", "1.12.0", "tokio", "requests of a client's connection", "--features full --lib"),
    Case("actix-rt", "2.15.0", "tokio", "commands for an arbiter", "--tests"),
]


def cargo(arguments, folder, target, output=None):
    """Runs cargo at a low priority; returns whether it succeeded and what it printed."""
    environment = dict(os.environ, CARGO_TARGET_DIR=str(target), CARGO_TERM_COLOR="never")
    environment.pop("RUSTFLAGS", None)
    try:
        done = subprocess.run(["nice", "-n", "10", "cargo", *arguments], cwd=folder, env=environment, timeout=LIMIT,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
                              errors="replace")
        ended, printed = done.returncode == 0, done.stdout
    except subprocess.TimeoutExpired as error:
        ended, printed = False, (error.stdout or b"").decode(errors="replace") + "\nnot ended in time\n"
    if output:
        output.write_text(printed)
    return ended, printed


def source(case, work):
    """The crate's folder in cargo's registry."""
    fetch = work / "fetch"
    (fetch / "src").mkdir(parents=True, exist_ok=True)
    (fetch / "src/lib.rs").touch()
    (fetch / "Cargo.toml").write_text(
        f'[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n'
        f'[dependencies]\n{case.name} = {{ version = "={case.version}", default-features = false }}\n')
    (fetch / "Cargo.lock").unlink(missing_ok=True)
    ended, printed = cargo(["fetch"], fetch, work / "target")
    home = pathlib.Path(os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo"))
    found = list(home.glob(f"registry/src/*/{case.name}-{case.version}"))
    if not ended or not found:
        sys.exit(printed)
    return found[0]


def migrate(case, folder, work):
    """Replaces the channel by joinq in the copy."""
    manifest = folder / "Cargo.toml"
    text = manifest.read_text()
    if case.peer == "std":
        text = text.replace("[dependencies", f'[dependencies.joinq]\npath = "{ROOT}"\nfeatures = ["compat"]\n\n[dependencies', 1)
    elif case.peer == "tokio":
        subprocess.run([SHIMS / "tokio.sh", work / "tokio"], check=True, stdout=subprocess.DEVNULL)
        text += f'\n[patch.crates-io]\ntokio = {{ path = "{work}/tokio/tokio" }}\n'
    else:
        text += "\n[patch.crates-io]\n"
        for name, path in PATCHES[case.peer].items():
            text += f'{name} = {{ path = "{path}", package = "{case.peer.split()[0]}" }}\n'
    manifest.write_text(text)
    for file, old, new in case.edits or []:
        path = folder / file
        edited, count = re.subn(old, new, path.read_text())
        assert count > 0, f"nothing to edit in {path}"
        path.write_text(edited)


def result(ended, printed):
    """What `cargo test` printed, as a cell of the table."""
    if "could not compile" in printed or ("error" in printed and "test result" not in printed):
        return "does not compile"
    counts = [sum(map(int, column)) for column in
              zip(*re.findall(r"test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored", printed))]
    if "not ended in time" in printed:
        return "not ended in time"
    if not counts or sum(counts) == 0:
        return "builds; no tests" if ended else "failed"
    passed, failed, ignored = counts
    return f"{passed} passed, {failed} failed" + (f", {ignored} ignored" if ignored else "")


def run(case, work):
    folder, target = work / f"{case.name}-{case.version}", work / "target"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source(case, work), folder)
    (folder / "Cargo.lock").unlink(missing_ok=True)
    manifest = folder / "Cargo.toml"
    if "\n[workspace]" not in manifest.read_text():
        manifest.write_text(manifest.read_text() + "\n[workspace]\n")
    command = ["test", "--no-fail-fast", *case.test.split()]
    before = result(*cargo(command, folder, target, work / f"{case.name}.before"))
    migrate(case, folder, work)
    after = result(*cargo(command, folder, target, work / f"{case.name}.after"))
    _, tree = cargo(["tree", "--edges", "all", "--prefix", "none", "--invert", "joinq"], folder, target)
    if f"{case.name} v{case.version}" not in tree:
        after += " (joinq is not in its tree)"
    peer = {"std": "`std::sync::mpsc`", "tokio": "`tokio::sync::mpsc`"}.get(
        case.peer, f"`{case.peer}`".replace(" 0.11`", "` 0.11").replace(" 1`", "` 1"))
    shown = f"`cargo test {case.test}`".replace(" `", "`")
    return f"| `{case.name}` {case.version} | {peer}: {case.use} | {shown} | {before} | {after} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "target/field-tests")
    parser.add_argument("crates", nargs="*", metavar="CRATE")
    arguments = parser.parse_args()
    work = arguments.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    unknown = set(arguments.crates) - {case.name for case in CASES}
    if unknown:
        sys.exit(f"no such crate in the list: {', '.join(sorted(unknown))}")
    print("| crate | its channel | command | with its channel | with joinq |\n|---|---|---|---|---|", flush=True)
    for case in CASES:
        if not arguments.crates or case.name in arguments.crates:
            row = run(case, work)
            print(row, flush=True)
            with open(work / "rows.md", "a") as rows:
                rows.write(row + "\n")


main()
