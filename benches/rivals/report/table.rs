//! The figures as tables in Markdown.

use super::{figure, groups, machine, short, Comparison};
use crate::options::Options;
use crate::rounds::{Outcome, Result};
use crate::stats::geometric_mean;
use std::fmt::Write;

/// The median, the smallest and the largest value.
fn spread(result: &Result) -> String {
    let of = &result.rounds;
    format!("{} ({}..{})", figure(of.median()), figure(of.min()), figure(of.max()))
}

fn comparisons(outcomes: &[Outcome]) -> impl Iterator<Item = (&Outcome, Comparison<'_>)> {
    outcomes.iter().filter_map(|outcome| Some((outcome, outcome.comparison()?)))
}

/// One line with the summary of a group, or of all groups.
fn summary(text: &mut String, name: &str, outcomes: &[Outcome]) {
    let ratios: Vec<f64> = comparisons(outcomes).map(|(_, comparison)| comparison.ratio()).collect();
    let won = ratios.iter().filter(|ratio| **ratio < 1.0).count();
    if let Some(mean) = geometric_mean(&ratios) {
        writeln!(text, "| {name} | {} | {won} | {mean:.2} |", ratios.len()).unwrap();
    }
}

fn best_peers(text: &mut String, outcomes: &[Outcome]) {
    text.push_str(
        "| cell | unit | queue of joinq | median | best peer | median | ratio |\n|---|---|---|---:|---|---:|---:|\n",
    );
    for (Outcome { cell, .. }, comparison) in comparisons(outcomes) {
        let Comparison { ours, peer } = comparison;
        let (our_name, peer_name) = (ours.contender.name, peer.contender.name);
        let (name, unit, ratio) = (&cell.name, cell.unit(), comparison.ratio());
        let figures = [format!("{our_name} | {}", spread(ours)), format!("{peer_name} | {}", spread(peer))];
        writeln!(text, "| {name} | {unit} | {} | {ratio:.2} |", figures.join(" | ")).unwrap();
    }
}

/// The head of a contender's column: its crate, of which only one queue takes part; for joinq the name of the
/// queue.
fn column(result: &Result) -> &'static str {
    match result.contender.ours() {
        true => result.contender.name,
        false => result.contender.family(),
    }
}

fn all_contenders(text: &mut String, outcomes: &[Outcome]) {
    let mut columns: Vec<&str> = Vec::new();
    for name in outcomes.iter().flat_map(|outcome| &outcome.results).map(column) {
        if !columns.contains(&name) {
            columns.push(name);
        }
    }
    writeln!(text, "| cell | {} |\n|---|{}", columns.join(" | "), "---:|".repeat(columns.len())).unwrap();
    for outcome in outcomes {
        let figures = columns.iter().map(|name| match outcome.results.iter().find(|result| column(result) == *name) {
            None => String::new(),
            Some(Result { failure: Some(failure), .. }) => format!("{failure:?}").to_lowercase(),
            Some(result) => figure(result.rounds.median()),
        });
        let figures: Vec<String> = figures.collect();
        writeln!(text, "| {} | {} |", short(&outcome.cell), figures.join(" | ")).unwrap();
    }
}

pub fn markdown(outcomes: &[Outcome], options: &Options) -> String {
    let mut crates: Vec<&str> = Vec::new();
    for family in outcomes.iter().flat_map(|outcome| &outcome.results).map(|result| result.contender.family()) {
        if !crates.contains(&family) {
            crates.push(family);
        }
    }
    let mut text = format!("# joinq and its rivals\n\n{}\n", machine::facts(&crates));
    writeln!(text, "- {} rounds in each cell, the contenders in turn within each", options.rounds).unwrap();
    if options.quick {
        text.push_str("- **quick**: far too few messages, the figures mean nothing\n");
    }
    text.push_str(
        "\nFigures are medians (smallest..largest), less is better. The ratio is joinq's median by the best ",
    );
    text.push_str("peer's: below 1 joinq is the best.\n\n## Summary\n\n");
    text.push_str("| group | cells | won | geometric mean of ratios |\n|---|---:|---:|---:|\n");
    let groups = groups(outcomes);
    groups.iter().for_each(|(name, outcomes)| summary(&mut text, name, outcomes));
    summary(&mut text, "**all**", outcomes);
    text.push_str("\n## joinq and the best peer\n\n");
    best_peers(&mut text, outcomes);
    for (name, outcomes) in groups {
        // All cells of a group have one unit.
        writeln!(text, "\n## All in {name}, {}\n", outcomes[0].cell.unit()).unwrap();
        all_contenders(&mut text, outcomes);
    }
    text
}
