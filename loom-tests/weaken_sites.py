"""Finds the orderings and fences of src/, and rewrites a copy of src/ so that one of them can be weakened at run time.

Knows the text of the sources. Does not know models, and runs nothing.
"""
import dataclasses, re

STRONG = re.compile(r"Ordering::(Acquire|Release|AcqRel|SeqCst)\b")
OPERATION = re.compile(r"(?:\.|\b)(load|store|swap|compare_exchange|fetch_\w+|fence|compiler_fence)\(")
FENCES = {"rmw_fence": "M1", "fence_pushes": "M1", "fence_pops": "M1", "fence_holes": "M1", "fence_done": "M1",
          "fence_space": "M1", "get_ordered": "O2", "light": "F1", "heavy": "F1", "fence": "F1"}
CALL = re.compile(r"(?<![\w.:])(?:[A-Za-z_]\w*(?:\.|::))*(" + "|".join(FENCES) + r")\(")
# The orderings one step below, and then Relaxed. Of a SeqCst those below AcqRel as well: loom takes both for the same.
WEAKER = {"Acquire": ["Relaxed"], "Release": ["Relaxed"], "AcqRel": ["Acquire", "Release", "Relaxed"],
          "SeqCst": ["AcqRel", "Acquire", "Release", "Relaxed"]}
REMOVED = "removed"

# What stands in the copy for the two ends of every fence, so that a fence can be removed at the place of a call.
ENDS = {
    "src/sync/mod.rs": [("word.fetch_or(0, ", "weaken::fetch_or_0(word, ")],
    "src/raw/lazy_box.rs": [(
        "pub fn get_ordered(&self) -> Option<&T> {",
        "pub fn get_ordered(&self) -> Option<&T> { if crate::sync::weaken::is_off() { return self.get(); }",
    )],
    "src/raw/fence.rs": [("use crate::sync::{fence, Ordering};", "use crate::sync::{weaken::fence, Ordering};")],
}

MODULE = """
#[cfg(loom)]
pub(crate) mod weaken {
    use super::AtomicU64;
    use ::loom::{sync::atomic, thread};
    use std::cell::RefCell;
    use std::io::Write;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::OnceLock;

    static SEEN: [AtomicBool; SITES] = [const { AtomicBool::new(false) }; SITES];

    // All threads of a model run in one thread. So this has their ids.
    std::thread_local! {
        static OFF: RefCell<Vec<thread::ThreadId>> = const { RefCell::new(Vec::new()) };
    }

    /// The site that is weakened, and to what: to nothing if it is a fence.
    fn plan() -> (usize, Option<Ordering>) {
        static PLAN: OnceLock<(usize, Option<Ordering>)> = OnceLock::new();
        *PLAN.get_or_init(|| {
            let text = std::env::var("JOINQ_WEAKEN").unwrap_or_default();
            let Some((site, to)) = text.split_once(':') else { return (usize::MAX, None) };
            let to = match to {
                "Relaxed" => Some(Ordering::Relaxed),
                "Acquire" => Some(Ordering::Acquire),
                "Release" => Some(Ordering::Release),
                "AcqRel" => Some(Ordering::AcqRel),
                "removed" => None,
                _ => panic!("JOINQ_WEAKEN"),
            };
            (site.parse().unwrap(), to)
        })
    }

    fn note(site: usize) {
        if !SEEN[site].swap(true, Ordering::Relaxed) {
            if let Some(path) = std::env::var_os("JOINQ_WEAKEN_TRACE") {
                let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
                writeln!(file, "{site}").unwrap();
            }
        }
    }

    pub(crate) fn step(site: usize, order: Ordering) -> Ordering {
        note(site);
        match plan() {
            (planned, Some(to)) if planned == site => to,
            _ => order,
        }
    }

    struct On(thread::ThreadId);

    impl Drop for On {
        fn drop(&mut self) {
            OFF.with(|off| {
                let mut off = off.borrow_mut();
                let place = off.iter().rposition(|id| *id == self.0).unwrap();
                off.remove(place);
            });
        }
    }

    /// Runs `act`, without the fences in it if this site is planned.
    pub(crate) fn fenced<R>(site: usize, act: impl FnOnce() -> R) -> R {
        note(site);
        let _on = (plan().0 == site).then(|| {
            let id = thread::current().id();
            OFF.with(|off| off.borrow_mut().push(id));
            On(id)
        });
        act()
    }

    pub(crate) fn is_off() -> bool {
        plan().0 < SITES && OFF.with(|off| !off.borrow().is_empty() && off.borrow().contains(&thread::current().id()))
    }

    #[track_caller]
    pub(crate) fn fetch_or_0(word: &AtomicU64, order: Ordering) -> u64 {
        if is_off() {
            return word.load(Ordering::Acquire);
        }
        word.fetch_or(0, order)
    }

    #[track_caller]
    pub(crate) fn fence(order: Ordering) {
        if !is_off() {
            atomic::fence(order);
        }
    }
}
"""


