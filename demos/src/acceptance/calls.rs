//! A process is killed at each system call that changes a file.

use super::{kill::settle, left, options, work, Verdict};
use crate::child::{self, End, Options, Program, Then, Work};
use crate::item::Fates;
use crate::ledger::{Ledger, Left, Order};
use crate::line::Line;
use crate::parent::{self, Folder, Until};
use crate::stores::Kind;
use crate::strace;
use std::collections::HashMap;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// From when on the system calls count, which are counted for each thread by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Series {
    /// From the start of a process that creates the store: the calls of the open come first.
    FromStart,
    /// From the moment at which the store of an earlier process is open: the calls of the thread of the store.
    FromOpen,
    /// From the start of a process that applies batches of changes to the store, without a stage.
    Batches,
}

impl Series {
    /// All of them.
    pub const ALL: [Series; 3] = [Series::FromStart, Series::FromOpen, Series::Batches];
}

impl FromStr for Series {
    type Err = String;

    fn from_str(text: &str) -> Result<Series, String> {
        match text {
            "start" => Ok(Series::FromStart),
            "open" => Ok(Series::FromOpen),
            "batches" => Ok(Series::Batches),
            _ => Err(format!("{text:?} is no series; there are start, open and batches")),
        }
    }
}

/// How the test is run.
#[derive(Clone, Copy, Debug)]
pub struct Calls {
    /// The store.
    pub store: Kind,
    /// Which calls count.
    pub series: Series,
    /// The first call at which a process is killed.
    pub first: u32,
    /// How far the next one is from it.
    pub step: u32,
}

/// The jobs of a run.
const JOBS: u32 = 20;
/// The batches of a run.
const BATCHES: u64 = 8;
/// No run makes as many calls.
const MOST: u32 = 20_000;

/// Kills processes at the nth call, for the first n and each step further, until one has ended before its nth call.
pub fn run(program: &Path, calls: Calls) -> Verdict {
    let began = Instant::now();
    let mut kills = 0;
    let mut violations = Vec::new();
    let mut sums = HashMap::new();
    let mut last = 0;
    for nth in (calls.first..MOST).step_by(calls.step as usize) {
        let (killed, verdict) = match calls.series {
            Series::Batches => batches(program, calls.store, nth),
            Series::FromStart | Series::FromOpen => stage(program, calls, nth),
        };
        violations.extend(verdict.violations.iter().map(|violation| format!("killed at call {nth}: {violation}")));
        verdict.ledger.into_iter().for_each(|line| *sums.entry(line).or_insert(0) += 1);
        last = nth;
        kills += u32::from(killed == Killed::Yes);
        if killed == Killed::No || violations.len() > 20 {
            break;
        }
    }
    if kills == 0 {
        violations.push("no process was killed: nothing was tested".into());
    }
    let Calls { store, series, first, step } = calls;
    let title = format!("kill at each call, {store}, {series:?}, {:.0?}", began.elapsed());
    let mut ledger =
        vec![format!("{kills} kills, at call {first} and each {step} further; none was left at call {last}")];
    let mut often: Vec<_> = sums.into_iter().collect();
    often.sort_by_key(|(line, times)| (std::cmp::Reverse(*times), line.clone()));
    ledger.extend(often.into_iter().take(3).map(|(line, times)| format!("{times} times: {line}")));
    Verdict { title, ledger, violations }
}

/// Whether the process was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Killed {
    Yes,
    No,
}

/// How a process ended that `strace` kills or that ends by itself.
fn killed(status: Option<ExitStatus>, ledger: &mut Ledger) -> Killed {
    match status {
        Some(status) if status.signal() == Some(9) || status.code() == Some(128 + 9) => {
            ledger.killed();
            Killed::Yes
        }
        Some(status) if status.success() => Killed::No,
        Some(status) => {
            ledger.violated(format!("the process failed: {status}"));
            Killed::No
        }
        // It hung, which the ledger has noted.
        None => Killed::No,
    }
}

/// A run of a stage that is killed at the nth call, and a process that settles all jobs.
fn stage(program: &Path, calls: Calls, nth: u32) -> (Killed, Verdict) {
    let folder = Folder::new();
    let fates = Fates::Each;
    let quick = Work { fates, workers: 1, putters: 1, handler: Duration::ZERO, pause: Duration::ZERO, ..work() };
    let mut ledger = Ledger::new(Order::OfIds, fates);
    let run = Work { puts: Some(JOBS), ..quick.clone() };
    let status = if calls.series == Series::FromStart {
        ledger.begins();
        let options = options(calls.store, folder.path(), &ledger, run);
        parent::start(program, &options, &strace::kill_at(nth)).finish(&mut ledger, Until::End)
    } else {
        // Jobs of an earlier process are loaded while new ones are put.
        let earlier = Work { puts: Some(5), workers: 0, end: End::Exit, ..quick.clone() };
        settle(program, calls.store, folder.path(), &mut ledger, earlier);
        ledger.begins();
        let mut options = options(calls.store, folder.path(), &ledger, run);
        options.then = Then::WaitForByte;
        let mut running = parent::start(program, &options, &[]);
        running.read_until(&mut ledger, &Line::Open);
        let strace = strace::attach(running.id(), nth);
        running.go_on();
        let status = running.finish(&mut ledger, Until::End);
        match strace {
            Ok(mut strace) => drop(strace.wait()),
            Err(error) => ledger.violated(error),
        }
        status
    };
    let killed = killed(status, &mut ledger);
    let found = left(calls.store, folder.path(), &mut ledger);
    ledger.inspect(&found);
    settle(program, calls.store, folder.path(), &mut ledger, Work { puts: Some(2), ..quick });
    let found = left(calls.store, folder.path(), &mut ledger);
    ledger.close(&found);
    (killed, Verdict::of(String::new(), &ledger, &found, folder))
}

/// A run of batches that is killed at the nth call: the file must have a whole number of them, and all that were
/// acknowledged.
fn batches(program: &Path, store: Kind, nth: u32) -> (Killed, Verdict) {
    let folder = Folder::new();
    let mut ledger = Ledger::new(Order::OfIds, Fates::Done);
    ledger.begins();
    let program_under_test = Program::Batches(BATCHES);
    let options = Options {
        store,
        folder: folder.path().to_owned(),
        process: ledger.process(),
        then: Then::GoOn,
        program: program_under_test,
    };
    let status = parent::start(program, &options, &strace::kill_at(nth)).finish(&mut ledger, Until::End);
    let killed = killed(status, &mut ledger);
    let found = left(store, folder.path(), &mut ledger);
    let sums = ledger.sums(&found);
    let is_after = |batches: u64| {
        let (jobs, dead) = child::after_batches(batches);
        jobs == found.jobs && dead == found.dead.iter().map(|letter| letter.id).collect::<Vec<_>>()
    };
    if !(sums.acknowledged..=sums.put).any(is_after) {
        let Left { jobs, dead } = &found;
        ledger.violated(format!(
            "{} batches were acknowledged and {} begun, but the file has the jobs {jobs:?} and the dead letters {dead:?}",
            sums.acknowledged, sums.put
        ));
    }
    (killed, Verdict::of(String::new(), &ledger, &found, folder))
}
