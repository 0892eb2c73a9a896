//! The figures of all rounds.

use crate::rounds::{Outcome, Result};
use std::path::Path;

/// The columns before those of the rounds.
const COLUMNS: [&str; 11] = [
    "cell",
    "contender",
    "unit",
    "failure",
    "median",
    "min",
    "max",
    "profile",
    "CPU ns/message",
    "voluntary switches/message",
    "involuntary switches/message",
];

/// Median, smallest and largest value.
fn spread(result: &Result) -> [String; 3] {
    let of = &result.rounds;
    if of.0.is_empty() {
        return Default::default();
    }
    [of.median(), of.min(), of.max()].map(|value| format!("{value:.2}"))
}

fn usage(outcome: &Outcome, result: &Result) -> [String; 3] {
    if result.rounds.0.is_empty() || !outcome.cell.has_usage() {
        return Default::default();
    }
    let usage = result.usage();
    [format!("{:.2}", usage.cpu_nanos), format!("{:.6}", usage.voluntary), format!("{:.6}", usage.involuntary)]
}

/// Writes a line for each contender of each cell; a contender that failed has only the rounds before.
pub fn write(outcomes: &[Outcome], rounds: usize, path: &Path) -> csv::Result<()> {
    let mut writer = csv::Writer::from_path(path)?;
    let numbered = (1..=rounds).map(|round| format!("round {round}"));
    writer.write_record(COLUMNS.map(String::from).into_iter().chain(numbered))?;
    for outcome in outcomes {
        for result in &outcome.results {
            let failure = result.failure.map_or_else(String::new, |failure| format!("{failure:?}"));
            let unit = outcome.cell.unit().to_string();
            let mut record = vec![outcome.cell.name.clone(), result.contender.name.into(), unit, failure];
            record.extend(spread(result));
            record.push(super::profile());
            record.extend(usage(outcome, result));
            let round = |round: usize| result.rounds.0.get(round).map_or_else(String::new, |ns| format!("{ns:.2}"));
            record.extend((0..rounds).map(round));
            writer.write_record(record)?;
        }
    }
    writer.flush()?;
    Ok(())
}