@dataclasses.dataclass
class Site:
    number: int
    path: str
    line: int
    function: str
    label: str
    what: str
    was: str  # an ordering, or "" for a fence
    nth: int = 0  # among those of the same function that look alike

    def weaker(self):
        if not self.was:
            return [REMOVED]
        # No fence is Relaxed.
        return [to for to in WEAKER[self.was] if self.what != "fence" or to != "Relaxed"]

    def name(self, to):
        change = f"{self.was} -> {to}" if self.was else to
        what = f"{self.what} {self.nth}" if self.nth else self.what
        return f"{self.label} {self.path.removeprefix('src/').removesuffix('.rs')} {self.function} {what}: {change}"

    def place(self):
        return f"{self.path}:{self.line}"


def sources(root):
    """Without the tests: the files of tests, and what follows `mod tests {` in the others."""
    for path in sorted((root / "src").rglob("*.rs")):
        if not re.search(r"(^|_)tests\.rs$", path.name) and path.name != "schedules.rs":
            text = path.read_text()
            tests = re.search(r"^#\[cfg\([^\n]*\n(?:pub )?mod tests \{", text, re.M)
            yield path.relative_to(root).as_posix(), text[: tests.start()] if tests else text


def left_out(path, text):
    """Ranges of code that a build for loom does not compile: `fence.rs` has one module for each system."""
    if path.endswith("raw/fence.rs"):
        for found in re.finditer(r"^#\[cfg\(((?:.|\n)*?)\)\]\nmod system \{.*?^\}", text, re.M | re.S):
            if found.group(1) != "loom":
                yield found.start(), found.end()


def is_comment(text, place):
    return text[text.rfind("\n", 0, place) + 1 : place].lstrip().startswith("//")


def context(text, place):
    """Line and function of a place, and the label of the nearest `// Ordering:` above."""
    before = text[:place]
    functions = re.findall(r"\bfn (\w+)", re.sub(r"^\s*//.*", "", before, flags=re.M))
    labels = re.findall(r"// Ordering: [^.]*?\b([A-Z]\d)\b", before)
    return before.count("\n") + 1, functions[-1] if functions else "", labels[-1] if labels else "?"


def places(path, text):
    """Each ordering and each call of a fence: start, end, operation, ordering or ""."""
    without = list(left_out(path, text))
    for hit in STRONG.finditer(text):
        if not is_comment(text, hit.start()) and not any(a <= hit.start() < b for a, b in without):
            calls = OPERATION.findall(text, 0, hit.start())
            failure = re.search(r"Ordering::\w+,\s*$", text[: hit.start()])
            yield hit.start(), hit.end(), calls[-1] + (" failure" if failure else ""), hit.group(1)
    for hit in CALL.finditer(text):
        defined = re.search(r"\bfn $", text[: hit.start()])
        if not defined and not is_comment(text, hit.start()) and not any(a <= hit.start() < b for a, b in without):
            yield hit.start(), hit.end(), hit.group(1), ""


def find(root):
    """All sites, and those that a build for loom does not compile, as text."""
    sites, skipped = [], []
    for path, text in sources(root):
        for start, _, what, was in sorted(places(path, text), key=lambda place: (place[0], place[3] == "")):
            line, function, label = context(text, start)
            site = Site(len(sites), path, line, function, label if was else FENCES[what], what, was)
            alike = lambda other: (other.path, other.function, other.what, other.was, other.label)
            site.nth = sum(alike(other) == alike(site) for other in sites)
            sites.append(site)
        for a, b in left_out(path, text):
            skipped += [f"{path}:{text.count(chr(10), 0, a + hit.start()) + 1}" for hit in STRONG.finditer(text[a:b])
                        if not is_comment(text, a + hit.start())]
    return sites, skipped


def closing(text, start):
    """The place after the bracket that closes the one before `start`."""
    depth = 1
    for place in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            return place + 1
    raise ValueError("no closing bracket")


def instrumented(root):
    """The changed files of src/, by path."""
    number, changed = 0, {}
    for path, text in sources(root):
        whole = (root / path).read_text()
        edits = []
        for start, end, _, was in sorted(places(path, text), key=lambda place: (place[0], place[3] == "")):
            if was:
                edits += [(start, 1, f"crate::sync::weaken::step({number}, "), (end, 0, ")")]
            else:
                edits += [(start, 1, f"crate::sync::weaken::fenced({number}, || "), (closing(text, end), 0, ")")]
            number += 1
        for place, _, added in sorted(edits, key=lambda edit: edit[:2], reverse=True):
            whole = whole[:place] + added + whole[place:]
        for old, new in ENDS.get(path, []):
            if whole.count(old) != 1:
                raise SystemExit(f"{path}: not once in the file: {old}")
            whole = whole.replace(old, new)
        if edits or path in ENDS:
            changed[path] = whole
    changed["src/sync/mod.rs"] += f"\n#[cfg(loom)]\npub(crate) const SITES: usize = {number};\n" + MODULE.replace(
        "use super::AtomicU64;", "use super::{AtomicU64, SITES};")
    return changed
