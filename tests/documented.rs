//! Every public method has an example, which `cargo test` runs: read off the sources, so that it stays true.

use std::fs;
use std::path::{Path, PathBuf};

/// The sources of each crate that is here: a package has only its own.
const SOURCES: [&str; 2] = ["src", "flow/src"];

/// Functions without an example of their own, by the beginning of the file's path and the name (`*` for all), and the
/// reason.
const WITHOUT_EXAMPLE: &[(&str, &str, &str)] = &[
    ("src/raw/", "*", "the module is private; it is public only for the models of loom"),
    ("flow/src/operation.rs", "*", "in a macro, which gets examples from each operation that needs its own"),
    ("src/compat/crossbeam_channel/branch.rs", "*", "for the code that `select!` expands to; hidden"),
];

/// A public function: where it is, its name, and the attributes and comments before it.
#[derive(Debug)]
struct Function {
    file: String,
    line: usize,
    name: String,
    docs: String,
}

impl Function {
    fn has_example(&self) -> bool {
        // A macro of this name writes the block in some files.
        self.docs.contains("```") || self.docs.contains("#[doc = example!(")
    }
}

/// The name of the public function that begins in this line.
fn public_function(line: &str) -> Option<&str> {
    let mut rest = line.trim_start().strip_prefix("pub ")?;
    for word in ["const ", "async ", "unsafe "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    let name = rest.strip_prefix("fn ")?;
    // The name is an argument of a macro in some places.
    Some(&name[..name.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').unwrap_or(name.len())])
}

/// The first of the comments and attributes that stand directly before a line. An attribute may have several lines.
fn start_of_docs(lines: &[&str], number: usize) -> usize {
    let is_start = |line: &str| ["//", "#[", "$(#["].iter().any(|start| line.trim_start().starts_with(start));
    let mut first = number;
    while first > 0 {
        let before = lines[first - 1].trim();
        if is_start(before) {
            first -= 1;
        } else if before.ends_with(")]") {
            first = lines[..first - 1].iter().rposition(|line| is_start(line)).expect("an attribute begins");
        } else {
            break;
        }
    }
    first
}

fn functions(file: &str, text: &str) -> Vec<Function> {
    let lines: Vec<&str> = text.lines().collect();
    // Tests stand last in a file.
    let end = lines.windows(2).position(|pair| pair[0].starts_with("#[cfg(") && pair[1] == "mod tests {");
    let mut found = Vec::new();
    for (number, line) in lines[..end.unwrap_or(lines.len())].iter().enumerate() {
        let Some(name) = public_function(line) else { continue };
        let docs = lines[start_of_docs(&lines, number)..number].join("\n");
        found.push(Function { file: file.into(), line: number + 1, name: name.into(), docs });
    }
    found
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The name of each file of the sources, and its text.
fn texts() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    SOURCES.iter().map(|folder| root.join(folder)).filter(|folder| folder.exists()).for_each(|folder| {
        sources(&folder, &mut files);
    });
    files.sort();
    let name = |path: &Path| path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
    files.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

fn all_functions() -> Vec<Function> {
    texts().iter().flat_map(|(file, text)| functions(file, text)).collect()
}

/// The position of the exception that covers a function.
fn exception(function: &Function) -> Option<usize> {
    WITHOUT_EXAMPLE
        .iter()
        .position(|(place, name, _)| function.file.starts_with(place) && (*name == "*" || *name == function.name))
}

#[test]
fn each_public_method_has_an_example() {
    let functions = all_functions();
    assert!(functions.len() > 150, "only {} public functions were found", functions.len());
    let lacks = |function: &&Function| !function.has_example() && exception(function).is_none();
    let complaints: Vec<String> = functions
        .iter()
        .filter(lacks)
        .map(|Function { file, line, name, .. }| format!("{file}:{line}: `{name}` has no example"))
        .collect();
    assert!(complaints.is_empty(), "{} functions:\n{}\n", complaints.len(), complaints.join("\n"));
}

#[test]
fn each_operation_has_examples_for_its_methods() {
    let mut count = 0;
    for (file, text) in texts() {
        for block in text.split("\noperation! {\n").skip(1) {
            count += 1;
            let block = block.split("\n}\n").next().unwrap();
            let name = block.split("pub struct ").nth(1).unwrap().split('<').next().unwrap();
            assert!(block.contains("    example [") && block.contains("    times out ["), "{file}: `{name}`");
        }
    }
    assert!(count > 15, "only {count} operations were found");
}

#[test]
fn each_exception_is_needed() {
    let functions = all_functions();
    for (index, (place, name, _)) in WITHOUT_EXAMPLE.iter().enumerate() {
        let is_used = functions.iter().any(|function| exception(function) == Some(index) && !function.has_example());
        assert!(is_used, "the exception for `{name}` in {place} covers no function");
    }
}

/// The features on which the public items of a text depend and that their documentation does not name.
fn features_not_named(file: &str, text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut complaints = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let Some(feature) = line.trim().strip_prefix("#[cfg(feature = \"").and_then(|rest| rest.strip_suffix("\")]"))
        else {
            continue;
        };
        let is_attribute = |line: &&&str| ["#[", "//"].iter().any(|start| line.trim_start().starts_with(start));
        let Some(item) = lines[number..].iter().find(|line| !is_attribute(line)) else { continue };
        let is_public = ["pub fn ", "pub async fn ", "pub struct ", "pub enum ", "pub trait ", "pub type "]
            .iter()
            .any(|start| item.trim_start().starts_with(start));
        if is_public
            && !lines[start_of_docs(&lines, number)..number].join("\n").contains(&format!("feature `{feature}`"))
        {
            complaints.push(format!("{file}:{}: `{}` does not name `{feature}`", number + 1, item.trim()));
        }
    }
    complaints
}

#[test]
fn each_item_names_the_feature_that_it_requires() {
    let complaints: Vec<String> = texts().iter().flat_map(|(file, text)| features_not_named(file, text)).collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// Names of methods and types in other crates and in Python, which a search in the documentation finds.
const WORDS_OF_PEERS: &[&str] = &[
    "blocking_send",
    "blocking_recv",
    "blocking_recv_many",
    "send_async",
    "recv_async",
    "send_blocking",
    "recv_blocking",
    "send_timeout",
    "recv_timeout",
    "send_deadline",
    "recv_deadline",
    "put_nowait",
    "get_nowait",
    "qsize",
    "empty",
    "full",
    "maxsize",
    "max_capacity",
    "shutdown",
    "ShutDown",
    "JoinableQueue",
    "unfinished_tasks",
    "disconnected",
    "is_disconnected",
    "Disconnected",
    "strong_count",
    "sender_strong_count",
    "same_queue",
    "ReceiverStream",
    "PollSender",
    "unbounded_channel",
    "sync_channel",
    "overflow",
    "displace",
    "push",
    "pop",
    "try_push",
    "try_pop",
    "try_acquire",
    "reserve_many",
];

#[test]
fn the_words_of_peers_are_aliases_of_native_names() {
    let mut aliases = String::new();
    for (_, text) in texts().iter().filter(|(file, _)| !file.starts_with("src/compat/")) {
        text.lines().filter(|line| line.contains("#[doc(alias")).for_each(|line| aliases.push_str(line));
    }
    let lacking: Vec<_> = WORDS_OF_PEERS.iter().filter(|word| !aliases.contains(&format!("\"{word}\""))).collect();
    assert!(lacking.is_empty(), "no name has the alias {lacking:?}");
}

#[test]
fn no_example_is_left_out_of_the_run() {
    for (file, text) in texts() {
        for (number, line) in text.lines().enumerate() {
            let is_left_out = ["```ignore", "```no_run", "```should_panic"].iter().any(|kind| line.contains(kind));
            assert!(!is_left_out, "{file}:{}: {line}", number + 1);
        }
    }
}

#[test]
fn the_reader_of_functions_can_tell_what_is_there() {
    let text = "impl A {\n    /// First.\n    ///\n    /// ```\n    /// a();\n    /// ```\n    #[inline]\n    \
                pub const fn a<T>(&self) {}\n\n    /// Second.\n    pub fn $b(&self) {}\n    pub(crate) fn c() {}\n}\n";
    let found: Vec<_> = functions("a.rs", text)
        .into_iter()
        .map(|Function { line, name, docs, .. }| (line, name, docs.contains("```")))
        .collect();
    assert_eq!(found, [(8, "a".into(), true), (11, "$b".into(), false)]);
    let text = "/// A. Requires the feature `a`.\n#[cfg(feature = \"a\")]\npub struct A;\n\n/// B.\n\
                #[cfg(feature = \"b\")]\n#[must_use]\npub fn b() {}\n";
    assert_eq!(features_not_named("b.rs", text), ["b.rs:6: `pub fn b() {}` does not name `b`"]);
}
