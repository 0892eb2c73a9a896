//! A number of workers that grows and shrinks.

mod crew;
mod load;
#[cfg(test)]
mod scaling_tests;
mod size;
#[cfg(test)]
mod tests;

pub(crate) use load::{Load, Run};

use crate::listen::Listen;
use crate::operation::{block_on, waits, Operation};
use crate::work::{run, run_async};
use crate::{Failure, Job, Stage, TimedOut};
use crew::{Crew, Member, StartWorker};
use load::StageNeed;
use std::fmt;
use std::future::Future;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;

/// Workers of a stage: threads or tasks, as many as the stage needs, between a least and a largest number.
///
/// The need is looked at once a second: see [`Stage::desired_workers`], which is asked to drain within a
/// minute. More workers start at once. While the need is below the number of workers, one of them leaves
/// every 30 seconds, and only between two jobs. With equal bounds the number is fixed, and nothing is
/// measured.
///
/// A worker that dies, as its task was aborted, is replaced. A panic of the handler does not end a worker.
///
/// When this is dropped, the workers go on until the stage is closed and nothing is unfinished;
/// [`resize(0..=0)`](Workers::resize) sends them home earlier.
///
/// # Examples
/// ```
/// use joinq_flow::{Job, Stage, Workers};
///
/// let squares: Stage<u64, u64> = Stage::builder("squares").build();
/// let workers = Workers::threads(&squares, 1..=4, |job: &Job<u64, u64>| Ok(**job * **job));
/// let jobs: Vec<_> = (0..10).map(|number| squares.put(number).wait().unwrap()).collect();
/// let sum: u64 = jobs.into_iter().map(|job| job.output().wait().unwrap()).sum();
/// assert_eq!(sum, 285);
/// squares.close();
/// workers.join().wait();
/// assert_eq!(workers.count(), 0);
/// ```
#[derive(Clone)]
pub struct Workers(Arc<Crew>);

impl Workers {
    /// Workers that are threads.
    ///
    /// # Panics
    /// If the range allows no worker (`0..=0`, or an empty range), or if the operating system starts no
    /// further thread.
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::{Job, Stage, Workers};
    ///
    /// let lengths: Stage<String, usize> = Stage::builder("lengths").build();
    /// Workers::threads(&lengths, 1..=8, |text: &Job<String, usize>| Ok(text.len()));
    /// assert_eq!(lengths.put("four".into()).wait()?.output().wait()?, 4);
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    #[track_caller]
    pub fn threads<T, R, F>(stage: &Stage<T, R>, number: RangeInclusive<usize>, handler: F) -> Workers
    where
        T: Send + Sync + 'static,
        R: Send + 'static,
        F: Fn(&Job<T, R>) -> Result<R, Failure> + Send + Sync + 'static,
    {
        // A NUL would end the name.
        let name = format!("{} worker", stage.name().replace('\0', " "));
        let (inner, handler) = (stage.inner().clone(), Arc::new(handler));
        let start = move |crew: &Arc<Crew>| {
            let (mut member, handler) = (Member::new(crew.clone(), inner.clone()), handler.clone());
            let work = move || {
                member.begin();
                while let Some(attempt) = block_on(member.next()) {
                    run(attempt, &*handler);
                }
            };
            match thread::Builder::new().name(name.clone()).spawn(work) {
                Ok(_) => Ok(()),
                Err(error) => Err(format!("no thread can be started: {error}").into()),
            }
        };
        Workers::start(stage, number, Box::new(start))
    }

