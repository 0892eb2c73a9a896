#!/usr/bin/env python3
"""Plants one fault at a time in the retries and the limit of joinq-flow, and reports which tests fail.

    demos/plant_retries.py [NAME ...] [--list] [--limit SECONDS] [--work DIR]

Each fault is a small change, made in a copy of the tree, where the tests that are expected to fail then run: `--lib` or a
file of joinq-flow, or the counts of instructions. NAME is a fault. With --list no test runs: each change must have exactly
one place in the code. The last column has the tests that fail, or `survived`.
"""
import sys
import planting, plant_traces
from collections import namedtuple

Fault = namedtuple("Fault", "name changes breaks test")

FAULTS = [
    Fault("detached-timer", [("flow/src/stage/delayed.rs", """            self.delayed.insert(due, core);
            let stage = Arc::downgrade(self);
            self.time.at(
                due,
                Box::new(move || {
                    if let Some(stage) = stage.upgrade() {
                        stage.enqueue_due();
                    }
                }),
            );
""", """            let (stage, _) = (self.clone(), due);
            std::thread::spawn(move || {
                std::thread::sleep(delay);
                stage.enqueue(core);
            });
""")], "the delay of a job is that of a thread of its own", "lib retry_tests"),
    Fault("refused-after-close", [("flow/src/stage/settle.rs", "        let retry = self.options.retry.as_ref()?;\n",
                                   "        let retry = self.options.retry.as_ref().filter(|_| !self.unfinished.is_closed())?;\n")],
          "a job is not tried again after the close", "lib retry_tests"),
    Fault("delays-stay", [("flow/src/retry.rs", ".with_factor(2.0)", ".with_factor(1.0)")],
          "the delays do not grow", "lib retry_tests"),
    Fault("permit-given-back-early", [("flow/src/work/next.rs", "        let (core, permit) = claim.keep();\n        Attempt::begin(core, permit)",
                                       "        let (core, _) = claim.keep();\n        Attempt::begin(core, None)")],
          "the permit of the limit is free when the handler begins", "test workers"),
    Fault("fence-in-get", [("src/queue/api.rs", "        match self.try_claim_pop() {\n            Ok(ticket) => self.take_and_serve_putters(ticket, Ok),\n            Err(fallback) => self.try_get_slow(fallback),",
                            "        std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);\n        match self.try_claim_pop() {\n            Ok(ticket) => self.take_and_serve_putters(ticket, Ok),\n            Err(fallback) => self.try_get_slow(fallback),")],
          "a get has a fence more", "instructions"),
]

if __name__ == "__main__":
    sys.exit(planting.main(
        FAULTS, plant_traces.run, work="/tmp/joinq-plant-retries", limit=600,
        changes=lambda fault: fault.changes,
        columns=lambda fault: (fault.name, fault.breaks, fault.test),
    ))
