//! The process under test: a stage with a store, putters and workers, and a line for each event.

use crate::item::{self, Fate, Fates, Item, ATTEMPTS};
use crate::line::{Line, Lines};
use crate::stores::{self, Kind, WithStore};
use joinq_flow::{Change, Failure, Job, Json, Retry, Safe, Stage, State, Store};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

/// What the process does; its only argument, as JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Options {
    /// The kind of the store.
    pub store: Kind,
    /// The folder with its file.
    pub folder: PathBuf,
    /// The number of this process, by which its items differ from those of others.
    pub process: u32,
    /// When it goes on after the store was opened.
    pub then: Then,
    /// What it does.
    pub program: Program,
}

/// When the process goes on after the store was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Then {
    /// At once.
    GoOn,
    /// When it has read a byte from its standard input.
    WaitForByte,
}

/// What the process does with its store.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Program {
    /// Runs a stage.
    Stage(Work),
    /// Applies this number of batches of changes to the store, without a stage.
    Batches(u64),
}

/// How a stage is run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Work {
    /// How the stage uses the store.
    pub mode: Mode,
    /// What becomes of the jobs.
    pub fates: Fates,
    /// The longest time that a handler takes.
    pub handler: Duration,
    /// The number of threads that run jobs.
    pub workers: usize,
    /// The number of threads that put.
    pub putters: usize,
    /// How many items each of them puts; without end if `None`.
    pub puts: Option<u32>,
    /// The longest pause of a putter between two puts.
    pub pause: Duration,
    /// The capacity of the stage.
    pub capacity: usize,
    /// The bytes that spilled jobs may take.
    pub quota: u64,
    /// What happens after the last put.
    pub end: End,
}

/// How a stage uses its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// Each job is in the store.
    Durable,
    /// Only the jobs beyond the capacity are.
    Spill,
}

/// What happens after the last put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// The stage is closed and joined.
    Join,
    /// The process ends at once.
    Exit,
}

/// The message of a panic that belongs to the test.
const PLANNED: &str = "a planned panic";

/// Runs the process under test.
pub fn main(options: &str) -> Result<(), String> {
    let options: Options = serde_json::from_str(options).map_err(|error| error.to_string())?;
    let lines = Lines::new().map_err(|error| error.to_string())?;
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.payload_as_str() != Some(PLANNED) {
            report(info);
        }
    }));
    stores::open(options.store, &options.folder, Child { options: options.clone(), lines })?
}

struct Child {
    options: Options,
    lines: Lines,
}

impl WithStore for Child {
    type Output = Result<(), String>;

    fn with<S: Store>(self, store: S) -> Result<(), String> {
        match self.options.program.clone() {
            Program::Stage(work) => self.stage(store, &work),
            Program::Batches(count) => self.batches(store, count),
        }
    }
}

impl Child {
    fn opened(&self) {
        self.lines.write(Line::Open);
        if self.options.then == Then::WaitForByte {
            // An end of the input is an end of the parent.
            if !matches!(std::io::stdin().read(&mut [0]), Ok(1)) {
                std::process::exit(3);
            }
        }
    }

    fn stage(&self, store: impl Store, work: &Work) -> Result<(), String> {
        let delays = backon::ConstantBuilder::default().with_delay(Duration::from_millis(5)).without_max_times();
        let builder = Stage::builder("demo")
            .capacity(work.capacity)
            .quota(work.quota)
            .retry(Retry::new(delays).attempts(ATTEMPTS));
        let stage: Stage<Item> = match work.mode {
            Mode::Durable => builder.durable(store, Json).build(),
            Mode::Spill => builder.spill(store, Json).build(),
        };
        self.opened();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a thread");
        let reports = Mutex::new(Vec::new());
        let watched = Mutex::new(HashSet::new());
        let handler = |job: &Job<Item>| -> Result<(), Failure> {
            // The callback of a put does not outlive its process; the jobs of others are watched from here.
            if item::process_of(job.key) != self.options.process && watched.lock().unwrap().insert(job.id()) {
                let (job, lines) = (job.clone(), self.lines.clone());
                let report = async move {
                    job.settled().await;
                    settled(&lines, &job);
                };
                reports.lock().unwrap().push(runtime.spawn(report));
            }
            self.handle(work, job)
        };
        thread::scope(|scope| {
            for _ in 0..work.workers {
                scope.spawn(|| stage.work(handler).wait());
            }
            thread::scope(|scope| {
                for putter in 0..work.putters {
                    let stage = &stage;
                    scope.spawn(move || self.put(stage, work, putter));
                }
            });
            if work.end == End::Exit {
                std::process::exit(0);
            }
            stage.close();
            stage.join().wait();
            let stats = stage.stats();
            self.lines.write(Line::Joined { unfinished: stats.unfinished as u64, on_disk: stats.on_disk as u64 });
        });
        for report in std::mem::take(&mut *reports.lock().unwrap()) {
            runtime.block_on(report).map_err(|error| error.to_string())?;
        }
        self.lines.write(Line::Over);
        Ok(())
    }

