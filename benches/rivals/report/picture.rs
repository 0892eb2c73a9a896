//! One picture for each group: a bar for each contender in each cell, on a logarithmic scale.

use super::{figure, short};
use crate::rounds::{Outcome, Result};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::error::Error;
use std::path::Path;

/// The height of one bar, in pixels.
const BAR: usize = 15;
const WIDTH: u32 = 1000;
const HEAD: usize = 60;
const NAMES: u32 = 330;

fn colour(result: &Result) -> RGBColor {
    match (result.contender.ours(), result.contender.reference()) {
        (true, _) => RGBColor(202, 81, 40),
        (false, true) => RGBColor(190, 190, 190),
        (false, false) => RGBColor(87, 127, 168),
    }
}

/// The powers of ten around all medians.
fn decades(outcomes: &[Outcome]) -> (f64, f64) {
    let medians = outcomes.iter().flat_map(Outcome::measured).map(|result| result.rounds.median());
    let (low, high) = medians.fold((f64::INFINITY, 1.0_f64), |(low, high), value| (low.min(value), high.max(value)));
    (10_f64.powf(low.max(0.1).log10().floor()), high * 2.0)
}

pub fn draw(group: &str, outcomes: &[Outcome], path: &Path) -> std::result::Result<(), Box<dyn Error>> {
    // A line for each bar and for the name of each cell, and an empty line after each cell.
    let lines: usize = outcomes.iter().map(|outcome| outcome.measured().count() + 2).sum();
    let (low, high) = decades(outcomes);
    if !low.is_finite() {
        return Ok(());
    }
    let height = (lines * BAR + HEAD + 40) as u32;
    let root = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(format!("{group}, {}: medians, less is better", outcomes[0].cell.unit()), ("sans-serif", 20))
        .x_label_area_size(30)
        .margin_left(NAMES)
        .margin_right(70)
        .build_cartesian_2d((low..high).log_scale(), (lines as f64)..0.0)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .max_light_lines(1)
        .x_label_formatter(&|value| figure(*value))
        .draw()?;
    let name = TextStyle::from(("sans-serif", 12)).pos(Pos::new(HPos::Right, VPos::Center));
    let value = TextStyle::from(("sans-serif", 12)).pos(Pos::new(HPos::Left, VPos::Center));
    let head = TextStyle::from(("sans-serif", 13)).pos(Pos::new(HPos::Left, VPos::Center));
    let mut line = 0.0;
    for outcome in outcomes {
        let at = |line: f64, shift| EmptyElement::at((low, line + 0.5)) + shift;
        chart.plotting_area().draw(&at(line, Text::new(short(&outcome.cell).to_owned(), (-320, 0), head.clone())))?;
        for result in outcome.measured() {
            line += 1.0;
            let median = result.rounds.median();
            let bar = Rectangle::new([(low, line + 0.1), (median.max(low), line + 0.9)], colour(result).filled());
            chart.plotting_area().draw(&bar)?;
            chart
                .plotting_area()
                .draw(&at(line, Text::new(result.contender.name.to_owned(), (-6, 0), name.clone())))?;
            let figure = Text::new(figure(median), (4, 0), value.clone());
            chart.plotting_area().draw(&(EmptyElement::at((median.max(low), line + 0.5)) + figure))?;
        }
        line += 2.0;
    }
    root.present()?;
    Ok(())
}
