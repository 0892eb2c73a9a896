#!/usr/bin/env python3
"""Plants one fault at a time in joinq and reports whether the checks of this package find it.

    verify/plant.py [NAME ...] [--list] [--limit SECONDS] [--work DIR]

Each fault is a small change of one function, made in a copy of the tree, where the named checks then run, one after
the other, until one finds a fault. A check `machine NAME TESTS` is `.ci/machines NAME` with these tests, which takes some
minutes for the first fault of each machine, as std is built in DIR. With --list no check runs: each fault must have
exactly one place in the code.
docs/verification.md has the results.
"""
import argparse, os, pathlib, re, shutil, subprocess, sys
from collections import namedtuple

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "loom-tests"))
from plant import regions

Fault = namedtuple("Fault", "name where old new breaks checks")
HISTORIES, FIFO, SOAK, CANCEL = "histories --count 300000", "fifo --items 4000000", "soak --items 2000000", "cancel --count 1000000"
FAULTS = []


def fault(name, where, old, new, breaks, *checks):
    FAULTS.append(Fault(name, where, old, new, breaks, checks))


# Answers and order.
fault("push-ignores-limit", "raw/push push", "_ => self.try_claim_push_within(limit)", "_ => self.try_claim_push_unlimited()", "more items than the capacity", HISTORIES)
fault("claim-though-closed", "raw/push claim_push", "seen.is_closed()", "false", "a put succeeds after the close", HISTORIES)
fault("close-says-true", "queue/close close_core", "return first;", "return true;", "two closes both say that they have closed the queue", HISTORIES)
fault("empty-beside-an-item", "queue/api try_get_slow", "if !self.core_decides() {", "if self.core_decides() && self.raw.len() == 1 {\n            return Err(PopError::Empty.into());\n        }\n        if !self.core_decides() {", "empty, though there is an item", HISTORIES, FIFO)
fault("late-first", "queue/bound/permits push_late", "late.push_back", "late.push_front", "items that are put by permits after the close change their order", HISTORIES)
fault("single-takes-twice", "raw/single take", "queue.head.store(seen.advanced(1));", "", "the single consumer takes an item twice", HISTORIES)
fault("batch-order", "raw/push push_run", "values.push_front(value)", "values.push_back(value)", "the items of a batch change their order", FIFO)
fault("publish-done", "raw/slot publish", "Ordering::Release, Ordering::Relaxed).is_ok()", "Ordering::Release, Ordering::Relaxed).is_ok() || true", "a put does not see that its slot was poisoned", FIFO)
fault("poison-done", "raw/slot wait_or_poison", "(CONTESTED, POISONED, Ordering::Release, Ordering::Acquire).is_ok()", "(CONTESTED, POISONED, Ordering::Release, Ordering::Acquire).is_ok() || true", "a get passes a slot whose put has finished", FIFO)
# Waits.
fault("get-keeps-notification", "queue/getters cancel_get", "None => self.forward_notification(),", "None => {}", "a get that is dropped keeps its notification", CANCEL)
fault("another-waker", "queue/getters replace_in_cell", "Some(false) => {", "Some(false) if false => {", "a get that is polled with another waker wakes the former one", CANCEL)
fault("reservation-keeps-permits", "queue/reserve cancel", "drop(self.after_wait(request));", "std::mem::forget(self.after_wait(request));", "a reservation that is cancelled keeps its permits", CANCEL)
fault("put-not-served", "queue/serve drop", "*freed > 0 && queue.hot", "false && *freed > 0 && queue.hot", "a put waits though a slot is free, after a batch or a slow get", CANCEL)
fault("put-not-served-by-get", "queue/serve take_and_serve_putters_slow", "self.serve_putters_slow();", "", "the same, after a get of one item", CANCEL)
fault("withdrawn-loses", "queue/put on_timeout", "self.take_back().map_or(Ok(()),", "self.take_back().filter(|_| false).map_or(Ok(()),", "a put that times out says that its item is in the queue", HISTORIES, CANCEL)
# Memory.
fault("free-not", "raw/segment free", "dealloc(self.header.as_ptr().cast(), layout);", "let _ = (dealloc, layout);", "a segment is not freed", SOAK)
fault("free-as-header", "raw/segment free", "let layout = Self::layout(self.start());", "let layout = Layout::new::<Header>();", "a segment is freed with the layout of its header", SOAK)
fault("recycle-early", "raw/pool recycle_or_retire", "unsafe { segment.is_reclaimable() }", "true", "a segment is reused while other threads use it", SOAK, FIFO)
fault("flag-before-read", "raw/slot take_full", "let _finish = Finish(self);", "drop(Finish(self));", "a segment is reused while its value is read", SOAK)
# Sanitizers and other processors.
fault("retired-is-free", "raw/pool recycle_or_retire", "unsafe { segment.is_reclaimable() }", "true", "a segment is freed while other threads use it", "machine asan stress")
fault("drop-keeps-pool", "raw/mod drop", "unsafe { queue.cold.pool.free_all() };", "let _ = queue;", "a dropped queue keeps its spare segments", "machine lsan memory")
fault("published-relaxed", "raw/slot publish", "(*self.state).store(FULL, Ordering::Release);", "(*self.state).store(FULL, Ordering::Relaxed);", "an item is read before it was written", "machine tsan stress")
fault("value-not-written", "raw/slot write", "unsafe { (*self.value).with_mut(|place| place.cast::<T>().write(value)) }", "if size_of::<T>() == 8 {\n            return std::mem::forget(value);\n        }\n        unsafe { (*self.value).with_mut(|place| place.cast::<T>().write(value)) }", "a get reads memory that was never written", "machine msan queue")
fault("address-of-32-bits", "raw/cursor address", "(self.0 >> ADDRESS_SHIFT << ALIGN_SHIFT) as usize", "self.0 as usize >> ADDRESS_SHIFT << ALIGN_SHIFT", "on 32 bits a cursor loses the address of its segment", "machine i686 queue")


