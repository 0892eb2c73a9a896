//! Waiting for a condition of the queue: that no item is unfinished, or that the queue is closed.
//!
//! Knows joining and wait sets. Does not know gets or puts.

use super::{Queue, QueueRef};
use crate::error::{ClosedTimeoutError, JoinTimeoutError};
use crate::join::Claims;
use crate::operation::{operation, Attempt};
use crate::wait::{WaitCount, WaitSet, Waiting};
use std::marker::PhantomData;
use std::task::Waker;

/// A condition of a queue.
pub(crate) trait Condition {
    type TimedOut;
    /// The moment at which a wait began.
    type Since: Copy;

    /// The waiters for the condition.
    fn waiters<T>(queue: &Queue<T>) -> &WaitSet;
    /// Their number.
    fn count<T>(queue: &Queue<T>) -> &WaitCount;
    fn now<T>(queue: &Queue<T>) -> Self::Since;
    /// Whether the condition holds, or has held at a moment since.
    fn holds<T>(queue: &Queue<T>, since: Option<Self::Since>) -> bool;
    /// Makes an RMW fence on each word whose change can make the condition hold.
    fn rmw_fence<T>(queue: &Queue<T>);
    fn timed_out() -> Self::TimedOut;
}

/// No item is unfinished.
pub(crate) struct AllDone;

impl Condition for AllDone {
    type TimedOut = JoinTimeoutError;
    /// A moment is known by the number of claims made before it.
    type Since = u64;

    fn waiters<T>(queue: &Queue<T>) -> &WaitSet {
        &queue.on_demand().join_waiters
    }

    fn count<T>(queue: &Queue<T>) -> &WaitCount {
        &queue.hot.join_waiters
    }

    fn now<T>(queue: &Queue<T>) -> u64 {
        queue.claims()
    }

    fn holds<T>(queue: &Queue<T>, since: Option<u64>) -> bool {
        since.is_some_and(|claims| queue.on_demand().last_zero.reached(claims)) || queue.unfinished() == 0
    }

    fn rmw_fence<T>(queue: &Queue<T>) {
        // A hole ends a wait as well, if its claim was the last that counted as unfinished.
        queue.raw.fence_holes();
        queue.bookkeeping.unfinished.fence_done();
    }

    fn timed_out() -> JoinTimeoutError {
        JoinTimeoutError
    }
}

/// The queue is closed. It never opens again.
pub(crate) struct IsClosed;

impl Condition for IsClosed {
    type TimedOut = ClosedTimeoutError;
    type Since = ();

    fn waiters<T>(queue: &Queue<T>) -> &WaitSet {
        &queue.on_demand().closed_waiters
    }

    fn count<T>(queue: &Queue<T>) -> &WaitCount {
        &queue.bookkeeping.closed_waiters
    }

    fn now<T>(_queue: &Queue<T>) {}

    fn holds<T>(queue: &Queue<T>, _since: Option<()>) -> bool {
        queue.is_closed()
    }

    fn rmw_fence<T>(queue: &Queue<T>) {
        queue.raw.fence_pushes();
    }

    fn timed_out() -> ClosedTimeoutError {
        ClosedTimeoutError
    }
}

pub(crate) struct WatchAttempt<T, H: QueueRef<T>, C: Condition> {
    handle: H,
    waiting: Option<(Waiting, C::Since)>,
    item: PhantomData<fn(T)>,
}

impl<T, H: QueueRef<T>, C: Condition> WatchAttempt<T, H, C> {
    pub(crate) fn new(handle: H) -> Self {
        WatchAttempt { handle, waiting: None, item: PhantomData }
    }
}

impl<T, H: QueueRef<T>, C: Condition> Attempt for WatchAttempt<T, H, C> {
    type Output = ();
    type TimeoutOutput = Result<(), C::TimedOut>;

    fn try_complete(&mut self, waker: Option<&Waker>) -> Option<()> {
        let since = self.waiting.as_mut().map(|(waiting, since)| {
            waker.into_iter().for_each(|waker| waiting.poll(waker));
            *since
        });
        C::holds(self.handle.queue(), since).then(|| self.cancel())
    }

    fn is_registered(&self) -> bool {
        self.waiting.as_ref().is_some_and(|(waiting, _)| waiting.is_registered())
    }

    fn register(&mut self, waker: &Waker) -> Option<()> {
        loop {
            let (queue, waiters) = (self.handle.queue(), C::waiters(self.handle.queue()));
            match &mut self.waiting {
                Some((waiting, _)) => waiters.register_again(waiting),
                None => {
                    // Before it counts as a waiter: a zero from then on is noted with at least so many claims.
                    let since = C::now(queue);
                    self.waiting = Some((waiters.register(C::count(queue)), since));
                }
            }
            C::rmw_fence(queue);
            let output = self.try_complete(Some(waker));
            if output.is_some() || self.is_registered() {
                return output;
            }
        }
    }

    fn cancel(&mut self) {
        if let Some((waiting, _)) = self.waiting.take() {
            C::count(self.handle.queue()).remove(waiting);
        }
    }

    fn with_timeout_error((): ()) -> Self::TimeoutOutput {
        Ok(())
    }

    fn on_timeout(&mut self) -> Self::TimeoutOutput {
        let output = self.try_complete(None);
        self.cancel();
        output.ok_or_else(C::timed_out)
    }
}

operation! {
    /// Future returned by [`Queue::join`].
    ///
    /// # Cancel safety
    /// It can be dropped at any time.
    pub struct Join<'a, T>(WatchAttempt<T, &'a Queue<T>, AllDone>)
        -> (), in time Result<(), JoinTimeoutError>;
    example ["let queue = joinq::Queue::unbounded();" "queue.try_put(1).unwrap();" "drop(queue.try_get_task());"]
        "queue.join()", "; // every item is done";
    times out ["let queue = joinq::Queue::unbounded();" "queue.try_put(1).unwrap();"]
        "let late = queue.join()", ";\nassert_eq!(late, Err(joinq::JoinTimeoutError));";
}

operation! {
    /// Future returned by [`Queue::closed`].
    ///
    /// # Cancel safety
    /// It can be dropped at any time.
    pub struct Closed<'a, T>(WatchAttempt<T, &'a Queue<T>, IsClosed>)
        -> (), in time Result<(), ClosedTimeoutError>;
    example ["let queue = joinq::Queue::<u32>::unbounded();" "queue.close();"]
        "queue.closed()", ";";
    times out ["let queue = joinq::Queue::<u32>::unbounded();"]
        "let late = queue.closed()", ";\nassert_eq!(late, Err(joinq::ClosedTimeoutError));";
}
