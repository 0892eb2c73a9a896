#!/usr/bin/env python3
"""Plants one fault at a time in joinq-flow and reports which test of `kill` fails, and by which violation.

    demos/plant.py [NAME ...] [--list] [--limit SECONDS] [--work DIR]

Each fault of the table below is a small change of flow/src. It is made in a copy of the tree, where the test that is
expected to fail then runs. NAME is a fault or a test. With --list no test runs: each fault must have exactly one place in
the code. The last column is the first violation, or `survived`. flow/docs/durability.md has the table of the results.

A test is the arguments of `cargo run -p joinq-demos --bin kill --`.
"""
import os, re, subprocess, sys
import planting
from collections import namedtuple

Fault = namedtuple("Fault", "name file changes breaks test")

FAULTS = []


def fault(name, file, changes, breaks, test):
    FAULTS.append(Fault(name, file, changes, breaks, test))


# Kills at random moments.
fault(
    "acknowledged-before-commit", "disk/writer.rs",
    [("        // Requests that failed come first.\n        if self.failed.is_empty()", """        let puts: Vec<(u64, Vec<u8>, String)> = batch
            .iter()
            .filter_map(|request| match request {
                Request::Put { id, body, trace, .. } => {
                    Some((*id, body.clone(), trace.as_ref().map_or(String::new(), |trace| trace.to_row())))
                }
                _ => None,
            })
            .collect();
        if puts.len() == batch.len() {
            batch.drain(..).for_each(|request| self.follow(request));
            std::thread::sleep(std::time::Duration::from_millis(5));
            let changes: Vec<_> = puts.iter().map(|(id, body, trace)| Change::Put { id: *id, body, trace }).collect();
            self.apply_changes(&changes, Safe::FromPowerLoss).unwrap();
        } else if self.failed.is_empty()""")],
    "a put returns before its commit", "random --kills 200 --store sqlite",
)
fault(
    "deleted-at-load", "disk/loader.rs",
    [("        core.give(Some(permits), on_settled);\n", """        core.give(Some(permits), on_settled);
        let _ = self.apply_changes(&[crate::Change::Done { id: core.id }], crate::Safe::FromKill);
""")],
    "a job leaves the store when it is loaded", "random --kills 60 --store sqlite",
)
fault(
    "done-at-start", "disk/request.rs",
    [("(Change::Started { id: *id }, Safe::FromKill)", "(Change::Done { id: *id }, Safe::FromKill)")],
    "*done* is committed before the handler ends", "random --kills 60 --store sqlite",
)
fault(
    "retry-in-memory", "disk/request.rs",
    [("(Change::Failed { id: *id, attempts: *failures, due: *due }, Safe::FromPowerLoss)",
      "{ let _ = (failures, due); (Change::Done { id: *id }, Safe::FromPowerLoss) }")],
    "a job that is to be tried again is only in memory", "random --kills 200 --store redb",
)
fault(
    "failures-forgotten", "disk/request.rs",
    [("(Change::Failed { id: *id, attempts: *failures, due: *due }, Safe::FromPowerLoss)",
      "{ let _ = (failures, due); (Change::Back { id: *id }, Safe::FromPowerLoss) }")],
    "the failures of an earlier process are not counted", "random --kills 200 --store sqlite",
)
# Kills at each call.
fault(
    "sqlite-split", "store/sqlite/mod.rs",
    [("            make(&transaction, change)?;\n", "            make(&transaction, change)?;\n            transaction.execute_batch(\"COMMIT; BEGIN IMMEDIATE\")?;\n")],
    "a transaction of several changes is split", "calls --series batches --store sqlite",
)
fault(
    "sqlite-dead-split", "store/sqlite/mod.rs",
    [("            run(sql, &[&signed(id), &attempts, &error])?;\n            run(\"DELETE FROM job",
      "            run(sql, &[&signed(id), &attempts, &error])?;\n            transaction.execute_batch(\"COMMIT; BEGIN IMMEDIATE\")?;\n            run(\"DELETE FROM job")],
    "a dead letter and the end of its job are two transactions", "calls --series start --store sqlite",
)
fault(
    "redb-split", "store/redb.rs",
    [("        self.bytes = self.write(|transaction| make(transaction, changes))?;\n",
      "        for change in changes {\n            self.bytes = self.write(|transaction| make(transaction, std::slice::from_ref(change)))?;\n        }\n")],
    "a transaction of several changes is split", "calls --series batches --store redb",
)
# The order of calls.
fault(
    "opened-normal", "store/sqlite/open.rs", [('"synchronous", "FULL"', '"synchronous", "NORMAL"')],
    "commits are not synchronized after the open", "order --store sqlite",
)
fault(
    "set-normal", "store/sqlite/mod.rs", [('Safe::FromPowerLoss => "FULL"', 'Safe::FromPowerLoss => "NORMAL"')],
    "commits are not synchronized after the first start of a job", "order --store sqlite",
)
fault(
    "redb-none", "store/redb.rs",
    [("            let transaction = db.begin_write()?;\n            changed",
      "            let mut transaction = db.begin_write()?;\n            let _ = transaction.set_durability(Durability::None);\n            changed")],
    "commits are not synchronized", "order --store redb",
)
# Crash blame.
fault(
    "start-not-marked", "work/claim.rs", [("                disk.mark_start(&core).await;\n", "                let _ = disk;\n")],
    "the start of an attempt is not in the store", "blame --store sqlite",
)
fault(
    "not-alone", "disk/loader.rs", [("row.crashes + 1 < MOST_CRASHES", "row.crashes < MOST_CRASHES")],
    "a job that ran in two crashes does not run alone", "blame --store sqlite",
)
# A new file.
fault(
    "redb-created-in-place", "store/redb.rs", [("        if !path.exists() {\n            create", "        if false {\n            create")],
    "a file in whose creation the process was killed cannot be opened", "calls --series start --step 1 --store redb",
)
# Trace contexts.
for store, old, new in [
    ("sqlite", "run(sql, &[&signed(id), &trace, &body])?;", "let _ = trace;\n            run(sql, &[&signed(id), &\"\", &body])?;"),
    ("redb", "traces.insert(id, trace)?;", "let _ = trace;"),
]:
    fault(
        f"{store}-untraced", "store/sqlite/mod.rs" if store == "sqlite" else "store/redb.rs", [(old, new)],
        "a job of an earlier process has no trace context", f"random --kills 60 --store {store}",
    )