def planted(text, fault):
    """The text of the file with the fault in it; None unless the fault has exactly one place."""
    function = fault.where.split(" ")[1]
    places = [(start, end) for start, end in regions(text, function) if text[start:end].count(fault.old) == 1]
    changed = {text[:start] + text[start:end].replace(fault.old, fault.new) + text[end:] for start, end in places}
    return changed.pop() if len(changed) == 1 else None


def run(tree, work, checks, limit):
    """The first check that found the fault, and its first line about the fault; None if all passed."""
    env = dict(os.environ, CARGO_TARGET_DIR=str(work / "target"))
    env.pop("RUSTFLAGS", None)
    build = ["cargo", "build", "--quiet", "--release", "-p", "joinq-verify"]
    built = subprocess.run(build, cwd=tree, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if built.returncode:
        sys.exit(f"does not compile:\n{built.stdout[-2000:]}")
    for check in checks:
        if check.startswith("machine "):
            return run_machine(tree, work, check, limit)
        command = ["timeout", "-k", "2", str(limit), str(work / "target/release/joinq-verify"), *check.split(" ")]
        out = subprocess.run(command, text=True, errors="replace", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        # A check that is out of time has found nothing: a wait without end is found by its own watchdog.
        if out.returncode not in (0, 124, 137):
            lines = [line for line in out.stderr.splitlines() if line and "with --seed" not in line and "the others take" not in line]
            return f"`{check.split(' ')[0]}`: {(lines or [f'status {out.returncode}'])[0][:150]}"
    return None


def run_machine(tree, work, check, limit):
    """What the first test that failed says, or None."""
    _, machine, tests = check.split(" ", 2)
    # In a folder of its own: cargo would take a build of this copy for one of the tree.
    env = dict(os.environ, JOINQ_TESTS=tests, JOINQ_MACHINES=str(work / "machines"))
    command = ["timeout", "-k", "2", str(max(limit, 1800)), ".ci/machines", machine]
    if subprocess.run(command, cwd=tree, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0:
        return None
    log = (tree / "target/machines" / f"{machine}.log").read_text(errors="replace")
    # What the sanitizer says, rather than a test.
    found = re.search(r"SUMMARY: .*", log) or re.search(r"panicked at .*\n.*|signal: .*|^error(\[|:) .*", log, re.M)
    return f"`{machine}`: {' '.join(found[0].split())[:150] if found else 'no reason'}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", help="names of faults")
    parser.add_argument("--list", action="store_true", help="only check that each fault has its place")
    parser.add_argument("--limit", type=int, default=300, help="seconds for one check")
    parser.add_argument("--work", default="/tmp/joinq-verify-plant")
    args = parser.parse_args()
    work = pathlib.Path(args.work)
    tree = work / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns("target", ".git"))
    bad = 0
    for fault in FAULTS:
        if args.names and fault.name not in args.names:
            continue
        path = tree / "src" / f"{fault.where.split(' ')[0]}.rs"
        text = path.read_text()
        changed = planted(text, fault)
        verdict = ""
        if changed is None:
            verdict = "has no place"
        elif not args.list:
            path.write_text(changed)
            verdict = run(tree, work, fault.checks, args.limit) or "survived"
            path.write_text(text)
        bad += verdict in ("has no place", "survived")
        print(f"{fault.name} | {fault.where} | {fault.breaks} | {verdict}", flush=True)
    return bad != 0


if __name__ == "__main__":
    sys.exit(main())