    fn put(&self, stage: &Stage<Item>, work: &Work, putter: usize) {
        for nth in 0..work.puts.unwrap_or(u32::MAX) {
            let key = item::key(self.options.process, putter, nth + 1);
            let lines = self.lines.clone();
            self.lines.write(Line::Try { key });
            let (parent, state) = item::trace_of(key);
            let put = stage.put(Item::new(key)).on_settled(move |job: &Job<Item>| settled(&lines, job));
            let put = put.trace_context(&parent).trace_state(&state.unwrap_or_default());
            match put.wait() {
                Ok(job) => self.lines.write(Line::Put { key, id: job.id() }),
                Err(refused) => self.lines.write(Line::Refused { key, why: refused.to_string() }),
            }
            if !work.pause.is_zero() {
                thread::sleep(item::duration(!key, work.pause));
            }
        }
    }

    fn handle(&self, work: &Work, job: &Job<Item>) -> Result<(), Failure> {
        let (id, key, attempt) = (job.id(), job.key, job.attempt());
        let (parent, state) = item::trace_of(key);
        if (job.trace_context(), job.trace_state()) != (Some(&*parent), state.as_deref()) {
            self.lines.write(Line::Untraced { id });
        }
        self.lines.write(Line::Begin { id, key, attempt });
        if !work.handler.is_zero() {
            thread::sleep(item::duration(key, work.handler));
        }
        let first = attempt == 1;
        match work.fates.of(key) {
            Fate::Poison => std::process::abort(),
            Fate::FailsOnce if first => {
                self.lines.write(Line::Fail { id });
                Err("the first attempt fails".into())
            }
            Fate::PanicsOnce if first => {
                self.lines.write(Line::Fail { id });
                std::panic::panic_any(PLANNED)
            }
            Fate::Fails => {
                self.lines.write(Line::Fail { id });
                Err("each attempt fails".into())
            }
            Fate::Fatal => {
                self.lines.write(Line::Fail { id });
                Err(Failure::fatal("no second attempt"))
            }
            Fate::FailsOnce | Fate::PanicsOnce | Fate::Done => {
                self.lines.write(Line::End { id });
                Ok(())
            }
        }
    }

    /// Applies batches, each of which must be in the file as a whole or not at all.
    fn batches(&self, mut store: impl Store, count: u64) -> Result<(), String> {
        let first = store.recover().map_err(|error| error.to_string())?.last_id / BATCH + 1;
        self.opened();
        let body = vec![b'x'; 5000];
        for batch in first..first + count {
            self.lines.write(Line::Try { key: batch });
            let changes: Vec<Change<'_>> = changes(batch, &body).collect();
            store.apply(&changes, Safe::FromPowerLoss).map_err(|error| error.to_string())?;
            self.lines.write(Line::Put { key: batch, id: batch });
        }
        self.lines.write(Line::Over);
        Ok(())
    }
}

/// The jobs that a batch puts.
pub const BATCH: u64 = 4;

/// The changes of a batch: it puts four jobs, and settles two of the batch before, one of them as a dead letter.
fn changes(batch: u64, body: &[u8]) -> impl Iterator<Item = Change<'_>> {
    let last = batch * BATCH;
    let puts = (last - BATCH + 1..=last).map(move |id| Change::Put {
        id,
        body: &body[..(id as usize * 997) % 5000],
        trace: "",
    });
    let settled = (batch > 1).then(|| {
        let before = last - BATCH;
        [Change::Dead { id: before, attempts: 1, error: "no" }, Change::Done { id: before - 1 }]
    });
    settled.into_iter().flatten().chain(puts)
}

/// The jobs and the dead letters after this number of batches.
pub fn after_batches(batches: u64) -> (Vec<u64>, Vec<u64>) {
    let all = 1..=batches * BATCH;
    let last = |id: &u64| *id > (batches.max(1) - 1) * BATCH;
    let jobs = all.clone().filter(|id| last(id) || id % BATCH == 1 || id % BATCH == 2).collect();
    (jobs, all.filter(|id| !last(id) && id % BATCH == 0).collect())
}

fn settled(lines: &Lines, job: &Job<Item>) {
    let id = job.id();
    lines.write(match job.state() {
        State::Done => Line::Done { id },
        state => Line::Dead { id, cause: format!("{state:?}") },
    });
}
