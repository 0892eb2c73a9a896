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
    /// [`Get::until`](crate::Get::until).
    ///
    /// The operation is polled first: if it can complete without waiting, it does so even if the timer has
    /// completed. Any future can be the timer, so no runtime is needed: `tokio::time::sleep`,
    /// `futures_timer::Delay`, or a cancellation.
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
