#!/usr/bin/env python3
"""Plants, for each acceptance test of joinq-flow and of the bridges, the faults that it must find, and prints a table.

    demos/acceptance.py [TEST ...] [--list] [--work DIR]

The faults and their tests are in the scripts plant*.py of this folder, which run them; each has more faults than these.
TEST is the number of a test, as `A1`. With --list no test runs: each fault must be known and have exactly one place in the
code. The last column is what the test has found, or `survived`. docs/verification.md has the table of the results.
"""
import argparse, pathlib, subprocess, sys, time

HERE = pathlib.Path(__file__).resolve().parent

TESTS = [
    ("A1", "kills at random", "plant", ["acknowledged-before-commit", "deleted-at-load", "done-at-start", "retry-in-memory"]),
    ("A2", "kills at each system call", "plant", ["sqlite-split", "redb-split"]),
    ("A3", "the order of synchronization and acknowledgement", "plant", ["opened-normal", "redb-none"]),
    ("A4", "a job that aborts the process", "plant", ["start-not-marked"]),
    ("A5", "overflow to disk", "plant", ["past-the-disk", "joined-before-load"]),
    ("A6", "memory under overload", "plant_stress", ["weight-twice", "freed-at-get"]),
    ("A7", "changes of the capacity", "plant_stress", ["raise-without-serve"]),
    ("A8", "retries", "plant_retries", ["detached-timer", "refused-after-close"]),
    ("A9", "cancels, panics and drops", "plant_stress", ["guard-without-give-back"]),
    ("A10", "bounded concurrency", "plant_retries", ["permit-given-back-early"]),
    ("A11", "Prometheus", "plant_metrics", ["goes-back", "label-with-an-id-at-the-server"]),
    ("A12", "OpenTelemetry", "plant_traces", ["span-kept", "lost-on-disk"]),
    ("A13", "scaling", "plant_metrics", ["depth-alone"]),
    ("A14", "NATS", "plant_bridges", ["nats-acknowledged-at-receive"]),
    ("A15", "MQTT", "plant_mqtt", ["done-at-write", "window-not-published-again"]),
    ("A16", "the edge program", "plant_mqtt", ["edge-in-memory", "edge-done-at-write", "edge-does-not-wait"]),
    ("A17", "counts of instructions", "plant_retries", ["fence-in-get"]),
]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tests", nargs="*")
    parser.add_argument("--list", action="store_true", help="only check that each fault is known and has its place")
    parser.add_argument("--work", default="/tmp/joinq-acceptance")
    args = parser.parse_args()
    survived = 0
    print("| test | what it tests | fault | found by | seconds |\n|---|---|---|---|---|", flush=True)
    for number, what, script, faults in TESTS:
        if args.tests and number not in args.tests:
            continue
        for fault in faults:
            begin = time.time()
            command = [sys.executable, str(HERE / f"{script}.py"), fault, "--work", args.work, *(["--list"] if args.list else [])]
            out = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            lines = [line for line in out.stdout.splitlines() if line.startswith(f"{fault} | ")]
            if not lines:
                sys.exit(f"{script}.py does not know {fault}:\n{out.stdout}")
            # Columns of the script, and then the verdict, which may have more lines.
            verdict = lines[-1].rpartition(" | ")[2].strip()
            survived += out.returncode != 0
            print(f"| {number} | {what} | {fault} | {verdict[:160]} | {time.time() - begin:.0f} |", flush=True)
    return survived != 0


if __name__ == "__main__":
    sys.exit(main())
