#!/usr/bin/env python3
"""Plants one fault at a time in joinq_bridge::mqtt and reports which test fails, and by what.

    demos/plant_mqtt.py [NAME ...] [--list] [--limit SECONDS] [--work DIR]

Each fault of the table below is a small change of bridge/src/mqtt or of the program edge. It is made in a copy of the tree,
where the test that is expected to fail then runs. NAME is a fault. With --list no test runs: each fault must have exactly
one place in the code. The last column is the first violation, or `survived`.

A test is the arguments of `cargo run -p joinq-demos --bin mqtt --`, or `script NAME` for a test of bridge/tests/mqtt.rs.
"""
import os, re, subprocess, sys
import planting
from collections import namedtuple

Fault = namedtuple("Fault", "name file changes breaks test")
SRC = "bridge/src/mqtt/"
FAULTS = [
    Fault(
        "done-at-write", SRC + "window.rs",
        [("if self.qos == QoS::AtMostOnce {\n            self.end", "if self.qos != QoS::ExactlyOnce {\n            self.end")],
        "with QoS 1 a job is done when its message was written", "kills --times 10 --off 1",
    ),
    Fault(
        "window-not-published-again", SRC + "window.rs",
        [("                    again += 1;\n                    entry.progress = Progress::New;\n",
          "                    again += 1;\n                    entry.progress = Progress::Ended;\n"
          "                    self.unended -= 1;\n                    let _ = entry.reply.take().map(|reply| reply.send(Ok(())));\n")],
        "after a cut the window counts as published", "kills --times 10 --off 1",
    ),
    Fault(
        "window-forgotten", SRC + "window.rs",
        [("                    again += 1;\n                    entry.progress = Progress::New;\n", "                    again += 1;\n"),
         ("        self.next = self.first;\n        again", "        again")],
        "after a cut the window waits for acknowledgements of the old connection", "script followed_by_all_that_is_unacknowledged",
    ),
    Fault(
        "out-of-order", SRC + "window.rs",
        [("        self.next = self.first;\n        again", "        self.entries.make_contiguous().reverse();\n        self.next = self.first;\n        again")],
        "the window is published again from its end", "script followed_by_all_that_is_unacknowledged",
    ),
    Fault(
        "paired-by-acknowledgement", SRC + "window.rs",
        [("let Some(number) = self.numbers.remove(&identifier) else { return Effect::None };",
          "if self.numbers.remove(&identifier).is_none() {\n            return Effect::None;\n        }\n        let number = self.first;")],
        "an acknowledgement is taken for that of the oldest message", "script acknowledgements_in_any_order",
    ),
    Fault(
        "window-by-number", SRC + "window.rs",
        [("if at >= self.span_now {", "if self.unreported.len() + self.numbers.len() >= self.span_now {")],
        "the window counts messages, so that an identifier may be in use when its turn comes", "unit the_window_reaches",
    ),
    Fault(
        "dropped-is-unpaired", SRC + "window.rs",
        [("                self.end(number, Ok(()));\n                continue;\n            }\n            entry.progress",
          "                self.end(number, Ok(()));\n                self.unreported.push_back(number);\n                continue;\n            }\n            entry.progress")],
        "a message whose future was dropped shifts the reports of writes", "script does_not_shift",
    ),
    Fault(
        "session-not-kept", SRC + "link.rs",
        [("if self.qos != QoS::ExactlyOnce {\n                // A client whose", "if true {\n                // A client whose")],
        "with QoS 2 a new client follows a cut connection", "cuts --times 20",
    ),
    Fault(
        "session-begun-again", SRC + "link.rs",
        [("if self.qos == QoS::ExactlyOnce && connected.session_present {", "if false && connected.session_present {")],
        "with QoS 2 messages are published as new ones though the session goes on", "cuts --times 20",
    ),
    Fault(
        "session-not-forgotten", SRC + "link.rs",
        [("let mut is_forgotten = self.qos != QoS::ExactlyOnce;", "let mut is_forgotten = true;")],
        "with QoS 2 the session of an earlier process goes on", "script with_qos_2_the_session",
    ),
    Fault(
        "rest-not-followed", SRC + "link.rs",
        [("                    if self.qos != QoS::AtMostOnce {\n                        let effects",
          "                    if false {\n                        let effects")],
        "what the client has handled and not reported is forgotten", "script with_the_end_of_the_connection",
    ),
    Fault(
        "poison-kept", SRC + "link.rs",
        [("        if self.fruitless >= TOGETHER + ALONE {", "        if self.fruitless >= u32::MAX {")],
        "a message over which the broker closes each connection is never rejected", "script cannot_bear",
    ),
    Fault(
        "done-at-give", SRC + "window.rs",
        [("            return Some(entry.message.packet(self.qos));",
          "            let packet = entry.message.packet(self.qos);\n            if self.qos == QoS::AtMostOnce {\n"
          "                self.unreported.pop_back();\n                self.end(number, Ok(()));\n            }\n"
          "            return Some(packet);")],
        "with QoS 0 a job is done when the client has it", "writes --times 30",
    ),
    Fault(
        "no-certificate", SRC + "tls.rs",
        [("config.with_client_auth_cert(certificates(chain)?, PrivateKeyDer::from_pem_slice(key)?)?",
          "{\n            let _ = (certificates(chain)?, PrivateKeyDer::from_pem_slice(key)?);\n            config.with_no_client_auth()\n        }")],
        "the client does not show its certificate", "identity",
    ),
    Fault(
        "token-kept", SRC + "link.rs",
        [("        let mut options = self.options.clone();\n        if let Some(token)",
          "        let mut options = self.options.clone();\n        static KEPT: std::sync::OnceLock<String> = std::sync::OnceLock::new();\n        if let Some(token)"),
         ("            options.set_credentials(user, token);", "            options.set_credentials(user, KEPT.get_or_init(|| token).clone());")],
        "the first token is used for ever", "identity",
    ),
    Fault(
        "edge-in-memory", "demos/src/bin/edge.rs",
        [(".durable(store, Json)", ".spill(store, Json)")],
        "readings are in memory only", "edge --times 5 --off 1",
    ),
    Fault(
        "edge-blamed", "demos/src/bin/edge.rs",
        [("let store = Unmarked(SqliteStore::open(&db)?);", "let store = SqliteStore::open(&db)?;\n    let _ = Unmarked(());")],
        "kills are blamed on the jobs under way", "edge --times 3 --off 1",
    ),
    Fault(
        "edge-done-at-write", SRC + "builder.rs",
        [("qos: QoS::AtLeastOnce, window", "qos: QoS::AtMostOnce, window")],
        "readings are published with QoS 0", "edge --times 10 --off 1",
    ),
    Fault(
        "edge-does-not-wait", "demos/src/bin/edge.rs",
        [("    readings.join().await;\n", "    readings.shutdown().until(tokio::time::sleep(Duration::ZERO)).await.ok();\n")],
        "the program ends before all readings have arrived", "edge --times 3 --off 1",
    ),
]


