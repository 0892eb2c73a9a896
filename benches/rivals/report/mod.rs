//! The report: the comparison with the best peer, as table, CSV and pictures.

mod csv;
mod machine;
mod picture;
mod table;

pub use machine::profile;

use crate::cells::Cell;
use crate::rounds::{Outcome, Result};
use std::error::Error;
use std::fs;
use std::path::Path;

/// The queue of joinq that is compared.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ours {
    /// `joinq::mpsc` with one receiver, `Queue` elsewhere.
    MostSuitable,
    /// `Queue` everywhere.
    General,
}

/// Our figure and the best peer's.
#[derive(Clone, Copy, Debug)]
struct Comparison<'a> {
    ours: &'a Result,
    peer: &'a Result,
}

impl Comparison<'_> {
    /// Below 1 if joinq is faster or smaller.
    fn ratio(&self) -> f64 {
        self.ours.rounds.median() / self.peer.rounds.median()
    }
}

impl Outcome {
    /// `None` if one side took no part or failed, or if the cell is only shown.
    fn comparison(&self, ours: Ours) -> Option<Comparison<'_>> {
        let median = |result: &&Result| result.rounds.median();
        let mut own = self.results.iter().filter(|_| self.cell.compared());
        let ours = own.find(|result| match ours {
            Ours::MostSuitable => result.contender.ours(),
            Ours::General => result.contender.general(),
        })?;
        let peers = self.measured().filter(|result| !result.contender.ours() && !result.contender.reference());
        let peer = peers.min_by(|one, other| median(one).total_cmp(&median(other)))?;
        ours.failure.is_none().then_some(Comparison { ours, peer })
    }

    fn measured(&self) -> impl Iterator<Item = &Result> {
        self.results.iter().filter(|result| result.failure.is_none())
    }
}

/// The groups, in their order, each with its outcomes.
fn groups(outcomes: &[Outcome]) -> Vec<(&'static str, &[Outcome])> {
    let same = |one: &Outcome, other: &Outcome| one.cell.group == other.cell.group;
    outcomes.chunk_by(same).map(|outcomes| (outcomes[0].cell.group, outcomes)).collect()
}

/// Three significant digits, and all digits before the point.
fn figure(value: f64) -> String {
    match value {
        value if value < 10.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

/// The name within the group.
fn short(cell: &Cell) -> &str {
    &cell.name[cell.group.len() + 1..]
}

/// Writes all files to the folder, and the table to the standard output.
pub fn write(
    outcomes: &[Outcome],
    options: &crate::options::Options,
    folder: &Path,
) -> std::result::Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    csv::write(outcomes, options.rounds, &folder.join("data.csv"))?;
    let table = table::markdown(outcomes, options);
    fs::write(folder.join("table.md"), &table)?;
    for (group, outcomes) in groups(outcomes) {
        picture::draw(group, outcomes, &folder.join(format!("{group}.svg")))?;
    }
    println!("{table}");
    eprintln!("data.csv, table.md and the pictures are in {}", folder.display());
    Ok(())
}
