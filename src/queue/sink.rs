//! The queue fed as a sink.

use super::{Host, PutAttempt, Queue};
use crate::error::PutError;
use crate::operation::Operation;
use futures_sink::Sink;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

/// One put after the other, whoever holds the queue.
pub(crate) struct Puts<T, H: Host<T> + Clone> {
    host: H,
    under_way: Option<Operation<PutAttempt<T, H, Option<T>>>>,
}

impl<T, H: Host<T> + Clone> Puts<T, H> {
    pub(crate) fn new(host: H) -> Self {
        Puts { host, under_way: None }
    }

    /// Ready once the item before is in the queue.
    pub(crate) fn poll_empty(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PutError<T>>> {
        let Some(operation) = &mut self.under_way else { return Poll::Ready(Ok(())) };
        operation.poll(context).map(|result| {
            self.under_way = None;
            result
        })
    }

    pub(crate) fn start(&mut self, item: T) -> Result<(), PutError<T>> {
        assert!(self.under_way.is_none(), "`start_send` without a `poll_ready` that was ready");
        if self.host.queue().is_closed() {
            return Err(PutError(item));
        }
        self.under_way = Some(Operation::new(PutAttempt::new(self.host.clone(), Some(item))));
        Ok(())
    }
}

/// A queue as a sink; made by [`Queue::sink`]. It holds one item on its way in, which goes in at the next
/// `poll_ready`, `poll_flush` or `poll_close`; the last of these does not close the queue, as others may put.
pub struct PutSink<'a, T>(Puts<T, &'a Queue<T>>);

impl<'a, T> PutSink<'a, T> {
    pub(crate) fn new(queue: &'a Queue<T>) -> Self {
        PutSink(Puts::new(queue))
    }
}

impl<T> Unpin for PutSink<'_, T> {}

impl<T> Sink<T> for PutSink<'_, T> {
    type Error = PutError<T>;

    fn poll_ready(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), PutError<T>>> {
        self.get_mut().0.poll_empty(context)
    }

    fn start_send(self: Pin<&mut Self>, item: T) -> Result<(), PutError<T>> {
        self.get_mut().0.start(item)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), PutError<T>>> {
        self.get_mut().0.poll_empty(context)
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), PutError<T>>> {
        self.get_mut().0.poll_empty(context)
    }
}

impl<T> fmt::Debug for PutSink<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PutSink { .. }")
    }
}
