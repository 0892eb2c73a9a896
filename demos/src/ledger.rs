//! What happened to each job, from the lines of all processes, and the rules that it must keep.

use crate::item::{self, Fate, Fates, ATTEMPTS};
use crate::line::Line;
use std::collections::{BTreeMap, HashMap};
use std::fmt;

/// The crashes after which a job is a dead letter.
pub const CRASHES: u32 = 3;

/// How an attempt ended, as far as the handler wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The handler was about to succeed.
    Succeeded,
    /// The handler was about to fail.
    Failed,
}

/// One call of the handler.
#[derive(Clone, Copy, Debug)]
struct Run {
    process: u32,
    attempt: u32,
    end: Option<End>,
}

/// How a job was settled, as the process under test wrote it after the commit.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Settled {
    Done,
    Dead(String),
}

/// What is known of a job.
#[derive(Debug, Default)]
struct Record {
    key: u64,
    acknowledged: bool,
    /// The line of the acknowledgement.
    line: u64,
    runs: Vec<Run>,
    settled: Option<Settled>,
}

impl Record {
    /// The most crashes that the job can be blamed for in this process: one for each earlier process, since
    /// it last failed or was put. (A process may be killed between the mark of a start and the line `B`.)
    fn crashes(&self, process: u32) -> u32 {
        let failed = self.runs.iter().rev().find(|run| run.end == Some(End::Failed));
        process.saturating_sub(failed.map_or(item::process_of(self.key), |run| run.process))
    }
}

/// A put that is about to be made.
#[derive(Debug)]
struct Attempted {
    process: u32,
    /// The line at which it begins.
    line: u64,
    /// The largest id that was acknowledged before.
    above: u64,
    id: Option<u64>,
    refused: bool,
}

/// A dead letter, as another process finds it in the file of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The id of the job.
    pub id: u64,
    /// The error that the store has.
    pub error: String,
}

/// What is left in the file of the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// The ids of the jobs that are not settled.
    pub jobs: Vec<u64>,
    /// The dead letters.
    pub dead: Vec<Letter>,
}

/// Whether the first attempts of jobs must begin in the order of the puts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// With one worker they must: a put that had returned before another one began comes first.
    OfPuts,
    /// With one worker and a store that has all jobs, also those of puts at the same time have the order of
    /// their ids.
    OfIds,
    /// With several workers, they need not.
    Any,
}

/// The lines of all processes that used one store, and what they violate.
#[derive(Debug)]
pub struct Ledger {
    order: Order,
    fates: Fates,
    process: u32,
    jobs: BTreeMap<u64, Record>,
    puts: HashMap<u64, Attempted>,
    /// The largest acknowledged id.
    acknowledged: u64,
    /// The largest id whose first attempt has begun.
    begun: u64,
    /// The number of lines.
    lines: u64,
    /// The jobs that are acknowledged and have not begun, by the line of their acknowledgement.
    waiting: BTreeMap<u64, u64>,
    opened: bool,
    joined: bool,
    kills: Kills,
    repeated: u64,
    lost: u64,
    violations: Vec<String>,
}

/// At which moments the processes were killed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kills {
    /// All kills.
    pub all: u64,
    /// Before the store was open.
    pub early: u64,
    /// During at least one put.
    pub in_put: u64,
    /// Between `B` and `D` of at least one job.
    pub in_run: u64,
}

/// The numbers of a ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Puts that have begun.
    pub put: u64,
    /// Puts that have returned.
    pub acknowledged: u64,
    /// Jobs whose handler was called.
    pub started: u64,
    /// Jobs of which `D` was written.
    pub done: u64,
    /// Dead letters in the file.
    pub dead: u64,
    /// Acknowledged jobs that neither ran to their end nor are dead letters.
    pub lost: u64,
    /// Calls of the handler for a job that an earlier process had begun.
    pub repeated: u64,
}

impl Ledger {
    /// An empty ledger.
    pub fn new(order: Order, fates: Fates) -> Ledger {
        Ledger {
            order,
            fates,
            process: 0,
            jobs: BTreeMap::new(),
            puts: HashMap::new(),
            acknowledged: 0,
            begun: 0,
            lines: 0,
            waiting: BTreeMap::new(),
            opened: false,
            joined: false,
            kills: Kills::default(),
            repeated: 0,
            lost: 0,
            violations: Vec::new(),
        }
    }