# Spill.
fault(
    "past-the-disk", "stage/put.rs", [(".filter(|disk| disk.on_disk() > 0)", ".filter(|disk| disk.keeps_all() && disk.on_disk() > 0)")],
    "new items go past those on disk", "spill --jobs 4000 --store sqlite",
)
fault(
    "joined-before-load", "disk/writer.rs",
    [("        if self.disk().absent.add(core, on_settled).is_err() {", "        self.uncount(1);\n        if self.disk().absent.add(core, on_settled).is_err() {")],
    "join does not count the jobs on disk", "spill --jobs 4000 --store sqlite",
)


def run(tree, work, test, limit):
    """The first violation, or None."""
    env = dict(os.environ, CARGO_TARGET_DIR=str(work / "target"), JOINQ_STRACE="1")
    env.pop("RUSTFLAGS", None)
    build = ["cargo", "build", "--quiet", "-p", "joinq-demos", "--bin", "kill"]
    built = subprocess.run(build, cwd=tree, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if built.returncode:
        return f"does not compile: {built.stdout[-1500:]}"
    program = work / "target/debug/kill"
    out = subprocess.run(
        ["timeout", "-k", "2", str(limit), str(program), *test.split(" ")], cwd=work, env=env, text=True, errors="replace",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )
    if out.returncode == 0:
        return None
    if out.returncode in (124, 137):
        return "does not end"
    violations = re.findall(r"^    - (.*)", out.stdout, re.M)
    return violations[0] if violations else f"no violation, but the test fails: {out.stdout[-500:]}"


if __name__ == "__main__":
    sys.exit(planting.main(
        FAULTS, run, work="/tmp/joinq-plant-demos", limit=400,
        changes=lambda fault: [(f"flow/src/{fault.file}", old, new) for old, new in fault.changes],
        columns=lambda fault: (fault.name, fault.file, fault.breaks, fault.test),
        selects=lambda fault: {fault.name, fault.test.split(" ")[0]},
        names="names of faults or tests",
    ))
