//! The lines that the process under test writes, one for each event.
//!
//! Each line is one `write(2)` to a pipe, and shorter than what a pipe takes as a whole. So what was written
//! before a kill is read by the parent, and no line is read in part.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::str::FromStr;
use std::sync::Arc;

/// An event in the process under test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// The store is open and the stage is built.
    Open,
    /// A put begins.
    Try { key: u64 },
    /// The put has returned: the job is acknowledged.
    Put { key: u64, id: u64 },
    /// The put has returned an error.
    Refused { key: u64, why: String },
    /// The handler begins.
    Begin { id: u64, key: u64, attempt: u32 },
    /// The job that is about to begin has another trace context than its put.
    Untraced { id: u64 },
    /// The handler is about to succeed.
    End { id: u64 },
    /// The handler is about to fail.
    Fail { id: u64 },
    /// *Done* is committed.
    Done { id: u64 },
    /// The dead letter is committed, with this cause.
    Dead { id: u64, cause: String },
    /// `join` has returned, when this many jobs were unfinished and on disk.
    Joined { unfinished: u64, on_disk: u64 },
    /// All events were written.
    Over,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Line::Open => f.write_str("S"),
            Line::Try { key } => write!(f, "T {key}"),
            Line::Put { key, id } => write!(f, "P {id} {key}"),
            Line::Refused { key, why } => write!(f, "R {key} {why}"),
            Line::Begin { id, key, attempt } => write!(f, "B {id} {key} {attempt}"),
            Line::Untraced { id } => write!(f, "U {id}"),
            Line::End { id } => write!(f, "E {id}"),
            Line::Fail { id } => write!(f, "F {id}"),
            Line::Done { id } => write!(f, "D {id}"),
            Line::Dead { id, cause } => write!(f, "X {id} {cause}"),
            Line::Joined { unfinished, on_disk } => write!(f, "J {unfinished} {on_disk}"),
            Line::Over => f.write_str("Q"),
        }
    }
}

impl FromStr for Line {
    type Err = String;

    fn from_str(text: &str) -> Result<Line, String> {
        let mut words = text.splitn(4, ' ');
        let kind = words.next().unwrap_or_default();
        let mut number =
            || words.next().and_then(|word| word.parse::<u64>().ok()).ok_or(format!("no line of a child: {text:?}"));
        let rest = |skipped: usize| text.splitn(skipped + 1, ' ').nth(skipped).unwrap_or_default().to_owned();
        Ok(match kind {
            "S" => Line::Open,
            "T" => Line::Try { key: number()? },
            "P" => Line::Put { id: number()?, key: number()? },
            "R" => Line::Refused { key: number()?, why: rest(2) },
            "B" => Line::Begin { id: number()?, key: number()?, attempt: number()? as u32 },
            "U" => Line::Untraced { id: number()? },
            "E" => Line::End { id: number()? },
            "F" => Line::Fail { id: number()? },
            "D" => Line::Done { id: number()? },
            "X" => Line::Dead { id: number()?, cause: rest(2) },
            "J" => Line::Joined { unfinished: number()?, on_disk: number()? },
            "Q" => Line::Over,
            _ => return Err(format!("no line of a child: {text:?}")),
        })
    }
}

/// Writes lines to the standard output.
#[derive(Clone, Debug)]
pub struct Lines {
    pipe: Arc<File>,
}

impl Lines {
    /// Lines to the standard output, past the buffer of the standard library.
    pub fn new() -> io::Result<Lines> {
        let pipe = io::stdout().as_fd().try_clone_to_owned()?;
        Ok(Lines { pipe: Arc::new(pipe.into()) })
    }

    /// Writes a line. Ends the process if the parent has ended.
    pub fn write(&self, line: Line) {
        let mut text = line.to_string().replace('\n', " ");
        text.truncate(1000);
        text.push('\n');
        if (&*self.pipe).write_all(text.as_bytes()).is_err() {
            std::process::exit(3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_read_as_it_was_written() {
        let lines = [
            Line::Open,
            Line::Try { key: 7 },
            Line::Put { key: 7, id: 1 },
            Line::Refused { key: 7, why: "the disk is full".into() },
            Line::Begin { id: 1, key: 7, attempt: 2 },
            Line::Untraced { id: 1 },
            Line::End { id: 1 },
            Line::Fail { id: 1 },
            Line::Done { id: 1 },
            Line::Dead { id: 1, cause: "the process ended".into() },
            Line::Joined { unfinished: 0, on_disk: 3 },
            Line::Over,
        ];
        lines.iter().for_each(|line| assert_eq!(line.to_string().parse(), Ok(line.clone())));
        assert!("B 1".parse::<Line>().is_err());
        assert!("hello".parse::<Line>().is_err());
    }
}