    /// The number of the present process, from 1.
    pub fn process(&self) -> u32 {
        self.process
    }

    /// The moments of the kills.
    pub fn kills(&self) -> Kills {
        self.kills
    }

    /// The key of a job's item.
    pub fn key(&self, id: u64) -> Option<u64> {
        self.jobs.get(&id).map(|job| job.key)
    }

    /// What was violated, in the order in which it was found.
    pub fn violations(&self) -> &[String] {
        &self.violations
    }

    /// Notes a violation that another judge has found.
    pub fn violated(&mut self, what: impl Into<String>) {
        self.violations.push(what.into());
    }

    /// The next process begins; returns its number.
    pub fn begins(&mut self) -> u32 {
        self.process += 1;
        (self.opened, self.joined) = (false, false);
        self.process
    }

    /// The present process was killed.
    pub fn killed(&mut self) {
        let unfinished = |put: &Attempted| put.process == self.process && put.id.is_none() && !put.refused;
        let running = |job: &Record| {
            let last = job.runs.last();
            job.settled.is_none() && last.is_some_and(|run| run.process == self.process && run.end != Some(End::Failed))
        };
        self.kills.all += 1;
        self.kills.early += u64::from(!self.opened);
        self.kills.in_put += u64::from(self.puts.values().any(unfinished));
        self.kills.in_run += u64::from(self.jobs.values().any(running));
    }

    /// Reads a line of the present process.
    pub fn read(&mut self, line: &Line) {
        self.lines += 1;
        match line {
            Line::Open => self.opened = true,
            Line::Try { key } => self.tries(*key),
            Line::Put { key, id } => self.put(*key, *id),
            Line::Refused { key, why } => {
                self.violated(format!("the put of item {key} was refused: {why}"));
                self.puts.entry(*key).and_modify(|put| put.refused = true);
            }
            Line::Begin { id, key, attempt } => self.runs(*id, *key, *attempt),
            Line::Untraced { id } => self.violated(format!("job {id} has another trace context than its put")),
            Line::End { id } => self.ends(*id, End::Succeeded),
            Line::Fail { id } => self.ends(*id, End::Failed),
            Line::Done { id } => self.done(*id),
            Line::Dead { id, cause } => self.dead(*id, cause),
            Line::Joined { unfinished, on_disk } => self.joins(*unfinished, *on_disk),
            Line::Over => {}
        }
    }

    fn tries(&mut self, key: u64) {
        let put =
            Attempted { process: self.process, line: self.lines, above: self.acknowledged, id: None, refused: false };
        if self.puts.insert(key, put).is_some() {
            self.violated(format!("item {key} was put twice: a fault of the test"));
        }
    }

    fn put(&mut self, key: u64, id: u64) {
        let above = self.puts.get_mut(&key).map(|put| {
            put.id = Some(id);
            put.above
        });
        match above {
            None => self.violated(format!("job {id} was acknowledged for item {key}, which was never put")),
            Some(above) if id <= above => {
                self.violated(format!("job {id} has an id that is not above {above}, whose put had returned before"));
            }
            Some(_) => {}
        }
        self.acknowledged = self.acknowledged.max(id);
        self.same_item(id, key);
        let twice = std::mem::replace(&mut self.job(id).acknowledged, true);
        if twice {
            self.violated(format!("id {id} was given to two puts"));
        }
        let line = self.lines;
        let job = self.job(id);
        job.line = line;
        if job.runs.is_empty() {
            self.waiting.insert(line, id);
        }
    }

