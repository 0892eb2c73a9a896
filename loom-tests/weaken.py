#!/usr/bin/env python3
"""Weakens each memory ordering of the crate, and removes each fence, one at a time, and reports which model fails.

    loom-tests/weaken.py [LABEL | FILE.rs ...] [--list] [--survivors] [--work DIR]
                         [--builds loom loom-rmw] [--executions N] [--model SECONDS] [--mutant SECONDS]

An ordering is weakened by one step, and to Relaxed: AcqRel to Acquire, to Release, to Relaxed. A fence is removed at
its place and at each call of the function that has it; an RMW fence becomes a load. `weaken_sites.py` finds them all,
and rewrites a copy of src/ so that an environment variable chooses one: so the models are compiled once.

Each model runs first as it is. That says whether it passes, how long it takes, and which places it executes: only
these models can fail when a place is weakened. The order is: the models and files that the row of the label in
docs/memory-orderings.md names, other models of the file of a named model, then the others, the quickest first; each
in both builds (`cargo loom`, `cargo loom-rmw`). The limits are seconds of processor time, so the script may be stopped
by a signal and continued. All results are in DIR/results.json, and a run that was ended goes on where it was. If a file
of src/ has changed, its places are run again; if models have, what they killed and what survived.

Verdicts: `killed` by a model; `survived` all models that execute the place, up to --executions each; `survived so far`,
because the limit of seconds ended first; `not executed` by any model. The last three count as survivors.
"""
import argparse, hashlib, json, os, pathlib, re, resource, shutil, subprocess, sys, tempfile, time

import weaken_sites

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILDS = {"loom": "--cfg loom", "loom-rmw": "--cfg loom --cfg loom_rmw"}


def digest(*texts):
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def code(*paths):
    """The texts of the files without comments that have a line of their own."""
    return [re.sub(r"^\s*//.*\n", "", path.read_text(), flags=re.M) for path in sorted(paths)]


def file_of(model):
    return model.split(" ")[1].split("::")[0]


class Results:
    """What is known, kept in a file after each step."""

    def __init__(self, work):
        self.path = work / "results.json"
        shared = [ROOT / "loom-tests" / name for name in ("support.rs", "items.rs", "weaken_sites.py")]
        new = {
            "shared": digest(*code(*shared)),
            "src": {path.relative_to(ROOT).as_posix(): digest(*code(path)) for path in (ROOT / "src").rglob("*.rs")},
            "files": {path.stem: digest(*code(path)) for path in (ROOT / "loom-tests").glob("*.rs")},
        }
        old = json.loads(self.path.read_text()) if self.path.exists() else {}
        if old.get("shared") != new["shared"]:
            old = {}
        self.data = {**new, "models": old.get("models", {}), "mutants": old.get("mutants", {})}
        changed = lambda part: {name for name in {*old.get(part, {}), *new[part]}
                                if old.get(part, {}).get(name) != new[part].get(name)}
        self.forget(changed("src"), changed("files"))

    def forget(self, sources, files):
        """Forgets what a change of these files of src/ and of models may have changed. What was found in one file of
        src/ is kept when another one changes: for a run of the whole begin with an empty folder."""
        for model in [model for model in self.data["models"] if sources or file_of(model) in files]:
            del self.data["models"][model]
        for name, result in list(self.data["mutants"].items()):
            is_killed = result["verdict"] == "killed"
            if f"src/{name.split(' ')[1]}.rs" in sources or files and (not is_killed or file_of(result["by"]) in files):
                del self.data["mutants"][name]

    def save(self):
        temporary = self.path.with_suffix(".new")
        temporary.write_text(json.dumps(self.data, indent=1))
        temporary.replace(self.path)


def copy_tree(tree):
    """The repository with the rewritten sources. A file that has not changed keeps its time: cargo compares times."""
    changed = weaken_sites.instrumented(ROOT)
    kept = set()
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in ("target", ".git", "__pycache__")]
        for name in files:
            path = pathlib.Path(folder, name)
            relative = path.relative_to(ROOT)
            content = changed.get(relative.as_posix(), "").encode() or path.read_bytes()
            copy = tree / relative
            kept.add(copy)
            if not copy.exists() or copy.read_bytes() != content:
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(content)
    for path in tree.rglob("*.rs"):
        if path not in kept:
            path.unlink()


