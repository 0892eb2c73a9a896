//! How a stage is configured.

use super::inner::{Inner, Letters, Options};
use super::Stage;
use crate::disk::{Disk, Keeps};
use crate::time::Time;
use crate::{BoxError, Codec, Dead, Denied, Overflow, Retry, Semaphore, Store, Trace};
use joinq::Queue;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Configures a stage; returned by [`Stage::builder`].
#[must_use = "a stage is created by `build`"]
pub struct StageBuilder<T, R = ()> {
    name: String,
    capacity: usize,
    options: Options<T>,
    dead_letters: Option<Letters<T, R>>,
    store: Option<StoreOptions<T>>,
    quota: u64,
    time: Time,
}

struct StoreOptions<T> {
    store: Box<dyn Store>,
    codec: Box<dyn Codec<T>>,
    keeps: Keeps,
}

impl<T: Send + Sync + 'static, R: Send + 'static> StageBuilder<T, R> {
    pub(super) fn new(name: String) -> Self {
        StageBuilder {
            name,
            capacity: 1000,
            options: Options {
                overflow: Overflow::Wait,
                admit: None,
                ready: None,
                weigh: None,
                limit: None,
                retry: None,
                when_empty: None,
                trace: None,
            },
            dead_letters: None,
            store: None,
            quota: u64::MAX,
            time: Time::real(),
        }
    }

    /// How many jobs may be unfinished in memory at the same time: waiting, running and retrying ones
    /// together. With [`weigh`](StageBuilder::weigh), the sum of their weights. The default is 1000.
    ///
    /// A capacity of up to 2^30 - 1 is exact. A larger one is rounded down to a multiple of a power of two
    /// (to 1 KiB for a capacity of 1 TiB), and weights are rounded up to it.
    ///
    /// # Examples
    /// ```
    /// let stage: joinq_flow::Stage<u8> = joinq_flow::Stage::builder("one").capacity(1).build();
    /// assert!(stage.try_put(1).is_ok());
    /// assert!(stage.try_put(2).unwrap_err().is_full());
    /// ```
    pub fn capacity(mut self, capacity: usize) -> Self {
        self.capacity = capacity;
        self
    }

    /// What each item weighs, for example its size in bytes: the capacity is the sum of weights then. It
    /// should be quick and always the same for an item. A weight of 0 counts as 1. An item that is heavier
    /// than the whole capacity is refused as [`Full`](crate::Refused::Full).
    ///
    /// # Examples
    /// ```
    /// let stage: joinq_flow::Stage<String> =
    ///     joinq_flow::Stage::builder("texts").capacity(10).weigh(|text: &String| text.len()).build();
    /// assert!(stage.try_put("7 bytes".into()).is_ok());
    /// assert!(stage.try_put("4 by".into()).is_err());
    /// assert!(stage.try_put("3 b".into()).is_ok());
    /// ```
    pub fn weigh(mut self, weigh: impl Fn(&T) -> usize + Send + Sync + 'static) -> Self {
        self.options.weigh = Some(Box::new(weigh));
        self
    }