    fn runs(&mut self, id: u64, key: u64, attempt: u32) {
        let process = self.process;
        if !self.puts.contains_key(&key) {
            self.violated(format!("job {id} has item {key}, which was never put"));
        }
        self.same_item(id, key);
        let job = self.job(id);
        let wrong = match (job.runs.last(), &job.settled) {
            (_, Some(settled)) => Some(format!("begins again after it was settled as {settled:?}")),
            (None, None) if attempt != 1 => Some(format!("begins for the first time as attempt {attempt}")),
            (Some(last), None) if last.process == process && last.end != Some(End::Failed) => {
                Some("begins again in the process in which it runs already".to_owned())
            }
            (Some(last), None) if last.process == process && attempt != last.attempt + 1 => {
                Some(format!("begins as attempt {attempt} after attempt {} in the same process", last.attempt))
            }
            // A crash may count as an attempt, and so may a failure that was committed just before it.
            (Some(last), None) if !(last.attempt..=last.attempt + 1).contains(&attempt) => {
                Some(format!("begins as attempt {attempt} after attempt {} in an earlier process", last.attempt))
            }
            _ => None,
        };
        let (first, again) = (
            job.runs.is_empty(),
            job.runs.last().is_some_and(|run| run.process != process && run.end != Some(End::Failed)),
        );
        job.runs.push(Run { process, attempt, end: None });
        if let Some(wrong) = wrong {
            self.violated(format!("job {id} {wrong}"));
        }
        self.repeated += u64::from(again);
        if first {
            self.begins_in_order(id, key);
        }
        self.begun = self.begun.max(id);
    }

    /// The first attempt of a job begins.
    fn begins_in_order(&mut self, id: u64, key: u64) {
        let tried = self.puts.get(&key).map_or(u64::MAX, |put| put.line);
        let earlier = self.waiting.range(..tried).map(|(_, id)| *id).find(|earlier| *earlier != id);
        match (self.order, earlier) {
            (Order::OfPuts | Order::OfIds, Some(earlier)) => {
                self.violated(format!("job {id} begins before job {earlier}, whose put had returned before"));
            }
            (Order::OfIds, None) if id < self.begun => {
                self.violated(format!("job {id} begins after job {}, which has a larger id", self.begun));
            }
            _ => {}
        }
        let line = self.job(id).line;
        self.waiting.remove(&line);
    }

    fn ends(&mut self, id: u64, end: End) {
        let process = self.process;
        match self.job(id).runs.last_mut() {
            Some(run) if run.process == process && run.end.is_none() => run.end = Some(end),
            _ => self.violated(format!("the handler of job {id} ends, but it does not run")),
        }
    }

    fn done(&mut self, id: u64) {
        let (process, fates) = (self.process, self.fates);
        let job = self.job(id);
        let (key, ran) = (job.key, job.runs.last().map(|run| (run.process == process, run.end)));
        let wrong = match (&job.settled, ran) {
            (Some(settled), _) => Some(format!("is done after it was settled as {settled:?}")),
            (None, Some((true, Some(End::Succeeded)))) if fates.of(key).dies() => {
                Some("is done, but must not be".into())
            }
            (None, Some((true, Some(End::Succeeded)))) => None,
            _ => Some("is done before its handler has ended".to_owned()),
        };
        job.settled = Some(Settled::Done);
        if let Some(wrong) = wrong {
            self.violated(format!("job {id} {wrong}"));
        }
    }

    fn dead(&mut self, id: u64, cause: &str) {
        let job = self.job(id);
        let key = job.key;
        let before = job.settled.replace(Settled::Dead(cause.to_owned()));
        if let Some(before) = before {
            self.violated(format!("job {id} is dead ({cause}) after it was settled as {before:?}"));
        }
        // Those of earlier processes are reported by tasks of their own.
        if self.joined && item::process_of(key) == self.process {
            self.violated(format!("job {id} is dead ({cause}) after join had returned"));
        }
    }

    fn joins(&mut self, unfinished: u64, on_disk: u64) {
        let process = self.process;
        self.joined = true;
        if (unfinished, on_disk) != (0, 0) {
            self.violated(format!("join returned with {unfinished} unfinished jobs, {on_disk} of them on disk"));
        }
        let ran =
            |job: &Record| job.runs.last().is_some_and(|run| run.end.is_some()) || job.crashes(process) >= CRASHES;
        let early = self.jobs.iter().find(|(_, job)| job.acknowledged && !ran(job)).map(|(id, _)| *id);
        if let Some(id) = early {
            self.violated(format!("join returned before job {id} had run"));
        }
    }

    fn job(&mut self, id: u64) -> &mut Record {
        self.jobs.entry(id).or_default()
    }

    /// Notes the key of a job, which must be the same on each occasion.
    fn same_item(&mut self, id: u64, key: u64) {
        let job = self.job(id);
        match job.key {
            0 => job.key = key,
            known if known != key => self.violated(format!("job {id} had item {known}, and now has {key}")),
            _ => {}
        }
    }

