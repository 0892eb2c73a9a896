//! Batches that linger: after its first item, a batch waits for more items until it is full or a time is over.
//!
//! Knows attempts that append items up to a limit. Does not know clocks, except a thread's.
//!
//! The word is that of Kafka's producers (`linger.ms`).

use super::{Attempt, Operation};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// An attempt that appends items up to a limit, and says how many.
pub(crate) trait BatchAttempt:
    Attempt<Output = Result<usize, Self::Error>, TimeoutOutput = Result<usize, Self::TimeoutError>>
{
    type Error;
    type TimeoutError;

    /// Lowers the limit by the number of items that were appended, and returns what is left of it.
    fn lower_limit(&mut self, appended: usize) -> usize;
}

/// Whether a batch takes more items.
enum Batch {
    Open,
    Full,
}

impl<A: BatchAttempt> Operation<A> {
    /// Begins the rest of a batch of which `appended` items were just taken.
    fn begin_rest(&mut self, appended: usize) -> Batch {
        // With a limit of 0 the first attempt has completed without an item.
        if appended == 0 || self.attempt.lower_limit(appended) == 0 {
            return Batch::Full;
        }
        self.restart();
        Batch::Open
    }

    /// Waits on this thread without a limit for the first item, and then for at most `linger`.
    pub(crate) fn block_lingering(&mut self, linger: Duration) -> Result<usize, A::Error> {
        let mut count = self.block()?;
        let deadline = Instant::now().checked_add(linger);
        let mut appended = count;
        while let Batch::Open = self.begin_rest(appended) {
            match self.block_until(deadline) {
                Ok(Ok(more)) => appended = more,
                // An item that arrived at the deadline was appended too.
                Err(Ok(last)) => return Ok(count + last),
                Ok(Err(_)) | Err(Err(_)) => break,
            }
            count += appended;
        }
        Ok(count)
    }

    /// Polls for a batch of which `count` items were taken so far. Ready if it is full or closed.
    pub(crate) fn poll_batch(&mut self, context: &mut Context<'_>, count: &mut usize) -> Poll<Result<usize, A::Error>> {
        loop {
            match std::task::ready!(self.poll(context)) {
                Ok(appended) => {
                    *count += appended;
                    if let Batch::Full = self.begin_rest(appended) {
                        return Poll::Ready(Ok(*count));
                    }
                }
                Err(_) if *count > 0 => return Poll::Ready(Ok(*count)),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Ends the wait for more items, and takes those that are there.
    pub(crate) fn end_batch(&mut self) -> usize {
        self.time_out().unwrap_or(0)
    }
}

mod sealed {
    /// How [`Linger`](super::Linger) polls and ends an operation.
    pub trait LingerOperation: Unpin {
        type Error;
        fn poll_batch(
            &mut self,
            context: &mut std::task::Context<'_>,
            count: &mut usize,
        ) -> std::task::Poll<Result<usize, Self::Error>>;
        fn end_batch(&mut self) -> usize;
    }
}
pub(crate) use sealed::LingerOperation;

pin_project_lite::pin_project! {
    /// A batch that lingers until a timer completes; returned by `linger`, as in
    /// [`GetMany::linger`](crate::queue::GetMany::linger).
    ///
    /// # Cancel safety
    /// It can be dropped at any time: the items that it has taken are in the caller's vector.
    ///
    /// # Panics
    /// If it is polled after it completed.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Linger<O, M, F> {
        operation: O,
        count: usize,
        // `None` once the timer was created.
        create_timer: Option<M>,
        #[pin]
        timer: Option<F>,
    }
}

impl<O, M, F> Linger<O, M, F> {
    pub(crate) fn new(operation: O, create_timer: M) -> Self {
        Linger { operation, count: 0, create_timer: Some(create_timer), timer: None }
    }
}

impl<O: LingerOperation, M: FnOnce() -> F, F: Future> Future for Linger<O, M, F> {
    type Output = Result<usize, O::Error>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Poll::Ready(output) = this.operation.poll_batch(context, this.count) {
            return Poll::Ready(output);
        }
        if *this.count == 0 {
            return Poll::Pending;
        }
        if let Some(create) = this.create_timer.take() {
            this.timer.set(Some(create()));
        }
        match this.timer.as_pin_mut() {
            Some(timer) => timer.poll(context).map(|_| Ok(*this.count + this.operation.end_batch())),
            None => panic!("`Linger` cannot be polled again: its timer has panicked when it was created"),
        }
    }
}

impl<O, M, F> std::fmt::Debug for Linger<O, M, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Linger").field("count", &self.count).finish_non_exhaustive()
    }
}

/// The lingering forms of an operation that takes a batch. The lines are the body of the examples, which begin
/// with a batch operation of at most 3 items, two of which are there.
macro_rules! lingers {
    ($name:ident, $error:ty, $setup:literal, $operation:literal) => {
        impl<T> $name<'_, T> {
            /// Blocks this thread until the batch is full, or until `linger` has passed since its first item.
            ///
            /// It waits without a limit for the first item. Returns the number of items that were appended: 0
            /// only if the limit of the batch is 0.
            ///
            /// # Errors
            /// As for a batch that does not linger. A batch that has at least one item when the end is reached
            /// succeeds.
            ///
            /// # Panics
            /// If the operation has ended.
            ///
            /// # Examples
            #[doc = concat!(
                "```\n", $setup, "\nlet mut batch = Vec::new();\n",
                "let count = ", $operation, ".wait_linger(std::time::Duration::from_millis(5));\n",
                "assert_eq!((count, batch), (Ok(2), vec![1, 2])); // no third item arrived in time\n```",
            )]
            #[track_caller]
            #[doc(alias = "batch")]
            pub fn wait_linger(mut self, linger: std::time::Duration) -> Result<usize, $error> {
                self.0.assert_not_ended(stringify!($name));
                self.0.block_lingering(linger)
            }

            /// A future that waits until the batch is full, or until a timer completes that is created when the
            /// batch has its first item. The timer may be any future.
            ///
            /// It waits without a limit for the first item. Its output is the number of items that were
            /// appended: 0 only if the limit of the batch is 0. If it is dropped, as in a lost `select!`, the
            /// items that it has taken are in the vector.
            ///
            /// # Errors
            /// As for [`wait_linger`](Self::wait_linger).
            ///
            /// # Panics
            /// If the operation has ended.
            ///
            /// # Examples
            #[doc = concat!(
                "```\nuse std::time::Duration;\n\n",
                "# tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {\n",
                $setup, "\nlet mut batch = Vec::new();\n",
                "let count = ", $operation, ".linger(|| tokio::time::sleep(Duration::from_millis(5))).await;\n",
                "assert_eq!((count, batch), (Ok(2), vec![1, 2]));\n# });\n```",
            )]
            #[track_caller]
            #[doc(alias("chunks_timeout", "batch"))]
            pub fn linger<M: FnOnce() -> F, F: std::future::Future>(
                self,
                timer: M,
            ) -> crate::operation::Linger<Self, M, F> {
                self.0.assert_not_ended(stringify!($name));
                crate::operation::Linger::new(self, timer)
            }
        }

        impl<T> crate::operation::LingerOperation for $name<'_, T> {
            type Error = $error;

            #[track_caller]
            fn poll_batch(
                &mut self,
                context: &mut std::task::Context<'_>,
                count: &mut usize,
            ) -> std::task::Poll<Result<usize, $error>> {
                self.0.assert_not_ended(stringify!($name));
                self.0.poll_batch(context, count)
            }

            fn end_batch(&mut self) -> usize {
                self.0.end_batch()
            }
        }
    };
}
pub(crate) use lingers;
