//! The lines of the process under test, and what the other process counts of them.

use std::collections::BTreeMap;
use std::fmt;

/// An event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// The metrics are on this port.
    Listens(u16),
    /// A put into this stage has returned.
    Put(&'static str),
    /// A put has returned with its item.
    Refused(&'static str),
    /// A job is done.
    Done(&'static str),
    /// A job is a dead letter.
    Dead(&'static str),
    /// A job was cancelled.
    Cancelled(&'static str),
    /// Both stages are closed and joined.
    Joined,
}

/// The stages.
pub const STAGES: [&str; 2] = ["fetch", "save"];

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Line::Listens(port) => write!(f, "listens {port}"),
            Line::Put(stage) => write!(f, "put {stage}"),
            Line::Refused(stage) => write!(f, "refused {stage}"),
            Line::Done(stage) => write!(f, "done {stage}"),
            Line::Dead(stage) => write!(f, "dead {stage}"),
            Line::Cancelled(stage) => write!(f, "cancelled {stage}"),
            Line::Joined => write!(f, "joined"),
        }
    }
}

impl Line {
    /// Writes the line at once.
    pub fn write(self) {
        println!("{self}");
    }

    /// The line that `Display` has written.
    pub fn parse(text: &str) -> Option<Line> {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let stage = || STAGES.into_iter().find(|stage| *stage == rest);
        Some(match word {
            "listens" => Line::Listens(rest.parse().ok()?),
            "put" => Line::Put(stage()?),
            "refused" => Line::Refused(stage()?),
            "done" => Line::Done(stage()?),
            "dead" => Line::Dead(stage()?),
            "cancelled" => Line::Cancelled(stage()?),
            "joined" => Line::Joined,
            _ => return None,
        })
    }
}

/// What has happened in a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Puts that returned a job.
    pub put: u64,
    /// Puts that returned the item.
    pub refused: u64,
    /// Jobs that are done.
    pub done: u64,
    /// Dead letters.
    pub dead: u64,
    /// Jobs that were cancelled.
    pub cancelled: u64,
}

impl Counts {
    /// Jobs that are settled.
    pub fn settled(self) -> u64 {
        self.done + self.dead + self.cancelled
    }
}

/// What has happened in each stage.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    stages: BTreeMap<&'static str, Counts>,
    /// Whether the process has its port.
    pub listens: bool,
    /// Whether all is settled.
    pub joined: bool,
}

impl Ledger {
    /// Counts a line.
    pub fn read(&mut self, line: Line) {
        match line {
            Line::Put(stage) => self.stages.entry(stage).or_default().put += 1,
            Line::Refused(stage) => self.stages.entry(stage).or_default().refused += 1,
            Line::Done(stage) => self.stages.entry(stage).or_default().done += 1,
            Line::Dead(stage) => self.stages.entry(stage).or_default().dead += 1,
            Line::Cancelled(stage) => self.stages.entry(stage).or_default().cancelled += 1,
            Line::Joined => self.joined = true,
            Line::Listens(_) => self.listens = true,
        }
    }

    /// The counts of a stage.
    pub fn stage(&self, name: &str) -> Counts {
        self.stages.get(name).copied().unwrap_or_default()
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, Counts { put, refused, done, dead, cancelled }) in &self.stages {
            writeln!(f, "{name}: put {put}, refused {refused}, done {done}, dead {dead}, cancelled {cancelled}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let lines = [Line::Listens(7), Line::Joined, Line::Put("fetch"), Line::Refused("save"), Line::Dead("save")];
        for line in lines.into_iter().chain([Line::Done("fetch"), Line::Cancelled("fetch")]) {
            assert_eq!(Line::parse(&line.to_string()), Some(line));
        }
        assert_eq!(Line::parse("put elsewhere"), None);
    }
}
