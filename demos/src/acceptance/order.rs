//! The order of the system calls of a run: each acknowledgement comes after the data was synchronized.

use super::{options, work, Verdict};
use crate::child::{End, Work};
use crate::ledger::{Ledger, Left, Order};
use crate::parent::{self, Folder, Until};
use crate::stores::Kind;
use crate::strace::{self, Call};
use std::path::Path;
use std::time::Duration;

/// The puts of a run.
const PUTS: u32 = 50;

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

/// Looks at each acknowledgement of a run with one putter and without a worker: between the lines `T` and `P` of a put,
/// the file of the store (its log, with SQLite) was written, and after the last of these writes an `fdatasync` was begun
/// and has ended.
pub fn acknowledgements(calls: &[Call], file: &str) -> Acknowledgements {
    let mut result = Acknowledgements::default();
    let (mut written, mut dirty) = (false, false);
    // The synchronization that has begun, and whether nothing was written since.
    let mut covers = None;
    let mut synchronizing: Option<u32> = None;
    for call in calls {
        let of_file = call.arguments.split(['<', '>']).nth(1).is_some_and(|path| path.ends_with(file));
        let is_sync = call.name == "fdatasync" || call.name == "fsync";
        if call.begins && of_file && is_sync {
            (synchronizing, covers) = (Some(call.thread), Some(()));
        } else if call.begins && of_file {
            (written, dirty, covers) = (true, true, None);
        }
        if call.ends && is_sync && synchronizing == Some(call.thread) {
            dirty &= covers.is_none();
            synchronizing = None;
        }
        if call.begins && call.name == "write" {
            if call.arguments.contains(", \"T ") {
                written = false;
            } else if call.arguments.contains(", \"P ") {
                match (written, dirty) {
                    (true, false) => result.synchronized += 1,
                    (true, true) => result.written += 1,
                    (false, _) => result.nothing += 1,
                }
            }
        }
    }
    result
}

/// Runs the process under `strace` and judges the order. With [`Kind::SqliteFromKill`] it must be violated: what the test
/// sees is the difference between the two.
pub fn run(program: &Path, store: Kind) -> Verdict {
    let folder = Folder::new();
    let trace = Folder::new();
    let file = trace.path().join("calls");
    let work = Work { workers: 0, putters: 1, puts: Some(PUTS), pause: Duration::ZERO, end: End::Exit, ..work() };
    let mut ledger = Ledger::new(Order::OfPuts, work.fates);
    ledger.begins();
    let options = options(store, folder.path(), &ledger, work);
    let running = parent::start(program, &options, &strace::trace_to(&file));
    match running.finish(&mut ledger, Until::End) {
        Some(status) if status.success() => {}
        status => ledger.violated(format!("the process failed: {status:?}")),
    }
    let calls = strace::calls(&std::fs::read_to_string(&file).unwrap_or_default());
    let found = acknowledgements(&calls, if store == Kind::Redb { ".redb" } else { "-wal" });
    let all = |synchronized, written| Acknowledgements { synchronized, written, nothing: 0 };
    let expected = if store == Kind::SqliteFromKill { all(0, PUTS) } else { all(PUTS, 0) };
    if found != expected {
        ledger.violated(format!("{found:?} instead of {expected:?}"));
    }
    let mut verdict = Verdict::of(format!("order of calls, {store}"), &ledger, &Left::default(), folder);
    let Acknowledgements { synchronized, written, nothing } = found;
    let line = format!(
        "of {PUTS} acknowledgements {synchronized} after fdatasync, {written} after pwrite64, {nothing} after neither"
    );
    verdict.ledger.push(line);
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(text: &str) -> Acknowledgements {
        acknowledgements(&strace::calls(text), "-wal")
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
}
