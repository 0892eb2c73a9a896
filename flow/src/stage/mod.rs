//! A stage: jobs, from the put until they are settled.

mod ages;
mod builder;
mod counters;
mod delayed;
mod halt;
mod inner;
mod join;
mod put;
#[cfg(test)]
mod retry_tests;
mod settle;
mod stats;
mod unfinished;
mod users;
mod weights;

pub use builder::{BuildError, StageBuilder};
pub(crate) use counters::Counter;
pub(crate) use inner::Inner;
pub use join::{Join, Shutdown, Unsettled};
pub use put::Put;
pub(crate) use settle::{End, Fault, Finished};
pub use stats::{DeadBy, RefusedBy, Stats};

use crate::disk::Redrive;
use crate::Job;
use crate::Refused;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::atomic::Ordering;
use std::sync::Arc;

/// A queue of jobs with a bounded number of unfinished ones; the workers are threads or tasks of the caller.
///
/// A job takes capacity from its put until it is settled: while it waits, runs, and waits for its next
/// attempt. So the memory is bounded by what is unfinished, a retry never waits for capacity, and no worker
/// ever waits for its own stage.
///
/// A clone is another handle of the same stage. When the last handle is dropped the stage is closed.
pub struct Stage<T, R = ()>(pub(crate) Arc<Handle<T, R>>);

/// The handles of a stage, as one: when the last is dropped the stage is closed.
pub(crate) struct Handle<T, R>(pub(crate) Arc<Inner<T, R>>);

impl<T, R> Drop for Handle<T, R> {
    fn drop(&mut self) {
        self.0.close();
        if self.0.users.remove_handles() {
            self.0.abandon();
        }
    }
}

impl<T: Send + Sync + 'static, R: Send + 'static> Stage<T, R> {
    /// Configures a new stage. Its name is in errors, dead letters and numbers.
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::{Overflow, Stage};
    ///
    /// let stage: Stage<String> = Stage::builder("mails").capacity(100).overflow(Overflow::Reject).build();
    /// assert_eq!((stage.name(), stage.stats().capacity), ("mails", 100));
    /// ```
    pub fn builder(name: impl Into<String>) -> StageBuilder<T, R> {
        StageBuilder::new(name.into())
    }

    /// Puts an item into the stage as a new job; waits while there is no free capacity, unless the stage's
    /// [`Overflow`](crate::Overflow) says otherwise.
    ///
    /// A handler may put into another stage. It should not wait for its own one, as it may hold the capacity
    /// that it waits for: [`Job::spawn`] is for that.
    ///
    /// With a store the operation completes when the item is committed.
    ///
    /// # Errors
    /// [`Refused`], which has the item.
    ///
    /// # Cancel safety
    /// See [`Put`].
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::{Refused, Stage};
    /// use std::time::Duration;
    ///
    /// let stage: Stage<&str> = Stage::builder("one").capacity(1).build();
    /// let job = stage.put("first").wait()?;
    /// assert_eq!((*job, job.id()), ("first", 1));
    /// let late = stage.put("second").wait_timeout(Duration::from_millis(1));
    /// assert!(matches!(late, Err(Refused::Timeout("second"))));
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    pub fn put(&self, item: T) -> Put<T, R> {
        Put::new(self.0 .0.clone(), item)
    }

    /// Puts an item without waiting for free capacity. With a store it blocks this thread until the item is
    /// committed.
    ///
    /// # Errors
    /// [`Refused`], which has the item.
    ///
    /// # Examples
    /// ```
    /// let stage: joinq_flow::Stage<u8> = joinq_flow::Stage::builder("one").capacity(1).build();
    /// assert!(stage.try_put(1).is_ok());
    /// assert_eq!(stage.try_put(2).unwrap_err().into_inner(), 2);
    /// ```
    pub fn try_put(&self, item: T) -> Result<Job<T, R>, Refused<T>> {
        self.put(item).put_now()
    }

    /// Makes dead letters of the stage's store jobs again: at most `limit` of the oldest ones, which go to
    /// the end of the queue with new ids and without failed attempts. Returns how many; 0 for a stage without
    /// a store, or a closed one.
    ///
    /// # Errors
    /// If the store fails.
    ///
    /// # Examples
    /// ```
    /// # #[cfg(feature = "sqlite")]
    /// # fn main() -> Result<(), joinq_flow::BoxError> {
    /// use joinq_flow::{Failure, Job, SqliteStore, Stage, State, Text, Workers};
    /// use std::sync::atomic::{AtomicBool, Ordering};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("mails.db");
    /// static IS_UP: AtomicBool = AtomicBool::new(false);
    /// let stage: Stage<String> = Stage::builder("mails").durable(SqliteStore::open(&path)?, Text).build();
    /// Workers::threads(&stage, 1..=1, |_: &Job<String>| match IS_UP.load(Ordering::Relaxed) {
    ///     true => Ok(()),
    ///     false => Err(Failure::fatal("the server is down")),
    /// });
    /// assert_eq!(stage.put("first".into()).wait()?.settled().wait(), State::Dead);
    /// IS_UP.store(true, Ordering::Relaxed);
    /// assert_eq!(stage.redrive(10).wait()?, 1);
    /// stage.join().wait();
    /// assert_eq!(stage.stats().done, 1);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "sqlite"))]
    /// # fn main() {}
    /// ```
    pub fn redrive(&self, limit: usize) -> Redrive {
        self.inner().disk.as_ref().map_or_else(Redrive::none, |disk| disk.redrive(limit))
    }

