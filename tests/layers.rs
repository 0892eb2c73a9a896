//! Which module may name which, read off the sources: the layers of `docs/design.md` are kept by this test,
//! not by hope.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Modules of this crate that the files below a path may name, as in `crate::sync`. The first row that fits
/// counts.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("sync/", &[]),
    ("error.rs", &[]),
    ("guide.rs", &[]),
    ("raw/cursor.rs", &[]),
    ("raw/", &["sync", "raw"]),
    ("wait/", &["sync", "wait"]),
    ("join.rs", &["sync", "error"]),
    ("operation/", &["sync", "operation"]),
    ("queue/", &["sync", "raw", "wait", "join", "operation", "error", "queue"]),
    ("channel/", &["operation", "error", "queue", "channel"]),
    ("mpsc.rs", &["operation", "error", "queue", "channel"]),
    ("select/", &["sync", "wait", "operation", "error", "queue", "channel", "select"]),
    // Roots compose.
    ("lib.rs", &["channel", "error", "join", "mpsc", "operation", "queue", "raw", "select", "sync", "wait"]),
    ("compat", &["channel", "error", "queue", "operation", "select", "sync", "compat"]),
];

/// Names that only some files may contain.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("sync::atomic", &["sync/"]),
    ("loom::", &["sync/"]),
    ("cell::UnsafeCell", &["sync/"]),
    ("std::thread", &["sync/"]),
    ("event_listener", &["wait/wait_set.rs"]),
    ("crossbeam_utils", &["sync/"]),
    ("parking::", &["operation/thread.rs"]),
    ("tokio::task", &["operation/budget.rs"]),
    ("futures_core", &["queue/stream.rs", "channel/", "mpsc.rs", "compat/"]),
    ("futures_sink", &["queue/sink.rs", "channel/", "compat/"]),
    // The lint that is set here would allow it.
    ("allow(unsafe_code)", &["raw/mod.rs"]),
    ("unsafe {", &["raw/"]),
    ("unsafe fn", &["raw/"]),
    ("unsafe impl", &["raw/"]),
];

/// Names that the files below a path must not contain, beside those of `MAY_NAME`.
const NEVER_IN: &[(&str, &[&str])] = &[
    (
        "raw/",
        &[
            "std::time",
            "std::task",
            "Waker",
            "Future",
            "Duration",
            "Instant",
            "WaitSet",
            "event_listener",
            "park",
            "Mutex",
        ],
    ),
    ("wait/", &["Queue", "raw"]),
    ("wait/queue.rs", &["event_listener", "Mutex", "Ordering"]),
    ("join.rs", &["Queue", "raw", "wait", "Waker"]),
    ("operation/", &["Queue", "raw"]),
    ("channel/", &["RawQueue", "WaitSet", "WaitQueue", "raw::"]),
    ("mpsc.rs", &["RawQueue", "WaitSet", "WaitQueue", "raw::"]),
    // Wherever it is: one file, one idea, and no vocabulary of doubt.
    ("", &["TODO", "FIXME", "todo!(", "unimplemented!(", "dbg!("]),
];

/// One source file: its name below `src/`, its lines, and where its tests begin.
struct Source {
    name: String,
    lines: Vec<String>,
}

impl Source {
    fn read(root: &Path, path: &Path) -> Source {
        let text = fs::read_to_string(path).unwrap();
        let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
        // Tests stand last in a file and may name whatever they like.
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        let tests = lines.windows(2).position(|pair| pair[0].starts_with("#[cfg(") && pair[1] == "mod tests {");
        lines.truncate(tests.unwrap_or(lines.len()));
        Source { name, lines }
    }

    /// The lines that are code, with their numbers, without comments at their ends. A line that begins with a quote
    /// is text: mostly of an example in the documentation.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines.iter().enumerate().filter_map(|(number, line)| {
            let line = line.split(" // ").next().unwrap_or("").trim();
            (!line.is_empty() && !line.starts_with("//") && !line.starts_with('"')).then_some((number + 1, line))
        })
    }

    fn is_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.name.starts_with(place))
    }
}

fn sources() -> Vec<Source> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &mut found);
    found.sort();
    let sources: Vec<_> = found.iter().map(|path| Source::read(&root, path)).collect();
    assert!(sources.len() > 10, "the sources were not found");
    sources
}

/// Fails with all complaints at once.
fn report(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// Whether `line` contains `name` as a word or a path of its own.
fn names(line: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let (starts, ends) = (name.starts_with(is_part), name.ends_with(is_part));
    line.match_indices(name).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + name.len()..]);
        !(starts && before.ends_with(is_part) || ends && after.starts_with(is_part))
    })
}

