//! The rounds: each contender of a cell runs once in each round, and each round begins with another
//! contender.

use crate::cells::Cell;
use crate::contenders::Contender;
use crate::measure::Measured;
use crate::stats::Rounds;
use indicatif::{ProgressBar, ProgressStyle};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// The result of one contender in one cell.
#[derive(Clone, Debug)]
pub struct Result {
    pub contender: Contender,
    pub rounds: Rounds,
    /// The failure, after which it has no more figures.
    pub failure: Option<Failure>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Failure {
    Hung,
    Panicked,
}

#[derive(Clone, Debug)]
pub struct Outcome {
    pub cell: Cell,
    pub results: Vec<Result>,
}

/// One run, on a thread that is abandoned if it hangs. If its threads spin, they disturb the following runs,
/// so that only a comparison without failures counts.
fn run(cell: &Cell, contender: &Contender, timeout: Duration) -> std::result::Result<Measured, Failure> {
    let (done, measured) = mpsc::channel();
    let (cell, measure) = (cell.clone(), contender.measure);
    let name = format!("{} {}", cell.name, contender.name);
    let runner = thread::Builder::new().name(name);
    runner.spawn(move || done.send(measure(&cell))).unwrap();
    measured.recv_timeout(timeout).map_err(|error| match error {
        mpsc::RecvTimeoutError::Timeout => Failure::Hung,
        mpsc::RecvTimeoutError::Disconnected => Failure::Panicked,
    })
}

/// Runs all contenders of a cell in turn, in each round.
fn cell(cell: &Cell, contenders: Vec<Contender>, rounds: usize, timeout: Duration, progress: &ProgressBar) -> Outcome {
    let new = |contender| Result { contender, rounds: Rounds::default(), failure: None };
    let mut results: Vec<Result> = contenders.into_iter().map(new).collect();
    for round in 0..rounds {
        let count = results.len();
        for turn in 0..count {
            let result = &mut results[(round + turn) % count];
            progress.set_message(format!("{} {}", cell.name, result.contender.name));
            if result.failure.is_none() {
                match run(cell, &result.contender, timeout) {
                    Ok(measured) => result.rounds.0.push(measured),
                    Err(failure) => {
                        let name = result.contender.name;
                        progress.suspend(|| eprintln!("FAILED: {name} in {}: {failure:?} in round {round}", cell.name));
                        result.failure = Some(failure);
                    }
                }
            }
            progress.inc(1);
        }
    }
    Outcome { cell: cell.clone(), results }
}

/// Runs all cells, one after the other.
pub fn all(cells: Vec<(Cell, Vec<Contender>)>, rounds: usize, timeout: Duration) -> Vec<Outcome> {
    let runs: usize = cells.iter().map(|(_, contenders)| contenders.len() * rounds).sum();
    let style = ProgressStyle::with_template("{elapsed} {pos}/{len} runs, {eta} left: {msg}").unwrap();
    let progress = ProgressBar::new(runs as u64).with_style(style);
    let measure = |(of, contenders): (Cell, Vec<Contender>)| {
        let outcome = cell(&of, contenders, rounds, timeout, &progress);
        if progress.is_hidden() {
            eprintln!("{}/{runs} runs, {} is done", progress.position(), of.name);
        }
        outcome
    };
    let outcomes = cells.into_iter().map(measure).collect();
    progress.finish_and_clear();
    outcomes
}
