//! A queue as a sink.

use super::{PutAttempt, Queue, QueueRef};
use crate::error::PutError;
use crate::operation::Operation;
use futures_sink::Sink;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

type OnePut<T, H> = Operation<PutAttempt<T, H, Option<T>>>;

/// One put after the other, on a borrowed or owned queue.
pub(crate) struct Puts<T, H: QueueRef<T>> {
    operation: OnePut<T, H>,
}

impl<T, H: QueueRef<T>> Puts<T, H> {
    pub(crate) fn new(handle: H) -> Self {
        Puts { operation: Operation::new(PutAttempt::new(handle, None)) }
    }

    #[cfg(feature = "compat")]
    pub(crate) fn handle(&self) -> &H {
        &self.operation.attempt.handle
    }

    /// Ready once the buffered item is in the queue; at once if there is none.
    pub(crate) fn poll_empty(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PutError<T>>> {
        self.poll_empty_by(|operation| operation.poll(context))
    }

    #[cfg(feature = "compat")]
    pub(crate) fn poll_empty_without_budget(&mut self, context: &mut Context<'_>) -> Poll<Result<(), PutError<T>>> {
        self.poll_empty_by(|operation| operation.poll_without_budget(context))
    }

    #[inline]
    fn poll_empty_by(
        &mut self,
        poll: impl FnOnce(&mut OnePut<T, H>) -> Poll<Result<(), PutError<T>>>,
    ) -> Poll<Result<(), PutError<T>>> {
        if self.operation.attempt.is_idle() {
            return Poll::Ready(Ok(()));
        }
        let Poll::Ready(result) = poll(&mut self.operation) else { return Poll::Pending };
        self.operation.restart();
        Poll::Ready(result)
    }

    /// Buffers an item for the next poll, unless the queue is closed.
    pub(crate) fn start(&mut self, item: T) -> Result<(), PutError<T>> {
        if self.operation.attempt.handle.queue().is_closed() {
            return Err(PutError(item));
        }
        self.load(item);
        Ok(())
    }

    /// Buffers an item for the next poll; an item that is buffered or waits already is dropped.
    #[cfg(feature = "compat")]
    pub(crate) fn replace_item(&mut self, item: T) {
        drop(self.operation.take_back());
        self.operation.restart();
        self.load(item);
    }

    /// Buffers an item for the next poll.
    pub(crate) fn load(&mut self, item: T) {
        let attempt = &mut self.operation.attempt;
        assert!(attempt.is_idle(), "`start_send` without a `poll_ready` that was ready");
        attempt.items = Some(item);
    }
}

/// Sink that puts items into a queue; returned by [`Queue::sink`].
///
/// It buffers one item, which it puts at the next `poll_ready`, `poll_flush` or `poll_close`; if the queue is
/// full then, the item waits in FIFO order. `poll_close` does not close the queue, which may have other
/// producers.
pub struct PutSink<'a, T>(Puts<T, &'a Queue<T>>);

/// As [`PutSink`], and owns an `Arc` of the queue; returned by [`Queue::sink_owned`].
pub struct PutSinkOwned<T>(Puts<T, Arc<Queue<T>>>);

/// The constructor and the traits of a sink, borrowed or owned.
macro_rules! sink {
    ($name:ident, <$($life:lifetime,)? $param:ident>, $handle:ty) => {
        impl<$($life,)? $param> $name<$($life,)? $param> {
            pub(crate) fn new(handle: $handle) -> Self {
                $name(Puts::new(handle))
            }
        }

        impl<$($life,)? $param> Unpin for $name<$($life,)? $param> {}

        impl<$($life,)? $param> Sink<$param> for $name<$($life,)? $param> {
            type Error = PutError<$param>;

            fn poll_ready(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), PutError<$param>>> {
                self.get_mut().0.poll_empty(context)
            }

            fn start_send(self: Pin<&mut Self>, item: $param) -> Result<(), PutError<$param>> {
                self.get_mut().0.start(item)
            }

            fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), PutError<$param>>> {
                self.get_mut().0.poll_empty(context)
            }

            fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), PutError<$param>>> {
                self.get_mut().0.poll_empty(context)
            }
        }

        impl<$($life,)? $param> fmt::Debug for $name<$($life,)? $param> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), " { .. }"))
            }
        }
    };
}

sink!(PutSink, <'a, T>, &'a Queue<T>);
sink!(PutSinkOwned, <T>, Arc<Queue<T>>);
