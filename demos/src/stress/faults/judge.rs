//! What the lines of the rounds violate.

use super::{Jobs, ATTEMPTS};
use crate::acceptance::Verdict;
use crate::stress::judge::{self, Line};
use crate::stress::{verdict, Ledger};
use std::collections::HashMap;
use std::path::Path;
use std::time::Instant;

/// What is known of a job.
#[derive(Debug, Default)]
struct Record {
    tried: u8,
    acknowledged: u8,
    refused: u8,
    runs: u64,
    succeeded: u8,
    states: Vec<u64>,
    cancelled: bool,
    left: u8,
    letters: u8,
    drops: u8,
}

/// The numbers of `Stats`, in the order of their codes.
const STATS: [&str; 4] = ["put", "done", "dead", "cancelled or left"];

impl Record {
    /// Which rule it breaks.
    fn violation(&self) -> Option<&'static str> {
        let state = self.states.first().copied();
        let rules = [
            (self.tried == 1, "was put twice"),
            (self.acknowledged + self.refused == 1, "was neither acknowledged nor given back once"),
            (self.states.len() <= 1, "was settled twice"),
            (self.acknowledged == 0 || state.is_some(), "was acknowledged and never settled"),
            (self.acknowledged == 1 || state.is_none() && self.runs == 0, "was given back and is in the stage"),
            (state != Some(3), "was settled before its end"),
            (self.runs <= ATTEMPTS, "had too many attempts"),
            ((self.succeeded == 1) == (state == Some(0)), "succeeded and is not done, or the other way round"),
            (self.succeeded <= 1, "succeeded twice"),
            (!self.cancelled || state == Some(2), "was cancelled and has another state"),
            (self.left == 0 || state == Some(2), "was left and has another state"),
            (self.left <= 1, "was left twice"),
            (self.letters == u8::from(state == Some(1)), "is dead without a letter, or the other way round"),
            (self.drops == 1, "was not dropped once"),
        ];
        rules.into_iter().find(|(holds, _)| !holds).map(|(_, what)| what)
    }

    fn count(&self, ledger: &mut Ledger) {
        ledger.put += u64::from(self.tried);
        ledger.acknowledged += u64::from(self.acknowledged);
        ledger.refused += u64::from(self.refused);
        ledger.started += u64::from(self.runs > 0);
        ledger.repeated += self.runs.saturating_sub(1);
        ledger.lost += u64::from(self.acknowledged > 0 && self.states.is_empty());
        match self.states.first() {
            Some(0) => ledger.done += 1,
            Some(1) => ledger.dead += 1,
            Some(2) => ledger.cancelled += 1,
            _ => {}
        }
    }
}

/// Runs a process and judges it.
pub fn run(program: &Path, options: Jobs) -> Verdict {
    let began = Instant::now();
    let mut jobs: HashMap<u64, Record> = HashMap::new();
    let mut stats: HashMap<u64, u64> = HashMap::new();
    let mut total = Ledger::default();
    let (mut rounds, mut ledgers, mut runs) = (0, 0, 0);
    let mut used = Vec::new();
    let mut found = Vec::new();
    let said = judge::run(program, "faults", &options, |Line { tag, key, number }, _| {
        match tag {
            'G' => {
                stats.insert(key, number);
                return;
            }
            'A' => return used.push(number),
            'Z' => {
                let mut ledger = Ledger::default();
                for (key, job) in jobs.drain() {
                    job.count(&mut ledger);
                    runs += job.runs;
                    found.extend(job.violation().map(|what| format!("round {rounds}, item {key} {what}: {job:?}")));
                }
                if !stats.is_empty() {
                    ledgers += 1;
                    let counted = [ledger.acknowledged, ledger.done, ledger.dead, ledger.cancelled];
                    for (code, counted) in counted.into_iter().enumerate() {
                        let told = stats.get(&(code as u64)).copied().unwrap_or(0);
                        if told != counted {
                            let name = STATS[code];
                            found.push(format!(
                                "round {rounds}: {name} is {told} in `Stats` and {counted} in the ledger"
                            ));
                        }
                    }
                    stats.clear();
                }
                add(&mut total, &ledger);
                rounds += 1;
                return;
            }
            _ => {}
        }
        let job = jobs.entry(key).or_default();
        match tag {
            'T' => job.tried += 1,
            'P' => job.acknowledged += 1,
            'R' => job.refused += 1,
            'B' => job.runs += 1,
            'O' => job.succeeded += 1,
            'S' => job.states.push(number),
            'C' => job.cancelled = true,
            'L' => job.left += 1,
            'Q' => job.letters += 1,
            'D' => job.drops += 1,
            _ => found.push(format!("unknown line {tag}")),
        }
    });
    let mut violations = said.violations;
    violations.extend(found);
    let mut figures = said.figures;
    match used[..] {
        [before, after] if after <= before => figures.push(format!("{before} bytes allocated before, {after} after")),
        [before, after] => violations.push(format!("leaks: {before} bytes allocated before, {after} after")),
        _ if violations.is_empty() => violations.push("the process under test did not come to its end".to_owned()),
        _ => {}
    }
    figures.push(format!(
        "{rounds} rounds, {runs} runs; the sums of `Stats` equal the ledger in {ledgers} rounds; seed {}",
        options.seed
    ));
    verdict(format!("faults, {:.0?}", began.elapsed()), total, figures, violations)
}

fn add(total: &mut Ledger, more: &Ledger) {
    total.put += more.put;
    total.acknowledged += more.acknowledged;
    total.refused += more.refused;
    total.started += more.started;
    total.done += more.done;
    total.dead += more.dead;
    total.cancelled += more.cancelled;
    total.lost += more.lost;
    total.repeated += more.repeated;
}
