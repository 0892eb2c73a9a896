//! A queue as a stream of its items.

use super::{GetAttempt, One, Queue, QueueRef};
use crate::error::GetError;
#[cfg(feature = "tokio")]
use crate::operation::Attempt;
use crate::operation::Operation;
use futures_core::stream::{FusedStream, Stream};
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

type OneGet<T, H> = Operation<GetAttempt<T, H, One>>;

/// One get after the other, on a borrowed or owned queue.
pub(crate) struct Gets<T, H: QueueRef<T>> {
    operation: OneGet<T, H>,
    over: bool,
}

impl<T, H: QueueRef<T>> Gets<T, H> {
    pub(crate) fn new(handle: H) -> Self {
        Gets { operation: Operation::new(GetAttempt::for_stream(handle, One)), over: false }
    }

    #[cfg(feature = "compat")]
    pub(crate) fn handle(&self) -> &H {
        &self.operation.attempt.handle
    }

    /// Ends the wait of a pending get, so that it is not notified instead of another.
    #[cfg(feature = "tokio")]
    pub(crate) fn stop_waiting(&mut self) {
        self.operation.attempt.cancel();
    }

    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_next_by(|operation| operation.poll(context))
    }

    #[cfg(feature = "compat")]
    pub(crate) fn poll_next_without_budget(&mut self, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_next_by(|operation| operation.poll_without_budget(context))
    }

    #[inline]
    fn poll_next_by(&mut self, poll: impl FnOnce(&mut OneGet<T, H>) -> Poll<Result<T, GetError>>) -> Poll<Option<T>> {
        if self.over {
            return Poll::Ready(None);
        }
        let Poll::Ready(got) = poll(&mut self.operation) else { return Poll::Pending };
        self.operation.restart();
        self.over = got.is_err();
        Poll::Ready(got.ok())
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.over
    }
}

/// Stream of the items of a queue; returned by [`Queue::stream`].
///
/// It ends when the queue is closed and empty.
///
/// # Cancel safety
/// It can be dropped at any time: it takes an item only in the poll that returns it.
pub struct GetStream<'a, T>(Gets<T, &'a Queue<T>>);

impl<'a, T> GetStream<'a, T> {
    pub(crate) fn new(queue: &'a Queue<T>) -> Self {
        GetStream(Gets::new(queue))
    }
}

impl<T> Unpin for GetStream<'_, T> {}

impl<T> Stream for GetStream<'_, T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.get_mut().0.poll_next(context)
    }
}

impl<T> FusedStream for GetStream<'_, T> {
    fn is_terminated(&self) -> bool {
        self.0.is_finished()
    }
}

impl<T> fmt::Debug for GetStream<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GetStream { .. }")
    }
}
