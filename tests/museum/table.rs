//! The table of `docs/museum.md`: each row has a test that exists, or a reason; each test of the museum has its row.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The rows: the number, and the last column.
fn rows(page: &str) -> Vec<(usize, &str)> {
    fn row(line: &str) -> Option<(usize, &str)> {
        let cells: Vec<&str> = line.strip_prefix('|')?.trim_end().strip_suffix('|')?.split('|').collect();
        Some((cells.first()?.trim().parse().ok()?, cells.last()?.trim()))
    }
    page.lines().filter_map(row).collect()
}

/// The tests that a cell names: the file, and the name of the function.
fn tests(cell: &str) -> Vec<(&str, &str)> {
    let mut file = "";
    let mut found = Vec::new();
    for quoted in cell.split('`').skip(1).step_by(2) {
        if quoted.contains('/') {
            file = quoted;
        } else if quoted.contains('_')
            && quoted.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        {
            found.push((file, quoted));
        }
    }
    found
}

/// The functions of the museum in a source, each with its number.
fn exhibits(source: &str) -> Vec<(usize, String)> {
    let names = source.lines().filter_map(|line| line.trim_start().strip_prefix("fn museum_"));
    let number = |name: &str| name.get(..3).and_then(|number| number.parse().ok());
    names.filter_map(|rest| Some((number(rest)?, format!("museum_{}", rest.split(['(', '<']).next()?)))).collect()
}

/// The sources that have exhibits. A package leaves out the models.
fn sources() -> BTreeMap<String, String> {
    let folder = root().join("tests/museum");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names = entries.map(|name| format!("tests/museum/{name}")).chain(["loom-tests/museum.rs".into()]);
    names.filter_map(|name| fs::read_to_string(root().join(&name)).ok().map(|text| (name, text))).collect()
}

#[test]
fn each_row_has_a_test_that_exists_or_a_reason() {
    let page = fs::read_to_string(root().join("docs/museum.md")).unwrap();
    let rows = rows(&page);
    assert_eq!(rows.iter().map(|row| row.0).collect::<Vec<_>>(), (1..=100).collect::<Vec<_>>());
    let is_whole = root().join(".git").exists();
    let mut complaints = Vec::new();
    for (number, cell) in rows {
        let named = tests(cell);
        if named.is_empty() && !cell.starts_with("cannot apply: ") {
            complaints.push(format!("{number}: neither a test nor a reason"));
        }
        for (file, name) in named {
            match fs::read_to_string(root().join(file)) {
                Ok(text) if text.contains(&format!("fn {name}(")) => {}
                Err(_) if !is_whole => {}
                _ => complaints.push(format!("{number}: no `{name}` in `{file}`")),
            }
        }
    }
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn each_exhibit_has_its_row() {
    let page = fs::read_to_string(root().join("docs/museum.md")).unwrap();
    let rows: BTreeMap<usize, &str> = rows(&page).into_iter().collect();
    let named: BTreeSet<(&str, &str)> = rows.values().flat_map(|cell| tests(cell)).collect();
    let sources = sources();
    let mut count = 0;
    for (file, text) in &sources {
        for (number, name) in exhibits(text) {
            count += 1;
            assert!(named.contains(&(file.as_str(), name.as_str())), "no row names `{name}` of `{file}`");
            let row = rows.get(&number).unwrap_or_else(|| panic!("`{name}` has no row"));
            assert!(row.contains(&name), "`{name}` is not in row {number}");
        }
    }
    assert!(count > 20, "{count} exhibits");
}

#[test]
fn the_reader_of_the_table_can_tell_what_is_there() {
    let page = "| no. | here |\n|---|---|\n| 7 | a | `tests/a.rs` `b_c`, `d_1`; `tests/e.rs` `f_g` as `close` |\n";
    assert_eq!(rows(page).len(), 1);
    assert_eq!(tests(rows(page)[0].1), [("tests/a.rs", "b_c"), ("tests/a.rs", "d_1"), ("tests/e.rs", "f_g")]);
    assert_eq!(exhibits("    fn museum_012_a_b() {\nfn museum_x() {}"), [(12, "museum_012_a_b".to_owned())]);
}
