#!/usr/bin/env python3
"""Plants one fault at a time in the metrics of joinq-flow, and reports whether its test fails, and by which message.

    demos/plant_metrics.py [NAME ...] [--list] [--limit SECONDS] [--work DIR]

Each fault of the table below is a small change of a file. It is made in a copy of the tree, where the test that is
expected to fail then runs, with Prometheus: see .ci/servers. With --list no test runs: each fault must have exactly one
place. The last column is the message of the first panic of the test, or `survived`.
"""
import os, re, subprocess, sys
import planting
from collections import namedtuple

Fault = namedtuple("Fault", "name file old new breaks test")
# The tests: of the crate on a clock that the test moves, and of the program with Prometheus.
UNIT = "-p joinq-flow --features metrics --lib -- "
SERVER = "-p joinq-demos --test observed -- "
SEEN = SERVER + "prometheus_sees"
TOOL = SERVER + "rules_and_metrics"
METRICS = "flow/src/metrics/mod.rs"
PUT = '("joinq_put_total", stats.put),'
SET = 'counter!(name, "stage" => stage()).absolute(count);'

FAULTS = [
    Fault("goes-back", METRICS, PUT, '("joinq_put_total", stats.put - stats.retrying as u64),',
          "a counter goes back", UNIT + "counters_never_go_back"),
    Fault("goes-back-at-the-server", METRICS, SET,
          'metrics::gauge!(name, "stage" => stage()).set(count as f64 - stats.unfinished as f64);',
          "a counter goes back, where the recorder does not keep the maximum", SEEN),
    Fault("counter-is-a-gauge", METRICS, SET, 'metrics::gauge!(name, "stage" => stage()).set(count as f64);',
          "a counter has the type of a gauge", TOOL),
    Fault("label-with-an-id", METRICS, SET, 'counter!(name, "stage" => stage(), "job" => stats.put.to_string()).absolute(count);',
          "a label has a value for each job", UNIT + "names_labels_and_units"),
    Fault("label-with-an-id-at-the-server", METRICS, SET,
          'counter!(name, "stage" => stage(), "id" => (stats.put % 50).to_string()).absolute(count);',
          "a label has the id of a job", SEEN),
    Fault("refused-as-put", "flow/src/stage/inner.rs", "Some(Err(reason)) => Err(Refused::Denied(item, reason)),",
          "Some(Err(reason)) => {\n                self.counters.put.add(1);\n                Err(Refused::Denied(item, reason))\n            }",
          "an item that is refused counts as put", SEEN),
    Fault("spilled-not-put", "flow/src/disk/writer.rs",
          "self.stage.counters.put.add(1);\n                let permits = match place",
          "self.stage.counters.put.add(u64::from(matches!(place, Place::Memory(_))));\n                let permits = match place",
          "a job that goes to disk does not count as put", SEEN),
    Fault("dead-without-cause", "flow/src/stage/counters.rs", "Cause::Failed(_) | Cause::Cancelled | Cause::ShutDown => &self.failed,",
          "Cause::Failed(_) | Cause::Cancelled | Cause::ShutDown => Box::leak(Box::default()),", "a dead letter is not counted", SEEN),
    Fault("not-each-second", METRICS, "if is_over {\n            return;", "if !is_over {\n            return;",
          "the timekeeper does not set the numbers again", UNIT + "gauges_are_set_each_second"),
    Fault("not-when-empty", "flow/src/stage/inner.rs", "self.publish_empty();", "let _ = Self::publish_empty;",
          "a stage that becomes empty does not set its numbers", UNIT + "gauges_are_set_each_second"),
    Fault("not-at-join", "flow/src/stage/join.rs", "stage.publish();", "let _ = stage;",
          "a join returns before the numbers are set", UNIT + "at_most_a_hundred_times"),
    Fault("each-time-empty", METRICS, ">= APART.as_nanos() as u64", ">= 0", "each job of an idle stage sets all numbers",
          UNIT + "at_most_a_hundred_times"),
    Fault("not-at-the-end", METRICS, "fn drop(&mut self) {\n        self.publish();", "fn drop(&mut self) {",
          "the workers of a stage that is gone are still shown", UNIT + "nothing_is_set_any_more"),
    Fault("under-a-lock", METRICS, "let stats = self.stats();", "let stats = self.stats();\n        let _lock = self.not_ready.lock();",
          "the recorder runs under a lock of the stage", UNIT + "does_not_wait_for_itself"),
    Fault("panic-not-caught", METRICS, "self.guarded(|| self.set());", "self.set();", "a recorder that panics ends a worker",
          UNIT + "a_recorder_that_panics"),
    Fault("wait-from-the-put", "flow/src/job/core.rs", "self.enqueued_at.store(time, Ordering::Relaxed);", "let _ = time;",
          "the wait is measured from the beginning of the stage", UNIT + "gauges_are_set_each_second"),
    Fault("not-described", "flow/src/metrics/describe.rs", '("joinq_put_total", "Jobs that the stage has accepted."),', "",
          "a metric has no description", TOOL),
    Fault("alert-never", "flow/docs/metrics/alerts.yml", "joinq_lag > 300 *", "joinq_lag > 30000 *", "the alert of the lag does not fire", TOOL),
    Fault("alert-always", "flow/docs/metrics/alerts.yml", "and min_over_time(joinq_lag[5m]) > 0", "or min_over_time(joinq_lag[5m]) >= 0",
          "the alert of the throughput fires for an idle stage", TOOL),
    Fault("panel-without-series", "flow/docs/metrics/dashboard.json", '"expr": "joinq_lag{', '"expr": "joinq_lags{',
          "a panel asks for a metric that does not exist", SEEN),
    Fault("depth-alone", "flow/src/workers/load.rs", "let need = (put_rate + drain_rate) * self.run_time / BUSY;",
          "let _ = (put_rate, drain_rate, BUSY);\n        let need = lag;", "the need of workers is the depth alone",
          UNIT + "workers_follow"),
    Fault("pause-as-run-time", "flow/src/workers/load.rs", "running: begun.saturating_sub(sample.ended) }", "running: begun.max(stats.running as u64) }",
          "a pause of a stage that is not ready counts as run time", UNIT + "a_pause_of"),
    Fault("down-at-once", "flow/src/workers/size.rs", "< PATIENCE {", "< PATIENCE && false {", "workers leave as soon as they can",
          UNIT + "workers_follow"),
]