def build(tree, work, name):
    """The test binaries of one build, by the names of their files."""
    env = dict(os.environ, RUSTFLAGS=BUILDS[name], CARGO_TARGET_DIR=str(work / f"target-{name}"))
    cmd = "cargo test --locked --no-run --profile loom -p joinq-loom-tests --message-format=json"
    out = subprocess.run(cmd.split(), cwd=tree, env=env, text=True, stdout=subprocess.PIPE)
    if out.returncode:
        sys.exit("the rewritten sources do not compile")
    artifacts = [json.loads(line) for line in out.stdout.splitlines() if line.startswith("{")]
    tests = [a for a in artifacts if a.get("executable") and a.get("target", {}).get("kind") == ["test"]]
    return {a["target"]["name"]: a["executable"] for a in tests}


def limits(seconds):
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))


def stat(pid):
    """The state of a process, and its processor time in ticks."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return fields[0], int(fields[11]) + int(fields[12])


class Runner:
    def __init__(self, binaries, executions):
        self.binaries, self.executions = binaries, executions
        self.env = dict(
            os.environ, LOOM_MAX_PREEMPTIONS="2", LOOM_MAX_PERMUTATIONS=str(executions),
            LOOM_CHECKPOINT_INTERVAL=str(min(1000, executions)), RUST_BACKTRACE="0",
        )

    def run(self, model, seconds, **env):
        """Runs one model: its outcome (passed, failed, limit), its processor time, and its output or message."""
        kind, name = model.split(" ")
        file, test = name.split("::", 1)
        cmd = [self.binaries[kind][file], test, "--exact", "--include-ignored", "--nocapture", "--test-threads=1"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with tempfile.TemporaryFile("w+", errors="replace") as out:
            process = subprocess.Popen(
                cmd, cwd=ROOT / "loom-tests", env={**self.env, **env}, stdout=out, stderr=subprocess.STDOUT,
                preexec_fn=lambda: limits(seconds),
            )
            code, idle, ticks = None, 0, 0
            while code is None:
                try:
                    code = process.wait(timeout=1)
                except subprocess.TimeoutExpired:
                    state, now = stat(process.pid)
                    idle, ticks = (idle + 1 if now == ticks and state not in "TRD" else 0), now
                    if idle > 120:
                        process.kill()
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            out.seek(0)
            output = out.read()
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        if code == 0:
            return "passed", spent, output
        if idle > 120:
            return "failed", spent, "hangs"
        if code in (-24, -9):
            return "limit", spent, ""
        if "memory allocation of" in output:
            return "limit", spent, "memory"
        said = re.search(r"panicked at [^\n]*\n([^\n]*)", output)
        return "failed", spent, said.group(1)[:200] if said else f"status {code}"


def list_models(binaries):
    for kind, files in binaries.items():
        for file, path in sorted(files.items()):
            out = subprocess.run([path, "--list"], text=True, stdout=subprocess.PIPE, check=True).stdout
            for test in re.findall(r"^(\S+): test$", out, re.M):
                yield f"{kind} {file}::{test}"


def run_models_as_they_are(results, runner, models, seconds):
    for place, model in enumerate(models):
        if model in results.data["models"]:
            continue
        trace = results.path.with_name("trace")
        trace.unlink(missing_ok=True)
        outcome, spent, output = runner.run(model, seconds, JOINQ_WEAKEN_TRACE=str(trace))
        executed = sorted({int(line) for line in trace.read_text().split()}) if trace.exists() else []
        executions = sum(int(number) for number in re.findall(r": (\d+) executions", output))
        results.data["models"][model] = {
            "outcome": outcome, "seconds": round(spent, 2), "executions": executions, "most": runner.executions,
            "sites": executed,
        }
        results.save()
        of = f"{place + 1} of {len(models)}"
        print(f"as it is | {of} | {model} | {outcome} | {executions} executions, {spent:.1f} s", flush=True)


def named_in_table():
    """The models and the files of models that the last column of each row names, by label."""
    rows = re.findall(r"^\| ([A-Z]\d) \|.*\|([^|]*)\|$", (ROOT / "docs/memory-orderings.md").read_text(), re.M)
    return {label: {word.removeprefix("loom-tests/").removesuffix(".rs").split("::")[-1].split(" ")[-1]
                    for word in re.findall(r"`([^`]+)`", last)} for label, last in rows}


def in_order(results, site, named, builds):
    """The models that execute the site and do not fail as they are, the most promising ones first."""
    known = [(name, m) for name, m in results.data["models"].items() if name.split(" ")[0] in builds]
    fit = {name: m for name, m in known if m["outcome"] != "failed" and site.number in m["sites"]}
    names = named.get(site.label, set())
    parts = lambda model: (model.split(" ")[1].split("::")[0], model.split("::")[-1])
    is_named = lambda model: not names.isdisjoint(parts(model))
    files = {parts(model)[0] for model in fit if is_named(model)}
    rank = lambda model: (not is_named(model), parts(model)[0] not in files, fit[model]["seconds"])
    return sorted(fit, key=rank)


def weaken(results, runner, site, to, named, args):
    models = in_order(results, site, named, runner.binaries)
    spent, run, unfinished, message = 0.0, [], [], ""
    for model in models:
        left = args.mutant - spent
        if left < 1:
            break
        most = int(min(args.model, left)) + 1
        outcome, seconds, message = runner.run(model, most, JOINQ_WEAKEN=f"{site.number}:{to}")
        spent += seconds
        run.append(model)
        if outcome == "failed" and fails_as_it_is(results, runner, model):
            print(f"fails as it is with so many executions: {model}", flush=True)
        elif outcome == "failed":
            return {"verdict": "killed", "by": model, "message": message, **cost(runner, spent, run)}
        if outcome == "limit":
            unfinished.append(model)
    rest = models[len(run):]
    verdict = "not executed" if not models else "survived so far" if rest or unfinished else "survived"
    return {"verdict": verdict, "unfinished": unfinished, "not_run": rest, **cost(runner, spent, run)}


def cost(runner, spent, run):
    builds = list(runner.binaries)
    return {"seconds": round(spent, 1), "models": len(run), "executions": runner.executions, "builds": builds}


def fails_as_it_is(results, runner, model):
    """Whether the model fails without a fault, which is known only for the number of executions of the first run."""
    known = results.data["models"][model]
    return runner.executions > known["most"] and runner.run(model, 600)[0] == "failed"


def line_of(name, result):
    if not result:
        return f"{name} | not run"
    if result["verdict"] == "killed":
        return f"{name} | killed by {result['by']} | {result['message']} | {result['seconds']} s"
    beside = f", {len(result['unfinished'])} not to an end, {len(result['not_run'])} not run"
    return f"{name} | {result['verdict']} | {result['models']} models{beside} | {result['seconds']} s"


def summary(mutants, results):
    known = [(site, results.data["mutants"].get(site.name(to))) for site, to in mutants]
    count = lambda of: f"{sum(r['verdict'] == 'killed' for r in of)} of {len(of)}"
    done = [(site, result) for site, result in known if result]
    fences = [result for site, result in done if not site.was]
    orderings = [result for site, result in done if site.was]
    survivors = sum(result["verdict"] != "killed" for _, result in done)
    print(f"orderings killed {count(orderings)}, fences {count(fences)}, not run {len(known) - len(done)}")
    print(f"killed {len(done) - survivors} of {len(done)}, survivors {survivors}")


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("only", nargs="*", help="labels, or files such as end.rs")
    ap.add_argument("--list", action="store_true", help="only print what there is, with the results so far")
    ap.add_argument("--survivors", action="store_true", help="run the survivors again, and nothing else")
    ap.add_argument("--builds", nargs="*", choices=BUILDS, default=list(BUILDS), help="only these models")
    ap.add_argument("--executions", type=int, default=3000, help="the most executions of one model")
    ap.add_argument("--model", type=int, default=40, help="the most seconds for one model")
    ap.add_argument("--mutant", type=int, default=150, help="the most seconds for all models of one mutant")
    ap.add_argument("--work", default="/tmp/joinq-weaken")
    args = ap.parse_args()
    work = pathlib.Path(args.work)
    work.mkdir(parents=True, exist_ok=True)
    sites, skipped = weaken_sites.find(ROOT)
    wanted = lambda site: not args.only or {site.label, site.path.split("/")[-1]} & set(args.only)
    mutants = [(site, to) for site in sites for to in site.weaker() if wanted(site)]
    results = Results(work)
    if args.list:
        for site, to in mutants:
            print(f"{site.place()} | " + line_of(site.name(to), results.data["mutants"].get(site.name(to))))
        print(f"not compiled under loom: {', '.join(skipped)}")
        return summary(mutants, results)
    copy_tree(work / "tree")
    binaries = {name: build(work / "tree", work, name) for name in args.builds}
    models = list(list_models(binaries))
    runner, named = Runner(binaries, args.executions), named_in_table()
    run_models_as_they_are(results, runner, models, args.model)
    for site, to in mutants:
        name, result = site.name(to), results.data["mutants"].get(site.name(to))
        again = args.survivors and result and result["verdict"] != "killed"
        if again or not result and not args.survivors:
            results.data["mutants"][name] = weaken(results, runner, site, to, named, args)
            results.save()
            print(line_of(name, results.data["mutants"][name]), flush=True)
    summary(mutants, results)


if __name__ == "__main__":
    main()
