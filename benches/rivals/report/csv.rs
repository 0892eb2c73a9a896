//! The figures of all rounds.

use crate::rounds::Outcome;
use std::path::Path;

/// Writes a line for each contender of each cell; a contender that failed has only the rounds before.
pub fn write(outcomes: &[Outcome], rounds: usize, path: &Path) -> csv::Result<()> {
    let mut writer = csv::Writer::from_path(path)?;
    let head = ["cell", "contender", "unit", "failure", "median", "min", "max"];
    writer
        .write_record(head.map(String::from).into_iter().chain((1..=rounds).map(|round| format!("round {round}"))))?;
    for outcome in outcomes {
        for result in &outcome.results {
            let failure = result.failure.map_or_else(String::new, |failure| format!("{failure:?}"));
            let unit = outcome.cell.unit().to_string();
            let mut record = vec![outcome.cell.name.clone(), result.contender.name.into(), unit, failure];
            let of = &result.rounds;
            match of.0.is_empty() {
                true => record.extend(["", "", ""].map(String::from)),
                false => record.extend([of.median(), of.min(), of.max()].map(|value| format!("{value:.2}"))),
            }
            record.extend((0..rounds).map(|round| of.0.get(round).map_or_else(String::new, |ns| format!("{ns:.2}"))));
            writer.write_record(record)?;
        }
    }
    writer.flush()?;
    Ok(())
}
