//! Figures and their tables.

use std::fmt::Write;

/// All figures of one kind.
struct Table {
    title: &'static str,
    grows: &'static str,
    figures: Vec<Figure>,
}

/// The values measured for one kind of queue at one size, in each round.
struct Figure {
    count: usize,
    queue: &'static str,
    rounds: Vec<f64>,
}

impl Figure {
    fn median(&self) -> f64 {
        let mut rounds = self.rounds.clone();
        rounds.sort_by(f64::total_cmp);
        rounds[rounds.len() / 2]
    }
}

#[derive(Default)]
pub struct Report(Vec<Table>);

impl Report {
    pub fn add(&mut self, title: &'static str, grows: &'static str, count: usize, queue: &'static str, value: f64) {
        let table = match self.0.iter_mut().position(|table| table.title == title) {
            Some(at) => &mut self.0[at],
            None => {
                self.0.push(Table { title, grows, figures: Vec::new() });
                self.0.last_mut().unwrap()
            }
        };
        match table.figures.iter_mut().find(|figure| figure.count == count && figure.queue == queue) {
            Some(figure) => figure.rounds.push(value),
            None => table.figures.push(Figure { count, queue, rounds: vec![value] }),
        }
    }

    pub fn markdown(&self) -> String {
        self.0.iter().map(Table::markdown).collect()
    }

    pub fn csv(&self) -> String {
        let mut csv = String::from("figure,grows,count,queue,round,value\n");
        for table in &self.0 {
            for figure in &table.figures {
                for (round, value) in figure.rounds.iter().enumerate() {
                    let Figure { count, queue, .. } = figure;
                    let _ = writeln!(csv, "\"{}\",{},{count},{queue},{round},{value:.2}", table.title, table.grows);
                }
            }
        }
        csv
    }
}

impl Table {
    fn markdown(&self) -> String {
        let mut queues: Vec<&str> = Vec::new();
        let mut counts: Vec<usize> = Vec::new();
        for figure in &self.figures {
            if !queues.contains(&figure.queue) {
                queues.push(figure.queue);
            }
            if !counts.contains(&figure.count) {
                counts.push(figure.count);
            }
        }
        let mut text = format!("\n**{}**\n\n| {:<9} |", self.title, self.grows);
        for queue in &queues {
            let _ = write!(text, " {queue:>15} |");
        }
        text += "\n|----------:|";
        text += &"----------------:|".repeat(queues.len());
        for count in counts {
            let _ = write!(text, "\n| {count:>9} |");
            for queue in &queues {
                let figure = self.figures.iter().find(|figure| figure.count == count && figure.queue == *queue);
                let median = figure.map_or_else(|| "-".to_owned(), |figure| format!("{:.1}", figure.median()));
                let _ = write!(text, " {median:>15} |");
            }
        }
        text + "\n"
    }
}
