//! What the handles, jobs and workers of a stage share.

use super::ages::Ages;
use super::counters::Counters;
use super::delayed::Delayed;
use super::settle::End;
use super::unfinished::{Then, Unfinished};
use super::weights::Weights;
use crate::disk::Disk;
use crate::job::core::{Core, JobPermits, OnSettled, Open};
use crate::job::state::Stored;
use crate::job::Job;
use crate::time::Time;
use crate::trace::events;
use crate::work::message;
use crate::workers::Load;
use crate::{BoxError, Cause, Dead, Denied, Overflow, Refused, Retry, Semaphore, Trace, TraceContext};
use event_listener::Event;
use joinq::{Queue, TryPutError};
use std::any::Any;
use std::convert::Infallible;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub(crate) type Admit<T> = Box<dyn Fn(&T) -> Result<(), Denied> + Send + Sync>;
pub(crate) type Ready = Box<dyn Fn() -> Result<(), Denied> + Send + Sync>;
pub(crate) type Weigh<T> = Box<dyn Fn(&T) -> usize + Send + Sync>;
pub(crate) type Letters<T, R> = Arc<Queue<Dead<T, R>>>;
pub(crate) type Source<T> = Box<dyn Fn() -> Option<T> + Send + Sync>;

/// What the builder has set.
pub(crate) struct Options<T> {
    pub(crate) overflow: Overflow,
    pub(crate) admit: Option<Admit<T>>,
    pub(crate) ready: Option<Ready>,
    pub(crate) weigh: Option<Weigh<T>>,
    pub(crate) limit: Option<Semaphore>,
    pub(crate) retry: Option<Retry>,
    pub(crate) when_empty: Option<(Duration, Source<T>)>,
    pub(crate) trace: Option<Box<dyn Trace>>,
}

pub(crate) struct Inner<T, R> {
    pub(crate) name: String,
    pub(crate) options: Options<T>,
    /// The jobs that wait for a worker.
    pub(crate) queue: Queue<Arc<Core<T, R>>>,
    /// Only its permits are used: a job holds some from the put until it is settled.
    pub(crate) permits: Arc<Queue<Infallible>>,
    pub(crate) weights: Weights,
    /// The capacity in units of the weight.
    pub(crate) capacity: AtomicUsize,
    /// Notified when the capacity has changed, for waiting puts that are heavier than it is now.
    pub(crate) resized: Event,
    /// Until the end.
    pub(crate) dead_letters: Mutex<Option<Letters<T, R>>>,
    pub(crate) unfinished: Unfinished,
    pub(crate) delayed: Delayed<T, R>,
    /// Jobs that a worker has taken and does not begin yet, since the stage is not ready.
    pub(crate) held_back: Mutex<Vec<Arc<Core<T, R>>>>,
    /// The jobs that were taken out, while a shutdown collects them.
    pub(super) taken_out: Mutex<Option<Vec<Job<T, R>>>>,
    pub(crate) counters: Counters,
    pub(crate) ages: Ages,
    pub(crate) load: Load,
    /// Why workers pause.
    pub(crate) not_ready: Mutex<Option<Denied>>,
    is_halted: AtomicBool,
    halted: Event,
    pub(crate) users: super::users::Users,
    pub(crate) disk: Option<Disk<T, R>>,
    pub(crate) time: Time,
    #[cfg(feature = "metrics")]
    pub(crate) metrics: crate::metrics::Metrics,
}

impl<T, R> Inner<T, R> {
    pub(super) fn new(
        name: String,
        capacity: usize,
        options: Options<T>,
        dead_letters: Option<Letters<T, R>>,
        disk: Option<Disk<T, R>>,
        time: Time,
    ) -> Self {
        let weights = Weights::for_capacity(capacity);
        Inner {
            #[cfg(feature = "metrics")]
            metrics: crate::metrics::Metrics::new(&name, time.now()),
            name,
            options,
            queue: Queue::unbounded(),
            permits: Arc::new(Queue::with_permits(weights.permits(capacity))),
            weights,
            capacity: AtomicUsize::new(capacity),
            resized: Event::new(),
            dead_letters: Mutex::new(dead_letters),
            unfinished: Unfinished::new(),
            delayed: Delayed::new(),
            held_back: Mutex::new(Vec::new()),
            taken_out: Mutex::new(None),
            counters: Counters::default(),
            ages: Ages::default(),
            load: Load::default(),
            not_ready: Mutex::new(None),
            is_halted: AtomicBool::new(false),
            halted: Event::new(),
            users: super::users::Users::new(),
            disk,
            time,
        }
    }