/// The modules that a line names after `crate::`, alone or in braces.
fn modules_named(line: &str) -> Vec<String> {
    let mut modules = Vec::new();
    for (at, _) in line.match_indices("crate::") {
        let rest = &line[at + "crate::".len()..];
        let group = rest.strip_prefix('{').map_or(rest, |group| group.split('}').next().unwrap_or(group));
        let parts: Vec<&str> = if rest.starts_with('{') { group.split(',').collect() } else { vec![group] };
        for part in parts {
            let module: String = part.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            // Types at the root, as in `crate::Until`, are public, and known to all.
            if module.starts_with(char::is_lowercase) {
                modules.push(module);
            }
        }
    }
    modules
}

#[test]
fn each_file_names_only_the_layers_below_it() {
    let mut complaints = Vec::new();
    for source in sources() {
        let Some((_, allowed)) = MAY_NAME.iter().find(|(place, _)| source.name.starts_with(place)) else {
            complaints.push(format!("src/{} has no row in the table of layers", source.name));
            continue;
        };
        for (number, line) in source.code() {
            for module in modules_named(line) {
                if !allowed.contains(&module.as_str()) {
                    complaints.push(format!("src/{}:{number}: names crate::{module}", source.name));
                }
            }
            if source.name.starts_with("raw/") && line.contains("super::super") {
                complaints.push(format!("src/{}:{number}: looks out of raw/", source.name));
            }
        }
    }
    report(complaints);
}

/// The files of `src/queue`, without `mod.rs`, which all of them know.
fn files_of_queue() -> Vec<Source> {
    let files: Vec<_> =
        sources().into_iter().filter(|file| file.name.starts_with("queue/") && file.name != "queue/mod.rs").collect();
    assert!(files.len() > 15, "the files of src/queue were not found");
    files
}

/// The name of a function that `line` defines, and whether users of the crate can call it.
fn function(line: &str) -> Option<(&str, bool)> {
    let (before, after) = line.split_once("fn ")?;
    let is_head =
        before.split_whitespace().all(|word| word.starts_with("pub") || word.ends_with("queue)") || word == "const");
    let end = after.find(['(', '<']).unwrap_or(after.len());
    is_head.then_some((&after[..end], matches!(before.trim(), "pub" | "pub const")))
}

/// For each file of `src/queue`, which others of them it names, by their path or by a method that only one of
/// them defines. Every file may call the public methods of a queue, which are not counted.
fn edges_of_queue(files: &[Source]) -> Vec<Vec<usize>> {
    let module = |file: &Source| {
        file.name.trim_end_matches(".rs").trim_end_matches("/mod").rsplit('/').next().unwrap().to_owned()
    };
    let modules: Vec<String> = files.iter().map(module).collect();
    let mut definitions: BTreeMap<&str, Vec<(usize, bool)>> = BTreeMap::new();
    for (index, file) in files.iter().enumerate() {
        for (name, public) in file.code().filter_map(|(_, line)| function(line)) {
            definitions.entry(name).or_default().push((index, public));
        }
    }
    let names_it = |index: usize, line: &str| {
        let mut named = Vec::new();
        for (other, module) in modules.iter().enumerate() {
            let paths = [format!("super::{module}::"), format!("queue::{module}::")];
            let is_path = paths.iter().any(|path| names(line, path));
            // Within a folder: `batch::` is a file beside the folder's `mod.rs`.
            let is_child = line.starts_with("use ") && line.contains(&format!("use {module}::"));
            if other != index && (is_path || is_child) {
                named.push(other);
            }
        }
        // The core has operations of the same names.
        let line = line.replace("raw.", "raw_");
        for (name, places) in &definitions {
            if let [(other, false)] = places[..] {
                let calls = [format!(".{name}("), format!("::{name}("), format!(".{name}::<")];
                if other != index && calls.iter().any(|call| line.contains(call)) {
                    named.push(other);
                }
            }
        }
        named
    };
    files
        .iter()
        .enumerate()
        .map(|(index, file)| file.code().flat_map(|(_, line)| names_it(index, line)).collect())
        .collect()
}

