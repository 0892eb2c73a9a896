//! A job in memory: one allocation, which the stage, the worker and the handles share.

use super::state::{StateWord, Stored};
use super::Job;
use crate::stage::Inner;
use crate::{Cause, TraceContext};
use atomic_waker::AtomicWaker;
use event_listener::Event;
use joinq::queue::PermitsOwned;
use std::convert::Infallible;
use std::mem;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Called once, when the job is settled. Boxed, so that a job without it has but a pointer for it.
pub(crate) type OnSettled<T, R> = Box<Acknowledge<T, R>>;

pub(crate) struct Acknowledge<T, R>(pub(crate) Box<Call<T, R>>);

type Call<T, R> = dyn FnOnce(&Job<T, R>) + Send;

/// The permits of one job.
pub(crate) type JobPermits = PermitsOwned<Infallible>;

pub(crate) struct Core<T, R> {
    pub(crate) stage: Arc<Inner<T, R>>,
    pub(crate) item: T,
    pub(crate) id: u64,
    pub(crate) state: StateWord,
    /// The number of failed attempts.
    failures: AtomicU32,
    /// When the job was last enqueued.
    #[cfg(feature = "metrics")]
    enqueued_at: std::sync::atomic::AtomicU64,
    pub(crate) trace: Option<TraceContext>,
    rest: Mutex<Rest<T, R>>,
    /// Notified when the job is cancelled or settled.
    pub(crate) changed: Event,
    /// The attempt that runs the job as a task, to be woken by a cancel.
    pub(crate) attempt: AtomicWaker,
}

enum Rest<T, R> {
    /// What the job holds until it is settled.
    Open(Open<T, R>),
    /// The cause is boxed, as most jobs have none.
    Settled(Result<R, Box<Cause>>),
    /// A handle has taken the result.
    Taken,
}

/// What a handle finds that takes the result.
pub(crate) enum Taken<R> {
    Now(Result<R, Cause>),
    /// The job is not settled yet.
    NotYet,
    /// Another handle has taken it.
    Before,
}

/// What a job holds until it is settled. Only one thread takes it, and that thread settles the job.
pub(crate) struct Open<T, R> {
    /// None for jobs that are put beyond the capacity.
    pub(crate) permits: Option<JobPermits>,
    pub(crate) on_settled: Option<OnSettled<T, R>>,
}

impl<T, R> Default for Open<T, R> {
    fn default() -> Self {
        Open { permits: None, on_settled: None }
    }
}

impl<T, R> Core<T, R> {
    pub(crate) fn new(
        stage: Arc<Inner<T, R>>,
        id: u64,
        item: T,
        trace: Option<TraceContext>,
        stored: Stored,
        open: Open<T, R>,
    ) -> Self {
        Core {
            stage,
            item,
            id,
            state: StateWord::new(stored),
            failures: AtomicU32::new(0),
            #[cfg(feature = "metrics")]
            enqueued_at: Default::default(),
            trace,
            rest: Mutex::new(Rest::Open(open)),
            changed: Event::new(),
            attempt: AtomicWaker::new(),
        }
    }

    /// Whether the store has a row of this job.
    pub(crate) fn is_stored(&self) -> bool {
        self.state.is_stored()
    }

    /// Wakes what waits for a change of the state.
    pub(crate) fn notify_changed(&self) {
        if self.state.is_watched() {
            self.changed.notify(usize::MAX);
        }
    }

    fn rest(&self) -> MutexGuard<'_, Rest<T, R>> {
        // No code of the user runs under the lock, so that nothing in it can be half done.
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what the job holds, and gives it its result. `None` if the job was settled before.
    pub(crate) fn settle(&self, result: Result<R, Cause>) -> Option<Open<T, R>> {
        let mut rest = self.rest();
        let Rest::Open(open) = &mut *rest else { return None };
        let open = mem::take(open);
        *rest = Rest::Settled(result.map_err(Box::new));
        Some(open)
    }

    /// Whether it is not settled yet.
    pub(crate) fn is_open(&self) -> bool {
        matches!(*self.rest(), Rest::Open(_))
    }

    /// Takes the permits early, so that another job can have them.
    pub(crate) fn take_permits(&self) -> Option<JobPermits> {
        match &mut *self.rest() {
            Rest::Open(open) => open.permits.take(),
            Rest::Settled(_) | Rest::Taken => None,
        }
    }

    /// Gives a job that was only on disk what it holds from now on.
    pub(crate) fn give(&self, permits: Option<JobPermits>, on_settled: Option<OnSettled<T, R>>) {
        let mut given = Open { permits, on_settled };
        if let Rest::Open(open) = &mut *self.rest() {
            mem::swap(open, &mut given);
        }
        // What is not needed is dropped after the lock.
        drop(given);
    }

    /// Takes the result.
    pub(crate) fn take_result(&self) -> Taken<R> {
        let mut rest = self.rest();
        match &*rest {
            Rest::Open(_) => Taken::NotYet,
            Rest::Taken => Taken::Before,
            Rest::Settled(_) => match mem::replace(&mut *rest, Rest::Taken) {
                Rest::Settled(result) => Taken::Now(result.map_err(|cause| *cause)),
                Rest::Open(_) | Rest::Taken => unreachable!("checked above, under the same lock"),
            },
        }
    }

    #[cfg(feature = "metrics")]
    pub(crate) fn set_enqueued_at(&self, time: u64) {
        // Ordering: Relaxed. The queue orders it before the attempt that reads it.
        self.enqueued_at.store(time, Ordering::Relaxed);
    }

    #[cfg(feature = "metrics")]
    pub(crate) fn enqueued_at(&self) -> u64 {
        // Ordering: Relaxed, as in `set_enqueued_at`.
        self.enqueued_at.load(Ordering::Relaxed)
    }

    /// Why it is not done, unless its result was taken.
    pub(crate) fn cause(&self) -> Option<Cause> {
        match &*self.rest() {
            Rest::Settled(Err(cause)) => Some(Cause::clone(cause)),
            Rest::Settled(Ok(_)) | Rest::Open(_) | Rest::Taken => None,
        }
    }

    /// The number of failed attempts.
    pub(crate) fn failures(&self) -> u32 {
        // Ordering: Relaxed. A number to show; the one attempt that changes it is ordered by the queue.
        self.failures.load(Ordering::Relaxed)
    }

    /// Counts a failed attempt, and returns how many there are.
    pub(crate) fn count_failure(&self) -> u32 {
        // Ordering: Relaxed, as in `failures`.
        self.failures.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Failed attempts in an earlier process.
    pub(crate) fn set_failures(&self, failures: u32) {
        // Ordering: Relaxed, as in `failures`.
        self.failures.store(failures, Ordering::Relaxed);
    }
}

impl<T, R> Drop for Core<T, R> {
    fn drop(&mut self) {
        if self.is_stored() {
            self.stage.forget_handle(self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `docs/design.md` says. The allocation has two counts beside the job.
    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_job_takes_120_bytes_beside_its_item() {
        let counts = 2 * size_of::<usize>();
        let metrics = if cfg!(feature = "metrics") { 8 } else { 0 };
        assert_eq!(size_of::<Core<(), ()>>() + counts, 120 + metrics);
        assert_eq!(size_of::<Core<[u64; 5], ()>>() + counts, 120 + metrics + 40);
    }
}
