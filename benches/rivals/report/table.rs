//! The figures as tables in Markdown.

use super::{figure, groups, machine, short, Comparison, Ours};
use crate::options::Options;
use crate::rounds::{Outcome, Result};
use crate::stats::geometric_mean;
use std::fmt::Write;

/// The median, the smallest and the largest value.
fn spread(result: &Result) -> String {
    let of = &result.rounds;
    format!("{} ({}..{})", figure(of.median()), figure(of.min()), figure(of.max()))
}

fn comparisons(outcomes: &[Outcome], ours: Ours) -> impl Iterator<Item = (&Outcome, Comparison<'_>)> {
    outcomes.iter().filter_map(move |outcome| Some((outcome, outcome.comparison(ours)?)))
}

/// The cells that joinq has won, and the geometric mean of the ratios.
fn won(outcomes: &[Outcome], ours: Ours) -> String {
    let ratios: Vec<f64> = comparisons(outcomes, ours).map(|(_, comparison)| comparison.ratio()).collect();
    let won = ratios.iter().filter(|ratio| **ratio < 1.0).count();
    geometric_mean(&ratios).map_or_else(|| " | ".into(), |mean| format!("{won} | {mean:.2}"))
}

/// One line with the summary of a group, or of all groups.
fn summary(text: &mut String, name: &str, outcomes: &[Outcome]) {
    let cells = comparisons(outcomes, Ours::MostSuitable).count();
    if cells > 0 {
        let [suitable, general] = [Ours::MostSuitable, Ours::General].map(|ours| won(outcomes, ours));
        writeln!(text, "| {name} | {cells} | {suitable} | {general} |").unwrap();
    }
}

/// The CPU time and the context switches of a message.
fn usage(outcome: &Outcome, result: &Result) -> String {
    if !outcome.cell.has_usage() {
        return " | ".into();
    }
    let usage = result.usage();
    let switches = [usage.voluntary, usage.involuntary].map(|each| figure(each * 1000.0));
    format!("{} | {}", figure(usage.cpu_nanos), switches.join(" + "))
}

/// One line for each queue of joinq that is compared.
fn best_peers(text: &mut String, outcomes: &[Outcome]) {
    let side = |name| format!("{name} | median | CPU | switches");
    writeln!(text, "| cell | unit | {} | {} | ratio |", side("queue of joinq"), side("best peer")).unwrap();
    text.push_str("|---|---|---|---:|---:|---:|---|---:|---:|---:|---:|\n");
    for outcome in outcomes {
        let [suitable, general] = [Ours::MostSuitable, Ours::General].map(|ours| outcome.comparison(ours));
        let name = |of: &Option<Comparison>| of.map(|comparison| comparison.ours.contender.name);
        let general = if name(&suitable) == name(&general) { None } else { general };
        for comparison in [suitable, general].into_iter().flatten() {
            let sides = [comparison.ours, comparison.peer];
            let sides = sides.map(|of| format!("{} | {} | {}", of.contender.name, spread(of), usage(outcome, of)));
            let (name, unit, ratio) = (&outcome.cell.name, outcome.cell.unit(), comparison.ratio());
            writeln!(text, "| {name} | {unit} | {} | {ratio:.2} |", sides.join(" | ")).unwrap();
        }
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
        "
Figures are medians (smallest..largest), less is better. The ratio is joinq's median by the best peer's: below 1 joinq
is the best. It is given for the most suitable queue of joinq (`joinq::mpsc` with one receiver, `Queue` elsewhere) and
for the general one alone (`Queue` everywhere, here named joinq). CPU is user and system time of the process in ns a
message or trip, switches are voluntary and involuntary context switches in 1,000 messages or trips, both from before
the queue is opened until after it is dropped. A yield counts as an involuntary switch.

## Summary

| group | cells | won by the most suitable | geometric mean of ratios | won by the general | geometric mean of ratios |
|---|---:|---:|---:|---:|---:|
",
    );
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