def run(tree, work, test, limit):
    """The first message of a panic; None if the test passes."""
    env = dict(os.environ, CARGO_TARGET_DIR=str(work / "target"), JOINQ_SERVERS="1", RUST_BACKTRACE="0", CARGO_INCREMENTAL="0")
    env.pop("RUSTFLAGS", None)
    arguments = test.split(" ")
    build = ["cargo", "test", "--quiet", "--no-run", *arguments[: arguments.index("--")]]
    built = subprocess.run(build, cwd=tree, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if built.returncode:
        return f"does not compile: {built.stdout[-1500:]}"
    command = ["timeout", "-k", "2", str(limit), "cargo", "test", "--quiet", *[word for word in arguments if word]]
    out = subprocess.run(command, cwd=tree, env=env, text=True, errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if out.returncode == 0:
        return None
    if out.returncode in (124, 137):
        return "does not end"
    # A test that wants panics prints those as well; the last one is that of the test.
    messages = re.findall(r"panicked at [^\n]*\n([^\n]*(?:\n +(?:left|right):[^\n]*)*)", out.stdout)
    last = messages[-1] if messages else out.stdout.strip().splitlines()[-1]
    return re.sub(r"\s+", " ", last)[:160]


if __name__ == "__main__":
    sys.exit(planting.main(
        FAULTS, run, work="/tmp/joinq-plant-metrics", limit=300,
        changes=lambda fault: [(fault.file, fault.old, fault.new)],
        columns=lambda fault: (fault.name, fault.file, fault.breaks, fault.test.split(" -- ")[-1]),
    ))
