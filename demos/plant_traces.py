#!/usr/bin/env python3
"""Plants one fault at a time in joinq-flow and reports which tests of traces fail.

    demos/plant_traces.py [NAME ...] [--list] [--limit SECONDS] [--work DIR]

Each fault is a small change of flow/src. It is made in a copy of the tree, where the tests that are expected to fail then
run. NAME is a fault or a file of tests. With --list no test runs: each change must have exactly one place in the code. The
last column has the tests that fail, or `survived`.
"""
import os, re, subprocess, sys
import planting
from collections import namedtuple

Fault = namedtuple("Fault", "name changes breaks test")
FAULTS = []


def fault(name, breaks, test, *changes):
    """A change is (file, old text, new text)."""
    FAULTS.append(Fault(name, changes, breaks, test))


# The span of the put.
fault("span-kept", "the span of the put is held for good", "traces",
      ("trace/otel.rs", "    Context::map_current(|context| {\n", """    static KEPT: std::sync::Mutex<Vec<Context>> = std::sync::Mutex::new(Vec::new());
    KEPT.lock().unwrap().push(Context::current());
    Context::map_current(|context| {
"""))
fault("span-kept-tracing", "the span of the put, of `tracing`, is held for good", "traces",
      ("trace/tracing_spans.rs", "        super::otel::current()\n", """        static KEPT: std::sync::Mutex<Vec<Span>> = std::sync::Mutex::new(Vec::new());
        KEPT.lock().unwrap().push(Span::current());
        super::otel::current()
"""))
fault("not-sampled", "a span that is not sampled gives a context", "traces",
      ("trace/otel.rs", "if !span.is_valid() || !span.is_sampled() {", "if !span.is_valid() {"))
fault("state-lost", "the state of the trace is not injected", "traces",
      ("trace/otel.rs", "state if state.is_empty() => found,", "state if state.len() < 100 => found,"))
fault("bridge-overruled", "the present span counts for more than the context of a bridge", "traces",
      ("stage/put.rs", "        self.trace = TraceContext::new(traceparent);", "        self.trace = self.trace.take().or(TraceContext::new(traceparent));"))
fault("newest-lost", "a job that is dropped at the put has no context", "traces",
      ("stage/put.rs", "begin_dead(item, self.trace.take(),", "begin_dead(item, None,"))
# The spans of attempts.
fault("no-parent", "each attempt begins a trace", "traces",
      ("trace/otel.rs", "        let parent = remote(put.clone());", "        let parent = remote(None);"))
fault("no-parent-tracing", "each attempt, as a span of `tracing`, begins a trace", "traces",
      ("trace/tracing_spans.rs", "super::otel::remote(put.clone())", "super::otel::remote(None)"))
fault("parent-of-worker", "the span around the worker is the parent", "traces",
      ("trace/otel.rs", "Some(put) => Context::new().with_remote_span_context(put),\n        None => Context::new(),",
       "Some(put) if !Context::current().has_active_span() => Context::new().with_remote_span_context(put),\n        _ => Context::current(),"))
fault("no-link", "the put is not linked", "traces",
      ("trace/otel.rs", "builder = builder.with_links(vec![Link::with_context(put)]);", "let _ = Link::with_context(put);"))
fault("no-link-tracing", "the put is not linked to a span of `tracing`", "traces",
      ("trace/tracing_spans.rs", "own.add_link(put, Vec::new());", "let _ = put;"))
fault("failed-not-ended", "the span of a failed attempt does not end", "traces",
      ("trace/span.rs", "        if let Span(Some(span)) = span {\n", "        if result.is_err() {\n            std::mem::forget(span);\n        } else if let Span(Some(span)) = span {\n"))
fault("first-number", "each attempt has the number 1", "traces",
      ("trace/span.rs", "attempt: core.failures() + 1,", "attempt: 1,"))
fault("no-status", "a failure is not in the span", "traces",
      ("trace/otel.rs", "            Err(cause) => span.set_status(Status::error(cause.to_string())),", "            Err(_) => {}"))
fault("not-entered", "the handler of a thread does not run in the span", "traces",
      ("work/run.rs", "attempt.in_span(|| handler(attempt.job()))", "handler(attempt.job())"))
