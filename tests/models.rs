//! The list of models in `docs/verification.md`: each model that a row names is a test of the file that the row
//! names, and each fault that a row names is in the table of `loom-tests/plant.py`.

use std::fs;
use std::path::Path;

/// One row: its number, the files each with its models, and the faults.
#[derive(Debug, PartialEq)]
struct Row<'a> {
    number: usize,
    files: Vec<(&'a str, Vec<&'a str>)>,
    faults: Vec<&'a str>,
}

/// What stands between backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The rows of the list.
fn rows(page: &str) -> Vec<Row<'_>> {
    fn row(line: &str) -> Option<Row<'_>> {
        let cells: Vec<&str> = line.strip_prefix('|')?.trim_end().strip_suffix('|')?.split('|').collect();
        let [number, _, place, planted] = cells[..] else { return None };
        let number = number.trim().parse().ok()?;
        let file = |part| {
            let mut names = quoted(part);
            Some((names.next()?, names.collect()))
        };
        let faults = quoted(planted).filter(|name| name.contains('-')).collect();
        Some(Row { number, files: place.split(';').filter_map(file).collect(), faults })
    }
    page.lines().filter_map(row).collect()
}

/// Whether the source has a test of this name.
fn has_test(source: &str, name: &str) -> bool {
    source.split("#[test]").skip(1).any(|test| test.trim_start().starts_with(&format!("fn {name}(")))
}

fn read(name: &str) -> std::io::Result<String> {
    fs::read_to_string(root().join(name))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn each_model_of_the_list_and_each_fault_exists() {
    if !root().join("loom-tests").exists() {
        assert!(!root().join(".git").exists(), "only a package leaves the models out");
        return;
    }
    let page = read("docs/verification.md").unwrap();
    let rows = rows(&page);
    assert_eq!(rows.iter().map(|row| row.number).collect::<Vec<_>>(), (1..=40).collect::<Vec<_>>());
    let plant = read("loom-tests/plant.py").unwrap();
    let mut complaints = Vec::new();
    for Row { number, files, faults } in rows {
        if files.is_empty() {
            complaints.push(format!("{number}: no file"));
        }
        for (file, models) in files {
            let source = read(&format!("loom-tests/{file}.rs")).unwrap_or_default();
            if !source.contains("#[test]") {
                complaints.push(format!("{number}: no file `{file}` with models"));
            }
            let missing = models.into_iter().filter(|model| !has_test(&source, model));
            complaints.extend(missing.map(|model| format!("{number}: no model `{model}` in `{file}`")));
        }
        let missing = faults.into_iter().filter(|fault| !plant.contains(&format!("fault(\"{fault}\"")));
        complaints.extend(missing.map(|fault| format!("{number}: no fault `{fault}`")));
    }
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn the_reader_of_the_list_can_tell_what_is_there() {
    let page = "| no. | model |\n|---|---|\n| 7 | a | `raw` `b`, `c`; `words` (all) | `d-e`, `F::g` |\n| 8 | b |\n";
    let files = vec![("raw", vec!["b", "c"]), ("words", vec![])];
    assert_eq!(rows(page), [Row { number: 7, files, faults: vec!["d-e"] }]);
    let source = "    #[test]\n    fn a_b() {}\n    fn a() {}\n";
    assert!(has_test(source, "a_b") && !has_test(source, "a"));
}
