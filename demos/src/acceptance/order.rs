//! The order of the system calls of a run: each acknowledgement comes after the data was synchronized.

use super::{options, work, Verdict};
use crate::child::{End, Work};
use crate::item::Fates;
use crate::ledger::{Ledger, Left, Order};
use crate::parent::{self, Folder, Until};
use crate::stores::Kind;
use crate::strace::{self, Call};
use std::path::Path;
use std::time::Duration;

/// The puts of a run.
const PUTS: u32 = 50;

/// How acknowledgements are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// One putter, no worker: between the lines `T` and `P` of a put the file was written, and the last of
    /// these writes is synchronized.
    LastWrite,
    /// Putters and workers at the same time: the item was written, and later the file was synchronized before
    /// `P`. Starts of jobs are not synchronized in between.
    Item,
}

/// What the system calls say about the acknowledgements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Acknowledgements {
    /// Those before whose line all that the put wrote was synchronized.
    pub synchronized: u32,
    /// Those of which something was written, and not all of it synchronized.
    pub written: u32,
    /// Those of which nothing was written.
    pub nothing: u32,
}

/// Follows the calls of a run.
struct Trace<'a> {
    /// How the name of the file ends: of the log, with SQLite.
    file: &'a str,
    /// The call at which the last write began.
    last_write: Option<usize>,
    /// The writes with their data.
    writes: Vec<(usize, &'a str)>,
    /// The synchronization that has begun, with its thread.
    begun: Option<(usize, u32)>,
    /// When the last synchronization that has ended began.
    synchronized: Option<usize>,
    /// When the line `T` of the last put was written.
    tried: usize,
}

impl<'a> Trace<'a> {
    fn follow(&mut self, at: usize, call: &'a Call) {
        let of_file = call.arguments.split(['<', '>']).nth(1).is_some_and(|path| path.ends_with(self.file));
        let synchronizes = call.name == "fdatasync" || call.name == "fsync";
        if call.begins && of_file && synchronizes {
            self.begun = Some((at, call.thread));
        } else if call.begins && of_file && call.name.starts_with("pwrite") {
            // redb cuts the end of the file off after its commit, which needs no synchronization.
            self.last_write = Some(at);
            self.writes.push((at, &call.arguments));
        }
        if let Some((begun, _)) = self.begun.filter(|(_, thread)| call.ends && synchronizes && *thread == call.thread) {
            self.synchronized = Some(begun);
            self.begun = None;
        }
    }

    /// The write that the acknowledgement of this item depends on.
    fn write_of(&self, rule: Rule, key: &str) -> Option<usize> {
        match rule {
            Rule::LastWrite => self.last_write.filter(|write| *write > self.tried),
            Rule::Item => {
                let item = format!("\\\"key\\\":{key},");
                self.writes.iter().find(|(_, data)| data.contains(&item)).map(|(at, _)| *at)
            }
        }
    }
}

/// Looks at each acknowledgement of a run.
pub fn acknowledgements(calls: &[Call], file: &str, rule: Rule) -> Acknowledgements {
    let mut result = Acknowledgements::default();
    let mut trace = Trace { file, last_write: None, writes: Vec::new(), begun: None, synchronized: None, tried: 0 };
    for (at, call) in calls.iter().enumerate() {
        trace.follow(at, call);
        if !call.begins || call.name != "write" {
            continue;
        }
        let line = call.arguments.split(", \"").nth(1).unwrap_or_default();
        let mut words = line.split([' ', '\\']);
        match (words.next(), words.nth(1)) {
            (Some("T"), _) => trace.tried = at,
            (Some("P"), Some(key)) => match (trace.write_of(rule, key), trace.synchronized) {
                (None, _) => result.nothing += 1,
                (Some(write), Some(synchronized)) if write < synchronized => result.synchronized += 1,
                (Some(_), _) => result.written += 1,
            },
            _ => {}
        }
    }
    result
}

