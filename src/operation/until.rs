//! An operation that ends when a timer does.
//!
//! Knows futures. Does not know clocks.

use super::budget::poll_has_budget;
use std::future::Future;
use std::pin::Pin;
use std::task::{ready, Context, Poll};

mod sealed {
    /// How [`Until`](super::Until) ends an operation.
    pub trait UntilOperation: Unpin {
        type Output;
        type TimeoutOutput;
        fn poll_operation(&mut self, context: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output>;
        fn with_timeout_error(output: Self::Output) -> Self::TimeoutOutput;
        fn time_out(&mut self) -> Self::TimeoutOutput;
    }
}
pub(crate) use sealed::UntilOperation;

pin_project_lite::pin_project! {
    /// An operation with a timer, which times out when the timer completes; returned by `until`, as in
    /// [`Get::until`](crate::queue::Get::until).
    ///
    /// The operation is polled first: if it can complete without waiting, it does so even if the timer has
    /// completed. Any future can be the timer, so no runtime is needed: `tokio::time::sleep`,
    /// `futures_timer::Delay`, or a cancellation.
    ///
    /// When the time is over, the operation ends by itself and returns what it holds. A `timeout` of a runtime
    /// drops the future instead, and the items with it.
    ///
    /// # Examples
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::time::Duration;
    /// use tokio::time::{sleep, timeout};
    ///
    /// let queue = joinq::Queue::bounded(1);
    /// queue.put("first").await.unwrap();
    ///
    /// // The queue is full. `until` returns the item in its error:
    /// let late = queue.put("second").until(sleep(Duration::from_millis(1))).await;
    /// assert_eq!(late.unwrap_err().into_inner(), "second");
    ///
    /// // tokio's `timeout` has dropped the item together with the future:
    /// assert!(timeout(Duration::from_millis(1), queue.put("third")).await.is_err());
    ///
    /// // By reference the future remains, and `take` returns the item, unless a get has enqueued it by then:
    /// let mut put = queue.put("fourth");
    /// if timeout(Duration::from_millis(1), &mut put).await.is_err() {
    ///     assert_eq!(put.take(), Some("fourth"));
    /// }
    ///
    /// // A get that is dropped has taken nothing, so nothing is lost here:
    /// assert_eq!(timeout(Duration::from_millis(1), queue.get()).await, Ok(Ok("first")));
    /// assert!(timeout(Duration::from_millis(1), queue.get()).await.is_err());
    /// # }
    /// ```
    /// The timer can be a cancellation, here the close of another queue:
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let (jobs, stop) = (joinq::Queue::<u32>::unbounded(), joinq::Queue::<()>::unbounded());
    /// stop.close();
    /// assert!(jobs.get().until(stop.closed()).await.unwrap_err().is_timeout());
    /// # });
    /// ```
    ///
    /// # Cancel safety
    /// As for the operation itself.
    ///
    /// # Panics
    /// If it is polled after it completed.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Until<O, F> {
        operation: O,
        #[pin]
        timer: F,
    }
}

impl<O, F> Until<O, F> {
    pub(crate) fn new(operation: O, timer: F) -> Self {
        Until { operation, timer }
    }
}

impl<O: UntilOperation, F: Future> Future for Until<O, F> {
    type Output = O::TimeoutOutput;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<O::TimeoutOutput> {
        // Without budget the operation would not try, so that the timer must not end it.
        ready!(poll_has_budget(context));
        let this = self.project();
        if let Poll::Ready(output) = this.operation.poll_operation(context) {
            return Poll::Ready(O::with_timeout_error(output));
        }
        this.timer.poll(context).map(|_| this.operation.time_out())
    }
}
