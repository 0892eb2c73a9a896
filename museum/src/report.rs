//! The matrix of scenarios and crates, as a page.

use crate::peers::Queue;
use crate::{child, scenarios, NAMES, OWN};
use std::fmt::Write;

pub struct Row {
    exhibits: &'static str,
    title: &'static str,
    cells: Vec<String>,
}

/// Runs the scenarios whose title has `only`, one process after the other.
pub fn run(only: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for (number, scenario) in scenarios::all::<Queue>().iter().enumerate() {
        if scenario.title.contains(only) {
            eprintln!("{}", scenario.title);
            let cells = NAMES.iter().map(|name| child::cell(name, number)).collect();
            rows.push(Row { exhibits: scenario.exhibits, title: scenario.title, cells });
        }
    }
    rows
}

/// The number of cells of joinq that fail.
pub fn failures(rows: &[Row]) -> usize {
    rows.iter().flat_map(|row| &row.cells[..OWN]).filter(|cell| cell.starts_with("**")).count()
}

/// The versions of the crates, from the lock file.
fn versions() -> String {
    let lock = include_str!("../../Cargo.lock");
    let version = |name: &str| {
        let packages = lock.split("[[package]]").filter(|text| text.contains(&format!("name = \"{name}\"\n")));
        let versions = packages.filter_map(|text| text.split("version = \"").nth(1)?.split('"').next());
        // The newest of several.
        versions.last().unwrap_or("?").to_owned()
    };
    let crates = ["async-channel", "crossbeam-channel", "crossfire", "flume", "kanal", "tokio"];
    crates.map(|name| format!("{name} {}", version(name))).join(", ")
}

pub fn page(rows: &[Row]) -> String {
    let mut page = format!(
        "# Known bugs, and which crates have them\n\n\
         Written by `cargo run --release -p joinq-museum`. Each cell is a scenario that ran in a process of its own,\n\
         on the released versions: {}.\n\n\
         *ok*: the scenario passed. -: the crate has no such operation. The first column has the rows of\n\
         [museum.md](museum.md), or a letter for a probe of cancellation. A scenario is a behaviour that a user may\n\
         expect, not always one that the crate promises: some crates keep messages until the last sender is dropped by\n\
         design (the rows 4, 5, 7 and 92 follow from that), and kanal does not promise that a receive can be cancelled.\n\
         Scenarios with several threads show a bug that occurs, and cannot show that there is none.\n\n",
        versions()
    );
    let line = |cells: &mut dyn Iterator<Item = &str>| format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "));
    page += &line(&mut ["row", "scenario"].into_iter().chain(NAMES));
    page += &line(&mut ["---"; 12].into_iter());
    for row in rows {
        page += &line(&mut [row.exhibits, row.title].into_iter().chain(row.cells.iter().map(String::as_str)));
    }
    let passed = |at: usize| rows.iter().filter(|row| row.cells[at] == "ok").count();
    let failed = |at: usize| rows.iter().filter(|row| row.cells[at].starts_with("**")).count();
    let sums: Vec<String> =
        (0..NAMES.len()).map(|at| format!("{} of {}", passed(at), passed(at) + failed(at))).collect();
    let _ = write!(page, "{}", line(&mut ["", "passed"].into_iter().chain(sums.iter().map(String::as_str))));
    page
}
