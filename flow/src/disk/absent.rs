//! The jobs that are on disk and not in memory.

use crate::job::core::{Core, OnSettled};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

pub(super) struct Absent<T, R> {
    jobs: Mutex<Jobs<T, R>>,
    /// The count, for a look without the lock.
    count: AtomicUsize,
}

struct Jobs<T, R> {
    count: usize,
    /// What is in memory of such a job: only of those whose handle is held, or that are to be acknowledged.
    known: HashMap<u64, Known<T, R>>,
    /// The deadline of a shutdown is over: no job is loaded any more.
    halted: bool,
}

struct Known<T, R> {
    handle: Weak<Core<T, R>>,
    on_settled: Option<OnSettled<T, R>>,
}

/// A job whose handle is held, and its acknowledgement.
pub(super) type Held<T, R> = (Arc<Core<T, R>>, Option<OnSettled<T, R>>);

/// The deadline of a shutdown is over.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Halted;

impl<T, R> Absent<T, R> {
    pub(super) fn new(count: usize) -> Self {
        let jobs = Jobs { count, known: HashMap::new(), halted: false };
        Absent { jobs: Mutex::new(jobs), count: AtomicUsize::new(count) }
    }

    fn jobs(&self) -> MutexGuard<'_, Jobs<T, R>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn count(&self) -> usize {
        // Ordering: SeqCst. A put that is to wait has created its listener before.
        self.count.load(Ordering::SeqCst)
    }

    fn set_count(&self, jobs: &mut Jobs<T, R>, count: usize) {
        jobs.count = count;
        // Ordering: SeqCst, as in `count`.
        self.count.store(count, Ordering::SeqCst);
    }

    /// A job is only on disk.
    pub(super) fn add(&self, core: &Arc<Core<T, R>>, on_settled: Option<OnSettled<T, R>>) -> Result<(), Halted> {
        let mut jobs = self.jobs();
        if jobs.halted {
            drop(jobs);
            drop(on_settled);
            return Err(Halted);
        }
        jobs.known.insert(core.id, Known { handle: Arc::downgrade(core), on_settled });
        let count = jobs.count + 1;
        self.set_count(&mut jobs, count);
        Ok(())
    }

    /// Jobs without handles are only on disk.
    pub(super) fn add_unknown(&self, count: usize) -> Result<(), Halted> {
        let mut jobs = self.jobs();
        if jobs.halted {
            return Err(Halted);
        }
        let count = jobs.count + count;
        self.set_count(&mut jobs, count);
        Ok(())
    }

    /// The job, if a handle of it is held.
    pub(super) fn handle(&self, id: u64) -> Option<Arc<Core<T, R>>> {
        self.jobs().known.get(&id)?.handle.upgrade()
    }

    /// Whether the job, of which a handle is held, is only on disk.
    pub(super) fn contains(&self, id: u64) -> bool {
        self.jobs().known.contains_key(&id)
    }

    /// A job is to be loaded, or ends. The count that others see goes down by [`publish`](Absent::publish),
    /// so that a put cannot overtake the job on its way into the queue.
    pub(super) fn remove(&self, id: u64) -> Result<Option<OnSettled<T, R>>, Halted> {
        let mut jobs = self.jobs();
        if jobs.halted {
            return Err(Halted);
        }
        jobs.count -= 1;
        let known = jobs.known.remove(&id);
        drop(jobs);
        Ok(known.and_then(|known| known.on_settled))
    }

    /// Shows the count to puts.
    pub(super) fn publish(&self) {
        let mut jobs = self.jobs();
        let count = jobs.count;
        self.set_count(&mut jobs, count);
    }

    /// All jobs that are only on disk are gone. Returns how many, and those with a handle.
    pub(super) fn lose_all(&self) -> (usize, Vec<Held<T, R>>) {
        self.take_all(self.jobs())
    }

    fn take_all(&self, mut jobs: MutexGuard<'_, Jobs<T, R>>) -> (usize, Vec<Held<T, R>>) {
        let count = jobs.count;
        self.set_count(&mut jobs, 0);
        let known = std::mem::take(&mut jobs.known);
        drop(jobs);
        (count, known.into_values().filter_map(|known| Some((known.handle.upgrade()?, known.on_settled))).collect())
    }

    /// The last handle of the job is dropped.
    pub(super) fn forget_handle(&self, id: u64) {
        let mut jobs = self.jobs();
        let forgotten = match jobs.known.get_mut(&id) {
            Some(known) if known.on_settled.is_none() => jobs.known.remove(&id),
            Some(known) => {
                // Its memory is freed.
                known.handle = Weak::new();
                None
            }
            None => None,
        };
        drop(jobs);
        drop(forgotten);
    }

    /// No job is loaded any more. Returns how many are on disk, and those with a handle.
    pub(super) fn halt(&self) -> (usize, Vec<Held<T, R>>) {
        let mut jobs = self.jobs();
        jobs.halted = true;
        self.take_all(jobs)
    }
}
