#!/usr/bin/env python3
"""Weakens each memory ordering of the crate in turn and reports which model fails.

    loom-tests/weaken.py [LABEL ...] [--limit SECONDS] [--tests FILE ...] [--work DIR]

For each `Ordering::` argument in src/ that is stronger than Relaxed, a copy of the tree has this argument replaced by
Relaxed, and the models run until one fails. The label is that of the nearest `// Ordering:` comment above. The last
column is the model that failed, or `survived`: then docs/memory-orderings.md must give the reason for the ordering.
"""
import argparse, os, pathlib, re, shutil, subprocess, sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
STRONG = re.compile(r"Ordering::(Acquire|Release|AcqRel|SeqCst)\b")
TESTS = ["lazy_box", "handles", "permits", "words", "raw", "raw_bound", "raw_edges", "raw_short", "raw_pool", "raw_slot", "raw_single", "join", "waiting", "getters"]


def mutants(path):
    label, lines = "?", path.read_text().split("\n")
    for number, line in enumerate(lines):
        if re.match(r"\s*//", line):
            said = re.search(r"// Ordering: [^.]*?\b([A-Z]\d)\b", line)
            label = said.group(1) if said else label
            continue
        for hit in STRONG.finditer(line):
            weak = line[: hit.start()] + "Ordering::Relaxed" + line[hit.end():]
            yield label, number, weak, hit.group(1), "\n".join(lines[:number] + [weak] + lines[number + 1:])


def models(tree, name, target, limit, extra):
    flags = "--cfg loom" + extra
    env = dict(os.environ, RUSTFLAGS=flags, CARGO_TARGET_DIR=str(target), LOOM_MAX_PREEMPTIONS=os.environ.get("LOOM_MAX_PREEMPTIONS", "2"))
    cmd = ["timeout", "-k", "5", str(limit), "cargo", "test", "--offline", "-q", "--profile", "loom", "-p", "joinq-loom-tests", "--test", name, "--", "--include-ignored"]
    out = subprocess.run(cmd, cwd=tree, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    failed = re.findall(r"^test (\S+) \.\.\. FAILED|^---- (\S+) stdout|panicked at", out.stdout, re.M)
    named = [a or b for a, b in failed if a or b]
    if out.returncode in (0, 124, 137):
        return None if out.returncode == 0 else "timeout"
    if "error: could not compile" in out.stdout:
        return "does not compile"
    return named[0] if named else f"{name} (aborted)"


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("labels", nargs="*")
    ap.add_argument("--limit", type=int, default=120, help="seconds for one file of models")
    ap.add_argument("--tests", nargs="*", default=TESTS, help="files of models")
    ap.add_argument("--work", default="/tmp/joinq-weaken")
    args = ap.parse_args()
    work = pathlib.Path(args.work)
    tree = work / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns("target", ".git", "fuzz"))
    survived = 0
    for path in sorted((ROOT / "src").rglob("*.rs")):
        copy = tree / path.relative_to(ROOT)
        for label, number, weak, was, text in mutants(path):
            if args.labels and label not in args.labels:
                continue
            copy.write_text(text)
            os.utime(copy)
            verdict = None
            for extra in ("", " --cfg loom_rmw"):
                for name in args.tests:
                    if not (tree / "loom-tests" / f"{name}.rs").exists():
                        continue
                    found = models(tree, name, work / ("target" + extra.replace(" --cfg ", "-")), args.limit, extra)
                    if found and found != "timeout":
                        verdict = f"{name}::{found}{extra}"
                        break
                if verdict:
                    break
            copy.write_text(path.read_text())
            survived += verdict is None
            print(f"{label} | {path.relative_to(ROOT)}:{number + 1} | {was} | {verdict or 'survived'}", flush=True)
    print(f"{survived} survived")
    return 0


if __name__ == "__main__":
    sys.exit(main())