fault("polled-outside", "the future of a handler is not polled in the span", "traces",
      ("work/run.rs", "attempt.in_span(|| future.poll(context))", "future.poll(context)"))
fault("spawned-from-put", "a spawned job is a child of the put, not of the attempt", "traces",
      ("stage/inner.rs", "self.present_context().or_else(|| parent.trace.clone())", "parent.trace.clone().or_else(|| self.present_context())"))
fault("spawned-alone", "a job that is spawned outside of the span has no context", "traces",
      ("stage/inner.rs", "self.present_context().or_else(|| parent.trace.clone())", "{ let _ = parent; self.present_context() }"))
fault("ended-late", "the span of an attempt ends after the job is settled", "traces",
      ("attempt.rs", "        self.end(Ok(()));\n        self.job.0.stage.succeed(&self.job.0, output);", """        self.job.0.stage.succeed(&self.job.0, output);
        std::thread::sleep(std::time::Duration::from_millis(50));
        self.end(Ok(()));"""))
# The disk.
fault("lost-on-disk", "the context of a put is not written", "traces",
      ("disk/request.rs", "(Change::Put { id: *id, body, trace: text }, Safe::FromPowerLoss)", "(Change::Put { id: *id, body, trace: \"\" }, Safe::FromPowerLoss)"))
fault("spawn-lost-on-disk", "the context of a spawned job is lost when that is loaded", "traces",
      ("disk/request.rs", "(Change::Put { id: core.id, body, trace: text }, Safe::FromPowerLoss)", "(Change::Put { id: core.id, body, trace: \"\" }, Safe::FromPowerLoss)"))
fault("lost-at-load", "the context is not read", "traces",
      ("disk/loader.rs", "TraceContext::from_row(&row.trace)", "{ let _ = TraceContext::from_row(&row.trace); None }"))
fault("lost-at-commit", "the job of a committed put has no context", "traces",
      ("disk/writer.rs", "id, item, trace, Stored::Yes", "id, item, { let _ = trace; None }, Stored::Yes"))
fault("sqlite-put", "SQLite does not keep the context", "traces",
      ("store/sqlite/mod.rs", "run(sql, &[&signed(id), &trace, &body])?;", "let _ = trace;\n            run(sql, &[&signed(id), &\"\", &body])?;"))
fault("sqlite-dead", "SQLite loses the context of a dead letter", "store",
      ("store/sqlite/mod.rs", "SELECT id, ?2, crashes, trace, body, ?3 FROM job", "SELECT id, ?2, crashes, '', body, ?3 FROM job"))
fault("sqlite-redrive", "SQLite loses the context of a redriven job", "store",
      ("store/sqlite/mod.rs", "SELECT ?2, 0, 0, 0, 0, trace, body FROM dead", "SELECT ?2, 0, 0, 0, 0, '', body FROM dead"))
fault("redb-put", "redb does not keep the context", "traces",
      ("store/redb.rs", "                if !trace.is_empty() {\n                    traces.insert(id, trace)?;", "                if trace.len() > 1000 {\n                    traces.insert(id, trace)?;"))
fault("redb-redrive", "redb loses the context of a redriven job", "store",
      ("store/redb.rs", "traces.insert(id, &*trace)?;", "let _ = id;"))
fault("redb-left", "redb keeps the context of a job that is done", "store",
      ("store/redb.rs", """                    started.remove(id)?;
                    bytes = bytes.saturating_sub(remove(&mut traces, id)?.len() as u64);
                }
            }
            Change::Dead""", """                    started.remove(id)?;
                }
            }
            Change::Dead"""))
fault("sqlite-version-1", "a file of version 1 of SQLite gets no column", "store_sqlite",
      ("store/sqlite/open.rs", "            add_trace(&mut db).map_err(failed)?;\n", "            let _ = add_trace;\n"))
fault("sqlite-version-1-refused", "a file of version 1 of SQLite is refused", "store_sqlite",
      ("store/sqlite/open.rs", "        (APPLICATION, WITHOUT_TRACE) => Ok(Kind::WithoutTrace),\n", ""))
fault("salvage-version-1", "a damaged file of version 1 is not salvaged", "store_sqlite",
      ("store/sqlite/salvage.rs", ".or_else(|_| from.prepare(table.first_without_trace))", ""))
