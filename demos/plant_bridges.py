#!/usr/bin/env python3
"""Plants one fault at a time in joinq-bridge and reports by which violation the test of its engine fails.

    demos/plant_bridges.py [NAME ...] [--list] [--limit SECONDS] [--work DIR]

Each fault of the table below is a small change of bridge/src. It is made in a copy of the tree, where the test then runs:
`cargo run -p joinq-demos --bin bridges -- ENGINE --jobs 600 --kills 5 --publisher 2 --stops 3`, or a test of
demos/tests/messages.rs. NAME is a fault. With --list no test runs: each fault must have exactly one place in the code.
The last column is the first violation, or `survived`. bridge/docs has the tables of the results. The servers of
`.ci/servers` are needed.
"""
import os, re, subprocess, sys
import planting
from collections import namedtuple

Fault = namedtuple("Fault", "name file changes breaks test")

FAULTS = []


def fault(name, file, changes, breaks, *tests):
    """One fault for each test."""
    FAULTS.extend(Fault(name, file, changes, breaks, test) for test in tests)


fault(
    "nats-acknowledged-at-receive", "nats/consume.rs",
    [("                if let Err(error) = unacked.add(",
      "                acknowledgements.spawn(acknowledge(key, &delivery, Outcome::Done));\n                if let Err(error) = unacked.add(")],
    "a message is acknowledged when it is received", "nats",
)
fault(
    "redis-acknowledged-at-receive", "redis/consume.rs",
    [("                for entry in entries? {\n",
      "                for entry in entries? {\n                    acknowledgements.spawn(acknowledge(connection.clone(), group.clone(), entry.id.clone(), Outcome::Done));\n")],
    "an entry is acknowledged when it is read", "redis",
)
fault(
    "acknowledged-at-put", "unacked.rs",
    [("                Ok(_) => {}\n", "                Ok(_) => return (key, Outcome::Done),\n")],
    "a message is acknowledged when its job is put, before it is done", "nats", "redis",
)
fault(
    "nats-dropped-on-nak", "nats/acknowledge.rs",
    [('Bytes::from_static(b"-NAK")', 'Bytes::from_static(b"+ACK")')],
    "the message of a job that goes back is acknowledged", "nats",
)
fault(
    "redis-dropped-on-nak", "redis/consume.rs",
    [("Outcome::Back => commands::set_idle(&group, std::slice::from_ref(&id), group.ack_wait)",
      "Outcome::Back => commands::acknowledge(&group, &id)")],
    "the entry of a job that goes back is acknowledged", "redis",
)
fault(
    "nats-published-without-answer", "nats/publish.rs",
    [("        acknowledged.await.map_err(failure)?;\n", "        drop(acknowledged);\n")],
    "a job is done when its message is sent", "nats",
)
fault(
    "redis-published-without-answer", "redis/publish.rs",
    [("            Ok(append.exec_async(&mut connection).await?)",
      "            tokio::spawn(async move { append.exec_async(&mut connection).await });\n            Ok(())")],
    "a job is done when its entry is sent", "redis",
)
fault(
    "terminated-when-cancelled", "unacked.rs",
    [("            _ => Outcome::Back,\n", "            _ => Outcome::Dead(String::new()),\n")],
    "the message of a job that was cancelled is terminated",
    "messages a_message_of_nats_comes_again_if_its_job_was_cancelled_and_not_if_it_is_dead",
    "messages an_entry_of_redis_comes_again_if_its_job_was_cancelled_and_not_if_it_is_dead",
)
fault(
    "nats-again-before-confirmed", "nats/consume.rs",
    [("                if comes_again {\n", "                if false && comes_again {\n"), ("(!outcome.comes_again()).then_some(key)", "Some(key)")],
    "a message that comes again before its nak is confirmed is taken for a known one",
    "messages a_message_of_nats_comes_again_if_its_job_was_cancelled_and_not_if_it_is_dead",
)
fault(
    "terminated-at-the-end", "unacked.rs",
    [("            Outcome::Dead(_) if self.stage.is_shut_down() => Outcome::Back,\n", "")],
    "a shutdown makes dead messages of jobs that were to be tried again",
    "messages a_message_of_nats_comes_again_if_its_job_failed_during_a_shutdown",
    "messages an_entry_of_redis_comes_again_if_its_job_failed_during_a_shutdown",
)
fault(
    "redis-not-taken-over", "redis/read.rs",
    [("if self.start.is_none() && now >= self.search_at {", "if false && now >= self.search_at {")],
    "the entries of a killed consumer are not taken over", "redis",
)
fault(
    "nats-not-in-progress", "nats/consume.rs",
    [("                if pull.is_connected() {\n", "                if false && pull.is_connected() {\n")],
    "the server is not told that a job is in progress", "messages nats_is_told_that_a_long_job_is_in_progress",
)
fault(
    "redis-not-in-progress", "redis/consume.rs",
    [("                if !ids.is_empty() {\n", "                if false && !ids.is_empty() {\n")],
    "an entry in progress is not claimed again", "messages redis_is_told_that_a_long_job_is_in_progress",
)
fault(
    "nats-id-of-each-attempt", "nats/publish.rs",
    [('format!("{origin} {} {:x}", job.id(), hash(&payload))', 'format!("{} {:x}", self.context.client().new_inbox(), hash(&payload))')],
    "each attempt has another message id", "messages jetstream_stores_a_job_once_that_is_published_again",
)
fault(
    "nats-id-without-process", "nats/publish.rs",
    [("if job.is_stored() { &self.origin } else { &self.process }", "&self.origin")],
    "jobs in memory of two processes have the same message id", "messages jetstream_stores_a_job_once_that_is_published_again",
)
fault(
    "trace-forgotten", "unacked.rs",
    [("            put = put.trace_context(traceparent);\n", "            let _ = traceparent;\n")],
    "the trace context of a message is not that of its job",
    "messages a_trace_context_goes_through_nats", "messages a_trace_context_goes_through_redis",
)
fault(
    "requested-without-bound", "unacked.rs",
    [("self.stage.stats().capacity.saturating_sub(self.messages.len())", "self.stage.stats().capacity")],
    "more messages are requested than the stage has capacity for",
    "messages no_more_messages_are_requested_than_the_stage_has_capacity_for",
)