#[test]
fn the_files_of_the_queue_form_no_cycle() {
    let files = files_of_queue();
    let mut edges = edges_of_queue(&files);
    assert!(edges.iter().map(Vec::len).sum::<usize>() > 40, "the edges were not found");
    // Files that name no other, or that no other names, are taken away until there is none: the rest lies on
    // or between cycles.
    let mut left: BTreeSet<usize> = (0..files.len()).collect();
    let is_end = |edges: &[Vec<usize>], left: &BTreeSet<usize>, index: usize| {
        edges[index].is_empty() || !left.iter().any(|&other| edges[other].contains(&index))
    };
    while let Some(index) = left.iter().copied().find(|&index| is_end(&edges, &left, index)) {
        left.remove(&index);
        edges.iter_mut().for_each(|edges| edges.retain(|&other| other != index));
    }
    let name = |index: usize| files[index].name.as_str();
    let complaints = left.iter().map(|&index| {
        let others: BTreeSet<&str> = edges[index].iter().map(|&other| name(other)).collect();
        format!("src/{} names {others:?}", name(index))
    });
    report(complaints.collect());
}

#[test]
fn some_names_stand_only_where_they_belong() {
    let mut complaints = Vec::new();
    for source in sources().iter().filter(|source| !source.name.ends_with("tests.rs")) {
        for (number, line) in source.code() {
            for (name, places) in ONLY_IN {
                if names(line, name) && !source.is_in(places) {
                    complaints.push(format!("src/{}:{number}: `{name}` stands only in {places:?}", source.name));
                }
            }
            for (place, never) in NEVER_IN.iter().filter(|(place, _)| source.name.starts_with(place)) {
                for name in never.iter().filter(|name| names(line, name)) {
                    complaints.push(format!("src/{}:{number}: `{name}` has no place in src/{place}", source.name));
                }
            }
        }
    }
    report(complaints);
}

#[test]
fn each_file_has_less_than_four_hundred_lines_of_code() {
    let long = |source: &Source| {
        let count = source.code().count();
        (count >= 400).then(|| format!("src/{} has {count} lines of code", source.name))
    };
    report(sources().iter().filter_map(long).collect());
}

#[test]
fn each_file_says_first_what_it_is() {
    let silent = |source: &Source| {
        let first = source.lines.first().map_or("", String::as_str);
        (!first.starts_with("//! ") && !first.starts_with("#![doc = "))
            .then(|| format!("src/{} does not begin with `//!`", source.name))
    };
    report(sources().iter().filter_map(silent).collect());
}

/// Labels in a comment like `// Ordering: Acquire, G4 and G5. ...`: a capital letter and a number.
fn labels(text: &str) -> Vec<&str> {
    let is_label = |word: &&str| {
        let mut chars = word.chars();
        chars.next().is_some_and(|c| c.is_ascii_uppercase()) && word.len() > 1 && chars.all(|c| c.is_ascii_digit())
    };
    text.split(|c: char| !c.is_alphanumeric()).filter(is_label).collect()
}

/// For each atomic access that names an ordering: where it is, and the comment that gives the reason.
fn orderings(source: &Source) -> Vec<(String, Option<String>)> {
    const ORDERINGS: [&str; 5] =
        ["Ordering::Relaxed", "Ordering::Acquire", "Ordering::Release", "Ordering::AcqRel", "Ordering::SeqCst"];
    let mut found = Vec::new();
    for (number, line) in source.code() {
        if ORDERINGS.iter().any(|ordering| names(line, ordering)) {
            let near = &source.lines[number.saturating_sub(7)..number];
            let start = near.iter().rposition(|line| line.trim().starts_with("// Ordering:"));
            // The comment goes on in the comment lines that follow it.
            let comment = start.map(|start| {
                let lines = near[start..].iter().map(|line| line.trim());
                lines.take_while(|line| line.starts_with("//")).collect::<Vec<_>>().join(" ")
            });
            found.push((format!("src/{}:{number}", source.name), comment));
        }
    }
    found
}

