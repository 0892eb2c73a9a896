//! The tests of what survives a kill. Each returns the ledger that it prints and what was violated.

pub mod blame;
pub mod calls;
pub mod kill;
pub mod order;
pub mod spill;

use crate::child::{End, Mode, Options, Program, Then, Work};
use crate::item::Fates;
use crate::ledger::{Ledger, Left};
use crate::parent::Folder;
use crate::stores::Kind;
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// The outcome of a test.
#[derive(Debug)]
#[must_use]
pub struct Verdict {
    /// The name of the test, and how it was run.
    pub title: String,
    /// The ledger, and other figures, one a line.
    pub ledger: Vec<String>,
    /// What was violated; nothing if the test passes.
    pub violations: Vec<String>,
}

impl Verdict {
    /// The verdict of a ledger. The folder of the store is kept if the test fails.
    fn of(title: String, ledger: &Ledger, left: &Left, folder: Folder) -> Verdict {
        let mut violations = ledger.violations().to_vec();
        if !violations.is_empty() {
            violations.push(format!("the store is kept in {}", folder.keep().display()));
        }
        Verdict { title, ledger: vec![ledger.sums(left).to_string()], violations }
    }

    /// Whether the test passes.
    pub fn passes(&self) -> bool {
        self.violations.is_empty()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        self.ledger.iter().try_for_each(|line| writeln!(f, "    {line}"))?;
        if self.violations.is_empty() {
            return write!(f, "    passes");
        }
        write!(f, "    FAILS: {} violations", self.violations.len())?;
        let shown = self.violations.iter().take(10).chain(self.violations.iter().skip(10).last());
        shown.into_iter().try_for_each(|violation| write!(f, "\n    - {violation}"))
    }
}

/// A stage as most tests run it.
fn work() -> Work {
    Work {
        mode: Mode::Durable,
        fates: Fates::Mixed,
        handler: Duration::from_millis(3),
        workers: 4,
        putters: 2,
        puts: None,
        pause: Duration::from_millis(2),
        capacity: 200,
        quota: u64::MAX,
        end: End::Join,
    }
}

/// The options of the present process of a ledger.
fn options(store: Kind, folder: &Path, ledger: &Ledger, work: Work) -> Options {
    let program = Program::Stage(work);
    Options { store, folder: folder.to_owned(), process: ledger.process(), then: Then::GoOn, program }
}

/// What is left in the file; a file that cannot be read is a violation.
fn left(store: Kind, folder: &Path, ledger: &mut Ledger) -> Left {
    store.left(folder).unwrap_or_else(|error| {
        ledger.violated(error);
        Left::default()
    })
}