def run(tree, work, test, limit):
    """The first violation, or None."""
    env = dict(os.environ, CARGO_TARGET_DIR=str(work / "target"), JOINQ_SERVERS="1", RUST_BACKTRACE="0")
    env.pop("RUSTFLAGS", None)
    pipe = dict(cwd=tree, env=env, text=True, errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    words = test.split(" ")
    target = ["--test", "messages", "--no-run"] if words[0] == "messages" else ["--bin", "bridges"]
    built = subprocess.run(["cargo", "test" if words[0] == "messages" else "build", "-p", "joinq-demos", *target], **pipe)
    if built.returncode:
        return f"does not compile: {built.stdout[-1500:]}"
    if words[0] == "messages":
        program = re.search(r"Executable tests/messages.rs \((.*)\)", built.stdout).group(1)
        command = [program, "--exact", words[1]]
    else:
        program = work / "target/debug/bridges"
        command = [str(program), words[0], "--jobs", "600", "--kills", "5", "--publisher", "2", "--stops", "3"]
    out = subprocess.run(["timeout", "-k", "2", str(limit), *command], **pipe)
    if out.returncode == 0:
        return None
    if out.returncode in (124, 137):
        return "does not end"
    violations = re.findall(r"^    - (.*)", out.stdout, re.M) or re.findall(r"panicked at .*\n(.*)", out.stdout)
    return violations[0] if violations else f"no violation, but the test fails: {out.stdout[-500:]}"


if __name__ == "__main__":
    sys.exit(planting.main(
        FAULTS, run, work="/tmp/joinq-plant-bridges", limit=400,
        changes=lambda fault: [(f"bridge/src/{fault.file}", old, new) for old, new in fault.changes],
        columns=lambda fault: (fault.name, fault.file, fault.breaks, fault.test),
    ))