    /// Workers that are tasks of the current runtime of tokio. Requires the feature `tokio`.
    ///
    /// # Panics
    /// If the range allows no worker (`0..=0`, or an empty range), or outside of a runtime.
    ///
    /// # Examples
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use joinq_flow::{Job, Stage, Workers};
    ///
    /// let lengths: Stage<String, usize> = Stage::builder("lengths").build();
    /// Workers::tokio(&lengths, 1..=8, |job: Job<String, usize>| async move { Ok(job.len()) });
    /// let job = lengths.put("four".into()).await.unwrap();
    /// assert_eq!(job.output().await.unwrap(), 4);
    /// # }
    /// ```
    #[cfg(feature = "tokio")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
    #[track_caller]
    pub fn tokio<T, R, F, Fut>(stage: &Stage<T, R>, number: RangeInclusive<usize>, handler: F) -> Workers
    where
        T: Send + Sync + 'static,
        R: Send + 'static,
        F: Fn(Job<T, R>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, Failure>> + Send + 'static,
    {
        let runtime = tokio::runtime::Handle::current();
        let spawn = move |worker: Pin<Box<dyn Future<Output = ()> + Send>>| drop(runtime.spawn(worker));
        Workers::spawned(stage, number, spawn, handler)
    }

    /// Workers that are tasks of any runtime: `spawn` is called with each worker, and has it run in the
    /// background. It must neither block nor run the worker itself. It is called by this function, by
    /// [`resize`](Workers::resize), and later on the thread for timers, which is outside of any runtime.
    ///
    /// # Panics
    /// If the range allows no worker (`0..=0`, or an empty range), or if `spawn` panics.
    ///
    /// # Examples
    /// An executor of one's own:
    /// ```
    /// use joinq_flow::{Job, Stage, Workers};
    ///
    /// let stage: Stage<u32> = Stage::builder("print").build();
    /// let spawn = |worker| drop(std::thread::spawn(|| futures_lite::future::block_on(worker)));
    /// let workers = Workers::spawned(&stage, 2..=2, spawn, |job: Job<u32>| async move { Ok(println!("{}", *job)) });
    /// stage.put(1).wait().unwrap();
    /// stage.close();
    /// workers.join().wait();
    /// ```
    #[track_caller]
    pub fn spawned<T, R, S, F, Fut>(stage: &Stage<T, R>, number: RangeInclusive<usize>, spawn: S, handler: F) -> Workers
    where
        T: Send + Sync + 'static,
        R: Send + 'static,
        S: Fn(Pin<Box<dyn Future<Output = ()> + Send>>) + Send + Sync + 'static,
        F: Fn(Job<T, R>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, Failure>> + Send + 'static,
    {
        let (inner, handler) = (stage.inner().clone(), Arc::new(handler));
        let start = move |crew: &Arc<Crew>| {
            let (mut member, handler) = (Member::new(crew.clone(), inner.clone()), handler.clone());
            spawn(Box::pin(async move {
                member.begin();
                while let Some(attempt) = member.next().await {
                    run_async(attempt, &*handler).await;
                }
            }));
            Ok(())
        };
        Workers::start(stage, number, Box::new(start))
    }

    #[track_caller]
    fn start<T, R>(stage: &Stage<T, R>, number: RangeInclusive<usize>, start: Box<StartWorker>) -> Workers
    where
        T: Send + Sync + 'static,
        R: Send + 'static,
    {
        let (least, most) = number.into_inner();
        assert!(
            most > 0 && least <= most,
            "stage `{}`: {least}..={most} allows no worker, so that no job would ever run; allow at least one",
            stage.name()
        );
        let inner = stage.inner();
        let need = Arc::new(StageNeed::new(inner.clone()));
        let workers = Workers(Arc::new(Crew::new(start, need, inner.time.clone())));
        if least < most {
            // The measurement begins here, so that the first check has rates.
            let _ = inner.update_desired_workers();
        }
        if let Err(error) = workers.0.resize(least, most) {
            workers.resize(0..=0);
            panic!("stage `{}`: {least} workers cannot be started: {error}", stage.name());
        }
        workers
    }

    /// The number of workers.
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::{Job, Stage, Workers};
    ///
    /// let stage: Stage<u32> = Stage::builder("print").build();
    /// let workers = Workers::threads(&stage, 2..=8, |_: &Job<u32>| Ok(()));
    /// assert_eq!(workers.count(), 2);
    /// ```
    pub fn count(&self) -> usize {
        self.0.count()
    }

    /// Changes the least and the largest number of workers. Workers above the largest number leave when they
    /// have ended the job at which they are; `0..=0` sends them all home. A worker that cannot be started is
    /// tried again each second.
    ///
    /// # Panics
    /// If the range is empty.
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::{Job, Stage, Workers};
    ///
    /// let stage: Stage<u32> = Stage::builder("print").build();
    /// let workers = Workers::threads(&stage, 2..=2, |_: &Job<u32>| Ok(()));
    /// workers.resize(4..=8);
    /// assert_eq!(workers.count(), 4);
    /// workers.resize(0..=0);
    /// workers.join().wait();
    /// ```
    #[track_caller]
    pub fn resize(&self, number: RangeInclusive<usize>) {
        let (least, most) = number.into_inner();
        assert!(least <= most, "{least}..={most} is an empty range; `0..=0` sends all workers home");
        let _ = self.0.resize(least, most);
    }

    /// Waits until no worker is left: the stage is closed and nothing is unfinished, or all were sent home.
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::{Job, Stage, Workers};
    ///
    /// let stage: Stage<u32> = Stage::builder("print").build();
    /// let workers = Workers::threads(&stage, 2..=2, |_: &Job<u32>| Ok(()));
    /// stage.put(1).wait()?;
    /// stage.close();
    /// workers.join().wait();
    /// assert_eq!(stage.stats().done, 1);
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    pub fn join(&self) -> JoinWorkers {
        JoinWorkers { crew: self.0.clone(), empty: Listen::new() }
    }
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers").field("count", &self.count()).finish_non_exhaustive()
    }
}

/// Future returned by [`Workers::join`].
///
/// # Cancel safety
/// It can be dropped at any time.
#[must_use = "an operation does nothing unless you `.await` it or call `.wait()`"]
pub struct JoinWorkers {
    crew: Arc<Crew>,
    empty: Listen,
}

impl JoinWorkers {
    fn is_empty(&self) -> bool {
        self.crew.count() == 0
    }
}

impl Future for JoinWorkers {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let JoinWorkers { crew, empty } = &mut *self;
        empty.poll(crew.empty(), context, || (crew.count() == 0).then_some(()))
    }
}

impl Operation for JoinWorkers {
    type Timed = Result<(), TimedOut>;

    fn in_time((): ()) -> Self::Timed {
        Ok(())
    }

    fn on_timeout(&mut self) -> Option<Self::Timed> {
        Some(if self.is_empty() { Ok(()) } else { Err(TimedOut(())) })
    }
}

waits! {
    JoinWorkers => (), in time Result<(), TimedOut>;
}