    /// Changes the capacity. A larger one serves waiting puts at once. A smaller one drops nothing: new jobs
    /// have to wait until enough others are settled. A waiting put whose item alone is heavier than it is
    /// refused as [`Full`](crate::Refused::Full), so that it does not keep those behind it waiting.
    ///
    /// # Panics
    /// If `capacity` is 0.
    ///
    /// # Examples
    /// ```
    /// let stage: joinq_flow::Stage<u8> = joinq_flow::Stage::builder("few").capacity(1).build();
    /// stage.try_put(1)?;
    /// assert!(stage.try_put(2).is_err());
    /// stage.set_capacity(2);
    /// stage.try_put(2)?;
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    #[track_caller]
    pub fn set_capacity(&self, capacity: usize) {
        assert!(
            capacity > 0,
            "capacity 0: a job takes capacity from its put until it is settled; to stop, close the stage"
        );
        let inner = self.inner();
        // Ordering: Relaxed. A number to show.
        inner.capacity.store(capacity, Ordering::Relaxed);
        inner.permits.set_capacity(inner.weights.permits(capacity));
        inner.guarded(|| {
            inner.resized.notify(usize::MAX);
        });
        if let Some(disk) = &inner.disk {
            disk.resized();
        }
    }
}

impl<T, R> Stage<T, R> {
    fn new(inner: Arc<Inner<T, R>>) -> Self {
        Stage(Arc::new(Handle(inner)))
    }

    pub(crate) fn inner(&self) -> &Arc<Inner<T, R>> {
        &self.0 .0
    }

    /// The name.
    ///
    /// # Examples
    /// ```
    /// let stage: joinq_flow::Stage<u8> = joinq_flow::Stage::builder("mails").build();
    /// assert_eq!(stage.name(), "mails");
    /// ```
    pub fn name(&self) -> &str {
        &self.inner().name
    }

    /// Refuses new puts, those that wait included, whose items go back. The jobs inside go on, with their
    /// retries and with the jobs that they spawn; then the workers end. Returns whether the stage was open.
    ///
    /// # Examples
    /// ```
    /// let stage: joinq_flow::Stage<u8> = joinq_flow::Stage::builder("mails").build();
    /// assert!(stage.close());
    /// assert!(stage.put(1).wait().unwrap_err().is_closed());
    /// assert!(!stage.close()); // it was closed before
    /// ```
    pub fn close(&self) -> bool {
        self.inner().close()
    }

    /// Whether the stage is closed.
    ///
    /// # Examples
    /// ```
    /// let stage: joinq_flow::Stage<u8> = joinq_flow::Stage::builder("mails").build();
    /// stage.close();
    /// assert!(stage.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.inner().unfinished.is_closed()
    }

    /// Whether the deadline of a [`shutdown`](Stage::shutdown) is over, or no handle and no worker is left: jobs
    /// are not tried again after a failure, and each one that was not done should come back from where it came.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// let stage: joinq_flow::Stage<u8> = joinq_flow::Stage::builder("mails").build();
    /// stage.try_put(1)?;
    /// stage.close();
    /// assert!(!stage.is_shut_down());
    /// let _ = stage.shutdown().wait_timeout(Duration::ZERO);
    /// assert!(stage.is_shut_down());
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    pub fn is_shut_down(&self) -> bool {
        self.inner().is_halted()
    }

    /// Waits until nothing is unfinished: all jobs that were put are done, dead or cancelled, those on disk
    /// included. The stage may be open; if it is closed, its store is closed as well when this completes.
    ///
    /// Without workers this waits for ever.
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::{Job, Stage};
    ///
    /// let stage: Stage<u32> = Stage::builder("print").build();
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| stage.work(|job: &Job<u32>| Ok(println!("{}", **job))).wait());
    ///     for number in 0..10 {
    ///         stage.put(number).wait().unwrap();
    ///     }
    ///     stage.join().wait();
    ///     assert_eq!(stage.stats().done, 10);
    ///     stage.close();
    /// });
    /// ```
    pub fn join(&self) -> Join<T, R> {
        Join::new(self.inner().clone())
    }

    /// Closes the stage and waits until nothing is unfinished. With a timeout or [`until`](Shutdown::until)
    /// it ends the stage then: the jobs that do not run are taken out, and those that run are told to end.
    ///
    /// # Errors
    /// With a timeout: [`Unsettled`], which has the jobs that were taken out. The rows of those in a store
    /// stay there.
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::Stage;
    /// use std::time::Duration;
    ///
    /// let stage: Stage<&str> = Stage::builder("mails").build();
    /// stage.put("first").wait()?; // there is no worker
    /// let late = stage.shutdown().wait_timeout(Duration::from_millis(1)).unwrap_err();
    /// assert_eq!(late.left.iter().map(|job| **job).collect::<Vec<_>>(), ["first"]);
    /// assert_eq!(late.running, 0);
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    pub fn shutdown(&self) -> Shutdown<T, R> {
        self.close();
        Shutdown::new(self.inner().clone())
    }

    /// The present numbers.
    ///
    /// # Examples
    /// ```
    /// let stage: joinq_flow::Stage<u8> = joinq_flow::Stage::builder("mails").build();
    /// stage.try_put(1)?;
    /// let stats = stage.stats();
    /// assert_eq!((stats.put, stats.queued, stats.done), (1, 1, 0));
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    pub fn stats(&self) -> Stats {
        self.inner().stats()
    }
}

impl<T, R> Clone for Stage<T, R> {
    fn clone(&self) -> Self {
        Stage(self.0.clone())
    }
}

impl<T, R> fmt::Debug for Stage<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").field("name", &self.name()).field("stats", &self.stats()).finish()
    }
}

// A panic of a closure of the user leaves no job half settled.
impl<T, R> UnwindSafe for Stage<T, R> {}
impl<T, R> RefUnwindSafe for Stage<T, R> {}
