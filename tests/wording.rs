//! The words of the repository: comments, documents and names use the terms of `docs/design.md`, and no line of a
//! comment or a document is longer than 120 columns.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::path::{Path, PathBuf};

const COLUMNS: usize = 120;

/// Where to look; what a package leaves out is skipped.
const PLACES: [&str; 16] = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs",
    "src",
    "examples",
    "tests",
    "loom-tests",
    "benches",
    "compat-tests",
    "fuzz",
    "shims",
    "flow",
    "demos",
    "bridge",
    "museum",
];

/// Words and phrases that are not used, and what to write instead. Each part of a name counts as a word.
const BANNED: &[(&str, &str)] = &[
    // A sentence has a noun as its subject.
    ("who", "a noun: a thread, a task, the getter, the notifier"),
    ("whoever", "a noun"),
    ("whom", "a noun"),
    ("nobody", "no thread, no waiter"),
    ("somebody", "a thread, another operation"),
    ("someone", "a thread, another operation"),
    ("anybody", "any thread"),
    ("everybody", "all waiters"),
    ("he", "a noun"),
    ("his", "a noun"),
    ("himself", "a noun"),
    // Waiting.
    ("desk", "the mutex of the wait queues"),
    ("stand in line", "wait in FIFO order"),
    ("stands in line", "waits in FIFO order"),
    ("first in line", "the first waiter"),
    ("next in line", "the next waiter"),
    ("line up", "register"),
    ("lines up", "registers"),
    ("lined up", "registered"),
    ("lining up", "registering"),
    ("enrol", "register"),
    ("enrols", "registers"),
    ("enrolled", "registered"),
    ("meet", "the RMW fence; reach, find"),
    ("meets", "the RMW fence; reaches, finds"),
    ("met", "the RMW fence; reached, found"),
    ("meeting", "the RMW fence"),
    ("manners", "the history of yields"),
    ("luck", "the history of spins"),
    ("hears", "polls"),
    ("rung", "notified"),
    // The core.
    ("horizon", "the cached position of the other end"),
    ("setback", "the slow path"),
    ("hitch", "the slow path"),
    ("voided", "became a hole"),
    ("voids", "holes"),
    ("given up", "became a hole, cancelled"),
    ("gives up", "leaves a hole, cancels"),
    ("depot", "the segment pool"),
    ("sole", "the single consumer"),
    ("imaginary segment", "the sentinel segment"),
    ("an earlier life", "an earlier generation"),
    ("vacated", "freed"),
    ("surfaced", "published"),
    // The public interface.
    ("room", "capacity, a free slot"),
    ("on its way in", "the future returned by"),
    ("on its way out", "the future returned by"),
    ("at this moment", "without waiting"),
    ("come in", "is put"),
    ("came in", "was put"),
    ("goes in", "is put"),
    ("went in", "was put"),
];

/// As [`BANNED`], for `src/raw` only.
const BANNED_IN_RAW: &[(&str, &str)] = &[("killed", "poisoned"), ("kill", "poison")];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust and Markdown files below a path.
fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_dir() {
        let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| !path.ends_with("target")).for_each(|path| collect(&path, files));
    } else if path.extension().is_some_and(|kind| kind == "rs" || kind == "md") {
        files.push(path.to_owned());
    }
}