fault("redb-version-1", "a file of version 1 of redb keeps its version", "store_redb",
      ("store/redb.rs", "            Some(VERSION) => transaction.abort()?,", "            Some(_) => transaction.abort()?,"))
# A tracer of the user.
fault("enter-trusted", "a span that calls twice runs the handler twice, or fails", "trace",
      ("trace/span.rs", "            if let Some(call) = call.take() {\n                value = Some(call());\n            }", "            value = Some(call.take().expect(\"called once\")());"))
fault("never-called", "a handler whose span does not call it does not run", "trace",
      ("trace/span.rs", "        (None, Some(call)) => call(),", "        (None, Some(_)) => panic!(\"not called\"),"),)
fault("begin-unguarded", "a panic at the begin of a span ends the worker", "trace",
      ("trace/span.rs", "        self.guarded(|| span = trace.begin(&attempt));", "        span = span.or_else(|| trace.begin(&attempt));"))
fault("end-unguarded", "a panic at the end of a span ends the worker", "trace",
      ("trace/span.rs", "            self.guarded(|| span.0.end(result));", "            span.0.end(result);"))
# Events.
fault("letter-silent", "a dead letter without a queue is not told", "events",
      ("stage/settle.rs", "            events::letter_lost(&job.0, &cause);\n", "            let _ = (job, cause);\n"))
fault("eviction-loud", "each job that the overflow drops is an error", "events",
      ("trace/events.rs", "            Cause::Evicted => {}\n", ""))
fault("panic-silent", "a panic outside of an attempt is not told", "events",
      ("stage/inner.rs", "        events::panicked(&self.name, &message);\n", ""))
fault("store-loud", "each failure of the store is told", "events",
      ("disk/mod.rs", "            (None, Some(error)) => events::store_failed", "            (_, Some(error)) => events::store_failed"))
fault("event-outside", "a failure is told outside of the span", "events",
      ("trace/span.rs", "span.enter(|| events::attempt_failed(core, cause))", "events::attempt_failed(core, cause)"))
fault("event-unguarded", "a panic of the subscriber is not caught", "events",
      ("trace/events.rs", "        catch_unwind(AssertUnwindSafe(send)).unwrap_or_else(discard);\n", "        send();\n        let _ = (catch_unwind(AssertUnwindSafe(|| ())), discard);\n"))


def run(tree, work, test, limit):
    """The tests that fail, or None. `test` is a file of tests of joinq-flow, `test FILE`, `lib FILTER` or `instructions`."""
    env = dict(os.environ, CARGO_TARGET_DIR=str(work / "target"), RUST_BACKTRACE="0")
    env.setdefault("CARGO_PROFILE_DEV_DEBUG", "line-tables-only")
    env.pop("RUSTFLAGS", None)
    kind, _, name = test.rpartition(" ")
    cargo = ["cargo", "test", "--quiet", "-p", "joinq-flow", "--all-features"]
    cargo += ["--lib", name] if kind == "lib" else ["--test", name]
    end = ["--", "--test-threads=4"]
    if test == "instructions":
        cargo, end = ["cargo", "bench", "--quiet", "-p", "joinq-instructions", "--bench", "operations"], []
    built = subprocess.run([*cargo, "--no-run"], cwd=tree, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if built.returncode:
        return f"does not compile: {built.stdout[-1500:]}"
    out = subprocess.run(
        ["timeout", "-k", "2", str(limit), *cargo, *end], cwd=tree, env=env, text=True, errors="replace",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )
    if out.returncode == 0:
        return None
    if out.returncode in (124, 137):
        return "does not end"
    failed = sorted(set(re.findall(r"^---- (\S+) stdout ----", out.stdout, re.M)))
    return ", ".join(failed) if failed else f"the process ends: {out.stdout[-500:]}"


if __name__ == "__main__":
    sys.exit(planting.main(
        FAULTS, run, work="/tmp/joinq-plant-traces", limit=120,
        changes=lambda fault: [(f"flow/src/{file}", old, new) for file, old, new in fault.changes],
        columns=lambda fault: (fault.name, fault.breaks, fault.test),
        selects=lambda fault: {fault.name, fault.test},
        names="names of faults or files of tests",
    ))
