//! The links of the pages: those of the documentation resolve on docs.rs, the others in the repository.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The crates: the folder of each, and where docs.rs has its documentation.
const CRATES: [(&str, &str); 2] =
    [("", "https://docs.rs/joinq/latest/joinq/"), ("flow/", "https://docs.rs/joinq-flow/latest/joinq_flow/")];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The files below a folder with this extension, as paths below the root.
fn files(folder: &str, extension: &str) -> Vec<String> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(folder), &mut found);
    let name = |path: PathBuf| path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
    let mut names: Vec<String> = found.into_iter().map(name).filter(|name| name.ends_with(extension)).collect();
    names.sort();
    names
}

/// The targets of the links in a text, outside code blocks, each with its line.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut in_code = false;
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        in_code ^= line.trim_start().starts_with("```");
        if !in_code {
            if let Some((_, target)) = line.split_once("]: ").filter(|_| line.starts_with('[')) {
                found.push((number + 1, target));
            }
            for (at, _) in line.match_indices("](") {
                let rest = &line[at + 2..];
                found.push((number + 1, &rest[..rest.find(')').unwrap_or(rest.len())]));
            }
        }
    }
    found
}

/// The pages that the sources of a crate include.
fn included(folder: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for source in files(&format!("{folder}src"), ".rs") {
        let text = read(&source);
        for (at, _) in text.match_indices("include_str!(\"") {
            let path = text[at..].split('"').nth(1).unwrap();
            found.insert(format!("{folder}{}", path.trim_start_matches("../")));
        }
    }
    found
}

/// The sources of each crate that is here: a package has only its own.
fn sources() -> Vec<(&'static str, Vec<String>)> {
    let read_all = |folder| files(&format!("{folder}src"), ".rs").iter().map(|source| read(source)).collect();
    let here = CRATES.iter().filter(|(folder, _)| root().join(folder).join("src").exists());
    here.map(|&(folder, docs)| (docs, read_all(folder))).collect()
}

/// The anchor of a heading as docs.rs and other sites have it.
fn anchors(text: &str) -> BTreeSet<String> {
    let keep = |c: char| c.is_alphanumeric() || c == ' ' || c == '-' || c == '_';
    let anchor = |title: &str| title.to_lowercase().chars().filter(|&c| keep(c)).collect::<String>().replace(' ', "-");
    text.lines().filter(|line| line.starts_with('#')).map(|line| anchor(line.trim_start_matches('#').trim())).collect()
}

/// Whether the documentation has the page that is at `path` below the crate's folder on docs.rs.
fn is_documented(path: &str, sources: &[String]) -> bool {
    let (path, anchor) = path.split_once('#').unwrap_or((path, ""));
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let declares = |text: String| sources.iter().any(|source| source.contains(&text));
    let is_module = |name: &str| declares(format!("pub mod {name}"));
    let has_item = match file.split('.').collect::<Vec<_>>()[..] {
        ["index", "html"] => true,
        [kind, name, "html"] => ["", "<", "(", ";", " "].iter().any(|end| declares(format!("pub {kind} {name}{end}"))),
        _ => false,
    };
    let has_anchor = match anchor.strip_prefix("method.") {
        Some(method) => declares(format!("fn {method}(")) || declares(format!("fn {method}<")),
        None => anchor.is_empty(),
    };
    has_item && has_anchor && folder.split('/').filter(|name| !name.is_empty()).all(is_module)
}

#[test]
fn each_link_of_a_page_resolves() {
    let sources = sources();
    let included: BTreeSet<String> = CRATES.iter().flat_map(|(folder, _)| included(folder)).collect();
    assert!(included.contains("README.md") && included.len() > 5, "{included:?}");
    let pages_of = |(folder, _)| {
        let names = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|name| format!("{folder}{name}"));
        names.into_iter().filter(|page| root().join(page).exists()).chain(files(&format!("{folder}docs"), ".md"))
    };
    let pages: Vec<String> = CRATES.into_iter().flat_map(pages_of).collect();
    let mut complaints = Vec::new();
    for page in pages {
        let text = read(&page);
        for (line, target) in links(&text) {
            let of = CRATES.iter().find_map(|&(_, docs)| Some((docs, target.strip_prefix(docs)?)));
            let resolves = if let Some((docs, path)) = of {
                sources.iter().all(|(of, sources)| *of != docs || is_documented(path, sources))
            } else if let Some(anchor) = target.strip_prefix('#') {
                anchors(&text).contains(anchor)
            } else if target.starts_with("https://") {
                true
            } else if included.contains(&page) {
                // `rustdoc` checks the links to names.
                target.starts_with("crate::") || target.starts_with("self::") || target.starts_with("super::")
            } else {
                let file = target.split('#').next().unwrap();
                // The package leaves some of them out.
                !root().join(".git").exists() || root().join(&page).parent().unwrap().join(file).exists()
            };
            if !resolves {
                complaints.push(format!("{page}:{line}: {target}"));
            }
        }
    }
    assert!(complaints.is_empty(), "links that do not resolve:\n{}\n", complaints.join("\n"));
}

#[test]
fn the_reader_of_links_can_tell_what_is_there() {
    assert_eq!(links("a [b](c) [`d`](e#f)\n```\n[x](y)\n```\n[g]: h"), [(1, "c"), (1, "e#f"), (5, "h")]);
    assert!(anchors("# A\n## 10. What we chose: `this`").contains("10-what-we-chose-this"));
    let sources = ["pub mod mpsc;\npub struct Queue<T> {\n    pub const fn bounded(".to_owned()];
    assert!(is_documented("struct.Queue.html#method.bounded", &sources) && is_documented("mpsc/index.html", &sources));
    assert!(!is_documented("struct.Queue.html#method.x", &sources) && !is_documented("spsc/index.html", &sources));
    assert!(!is_documented("struct.Stack.html", &sources));
}
