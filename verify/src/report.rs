//! The result of a check: a line for readers and the same as JSON for programs.

use serde_json::{Map, Value};
use std::time::Instant;

/// The figures of a check, in the order in which they were added.
#[derive(Debug)]
pub struct Report {
    check: &'static str,
    begun: Instant,
    figures: Vec<(&'static str, Value)>,
    fault: Option<String>,
}

impl Report {
    /// A report of a check that begins now.
    pub fn new(check: &'static str, seed: u64) -> Self {
        Report { check, begun: Instant::now(), figures: vec![("seed", seed.into())], fault: None }
    }

    /// Adds a figure.
    pub fn figure(&mut self, name: &'static str, value: impl Into<Value>) {
        self.figures.push((name, value.into()));
    }

    /// The check has found a fault.
    pub fn fault(&mut self, text: impl Into<String>) {
        self.fault.get_or_insert(text.into());
    }

    /// The fault that was found first.
    pub fn first_fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    /// Prints both lines; true if no fault was found.
    pub fn print(mut self) -> bool {
        let seconds = (self.begun.elapsed().as_secs_f64() * 10.0).round() / 10.0;
        self.figure("seconds", seconds);
        let verdict = if self.fault.is_some() { "FAULT" } else { "ok" };
        let figures: Vec<_> = self.figures.iter().map(|(name, value)| format!("{name} {value}")).collect();
        println!("{}: {verdict}: {}", self.check, figures.join(", "));
        let mut object: Map<_, _> = self.figures.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        object.insert("check".into(), self.check.into());
        object.insert("ok".into(), self.fault.is_none().into());
        if let Some(fault) = &self.fault {
            object.insert("fault".into(), fault.as_str().into());
            eprintln!("{fault}");
        }
        println!("{}", Value::Object(object));
        self.fault.is_none()
    }
}
