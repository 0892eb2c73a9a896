#!/usr/bin/env python3
"""Plants one fault at a time in joinq-flow or joinq and reports which test of `stress` fails, and by which violation.

    demos/plant_stress.py [NAME ...] [--list] [--limit SECONDS] [--work DIR]

Each fault is a small change. It is made in a copy of the tree, where the test that is expected to fail then runs in its
short form. NAME is a fault or a test. With --list no test runs: each change must have exactly one place in the code. The
last column is the first violation, or `survived`.
"""
import os, re, subprocess, sys
import planting
from collections import namedtuple

Fault = namedtuple("Fault", "name changes breaks test")
FLOW = "flow/src/"
FAULTS = []


def fault(name, breaks, test, *changes):
    """A change is (file, old text, new text)."""
    FAULTS.append(Fault(name, changes, breaks, test))


WAIT, OLDEST, SPILL = ("memory --mode " + mode for mode in ("wait", "drop-oldest", "spill"))
WEIGHT = "map_or(1, |weigh| self.weights.of_job(weigh(item)))"
fault("weight-twice", "the weight of an item is taken twice", WAIT,
      (FLOW + "stage/inner.rs", WEIGHT, WEIGHT.replace("weigh(item)", "2 * weigh(item)")))
fault("weight-twice-spill", "the weight of an item is taken twice", SPILL,
      (FLOW + "stage/inner.rs", WEIGHT, WEIGHT.replace("weigh(item)", "2 * weigh(item)")))
fault("weight-ignored", "each item counts as half of its weight", OLDEST,
      (FLOW + "stage/inner.rs", WEIGHT, WEIGHT.replace("weigh(item)", "weigh(item) / 2")))
FREE_AT_GET = (FLOW + "attempt.rs", "            Start::Begun => {\n",
               "            Start::Begun => {\n                drop(core.take_permits());\n")
fault("freed-at-get", "the capacity of a job is free when it begins", WAIT, FREE_AT_GET)
fault("freed-at-get-oldest", "the capacity of a job is free when it begins", OLDEST, FREE_AT_GET)
fault("freed-at-get-spill", "the capacity of a job is free when it begins", SPILL, FREE_AT_GET)
fault("spill-keeps-items", "items on disk stay in memory", SPILL,
      (FLOW + "disk/writer.rs", "            // Loads come first", "            std::mem::forget(vec![1u8; 64 << 10]);\n            // Loads come first"))

fault("raise-without-serve", "a raised capacity does not serve the puts that wait", "capacity",
      ("src/queue/set_capacity.rs", "            self.serve(lists, limit, deferred);\n", "            let _ = deferred;\n"))
fault("lower-ignored", "a lowered capacity takes no permits away", "capacity",
      ("src/queue/permit_pool.rs", "false => self.overdraw(from - to),", "false => {}"))
fault("debt-forgiven", "a lowered capacity takes free permits only", "capacity",
      ("src/queue/permit_pool.rs", "false => self.overdraw(from - to),", "false => self.overdraw((from - to).min(self.free())),"))
fault("raise-by-one-less", "a raise adds one permit less", "capacity",
      ("src/queue/permit_pool.rs", "true => self.release(to - from),", "true => self.release((to - from).saturating_sub(1)),"))
fault("freed-early", "the capacity of a job is free before it has ended", "capacity", FREE_AT_GET)

GIVE_BACK = "        if !self.settled {\n            self.fail_with(Fault::Dropped);\n        }\n"
fault("guard-without-give-back", "a worker that is dropped loses its job", "faults",
      (FLOW + "attempt.rs", GIVE_BACK, ""))
fault("claim-without-give-back", "a worker that is dropped loses the job that it has not begun", "faults",
      (FLOW + "work/claim.rs", "        stage.enqueue(core);\n", "        drop(core);\n"))
fault("permit-leaked-on-panic", "a job that ends by a panic keeps its permits", "faults",
      (FLOW + "stage/settle.rs", "        self.guarded(|| drop(permits));\n",
       "        match &cause_of_permits {\n            Some(Cause::Panicked(_)) => std::mem::forget(permits),\n            _ => drop(permits),\n        }\n"),
      (FLOW + "stage/settle.rs", "        let cause = result.as_ref().err().cloned();\n",
       "        let cause = result.as_ref().err().cloned();\n        let cause_of_permits = cause.clone();\n"))
