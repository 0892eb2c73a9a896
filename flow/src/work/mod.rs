//! Workers: loops that take jobs and run them.

mod claim;
mod gate;
mod next;
mod run;

pub(crate) use next::Worker;
pub(crate) use run::{discard, message, printed, run, run_async};

use crate::{Failure, Job, Stage};
use std::fmt;
use std::future::Future;

/// Operation returned by [`Stage::work`].
#[must_use = "no job runs unless you call `.wait()`"]
pub struct Work<T, R, F> {
    worker: Worker<T, R>,
    handler: F,
}

impl<T, R, F> Work<T, R, F>
where
    T: Send + Sync + 'static,
    R: Send + 'static,
    F: Fn(&Job<T, R>) -> Result<R, Failure>,
{
    /// Runs jobs on this thread until the stage is closed and nothing is unfinished.
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::{Job, Stage};
    ///
    /// let stage: Stage<u32> = Stage::builder("print").build();
    /// stage.put(7).wait()?;
    /// stage.close();
    /// stage.work(|number: &Job<u32>| Ok(println!("{}", **number))).wait();
    /// assert_eq!(stage.stats().done, 1);
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    pub fn wait(self) {
        while let Some(attempt) = self.worker.next_blocking() {
            run::run(attempt, &self.handler);
        }
    }
}

impl<T, R, F> fmt::Debug for Work<T, R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").finish_non_exhaustive()
    }
}

impl<T: Send + Sync + 'static, R: Send + 'static> Stage<T, R> {
    /// A worker on this thread: takes jobs, calls `handler` for each, and settles it by the result. Call it
    /// on as many threads as there are to be workers.
    ///
    /// An error is a failed attempt, and so is a panic, which is caught: the worker goes on with the next job.
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::{Failure, Job, Stage};
    ///
    /// let lengths: Stage<&str, usize> = Stage::builder("lengths").build();
    /// let (good, bad) = (lengths.try_put("four")?, lengths.try_put("")?);
    /// lengths.close();
    /// lengths.work(|text: &Job<&str, usize>| match text.len() {
    ///     0 => Err(Failure::fatal("no text")),
    ///     len => Ok(len),
    /// }).wait();
    /// assert_eq!(good.output().wait()?, 4);
    /// assert_eq!(bad.output().wait().unwrap_err().to_string(), "no text");
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    pub fn work<F>(&self, handler: F) -> Work<T, R, F>
    where
        F: Fn(&Job<T, R>) -> Result<R, Failure>,
    {
        Work { worker: Worker::new(self.inner().clone()), handler }
    }

    /// A worker as a future, for any runtime: takes jobs, awaits what `handler` returns for each, and settles
    /// it by the result. It runs one job at a time; spawn as many as there are to be workers. It completes
    /// when the stage is closed and nothing is unfinished.
    ///
    /// An error is a failed attempt, and so is a panic, which is caught: the worker goes on with the next job.
    ///
    /// # Cancel safety
    /// If it is dropped in the middle of a job, the handler's future is dropped, and the job fails with
    /// [`Cause::Dropped`](crate::Cause::Dropped): it is tried again without delay, or becomes a dead letter.
    ///
    /// # Examples
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), joinq_flow::BoxError> {
    /// use joinq_flow::{Job, Stage};
    ///
    /// let squares: Stage<u64, u64> = Stage::builder("squares").build();
    /// for _ in 0..2 {
    ///     tokio::spawn(squares.work_async(|job: Job<u64, u64>| async move { Ok(*job * *job) }));
    /// }
    /// assert_eq!(squares.put(7).await?.output().await?, 49);
    /// # Ok(())
    /// # }
    /// ```
    pub fn work_async<F, Fut>(&self, handler: F) -> impl Future<Output = ()> + use<T, R, F, Fut>
    where
        F: Fn(Job<T, R>) -> Fut,
        Fut: Future<Output = Result<R, Failure>>,
    {
        let worker = Worker::new(self.inner().clone());
        async move {
            while let Some(attempt) = worker.next().await {
                run_async(attempt, &handler).await;
            }
        }
    }
}
