//! A queue as a stream of its items.

use super::{GetAttempt, One, Queue, QueueRef};
use crate::error::GetError;
#[cfg(feature = "tokio")]
use crate::operation::Attempt;
use crate::operation::Operation;
use futures_core::stream::{FusedStream, Stream};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
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

/// As [`GetStream`], and owns an `Arc` of the queue; returned by [`Queue::stream_owned`].
///
/// # Cancel safety
/// It can be dropped at any time: it takes an item only in the poll that returns it.
pub struct GetStreamOwned<T>(Gets<T, Arc<Queue<T>>>);

/// The constructor and the traits of a stream, borrowed or owned.
macro_rules! stream {
    ($name:ident, <$($life:lifetime,)? $param:ident>, $handle:ty) => {
        impl<$($life,)? $param> $name<$($life,)? $param> {
            pub(crate) fn new(handle: $handle) -> Self {
                $name(Gets::new(handle))
            }
        }

        impl<$($life,)? $param> Unpin for $name<$($life,)? $param> {}

        impl<$($life,)? $param> Stream for $name<$($life,)? $param> {
            type Item = $param;

            fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<$param>> {
                self.get_mut().0.poll_next(context)
            }
        }

        impl<$($life,)? $param> FusedStream for $name<$($life,)? $param> {
            fn is_terminated(&self) -> bool {
                self.0.is_finished()
            }
        }

        impl<$($life,)? $param> fmt::Debug for $name<$($life,)? $param> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), " { .. }"))
            }
        }
    };
}

stream!(GetStream, <'a, T>, &'a Queue<T>);
stream!(GetStreamOwned, <T>, Arc<Queue<T>>);