    /// What the file may have between two processes: each job in one table at most, and no job that is done.
    pub fn inspect(&mut self, left: &Left) {
        let dead: Vec<u64> = left.dead.iter().map(|letter| letter.id).collect();
        for id in &left.jobs {
            if dead.contains(id) {
                self.violated(format!("job {id} is both a job and a dead letter in the file"));
            }
            if let Some(settled) = self.jobs.get(id).and_then(|job| job.settled.clone()) {
                self.violated(format!("job {id} is in the file, though it was settled as {settled:?}"));
            }
        }
    }

    /// The judgement after the last process, which has ended by itself when all jobs were settled.
    pub fn close(&mut self, left: &Left) {
        if !left.jobs.is_empty() {
            self.violated(format!("{} jobs are left in the file, for example {}", left.jobs.len(), left.jobs[0]));
        }
        let letters: HashMap<u64, &str> = left.dead.iter().map(|letter| (letter.id, letter.error.as_str())).collect();
        let mut found = Vec::new();
        for (id, error) in &letters {
            if !self.jobs.contains_key(id) {
                found.push(format!("dead letter {id} ({error}) is no job that was acknowledged or run"));
            }
        }
        let mut lost = 0;
        for (id, job) in &self.jobs {
            let fate = self.fates.of(job.key);
            let letter = letters.get(id).copied();
            let wrong = match (&job.settled, letter) {
                (Some(Settled::Done), Some(error)) => Some(format!("is done and a dead letter ({error})")),
                (Some(Settled::Done), None) => None,
                (Some(Settled::Dead(cause)), None) => Some(format!("was dead ({cause}), but is not in the file")),
                (_, Some(error)) => died_wrongly(job, fate, error, self.process),
                (None, None) => {
                    // *Done* was committed, and the kill came before `D` was written.
                    let ended = job
                        .runs
                        .last()
                        .is_some_and(|run| run.end == Some(End::Succeeded) && run.process < self.process);
                    let complete = ended || !job.acknowledged && job.runs.is_empty();
                    lost += u64::from(!complete && job.acknowledged);
                    (!complete).then(|| format!("was lost: {} attempts, none of which ended", job.runs.len()))
                }
            };
            found.extend(wrong.map(|wrong| format!("job {id} (item {}, {fate:?}) {wrong}", job.key)));
        }
        self.lost = lost;
        self.violations.extend(found);
    }

    /// The numbers, for the printed ledger.
    pub fn sums(&self, left: &Left) -> Sums {
        let count = |of: &dyn Fn(&Record) -> bool| self.jobs.values().filter(|job| of(job)).count() as u64;
        Sums {
            put: self.puts.len() as u64,
            acknowledged: count(&|job| job.acknowledged),
            started: count(&|job| !job.runs.is_empty()),
            done: count(&|job| job.settled == Some(Settled::Done)),
            dead: left.dead.len() as u64,
            lost: self.lost,
            repeated: self.repeated,
        }
    }
}

/// What is wrong with a dead letter: it must be one by its fate, with its attempts used up, or be blamed for
/// crashes that happened.
fn died_wrongly(job: &Record, fate: Fate, error: &str, process: u32) -> Option<String> {
    let failures = job.runs.iter().filter(|run| run.end == Some(End::Failed)).count() as u32;
    if error.contains("process ended") {
        let crashes = job.crashes(process);
        return (crashes < CRASHES)
            .then(|| format!("was blamed for crashes ({error}), but at most {crashes} happened"));
    }
    match fate {
        Fate::Fails if failures >= 1 && job.runs.last().is_some_and(|run| run.attempt >= ATTEMPTS) => None,
        Fate::Fatal if failures >= 1 => None,
        _ => Some(format!("is dead after {failures} failures: {error}")),
    }
}

impl fmt::Display for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "put {}, acknowledged {}, started {}, done {}, dead {}, lost {}, repeated {}",
            self.put, self.acknowledged, self.started, self.done, self.dead, self.lost, self.repeated
        )
    }
}

impl fmt::Display for Kills {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |part: u64| part as f64 * 100.0 / self.all.max(1) as f64;
        write!(
            f,
            "{} kills: {:.0} % inside a put, {:.0} % between B and D, {:.0} % before the store was open",
            self.all,
            percent(self.in_put),
            percent(self.in_run),
            percent(self.early)
        )
    }
}

#[cfg(test)]
mod tests;