fault("settled-twice", "`on_settled` is called twice for a dead job", "faults",
      (FLOW + "job/core.rs", "= dyn FnOnce(&Job<T, R>) + Send;", "= dyn Fn(&Job<T, R>) + Send;"),
      (FLOW + "stage/put.rs", "call: impl FnOnce(&Job<T, R>)", "call: impl Fn(&Job<T, R>)"),
      (FLOW + "stage/settle.rs", "self.guarded(|| on_settled.0(&job))", "self.guarded(|| { if state == State::Dead { on_settled.0(&job); } on_settled.0(&job) })"))
fault("not-settled-on-cancel", "`on_settled` is not called for a job that was cancelled", "faults",
      (FLOW + "stage/settle.rs", "if let Some(on_settled) = on_settled {", "if let Some(on_settled) = on_settled.filter(|_| state != State::Cancelled) {"))
fault("count-kept-on-cancel", "a job that was cancelled stays counted", "faults",
      (FLOW + "stage/settle.rs", "        let _finished = Finished(self);\n",
       "        let finished = Finished(self);\n        let _finished = if state == State::Cancelled { finished.keep(); None } else { Some(finished) };\n"))
fault("worker-leaves-after-panic", "a thread ends after a panic of its handler", "faults",
      (FLOW + "work/mod.rs", "            run::run(attempt, &self.handler);\n",
       "            let job = attempt.job().clone();\n            run::run(attempt, &self.handler);\n            if job.attempt() > 2 { break; }\n"))
fault("dead-worker-not-replaced", "`Workers` do not replace a task that was aborted", "faults",
      (FLOW + "workers/crew.rs", "start: 1", "start: 0"))
fault("cancelled-runs", "a job that was cancelled runs", "faults",
      (FLOW + "job/state.rs", "self.update(|word| (State::from_word(word) != State::Cancelled).then_some(State::Running as u32))", "self.update(|word| (word & LEFT == 0).then_some(State::Running as u32))"))
fault("one-retry-more", "a job has one attempt too many", "faults",
      (FLOW + "retry.rs", "match failures < self.attempts.get()", "match failures <= self.attempts.get()"))
fault("letter-twice", "a dead job has two letters", "faults",
      (FLOW + "stage/settle.rs", "            self.guarded(|| self.send_letter(Dead { job: Job(core.clone()), cause }));\n",
       "            self.send_letter(Dead { job: Job(core.clone()), cause: cause.clone() });\n            self.send_letter(Dead { job: Job(core.clone()), cause });\n"))
fault("job-leaked-on-cancel", "a job that was cancelled is never freed", "faults",
      (FLOW + "stage/settle.rs", "        counter.add(1);\n", "        counter.add(1);\n        if state == State::Cancelled { std::mem::forget(core.clone()); }\n"))
fault("output-leaked", "an output that no handle has taken is never freed", "faults",
      (FLOW + "job/core.rs", "        *rest = Rest::Settled(result.map_err(Box::new));\n",
       "        *rest = Rest::Settled(result.map_err(Box::new));\n        std::mem::forget(Box::new(0u64));\n"))
fault("limit-leaked", "the permit of the limit stays with a worker that was dropped", "faults",
      (FLOW + "attempt.rs", GIVE_BACK, GIVE_BACK.replace("        if !self.settled {\n", "        if !self.settled {\n            std::mem::forget(self._permit.take());\n")))


def run(tree, work, test, limit):
    """The first violation, or None."""
    env = dict(os.environ, CARGO_TARGET_DIR=str(work / "target"))
    env.pop("RUSTFLAGS", None)
    build = ["cargo", "build", "--quiet", "-p", "joinq-demos", "--bin", "stress"]
    built = subprocess.run(build, cwd=tree, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if built.returncode:
        return f"does not compile: {built.stdout[-1500:]}"
    out = subprocess.run(
        ["timeout", "-k", "2", str(limit), str(work / "target/debug/stress"), "--short", *test.split(" ")], cwd=work, env=env,
        text=True, errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )
    if out.returncode == 0:
        return None
    if out.returncode in (124, 137):
        return "does not end"
    violations = re.findall(r"^    - (.*)", out.stdout, re.M)
    return violations[0][:240] if violations else f"the test fails without a violation: {out.stdout[-1500:]}"


if __name__ == "__main__":
    sys.exit(planting.main(
        FAULTS, run, work="/tmp/joinq-plant-stress", limit=300,
        changes=lambda fault: fault.changes,
        columns=lambda fault: (fault.name, fault.breaks, fault.test),
        selects=lambda fault: {fault.name, fault.test.split(" ")[0]},
        names="names of faults or tests",
    ))