def command(words, tree, env, limit):
    out = subprocess.run(
        ["timeout", "-k", "2", str(limit), *words], cwd=tree, env=env, text=True, errors="replace",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )
    return out.returncode, out.stdout


def run(tree, work, test, limit):
    """The first violation, or None."""
    env = dict(os.environ, CARGO_TARGET_DIR=str(work / "target"), JOINQ_SERVERS="1", RUST_BACKTRACE="0")
    env.pop("RUSTFLAGS", None)
    kind, *rest = test.split(" ")
    if kind in ("script", "unit"):
        which = ["--test", "mqtt"] if kind == "script" else ["--lib"]
        build, words = ["cargo", "test", "-q", "-p", "joinq-bridge", "--features", "mqtt-tls", *which], None
        words = [*build, *rest]
        build = [*build, "--no-run"]
    else:
        build = ["cargo", "build", "-q", "-p", "joinq-demos", "--bin", "mqtt", "--bin", "edge"]
        words = [str(work / "target/debug/mqtt"), kind, *rest]
    code, text = command(build, tree, env, 1200)
    if code:
        return f"does not compile: {text[-1500:]}"
    code, text = command(words, tree, env, limit)
    if code == 0:
        return None
    if code in (124, 137):
        return "does not end"
    violations = re.findall(r"^    - (.*)", text, re.M)
    panics = re.findall(r"panicked at [^\n]*\n(.*)", text)
    found = violations or panics
    return found[0][:200] if found else f"no violation, but the test fails: {text[-500:]}"


if __name__ == "__main__":
    sys.exit(planting.main(
        FAULTS, run, work="/tmp/joinq-plant-mqtt", limit=400,
        changes=lambda fault: [(fault.file, old, new) for old, new in fault.changes],
        columns=lambda fault: (fault.name, fault.file, fault.breaks, fault.test),
    ))
