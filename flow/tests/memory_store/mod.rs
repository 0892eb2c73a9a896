//! A store in memory: what the real ones must do, and a way to let one fail.

#![allow(dead_code)] // each test uses another part

use joinq_flow::{BoxError, Change, Job, Recovered, Row, Safe, Stage, StageBuilder, Store, Table, Text};
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A store in memory. A clone is the same store, as a file that is opened again.
#[derive(Clone, Default)]
pub(crate) struct MemoryStore {
    shared: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) jobs: BTreeMap<u64, (Row, Started)>,
    pub(crate) dead: BTreeMap<u64, Row>,
    pub(crate) last_id: u64,
    /// Each committed change in words, in order.
    pub(crate) log: Vec<String>,
    /// The number of calls of `apply`, also of those that failed.
    pub(crate) applies: u64,
    /// The number of committed transactions.
    pub(crate) commits: u64,
    fault: Fault,
    /// Calls wait as long as this is set.
    blocked: bool,
    /// The number of calls that wait.
    pub(crate) waiting: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Started {
    Yes,
    No,
}

type Fails = Box<dyn FnMut(&[Change<'_>]) -> Option<BoxError> + Send>;

#[derive(Default)]
enum Fault {
    #[default]
    None,
    /// Asked for each call of `apply`.
    Apply(Fails),
}

impl MemoryStore {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on an `apply` fails if `fault` says so.
    pub(crate) fn fail(&self, fault: impl FnMut(&[Change<'_>]) -> Option<BoxError> + Send + 'static) {
        self.state().fault = Fault::Apply(Box::new(fault));
    }

    /// From now on each `apply` fails, as if the disk were full.
    pub(crate) fn full(&self) {
        self.fail(|_| Some("the disk is full".into()));
    }

    pub(crate) fn heal(&self) {
        self.state().fault = Fault::None;
    }

    /// From now on all calls wait, until `unblock`.
    pub(crate) fn block(&self) {
        self.state().blocked = true;
    }

    pub(crate) fn unblock(&self) {
        self.state().blocked = false;
        self.shared.1.notify_all();
    }

    /// Waits until a call of the store waits.
    pub(crate) fn until_blocked(&self) {
        let mut state = self.state();
        while state.waiting == 0 {
            state = self.shared.1.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The state, as soon as calls need not wait.
    fn enter(&self) -> MutexGuard<'_, State> {
        let mut state = self.state();
        while state.blocked {
            state.waiting += 1;
            self.shared.1.notify_all();
            state = self.shared.1.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
        state
    }
}

impl Store for MemoryStore {
    fn recover(&mut self) -> Result<Recovered, BoxError> {
        let mut state = self.enter();
        for (row, started) in state.jobs.values_mut() {
            if *started == Started::Yes {
                row.crashes += 1;
                *started = Started::No;
            }
        }
        Ok(Recovered { jobs: state.jobs.len() as u64, dead: state.dead.len() as u64, last_id: state.last_id })
    }

    fn apply(&mut self, changes: &[Change<'_>], _safe: Safe) -> Result<(), BoxError> {
        let mut state = self.enter();
        state.applies += 1;
        if let Fault::Apply(fails) = &mut state.fault {
            if let Some(error) = fails(changes) {
                return Err(error);
            }
        }
        state.commits += 1;
        changes.iter().for_each(|change| make(&mut state, change));
        Ok(())
    }

    fn load(&mut self, table: Table, after: u64, limit: usize, rows: &mut Vec<Row>) -> Result<(), BoxError> {
        let state = self.enter();
        let first = after.saturating_add(1);
        match table {
            Table::Jobs => rows.extend(state.jobs.range(first..).take(limit).map(|(_, (row, _))| row.clone())),
            Table::Dead => rows.extend(state.dead.range(first..).take(limit).map(|(_, row)| row.clone())),
        }
        Ok(())
    }

    fn bytes(&self) -> u64 {
        let state = self.state();
        let rows = state.jobs.values().map(|(row, _)| row).chain(state.dead.values());
        rows.map(|row| 64 + (row.body.len() + row.trace.len() + row.error.len()) as u64).sum()
    }
}

fn make(state: &mut State, change: &Change<'_>) {
    let line = match *change {
        Change::Put { id, body, .. } => format!("put {id} {}", String::from_utf8_lossy(body)),
        Change::Started { id } => format!("started {id}"),
        Change::Back { id } => format!("back {id}"),
        Change::Failed { id, attempts, .. } => format!("failed {id} {attempts}"),
        Change::Done { id } => format!("done {id}"),
        Change::Dead { id, attempts, error } => format!("dead {id} {attempts} {error}"),
        Change::Redrive { dead, id } => format!("redrive {dead} {id}"),
        _ => panic!("an unknown change"),
    };
    state.log.push(line);
    match *change {
        Change::Put { id, body, trace } => {
            state.last_id = state.last_id.max(id);
            state.jobs.insert(id, (row(id, body.to_vec(), trace), Started::No));
        }
        Change::Started { id } => {
            if let Some((_, started)) = state.jobs.get_mut(&id) {
                *started = Started::Yes;
            }
        }
        Change::Back { id } => {
            if let Some((_, started)) = state.jobs.get_mut(&id) {
                *started = Started::No;
            }
        }
        Change::Failed { id, attempts, due } => {
            if let Some((row, started)) = state.jobs.get_mut(&id) {
                *started = Started::No;
                (row.attempts, row.crashes, row.due) = (attempts, 0, due);
            }
        }
        Change::Done { id } => {
            state.jobs.remove(&id);
        }
        Change::Dead { id, attempts, error } => {
            if let Some((mut row, _)) = state.jobs.remove(&id) {
                (row.attempts, row.due, row.error) = (attempts, 0, error.to_owned());
                state.dead.insert(id, row);
            }
        }
        Change::Redrive { dead, id } => {
            if let Some(letter) = state.dead.remove(&dead) {
                state.last_id = state.last_id.max(id);
                state.jobs.insert(id, (row(id, letter.body, &letter.trace), Started::No));
            }
        }
        _ => {}
    }
}

/// A new row; it cannot be named with its fields outside of the crate.
pub(crate) fn row(id: u64, body: Vec<u8>, trace: &str) -> Row {
    let mut row = Row::default();
    (row.id, row.body, row.trace) = (id, body, trace.to_owned());
    row
}

pub(crate) fn builder(capacity: usize) -> StageBuilder<String> {
    Stage::builder("disk").capacity(capacity)
}

pub(crate) fn durable(store: &MemoryStore, capacity: usize) -> Stage<String> {
    builder(capacity).durable(store.clone(), Text).build()
}

pub(crate) fn spill(store: &MemoryStore, capacity: usize) -> Stage<String> {
    builder(capacity).spill(store.clone(), Text).build()
}

/// Closes the stage, runs all jobs on this thread, and returns the items in the order of their attempts.
pub(crate) fn run_all(stage: &Stage<String>) -> Vec<String> {
    let seen = Mutex::new(Vec::new());
    stage.close();
    stage
        .work(|job: &Job<String>| {
            seen.lock().unwrap().push(job.to_string());
            Ok(())
        })
        .wait();
    stage.join().wait();
    seen.into_inner().unwrap()
}

pub(crate) fn names(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers.into_iter().map(|number| number.to_string()).collect()
}
