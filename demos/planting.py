"""Plants faults in a copy of the tree, one at a time: the part that the scripts plant*.py of this folder share."""
import argparse, pathlib, shutil

ROOT = pathlib.Path(__file__).resolve().parent.parent


def place(tree, changes):
    """Plants changes (file, old, new); the texts before, or None unless each change has exactly one place."""
    before = {}
    for file, old, new in changes:
        path = tree / file
        text = path.read_text()
        if text.count(old) != 1:
            restore(before)
            return None
        before.setdefault(path, text)
        path.write_text(text.replace(old, new))
    return before


def restore(before):
    for path, text in before.items():
        path.write_text(text)


def main(faults, run, *, work, limit, changes, columns, selects=lambda fault: {fault.name}, names="names of faults"):
    """The command line. Whether a fault survived, has no place, or does not compile.

    run(tree, work, test, limit) is the first violation, or None. changes(fault) has what `place` takes, columns(fault)
    what is printed before the verdict, and selects(fault) the names that select the fault.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", help=names)
    parser.add_argument("--list", action="store_true", help="only check that each change has its place")
    parser.add_argument("--limit", type=int, default=limit, help="seconds for one test")
    parser.add_argument("--work", default=work)
    args = parser.parse_args()
    work = pathlib.Path(args.work)
    tree = work / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns("target", ".git"))
    bad = 0
    for fault in faults:
        if args.names and not selects(fault) & set(args.names):
            continue
        before = place(tree, changes(fault))
        verdict = ""
        if before is None:
            verdict = "has no place"
        elif not args.list:
            verdict = run(tree, work, fault.test, args.limit) or "survived"
        restore(before or {})
        bad += verdict in ("has no place", "survived") or verdict.startswith(("does not compile", "no violation"))
        print(*columns(fault), verdict, sep=" | ", flush=True)
    return bad != 0