/// The name of each file below the root, and its text.
fn files() -> Vec<(String, String)> {
    let mut files = Vec::new();
    PLACES.iter().for_each(|place| collect(&root().join(place), &mut files));
    files.retain(|path| !path.ends_with(file!().rsplit('/').next().unwrap()));
    files.sort();
    let name = |path: &Path| path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
    files.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

/// The lower-case words of a line; `FreeSlot` and `free_slot` are two words each.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for letter in line.chars() {
        let begins = letter.is_uppercase() && before.is_lowercase();
        if !words.last().unwrap().is_empty() && (begins || !letter.is_alphanumeric()) {
            words.push(String::new());
        }
        if letter.is_alphanumeric() {
            words.last_mut().unwrap().extend(letter.to_lowercase());
        }
        before = letter;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The banned phrases in a text, each with its line. A phrase may be wrapped over two lines.
fn banned_in(file: &str, text: &str) -> Vec<(&'static str, usize)> {
    let in_raw = if file.starts_with("src/raw/") { BANNED_IN_RAW } else { &[] };
    let mut by_first: HashMap<&str, Vec<&'static str>> = HashMap::new();
    for (phrase, _) in BANNED.iter().chain(in_raw) {
        by_first.entry(phrase.split(' ').next().unwrap()).or_default().push(*phrase);
    }
    let numbered = |(number, line): (usize, &str)| words(line).into_iter().map(move |word| (word, number + 1));
    let words: Vec<(String, usize)> = text.lines().enumerate().flat_map(numbered).collect();
    let mut found = Vec::new();
    for (at, (word, line)) in words.iter().enumerate() {
        for phrase in by_first.get(word.as_str()).into_iter().flatten() {
            let here = words[at..].iter().map(|(word, _)| word.as_str());
            if phrase.split(' ').eq(here.take(phrase.split(' ').count())) {
                found.push((*phrase, *line));
            }
        }
    }
    found
}

/// The lines that are too long. Tables, code blocks and lines with links cannot be wrapped, `rustfmt` wraps code, and
/// the benches write docs/benchmarks.
fn long_lines(file: &str, text: &str) -> Vec<usize> {
    let is_markdown = file.ends_with(".md");
    let is_generated = file.starts_with("docs/benchmarks/");
    let mut in_code = false;
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let start = line.trim_start();
        in_code ^= is_markdown && start.starts_with("```");
        let is_exempt = match is_markdown {
            true => is_generated || in_code || start.starts_with('|') || line.contains("](") || line.contains("://"),
            false => !line.contains("//") || line.contains("://"),
        };
        if !is_exempt && line.chars().count() > COLUMNS {
            found.push(number + 1);
        }
    }
    found
}

#[test]
fn no_line_of_a_comment_or_a_document_is_too_long() {
    let mut report = String::new();
    for (file, text) in files() {
        long_lines(&file, &text).into_iter().for_each(|line| writeln!(report, "{file}:{line}").unwrap());
    }
    assert!(report.is_empty(), "lines of more than {COLUMNS} columns:\n{report}");
}

/// On failure the message has the counts by word and file, and then each place.
#[test]
fn comments_documents_and_names_use_the_terms_of_the_field() {
    let mut counts: BTreeMap<&str, BTreeMap<String, usize>> = BTreeMap::new();
    let mut places = String::new();
    for (file, text) in files() {
        for (phrase, line) in banned_in(&file, &text) {
            *counts.entry(phrase).or_default().entry(file.clone()).or_default() += 1;
            writeln!(places, "{file}:{line}: {phrase}").unwrap();
        }
    }
    let mut report = String::new();
    for (phrase, files) in &counts {
        let instead = BANNED.iter().chain(BANNED_IN_RAW).find(|banned| banned.0 == *phrase).unwrap().1;
        let by_file: Vec<String> = files.iter().map(|(file, count)| format!("{file} {count}")).collect();
        let total: usize = files.values().sum();
        writeln!(report, "{phrase} ({total}; instead: {instead}): {}", by_file.join(", ")).unwrap();
    }
    assert!(counts.is_empty(), "words that are not used here:\n{report}\n{places}");
}

#[test]
fn the_reader_of_words_can_tell_what_is_there() {
    assert_eq!(
        words("fn find_FreeSlot(in_line: u8) // 2 items"),
        ["fn", "find", "free", "slot", "in", "line", "u8", "2", "items"]
    );
    let text = "/// Stands in\n/// line, who waits.\nlet whole = kill;";
    assert_eq!(banned_in("src/a.rs", text), [("stands in line", 1), ("who", 2)]);
    assert_eq!(banned_in("src/raw/a.rs", text).last(), Some(&("kill", 3)));
    let long = "x".repeat(COLUMNS + 1);
    assert_eq!(long_lines("a.rs", &format!("{long}\n// {long}\n")), [2]);
    assert_eq!(long_lines("a.md", &format!("{long}\n| {long}\n```text\n{long}\n```\n[a](b) {long}\n")), [1]);
}
