//! The rounds: each contender of a cell runs once in each round, and each round begins with another
//! contender.

use crate::cells::{Cell, Process};
use crate::child;
use crate::contenders::Contender;
use crate::measure::{self, Measured, Usage};
use crate::options::Options;
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
    /// Of a message, in each round.
    usage: Vec<Usage>,
    /// The failure, after which it has no more figures.
    pub failure: Option<Failure>,
}

impl Result {
    /// The medians; there is at least one round.
    pub fn usage(&self) -> Usage {
        let median = |of: fn(&Usage) -> f64| Rounds(self.usage.iter().map(of).collect()).median();
        Usage {
            cpu_nanos: median(|usage| usage.cpu_nanos),
            voluntary: median(|usage| usage.voluntary),
            involuntary: median(|usage| usage.involuntary),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Failure {
    Hung,
    /// Panicked, or its process failed.
    Panicked,
}

#[derive(Clone, Debug)]
pub struct Outcome {
    pub cell: Cell,
    pub results: Vec<Result>,
}

/// Runs on a thread that is abandoned if it hangs. If its threads spin, they disturb the following runs, so that only
/// a comparison without failures counts.
pub fn on_thread<R: Send + 'static>(
    name: &str,
    timeout: Duration,
    run: impl FnOnce() -> R + Send + 'static,
) -> std::result::Result<R, Failure> {
    let (done, measured) = mpsc::channel();
    let runner = thread::Builder::new().name(name.into());
    runner.spawn(move || done.send(run())).unwrap();
    measured.recv_timeout(timeout).map_err(|error| match error {
        mpsc::RecvTimeoutError::Timeout => Failure::Hung,
        mpsc::RecvTimeoutError::Disconnected => Failure::Panicked,
    })
}

fn run(cell: &Cell, contender: &Contender, options: &Options) -> std::result::Result<Measured, Failure> {
    match cell.process {
        Process::This => {
            let (name, measure, cell) = (format!("{} {}", cell.name, contender.name), contender.measure, cell.clone());
            on_thread(&name, options.timeout, move || measure::run(&cell, measure))
        }
        Process::New { .. } => child::run(cell, contender, options).map_err(|error| {
            eprintln!("{error}");
            Failure::Panicked
        }),
    }
}

/// Runs all contenders of a cell in turn, in each round.
fn cell(cell: &Cell, contenders: Vec<Contender>, options: &Options, progress: &ProgressBar) -> Outcome {
    let new = |contender| Result { contender, rounds: Rounds::default(), usage: Vec::new(), failure: None };
    let mut results: Vec<Result> = contenders.into_iter().map(new).collect();
    for round in 0..options.rounds {
        let count = results.len();
        for turn in 0..count {
            let result = &mut results[(round + turn) % count];
            progress.set_message(format!("{} {}", cell.name, result.contender.name));
            if result.failure.is_none() {
                match run(cell, &result.contender, options) {
                    Ok(measured) => {
                        result.rounds.0.push(measured.value);
                        result.usage.push(measured.usage);
                    }
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
pub fn all(cells: Vec<(Cell, Vec<Contender>)>, options: &Options) -> Vec<Outcome> {
    let runs: usize = cells.iter().map(|(_, contenders)| contenders.len() * options.rounds).sum();
    let style = ProgressStyle::with_template("{elapsed} {pos}/{len} runs, {eta} left: {msg}").unwrap();
    let progress = ProgressBar::new(runs as u64).with_style(style);
    let measure = |(of, contenders): (Cell, Vec<Contender>)| {
        let outcome = cell(&of, contenders, options, &progress);
        if progress.is_hidden() {
            eprintln!("{}/{runs} runs, {} is done", progress.position(), of.name);
        }
        outcome
    };
    let outcomes = cells.into_iter().map(measure).collect();
    progress.finish_and_clear();
    outcomes
}
