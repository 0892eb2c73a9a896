#!/usr/bin/env python3
"""Plants one fault at a time in joinq and reports whether its fuzz target finds it.

    fuzz/plant.py [NAME ...] [--list] [--limit SECONDS] [--work DIR]

Each fault is a small change of src, made in a copy of the tree. There the replay of tests/differential.rs runs first:
the committed corpus, and then the programs from seeds. Then libFuzzer runs for at most the limit, without the corpus.
NAME is a fault or a target. With --limit 0 only the replay runs. With --list nothing runs: each fault must have exactly
one place in the code. docs/verification.md has the results.
"""
import os, pathlib, re, shutil, subprocess, sys, time
from collections import namedtuple

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "demos"))
import planting

Fault = namedtuple("Fault", "name test file old new breaks")
FAULTS = []


def fault(name, target, file, old, new, breaks):
    FAULTS.append(Fault(name, target, f"src/{file}", old, new, breaks))


fault("last-handle-lives", "channel", "channel/handles.rs",
      "shared.$count().add_unless_zero().then(|| $name { shared })",
      "{\n                    shared.$count().add_unless_zero();\n                    Some($name { shared })\n                }",
      "a weak handle is upgraded after the last one was dropped")
fault("messages-stay", "channel", "channel/handles.rs", "    let _discard = Discard(shared);\n", "    let _ = &shared;\n",
      "the last receiver leaves the messages in the channel")
fault("join-sleeps", "multi", "queue/notify.rs",
      "            Remaining::Zero { claims } if !self.hot.join_waiters", "            Remaining::Zero { claims } if claims % 2 == 0 && !self.hot.join_waiters",
      "half of the moments without an unfinished item wake no join")
fault("permits-not-served", "multi", "queue/close.rs", "        self.serve_putters();\n    }\n\n    /// Notifies all waiters for",
      "    }\n\n    /// Notifies all waiters for", "permits that are released go to no waiter")
fault("batch-reports-one", "ops", "raw/push.rs", "        events.pushed += kept;\n", "        events.pushed += kept.min(1);\n",
      "one waiter is notified of a batch")
fault("get-keeps-notification", "ops", "queue/getters.rs", "            None => self.forward_notification(),\n", "            None => {}\n",
      "a get that is dropped keeps its notification")
fault("reservation-keeps-permits", "ops", "queue/reserve.rs", "drop(self.after_wait(request));", "std::mem::forget(self.after_wait(request));",
      "a reservation that is cancelled keeps its permits")
fault("one-waker-only", "panics", "wait/wake_list.rs", "        held.run(|| wake(waker));\n", "        wake(waker);\n",
      "a waker that panics keeps the others from being woken")
fault("shutdown-leaks", "panics", "queue/api.rs",
      "        // Before the items become the return value, which would be leaked.\n        drop(held);\n", "",
      "a shutdown that unwinds leaks the items")
fault("biased-is-random", "select", "select/run.rs", "    if order == Order::Random {\n", "    if order == Order::Random || branches.len() > 2 {\n",
      "a biased select of three branches completes any of them")
fault("item-stays", "select", "select/branch.rs", "            self.place.put_back(item);\n", "            drop(item);\n",
      "a put that loses drops its item")
fault("watermark-late", "waitlist", "wait/queue.rs", "        self.removed = seq + 1;\n", "        self.removed = seq;\n",
      "a waiter is removed, and the watermark does not say so")
fault("neighbour-not-linked", "waitlist", "wait/queue.rs", "            Some(next) => next.previous = previous,\n", "            Some(_) => {}\n",
      "the waiter behind one that left is linked to that one")
fault("subtask-without-permit", "work", "queue/subtask.rs", "            permits.overdraw(items as u64);\n", "            permits.overdraw(items as u64 / 2);\n",
      "a subtask takes no permit")
fault("empty-batch-claims", "work", "queue/subtask.rs",
      "        if items.is_empty() {\n            return Ok(());\n        }\n        self.begin_subtasks", "        self.begin_subtasks",
      "an empty batch of subtasks claims a slot at the end of a segment")
fault("raise-silent", "work", "queue/set_capacity.rs", "            self.serve(lists, limit, deferred);\n",
      "            let _ = (limit, deferred, &lists);\n", "a raised capacity serves no waiter")


def cargo(tree, work, command, **env):
    env = dict(os.environ, CARGO_TARGET_DIR=str(work / "target"), CARGO_INCREMENTAL="0", **env)
    env.pop("RUSTFLAGS", None)
    return subprocess.run(command, cwd=tree, env=env, text=True, errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def replay(tree, work, target, name):
    run = cargo(tree, work, ["timeout", "-k", "2", "200", "cargo", "test", "-q", "-p", "joinq", "--test", "differential", f"{target}::{name}"])
    if "error: could not compile" in run.stdout:
        raise SyntaxError(f"does not compile: {run.stdout[-1500:]}")
    return run.returncode != 0


def run(tree, work, target, limit):
    try:
        return find(tree, work, target, limit)
    except SyntaxError as error:
        return str(error)


def find(tree, work, target, limit):
    corpus = "corpus" if replay(tree, work, target, "the_corpus") else "not the corpus"
    seeds = "seeds" if replay(tree, work, target, "seeded") else "not the seeds"
    if limit == 0:
        return None if corpus + seeds == "not the corpusnot the seeds" else f"{corpus}, {seeds}, fuzzer not run"
    built = cargo(tree, work, ["cargo", "fuzz", "build", target], RUSTC_BOOTSTRAP="1")
    if built.returncode:
        return f"does not compile: {built.stdout[-1500:]}"
    empty = work / "empty"
    shutil.rmtree(empty, ignore_errors=True)
    empty.mkdir(parents=True)
    begin = time.monotonic()
    binary = work / "target/x86_64-unknown-linux-gnu/release" / target
    fuzz = cargo(tree, work, [str(binary), f"-max_total_time={limit}", "-max_len=512", "-len_control=20", "-timeout=200", f"-artifact_prefix={work}/", str(empty)])
    took = time.monotonic() - begin
    if fuzz.returncode == 0 and corpus + seeds == "not the corpusnot the seeds":
        return None
    why = re.search(r"panicked at [^\n]*\n([^\n]*)|(ERROR: [^\n]*)", fuzz.stdout)
    found = f"fuzzer {took:.0f} s" if fuzz.returncode else "not the fuzzer"
    return f"{corpus}, {seeds}, {found}: {(why.group(1) or why.group(2) or '')[:90] if why else ''}"


if __name__ == "__main__":
    sys.exit(planting.main(
        FAULTS, run, work="/tmp/joinq-plant-fuzz", limit=60, names="names of faults or targets",
        changes=lambda fault: [(fault.file, fault.old, fault.new)],
        columns=lambda fault: (fault.name, f"`{fault.test}`", fault.file, fault.breaks),
        selects=lambda fault: {fault.name, fault.test}))