    /// Whether the deadline of a shutdown is over.
    pub(crate) fn is_halted(&self) -> bool {
        // Ordering: SeqCst. A job that is delayed or held back after the halt took them all sees this, and ends.
        self.is_halted.load(Ordering::SeqCst)
    }

    /// Notified when the deadline of a shutdown is over.
    pub(crate) fn halted(&self) -> &Event {
        &self.halted
    }

    pub(super) fn set_halted(&self) {
        // Ordering: SeqCst, as in `is_halted`.
        self.is_halted.store(true, Ordering::SeqCst);
        self.halted.notify(usize::MAX);
    }

    /// The permits for this item.
    pub(crate) fn weight(&self, item: &T) -> usize {
        self.options.weigh.as_ref().map_or(1, |weigh| self.weights.of_job(weigh(item)))
    }

    /// The permits of the whole capacity.
    pub(crate) fn most_permits(&self) -> usize {
        self.permits.capacity().expect("the queue has permits")
    }

    pub(crate) fn try_reserve(&self, weight: usize) -> Result<JobPermits, TryPutError<()>> {
        self.permits.clone().try_reserve_owned(weight)
    }

    /// Counts a new job that is in no store, and returns its id.
    pub(crate) fn next_id(&self) -> u64 {
        let count = self.counters.put.next();
        match &self.disk {
            // Jobs on disk and in memory have different ids.
            Some(disk) => disk.next_id(),
            None => count,
        }
    }

    /// The context of this thread or task; code of the user.
    #[inline]
    pub(crate) fn present_context(&self) -> Option<TraceContext> {
        self.options.trace.as_ref()?.inject()
    }

    /// Asks whether the item is admitted.
    pub(crate) fn admit(&self, item: T) -> Result<T, Refused<T>> {
        match self.options.admit.as_ref().map(|admit| admit(&item)) {
            None | Some(Ok(())) => Ok(item),
            Some(Err(reason)) => Err(Refused::Denied(item, reason)),
        }
    }

    /// Puts a job in memory, which was counted as unfinished, at the end of the queue.
    pub(crate) fn enqueue(&self, core: Arc<Core<T, R>>) {
        #[cfg(feature = "metrics")]
        core.set_enqueued_at(self.enqueued_at());
        if let Err(error) = self.queue.put(core).wait() {
            // A shutdown has taken it out of the hands of a worker that was dropped.
            debug_assert!(!error.into_inner().is_open(), "the queue is closed when nothing is unfinished");
        }
        if self.is_halted() {
            // The halt may have come first, and then it has not seen the job.
            self.take_out();
        }
    }

    /// Follows a change of the number of unfinished jobs.
    pub(crate) fn follow(&self, then: Then) {
        match then {
            Then::GoOn => {}
            Then::Notify => {
                #[cfg(feature = "metrics")]
                self.publish_empty();
                self.guarded(|| self.unfinished.notify());
            }
            Then::End => {
                #[cfg(feature = "metrics")]
                self.publish();
                self.guarded(|| {
                    self.queue.close();
                });
                self.guarded(|| {
                    self.permits.close();
                });
                if let Some(disk) = &self.disk {
                    disk.end();
                }
                // The letters have jobs, and these have the stage: a queue that only the stage has would keep both.
                let letters = self.dead_letters.lock().unwrap_or_else(PoisonError::into_inner).take();
                self.guarded(|| drop(letters));
                self.guarded(|| self.unfinished.notify());
            }
        }
    }

    /// Calls what may run code of the user: wakers, drops of items. A panic of it is counted, and has no other effect.
    pub(crate) fn guarded(&self, call: impl FnOnce()) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(call)) {
            self.count_panic(panic);
        }
    }

    /// Counts a panic of code of the user outside of an attempt, and returns its message.
    #[cold]
    pub(crate) fn count_panic(&self, panic: Box<dyn Any + Send>) -> String {
        self.counters.panicked.add(1);
        let message = message(panic);
        events::panicked(&self.name, &message);
        message
    }

    /// Whether nothing is unfinished; in a closed stage with a store, also whether the store is closed.
    pub(crate) fn is_joined(&self) -> bool {
        self.unfinished.count() == 0 && (!self.unfinished.is_closed() || self.disk.as_ref().is_none_or(Disk::has_ended))
    }

    /// Called by the drop of a job that has a row: no handle of it is left.
    pub(crate) fn forget_handle(&self, id: u64) {
        if let Some(disk) = &self.disk {
            disk.forget_handle(id);
        }
    }

    /// Called after a cancel of a job that no worker had begun.
    pub(crate) fn cancelled_before_run(&self, core: &Arc<Core<T, R>>) {
        if let (Some(disk), true) = (&self.disk, core.is_stored()) {
            disk.cancelled(core);
        }
    }

    /// Refuses new puts; what is inside goes on.
    pub(crate) fn close(&self) -> bool {
        let (closed, then) = self.unfinished.close();
        // Waiting puts get their items back.
        match &self.disk {
            None => self.guarded(|| {
                self.permits.close();
            }),
            // Jobs on disk still need permits.
            Some(disk) => self.guarded(|| disk.notify_closed()),
        }
        self.follow(then);
        closed
    }
}