/// Runs the process under `strace` and judges the order. With [`Kind::SqliteFromKill`] the order must be
/// violated: the test sees the difference between the two.
pub fn run(program: &Path, store: Kind, rule: Rule) -> Verdict {
    let folder = Folder::new();
    let trace = Folder::new();
    let file = trace.path().join("calls");
    let quick = Work { fates: Fates::Done, handler: Duration::ZERO, pause: Duration::ZERO, ..work() };
    let work = match rule {
        Rule::LastWrite => Work { workers: 0, putters: 1, puts: Some(PUTS), end: End::Exit, ..quick },
        // The pauses let starts have commits of their own, between which the store has to change its mode.
        Rule::Item => Work { workers: 2, putters: 2, puts: Some(PUTS / 2), pause: Duration::from_millis(5), ..quick },
    };
    let mut ledger = Ledger::new(Order::Any, work.fates);
    ledger.begins();
    let options = options(store, folder.path(), &ledger, work);
    let running = parent::start(program, &options, &strace::trace_to(&file));
    match running.finish(&mut ledger, Until::End) {
        Some(status) if status.success() => {}
        status => ledger.violated(format!("the process failed: {status:?}")),
    }
    let calls = strace::calls(&std::fs::read_to_string(&file).unwrap_or_default());
    let found = acknowledgements(&calls, if store == Kind::Redb { ".redb" } else { "-wal" }, rule);
    let all = |synchronized, written| Acknowledgements { synchronized, written, nothing: 0 };
    let expected = if store == Kind::SqliteFromKill { all(0, PUTS) } else { all(PUTS, 0) };
    if found != expected {
        ledger.violated(format!("{found:?} instead of {expected:?}"));
    }
    let mut verdict = Verdict::of(format!("order of calls, {store}, {rule:?}"), &ledger, &Left::default(), folder);
    let Acknowledgements { synchronized, written, nothing } = found;
    verdict.ledger.push(format!(
        "of {PUTS} acknowledgements {synchronized} after fdatasync, {written} after pwrite64 alone, {nothing} after neither"
    ));
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(text: &str) -> Acknowledgements {
        acknowledgements(&strace::calls(text), "-wal", Rule::LastWrite)
    }

    const TRY: &str = "1 write(1<pipe:[5]>, \"T 7\\n\", 4) = 4\n";
    const WRITE: &str = "2 pwrite64(4</a/jobs.db-wal>, \"\"..., 24, 0) = 24\n";
    const SYNC: &str = "2 fdatasync(4</a/jobs.db-wal>) = 0\n";
    const PUT: &str = "1 write(1<pipe:[5]>, \"P 1 7\\n\", 6) = 6\n";

    #[test]
    fn an_acknowledgement_after_the_synchronization_is_synchronized() {
        let expected = Acknowledgements { synchronized: 1, ..Default::default() };
        assert_eq!(judged(&[TRY, WRITE, SYNC, PUT].concat()), expected);
    }

    #[test]
    fn an_acknowledgement_between_write_and_synchronization_is_not() {
        let expected = Acknowledgements { written: 1, ..Default::default() };
        assert_eq!(judged(&[TRY, WRITE, PUT, SYNC].concat()), expected);
        assert_eq!(judged(&[TRY, WRITE, SYNC, WRITE, PUT].concat()), expected);
        let begun = "2 fdatasync(4</a/jobs.db-wal> <unfinished ...>\n";
        assert_eq!(judged(&[TRY, WRITE, begun, PUT].concat()), expected);
        assert_eq!(judged(&[TRY, WRITE, begun, WRITE, "2 <... fdatasync resumed>) = 0\n", PUT].concat()), expected);
        assert_eq!(judged(&[TRY, WRITE, "2 fdatasync(4</a/jobs.db-wal>) = -1 EIO (error)\n", PUT].concat()), expected);
    }

    #[test]
    fn an_acknowledgement_without_a_write_is_seen() {
        let expected = Acknowledgements { nothing: 1, ..Default::default() };
        assert_eq!(judged(&[TRY, PUT].concat()), expected);
        assert_eq!(judged(&[TRY, "2 pwrite64(4</a/other>, \"\"..., 24, 0) = 24\n", SYNC, PUT].concat()), expected);
    }

    #[test]
    fn an_item_must_be_synchronized_after_it_was_written() {
        let write =
            r#"2 pwrite64(4</a/jobs.db-wal>, "\0\f{\"key\":7,\"padding\":\"\"}"..., 4096, 0) = 4096"#.to_owned() + "\n";
        let judged = |text: &str| acknowledgements(&strace::calls(text), "-wal", Rule::Item);
        let expected = Acknowledgements { synchronized: 1, ..Default::default() };
        assert_eq!(judged(&[TRY, &write, SYNC, WRITE, PUT].concat()), expected);
        let expected = Acknowledgements { written: 1, ..Default::default() };
        assert_eq!(judged(&[TRY, WRITE, SYNC, &write, PUT].concat()), expected);
        let expected = Acknowledgements { nothing: 1, ..Default::default() };
        assert_eq!(judged(&[TRY, WRITE, SYNC, PUT].concat()), expected);
    }
}
