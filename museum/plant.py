#!/usr/bin/env python3
"""Plants one bug of another queue at a time in joinq and reports whether the test of its row in docs/museum.md fails.

    museum/plant.py [NAME ...] [--list] [--limit SECONDS] [--work DIR]

Each fault of the table below is a small change of src, made in a copy of the tree. With --list no test runs: each fault
must have exactly one place in the code. The last column is `found`, or `survived`.
"""
import argparse, os, pathlib, shutil, subprocess, sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FAULTS = []


def fault(name, file, old, new, breaks, test):
    FAULTS.append((name, file, old, new, breaks, test))


fault("late-message-stays", "queue/reserve.rs",
      "if queue.is_closed() && queue.handles().receivers.get() == 0 {", "if false {",
      "a message of a late permit stays", "museum_006")
fault("late-message-checked-first", "queue/reserve.rs",
      "        self.put(message);\n        let queue = self.handle.queue();\n",
      "        let alone = self.handle.queue().handles().receivers.get() == 0;\n        self.put(message);\n"
      "        let queue = self.handle.queue();\n        if !alone {\n            return;\n        }\n",
      "a message beside the last receiver stays", "loom museum_006")
fault("discard-stops", "queue/api.rs", "        drop_all(|| self.try_get().ok());\n",
      "        while let Ok(item) = self.try_get() {\n            drop(item);\n        }\n",
      "a drop that panics leaves the other messages", "museum_030")
fault("last-permit-silent", "queue/close.rs", "        self.notify_if_finished(permits.return_unused(count));\n",
      "        let _ = permits.return_unused(count);\n", "the last permit does not wake the receivers", "museum_043")
fault("raise-silent", "queue/set_capacity.rs", "            self.serve(lists, limit, deferred);\n",
      "            let _ = (limit, deferred, &lists);\n", "a raised capacity serves no waiter", "museum_043")
fault("empty-at-an-edge", "queue/api.rs", "        self.len() == 0\n", "        self.len() % 32 == 0\n",
      "`is_empty` is wrong at the edge of a block", "museum_066")
fault("put-takes-a-lock", "queue/api.rs", "        Ok(self.push_from(Item(item))?)\n",
      "        static PLANTED: std::sync::Mutex<()> = std::sync::Mutex::new(());\n"
      "        let _guard = PLANTED.lock();\n        Ok(self.push_from(Item(item))?)\n",
      "a signal handler waits for the put that it interrupts", "museum_100")
fault("bytes-become-a-value", "queue/handle_count.rs", "use crate::sync::{AtomicU32, Ordering};\n",
      "use crate::sync::{AtomicU32, Ordering};\n#[allow(dead_code)]\nconst ZEROED: u8 = 0; // mem::zeroed\n",
      "a value is made of bytes", "museum_010")


def run(tree, work, test, limit):
    """What the test says, or None if it passes."""
    env = dict(os.environ, CARGO_TARGET_DIR=str(work / "target"), CARGO_INCREMENTAL="0")
    env.pop("RUSTFLAGS", None)
    command = ["cargo", "test", "-q"]
    if test.startswith("loom "):
        command += ["--config", "build.rustflags=['--cfg','loom']", "--profile", "loom", "-p", "joinq-loom-tests"]
        env["CARGO_TARGET_DIR"] = str(work / "target/loom")
    command += ["--test", "museum"]
    built = subprocess.run(command + ["--no-run"], cwd=tree, env=env, text=True, stderr=subprocess.STDOUT, stdout=subprocess.PIPE)
    if built.returncode:
        return f"does not compile: {built.stdout[-1500:]}"
    command = ["timeout", "-k", "2", str(limit)] + command + ["--", "--include-ignored", test.split(" ")[-1]]
    return "found" if subprocess.run(command, cwd=tree, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode else None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", help="names of faults")
    parser.add_argument("--list", action="store_true", help="only check that each change has its place")
    parser.add_argument("--limit", type=int, default=200, help="seconds for one test")
    parser.add_argument("--work", default="/tmp/joinq-plant-museum")
    args = parser.parse_args()
    work = pathlib.Path(args.work)
    tree = work / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns("target", ".git"))
    bad = 0
    for name, file, old, new, breaks, test in FAULTS:
        if args.names and name not in args.names:
            continue
        path = tree / "src" / file
        text = path.read_text()
        verdict = ""
        if text.count(old) != 1:
            verdict = "has no place"
        elif not args.list:
            path.write_text(text.replace(old, new))
            verdict = run(tree, work, test, args.limit) or "survived"
            path.write_text(text)
        bad += verdict not in ("", "found")
        print(f"{name} | {breaks} | {test} | {verdict}", flush=True)
    return bad != 0


if __name__ == "__main__":
    sys.exit(main())