    /// What a put does when there is no free capacity. The default is [`Overflow::Wait`].
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::{Overflow, Stage, State};
    ///
    /// let newest: Stage<u8> = Stage::builder("newest").capacity(1).overflow(Overflow::DropOldest).build();
    /// let (first, second) = (newest.put(1).wait()?, newest.put(2).wait()?); // does not wait
    /// assert_eq!((first.state(), second.state()), (State::Dead, State::Waiting));
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.options.overflow = overflow;
        self
    }

    /// Asked for each item that is put, on the thread or in the task that puts it, before there is free
    /// capacity for it. A denied item goes back with the reason, as
    /// [`Refused::Denied`](crate::Refused::Denied). A panic is the putter's.
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::{Denied, Refused, Stage};
    ///
    /// let names: Stage<&str> = Stage::builder("names")
    ///     .admit(|name: &&str| if name.is_empty() { Err(Denied::new("no name")) } else { Ok(()) })
    ///     .build();
    /// assert!(matches!(names.try_put(""), Err(Refused::Denied("", reason)) if reason.reason() == "no name"));
    /// ```
    pub fn admit(mut self, admit: impl Fn(&T) -> Result<(), Denied> + Send + Sync + 'static) -> Self {
        self.options.admit = Some(Box::new(admit));
        self
    }

    /// Asked before a worker begins a job, for example whether a server is up. While the answer is an error
    /// this worker pauses, and asks again after 10 ms, then after 20 ms, and so on up to 1 s. The reason is
    /// in the stage's [`Stats`](crate::Stats). A panic counts as a denial.
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::{Denied, Job, Stage};
    /// use std::sync::atomic::{AtomicBool, Ordering};
    ///
    /// static IS_UP: AtomicBool = AtomicBool::new(false);
    /// let stage: Stage<&str> = Stage::builder("mails")
    ///     .ready(|| if IS_UP.swap(true, Ordering::Relaxed) { Ok(()) } else { Err(Denied::new("the server is down")) })
    ///     .build();
    /// stage.put("first").wait()?;
    /// stage.close();
    /// stage.work(|_: &Job<&str>| Ok(())).wait(); // pauses for 10 ms, and then begins
    /// assert_eq!(stage.stats().done, 1);
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    pub fn ready(mut self, ready: impl Fn() -> Result<(), Denied> + Send + Sync + 'static) -> Self {
        self.options.ready = Some(Box::new(ready));
        self
    }

    /// At most as many jobs run at the same time as this semaphore has permits, in all stages that share it.
    /// A worker acquires a permit for each job before it begins.
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::{Job, Semaphore, Stage, Workers};
    ///
    /// // Four workers, but never more than two connections, whichever stage uses them.
    /// let connections = Semaphore::new(2);
    /// let fetch: Stage<u32> = Stage::builder("fetch").limit(&connections).build();
    /// let send: Stage<u32> = Stage::builder("send").limit(&connections).build();
    /// for stage in [&fetch, &send] {
    ///     let connections = connections.clone();
    ///     Workers::threads(stage, 2..=2, move |_: &Job<u32>| Ok(assert!(connections.available() < 2)));
    ///     stage.put(1).wait()?;
    ///     stage.shutdown().wait();
    /// }
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    pub fn limit(mut self, limit: &Semaphore) -> Self {
        self.options.limit = Some(limit.clone());
        self
    }

    /// When a failed job is tried again. Without this a job has one attempt.
    ///
    /// # Examples
    /// ```
    /// use backon::ConstantBuilder;
    /// use joinq_flow::{Job, Retry, Stage};
    /// use std::time::Duration;
    ///
    /// let soon = ConstantBuilder::default().with_delay(Duration::from_millis(1)).without_max_times();
    /// let stage: Stage<&str> = Stage::builder("mails").retry(Retry::new(soon).attempts(3)).build();
    /// stage.put("first").wait()?;
    /// stage.close();
    /// stage.work(|_: &Job<&str>| Err("the server is down".into())).wait();
    /// assert_eq!((stage.stats().failed, stage.stats().dead), (3, 1));
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    pub fn retry(mut self, retry: Retry) -> Self {
        self.options.retry = Some(retry);
        self
    }

    /// Where dead letters go. If this queue is full, each displaces the oldest one; without a queue, or if it
    /// is closed, they are only counted. (A store keeps those of its jobs in any case.)
    ///
    /// # Examples
    /// ```
    /// use joinq::Queue;
    /// use joinq_flow::{Failure, Job, Stage};
    /// use std::sync::Arc;
    ///
    /// let letters = Arc::new(Queue::bounded(100));
    /// let stage: Stage<&str> = Stage::builder("mails").dead_letters(letters.clone()).build();
    /// stage.put("first").wait()?;
    /// stage.close();
    /// stage.work(|_: &Job<&str>| Err(Failure::fatal("no such address"))).wait();
    /// let letter = letters.try_get().unwrap();
    /// assert_eq!(letter.to_string(), "stage `mails`, job 1: gave up after 1 attempt: no such address");
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    pub fn dead_letters(mut self, letters: Arc<Queue<Dead<T, R>>>) -> Self {
        self.dead_letters = Some(letters);
        self
    }

    /// A worker that has waited this long for a job asks `source` for an item. After a vain answer it waits
    /// twice as long, up to 32 times; a job resets that. The source is not asked in a closed stage, nor in a
    /// full one (if all its jobs run or are to be retried). A panic counts as a vain answer.
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::{Job, Stage, Workers};
    /// use std::time::Duration;
    ///
    /// // Old rows are checked when there is nothing else to do.
    /// let (next, checked) = (joinq::Queue::unbounded(), std::sync::Arc::new(joinq::Queue::unbounded()));
    /// next.try_put("an old row").unwrap();
    /// let stage: Stage<&str> =
    ///     Stage::builder("rows").when_empty(Duration::from_millis(1), move || next.try_get().ok()).build();
    /// let to = checked.clone();
    /// Workers::threads(&stage, 1..=1, move |row: &Job<&str>| Ok(to.put(**row).wait()?));
    /// assert_eq!(checked.get().wait().unwrap(), "an old row");
    /// ```
    pub fn when_empty(mut self, wait: Duration, source: impl Fn() -> Option<T> + Send + Sync + 'static) -> Self {
        self.options.when_empty = Some((wait, Box::new(source)));
        self
    }

    /// How the jobs appear in traces: each put takes the context of its thread or task, and each attempt is a
    /// span, as a child of the span that put the job. The context stays with the job over retries and in a
    /// store; it is text, so that the span of the put can end before the job begins.
    ///
    #[cfg_attr(feature = "otel", doc = "[`OtelTrace`](crate::OtelTrace) is for OpenTelemetry.")]
    #[cfg_attr(feature = "tracing", doc = "[`TracingTrace`](crate::TracingTrace) is for `tracing`.")]
    /// Without this a job has the context that [`Put::trace_context`](crate::Put::trace_context) gives it, and
    /// attempts are no spans.
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::{AttemptInfo, AttemptSpan, Cause, Job, Stage, Trace, TraceContext};
    ///
    /// /// Prints each attempt.
    /// struct Print;
    ///
    /// impl Trace for Print {
    ///     fn inject(&self) -> Option<TraceContext> {
    ///         TraceContext::new("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    ///     }
    ///
    ///     fn begin(&self, attempt: &AttemptInfo<'_>) -> Option<Box<dyn AttemptSpan>> {
    ///         println!("{attempt:?} begins");
    ///         Some(Box::new(Print))
    ///     }
    /// }
    ///
    /// impl AttemptSpan for Print {
    ///     fn enter(&self, call: &mut dyn FnMut()) {
    ///         call();
    ///     }
    ///
    ///     fn end(self: Box<Self>, result: Result<(), &Cause>) {
    ///         println!("the attempt has ended: {result:?}");
    ///     }
    /// }
    ///
    /// let stage: Stage<&str> = Stage::builder("mails").trace(Print).build();
    /// let job = stage.put("first").wait()?;
    /// assert!(job.trace_context().is_some());
    /// stage.close();
    /// stage.work(|_: &Job<&str>| Ok(())).wait();
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    pub fn trace(mut self, trace: impl Trace) -> Self {
        self.options.trace = Some(Box::new(trace));
        self
    }

    /// Keeps all jobs in a store until they are settled: a job whose put has returned runs at least once,
    /// also if the process is killed in between. The handler may run again after a kill, so its effects
    /// should bear a repetition; [`Job::id`](crate::Job::id) stays the same.
    ///
    /// The jobs that an earlier process has left in the store come first: new puts wait until these are in
    /// memory.
    ///
    /// A start that does not end, because the process does, counts as a crash of the job; after the third the
    /// job is a dead letter with [`Cause::Crashed`](crate::Cause::Crashed).
    ///
    /// # Examples
    /// ```
    /// # #[cfg(feature = "sqlite")]
    /// # fn main() -> Result<(), joinq_flow::BoxError> {
    /// use joinq_flow::{Job, SqliteStore, Stage, Text};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("mails.db");
    /// let stage: Stage<String> = Stage::builder("mails").durable(SqliteStore::open(&path)?, Text).build();
    /// stage.put("first".into()).wait()?; // on disk
    /// drop(stage); // without a worker: the process ends before the job has run
    /// # std::thread::sleep(std::time::Duration::from_millis(100));
    ///
    /// let stage: Stage<String> = Stage::builder("mails").durable(SqliteStore::open(&path)?, Text).build();
    /// stage.close();
    /// stage.work(|mail: &Job<String>| Ok(assert_eq!(**mail, "first"))).wait();
    /// assert_eq!(stage.stats().done, 1);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "sqlite"))]
    /// # fn main() {}
    /// ```
    pub fn durable(self, store: impl Store, codec: impl Codec<T>) -> Self {
        self.store(store, codec, Keeps::All)
    }

    /// Puts items for which there is no free capacity in memory into a store, from where they are loaded in
    /// their order. The stage's [`Overflow`] applies when the [`quota`](StageBuilder::quota) of the store is
    /// used up.
    ///
    /// Jobs on disk survive the process and then run at least once; those in memory do not. While there are
    /// jobs on disk, each new one goes to their end.
    ///
    /// # Examples
    /// ```
    /// # #[cfg(feature = "sqlite")]
    /// # fn main() -> Result<(), joinq_flow::BoxError> {
    /// use joinq_flow::{Job, SqliteStore, Stage, Text};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("mails.db");
    /// let stage: Stage<String> = Stage::builder("mails").capacity(10).spill(SqliteStore::open(&path)?, Text).build();
    /// for number in 0..100 {
    ///     stage.put(number.to_string()).wait()?; // does not wait for a worker
    /// }
    /// assert_eq!(stage.stats().unfinished, 100);
    /// stage.close();
    /// stage.work(|_: &Job<String>| Ok(())).wait();
    /// assert_eq!(stage.stats().done, 100);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "sqlite"))]
    /// # fn main() {}
    /// ```
    pub fn spill(self, store: impl Store, codec: impl Codec<T>) -> Self {
        self.store(store, codec, Keeps::Excess)
    }

    fn store(mut self, store: impl Store, codec: impl Codec<T>, keeps: Keeps) -> Self {
        self.store = Some(StoreOptions { store: Box::new(store), codec: Box::new(codec), keeps });
        self
    }

    /// How many bytes the jobs of a stage that [spills](StageBuilder::spill) may take in its store, as
    /// [`Store::bytes`] counts them. The default is no limit. Jobs that are spawned go beyond it.
    ///
    /// # Examples
    /// ```
    /// # #[cfg(feature = "sqlite")]
    /// # fn main() -> Result<(), joinq_flow::BoxError> {
    /// use joinq_flow::{Overflow, SqliteStore, Stage, Text};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("mails.db");
    /// let stage: Stage<String> = Stage::builder("mails")
    ///     .capacity(1)
    ///     .spill(SqliteStore::open(&path)?, Text)
    ///     .quota(100_000)
    ///     .overflow(Overflow::Reject)
    ///     .build();
    /// let letter = "x".repeat(40_000);
    /// assert!(stage.put(letter.clone()).wait().is_ok()); // in memory
    /// assert!(stage.put(letter.clone()).wait().is_ok()); // on disk
    /// assert!(stage.put(letter.clone()).wait().is_ok());
    /// assert!(stage.put(letter.clone()).wait().unwrap_err().is_full());
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "sqlite"))]
    /// # fn main() {}
    /// ```
    pub fn quota(mut self, bytes: u64) -> Self {
        self.quota = bytes;
        self
    }

    #[cfg(test)]
    pub(crate) fn time(mut self, time: Time) -> Self {
        self.time = time;
        self
    }

    /// Creates the stage.
    ///
    /// # Panics
    /// If [`try_build`](StageBuilder::try_build) fails.
    ///
    /// # Examples
    /// ```
    /// let stage: joinq_flow::Stage<u8> = joinq_flow::Stage::builder("mails").build();
    /// assert_eq!(stage.stats().capacity, 1000);
    /// ```
    #[track_caller]
    pub fn build(self) -> Stage<T, R> {
        match self.try_build() {
            Ok(stage) => stage,
            Err(error) => panic!("{error}"),
        }
    }

    /// Creates the stage.
    ///
    /// # Errors
    /// If the capacity is 0, or if what the store contains cannot be read.
    ///
    /// # Examples
    /// ```
    /// let built = joinq_flow::Stage::<u8>::builder("mails").capacity(0).try_build();
    /// assert!(built.is_err());
    /// ```
    pub fn try_build(self) -> Result<Stage<T, R>, BuildError> {
        let stage = self.create()?;
        #[cfg(feature = "metrics")]
        stage.inner().start_metrics();
        Ok(stage)
    }

    fn create(self) -> Result<Stage<T, R>, BuildError> {
        if self.capacity == 0 {
            return Err(BuildError::Capacity { stage: self.name });
        }
        let StageBuilder { name, capacity, options, dead_letters, store, quota, time } = self;
        let Some(StoreOptions { store, codec, keeps }) = store else {
            return Ok(Stage::new(Arc::new(Inner::new(name, capacity, options, dead_letters, None, time))));
        };
        let (disk, store, recovered) = match Disk::new(store, codec, keeps, quota) {
            Ok(opened) => opened,
            Err(error) => return Err(BuildError::Store { stage: name, error }),
        };
        let inner = Arc::new(Inner::new(name, capacity, options, dead_letters, Some(disk), time));
        inner.unfinished.add_recovered(recovered.jobs as usize);
        inner.counters.put.add(recovered.jobs);
        // From here on a drop of the stage closes it.
        let stage = Stage::new(inner.clone());
        match Disk::start(inner, store) {
            Ok(()) => Ok(stage),
            Err(error) => Err(BuildError::Store { stage: stage.name().to_owned(), error: error.into() }),
        }
    }
}

/// Why a stage cannot be created.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// The capacity is 0.
    Capacity {
        /// The name of the stage.
        stage: String,
    },
    /// What the store contains cannot be read, or its thread cannot be started.
    Store {
        /// The name of the stage.
        stage: String,
        /// Why.
        error: BoxError,
    },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::Capacity { stage } => {
                write!(
                    f,
                    "stage `{stage}`: the capacity is 0, but a job takes capacity from its put until it is settled"
                )
            }
            BuildError::Store { stage, error } => write!(f, "stage `{stage}`: {error}"),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            BuildError::Capacity { .. } => None,
            BuildError::Store { error, .. } => Some(&**error),
        }
    }
}

impl<T, R> fmt::Debug for StageBuilder<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StageBuilder")
            .field("name", &self.name)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}