#[test]
fn each_ordering_has_its_reason_and_its_row() {
    // Once the table is there each label must be a row of it.
    let table = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/memory-orderings.md")).ok();
    let rows: Option<BTreeSet<&str>> = table.as_ref().map(|table| {
        let first_cells = table.lines().filter_map(|line| line.trim().strip_prefix('|')?.split('|').next());
        first_cells.flat_map(labels).collect()
    });
    let mut complaints = Vec::new();
    let mut seen = BTreeSet::new();
    for row in table.iter().flat_map(|table| table.lines()).filter_map(|line| line.strip_prefix("| ")) {
        for label in labels(row.split('|').next().unwrap_or("")) {
            if !seen.insert(label) {
                complaints.push(format!("docs/memory-orderings.md has two rows {label}"));
            }
        }
    }
    let mut count = 0;
    for source in sources().iter().filter(|source| !source.name.ends_with("tests.rs")) {
        for (place, comment) in orderings(source) {
            count += 1;
            let Some(comment) = comment else {
                complaints.push(format!("{place}: an ordering without `// Ordering:` in the six lines before it"));
                continue;
            };
            let labels = labels(&comment);
            if labels.is_empty() {
                complaints.push(format!("{place}: `{comment}` names no row"));
            }
            for label in labels {
                if rows.as_ref().is_some_and(|rows| !rows.contains(label)) {
                    complaints.push(format!("{place}: {label} is no row of docs/memory-orderings.md"));
                }
            }
        }
    }
    assert!(count > 30, "only {count} orderings were found");
    report(complaints);
}

/// The review has one row for each comment `// Ordering:`, and says how many a file has.
#[test]
fn the_review_has_read_each_ordering() {
    let Ok(review) = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/review-atomics.md")) else {
        return;
    };
    let mut reviewed = BTreeMap::new();
    for section in review.split("\n### src/").skip(1) {
        let (name, count) = section.lines().next().unwrap().split_once(": ").expect("a file and a number");
        let rows = section.lines().filter(|line| line.starts_with("| `")).count();
        assert_eq!(count.parse(), Ok(rows), "docs/review-atomics.md: the rows of src/{name}");
        reviewed.insert(name.to_owned(), rows);
    }
    let count = |source: &Source| source.lines.iter().filter(|line| line.trim().starts_with("// Ordering:")).count();
    let all = sources();
    let read = all.iter().map(|source| (source.name.clone(), count(source))).filter(|(_, count)| *count > 0);
    assert_eq!(reviewed, read.collect::<BTreeMap<_, _>>(), "docs/review-atomics.md has other numbers");
}

#[test]
fn the_reader_of_the_sources_can_tell_what_is_there() {
    assert!(names("use std::sync::atomic::AtomicU8;", "sync::atomic") && !names("unparked", "park"));
    assert!(names("impl Waker {", "Waker") && !names("MyWaker", "Waker") && names("unsafe { x }", "unsafe {"));
    assert_eq!(modules_named("use crate::{wait, raw::Stand};"), ["wait", "raw"]);
    assert_eq!(modules_named("pub(crate) fn f() -> crate::Until { crate::sync::pause() }"), ["sync"]);
    assert_eq!(labels("// Ordering: Acquire, G4 and G5. Pairs with M1; SeqCst, T, 64."), ["G4", "G5", "M1"]);
}

/// The number of `unsafe` blocks, functions and implementations of a file.
fn unsafe_places(source: &Source) -> usize {
    source.code().map(|(_, line)| line.matches("unsafe").count() - line.matches("unsafe_code").count()).sum()
}

/// The number that each file of the core has in the review: that of its heading, and the sum of its rows.
fn reviewed_places(review: &str) -> BTreeMap<String, (usize, usize)> {
    let mut files = BTreeMap::new();
    let mut current = None;
    for line in review.lines() {
        if let Some((file, count)) = line.strip_prefix("### `src/").and_then(|heading| heading.split_once("`: ")) {
            files.insert(file.to_owned(), (count.parse().unwrap(), 0));
            current = Some(file.to_owned());
        }
        let places = line.split('|').nth(2).and_then(|cell| cell.trim().parse::<usize>().ok());
        if let (Some(file), Some(places)) = (&current, places) {
            files.get_mut(file).unwrap().1 += places;
        }
    }
    files
}

#[test]
fn each_unsafe_place_of_the_core_is_in_the_review() {
    let review = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/review.md")).unwrap();
    let mut reviewed = reviewed_places(&review);
    assert!(reviewed.len() > 10, "the tables of docs/review.md were not found");
    let mut complaints = Vec::new();
    for source in sources().iter().filter(|file| file.name.starts_with("raw/") && !file.name.ends_with("tests.rs")) {
        let (count, (heading, rows)) = (unsafe_places(source), reviewed.remove(&source.name).unwrap_or_default());
        if (heading, rows) != (count, count) {
            complaints.push(format!(
                "src/{} has {count} `unsafe` places; docs/review.md has {heading} in its heading, {rows} in its rows",
                source.name
            ));
        }
    }
    complaints.extend(reviewed.keys().map(|file| format!("docs/review.md has a table for src/{file}")));
    report(complaints);
}