impl<T: Send + Sync + 'static, R: Send + 'static> Inner<T, R> {
    /// Makes a job of an item that was counted as unfinished, in memory only, and enqueues it.
    pub(crate) fn begin(
        self: &Arc<Self>,
        item: T,
        trace: Option<TraceContext>,
        permits: Option<JobPermits>,
        on_settled: Option<OnSettled<T, R>>,
    ) -> Job<T, R> {
        let open = Open { permits, on_settled };
        let core = Arc::new(Core::new(self.clone(), self.next_id(), item, trace, Stored::No, open));
        self.enqueue(core.clone());
        Job(core)
    }

    /// Puts a job that comes of this unfinished one.
    pub(crate) fn spawn(self: &Arc<Self>, parent: &Core<T, R>, item: T) -> Result<Job<T, R>, Refused<T>> {
        self.try_spawn(parent, item).inspect_err(|refused| self.counters.refused.count(refused))
    }

    fn try_spawn(self: &Arc<Self>, parent: &Core<T, R>, item: T) -> Result<Job<T, R>, Refused<T>> {
        let item = self.admit(item)?;
        // In the handler, that of the attempt.
        let trace = self.present_context().or_else(|| parent.trace.clone());
        // This runs the user's code, so nothing is counted yet.
        let body = match self.disk.as_ref().map(|disk| disk.encode(&item)) {
            None => None,
            Some(Ok(body)) => Some(body),
            Some(Err(error)) => return Err(Refused::Store(item, error)),
        };
        let weight = self.weight_of_spawned(&item);
        if self.unfinished.add_subjob().is_err() {
            return Err(Refused::Closed(item));
        }
        Ok(self.begin_spawned(item, trace, weight, body))
    }

    /// Puts an item that was counted as unfinished, without waiting. If it cannot be encoded it is a dead letter.
    pub(crate) fn begin_from_source(self: &Arc<Self>, item: T) {
        let prepared = catch_unwind(AssertUnwindSafe(|| {
            let body = self.disk.as_ref().map(|disk| disk.encode(&item)).transpose()?;
            Ok::<_, BoxError>((body, self.weight_of_spawned(&item)))
        }));
        let cause = match prepared {
            Ok(Ok((body, weight))) => {
                self.begin_spawned(item, None, weight, body);
                return;
            }
            Ok(Err(error)) => Cause::Failed(error.into()),
            Err(panic) => Cause::Panicked(self.count_panic(panic)),
        };
        self.begin_dead(item, None, None, cause);
    }

    /// Takes permits if there are some, and goes beyond the capacity otherwise.
    fn begin_spawned(
        self: &Arc<Self>,
        item: T,
        trace: Option<TraceContext>,
        weight: usize,
        body: Option<Vec<u8>>,
    ) -> Job<T, R> {
        match (&self.disk, body) {
            (Some(disk), Some(body)) if disk.keeps_all() || disk.on_disk() > 0 => {
                disk.spawn(self, item, trace, weight, body)
            }
            _ => self.begin(item, trace, self.try_reserve(weight).ok(), None),
        }
    }

    /// A spawned job takes permits if there are some: never more than there can be.
    pub(crate) fn weight_of_spawned(&self, item: &T) -> usize {
        self.weight(item).min(self.most_permits())
    }

    /// A job that is dead from the start; it was counted as unfinished.
    pub(crate) fn begin_dead(
        self: &Arc<Self>,
        item: T,
        trace: Option<TraceContext>,
        on_settled: Option<OnSettled<T, R>>,
        cause: Cause,
    ) -> Job<T, R> {
        self.counters.born_dead.add(1);
        let open = Open { permits: None, on_settled };
        let core = Arc::new(Core::new(self.clone(), self.next_id(), item, trace, Stored::No, open));
        self.finish(&core, End::Dead(cause));
        Job(core)
    }
}
