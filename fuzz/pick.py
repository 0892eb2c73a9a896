#!/usr/bin/env python3
"""Picks a small corpus for a fuzz target out of what its runs have found.

    fuzz/pick.py COUNT [TARGET ...]

The programs in fuzz/target/found/TARGET (see run.sh) and in the committed corpus are run once. Of these the COUNT that
together reach the most features become the corpus. `cargo fuzz cmin` keeps a program for each
feature, which are too many to be committed.
"""
import os, pathlib, shutil, subprocess, sys, tempfile

FUZZ = pathlib.Path(__file__).resolve().parent
BINARIES = FUZZ / "target/x86_64-unknown-linux-gnu/release"


def coverage(target, folders):
    """The features of each program, by the control file of a merge: edges, and how often they were passed."""
    with tempfile.TemporaryDirectory() as work:
        control, empty = pathlib.Path(work) / "control", pathlib.Path(work) / "empty"
        empty.mkdir()
        command = [BINARIES / target, "-set_cover_merge=1", f"-merge_control_file={control}", empty, *folders]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        lines = control.read_text().splitlines()
    count = int(lines[0])
    reached = {number: set() for number in range(count)}
    for words in (line.split(" ") for line in lines[2 + count:]):
        if words[0] == "FT":
            reached[int(words[1])].update(words[2:])
    return {pathlib.Path(lines[2 + number]): seen for number, seen in reached.items()}


def pick(reached, count):
    picked, seen = [], set()
    # Of two programs alike the shorter one is picked.
    worth = lambda path: (len(reached[path] - seen), -path.stat().st_size)
    while len(picked) < count:
        best = max(reached, key=worth, default=None)
        if best is None or worth(best)[0] == 0:
            break
        picked.append(best)
        seen |= reached.pop(best)
    return picked


def main():
    count, targets = int(sys.argv[1]), sys.argv[2:] or sorted(os.listdir(FUZZ / "corpus"))
    for target in targets:
        corpus = FUZZ / "corpus" / target
        corpus.mkdir(parents=True, exist_ok=True)
        folders = [folder for folder in (FUZZ / "target/found" / target, corpus) if folder.exists()]
        texts = {path.name: path.read_bytes() for path in pick(coverage(target, folders), count)}
        shutil.rmtree(corpus)
        corpus.mkdir()
        for name, text in texts.items():
            (corpus / name).write_bytes(text)
        print(f"{target}: {len(texts)} programs, {sum(map(len, texts.values()))} bytes")


main()
