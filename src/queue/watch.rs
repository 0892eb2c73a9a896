//! Waiting for something that is no item: that all work is done, that the queue is closed.

use super::{Host, Queue};
use crate::error::{ClosedTimeoutError, JoinTimeoutError};
use crate::operation::{operation, Attempt, Topic};
use crate::wait::WaitSet;
use std::marker::PhantomData;

/// A condition of a queue, once it holds.
pub(crate) trait Condition {
    const TOPIC: Topic;
    type TimedOut;

    fn holds<T>(queue: &Queue<T>) -> bool;
    /// Meets the words whose change can make it hold.
    fn meet<T>(queue: &Queue<T>);
    fn timed_out() -> Self::TimedOut;
}

/// Nothing is unfinished.
pub(crate) struct AllDone;

impl Condition for AllDone {
    const TOPIC: Topic = Topic::Done;
    type TimedOut = JoinTimeoutError;

    fn holds<T>(queue: &Queue<T>) -> bool {
        queue.unfinished() == 0
    }

    fn meet<T>(queue: &Queue<T>) {
        // A claim that is given up ends a wait as well, if it was the last that counted.
        queue.raw.meet_giving_up();
        queue.unfinished.meet_finishing();
    }

    fn timed_out() -> JoinTimeoutError {
        JoinTimeoutError
    }
}

/// The queue is closed.
pub(crate) struct IsClosed;

impl Condition for IsClosed {
    const TOPIC: Topic = Topic::Closed;
    type TimedOut = ClosedTimeoutError;

    fn holds<T>(queue: &Queue<T>) -> bool {
        queue.is_closed()
    }

    fn meet<T>(queue: &Queue<T>) {
        queue.meet_close();
    }

    fn timed_out() -> ClosedTimeoutError {
        ClosedTimeoutError
    }
}

pub(crate) struct WatchAttempt<T, H: Host<T>, C: Condition> {
    host: H,
    condition: PhantomData<fn(T) -> C>,
}

impl<T, H: Host<T>, C: Condition> WatchAttempt<T, H, C> {
    pub(crate) fn new(host: H) -> Self {
        WatchAttempt { host, condition: PhantomData }
    }
}

impl<T, H: Host<T>, C: Condition> Attempt for WatchAttempt<T, H, C> {
    type Output = ();
    type Timed = Result<(), C::TimedOut>;

    fn attempt(&mut self) -> Option<()> {
        C::holds(self.host.queue()).then_some(())
    }

    fn topic(&self) -> Topic {
        C::TOPIC
    }

    fn set(&self, topic: Topic) -> &WaitSet {
        self.host.queue().wait_set(topic)
    }

    fn meet(&mut self) {
        C::meet(self.host.queue());
    }

    fn cancel(&mut self) {}

    fn in_time((): ()) -> Self::Timed {
        Ok(())
    }

    fn out_of_time(&mut self) -> Self::Timed {
        self.attempt().ok_or_else(C::timed_out)
    }
}

operation! {
    /// The wait for all items to be done; made by [`Queue::join`].
    ///
    /// # Cancel safety
    /// It can be dropped at any time.
    ///
    /// # Panics
    /// If polled after it completed.
    pub struct Join<'a, T>(WatchAttempt<T, &'a Queue<T>, AllDone>)
        -> (), in time Result<(), JoinTimeoutError>;
}

operation! {
    /// The wait for a queue to be closed; made by [`Queue::closed`].
    ///
    /// # Cancel safety
    /// It can be dropped at any time.
    ///
    /// # Panics
    /// If polled after it completed.
    pub struct Closed<'a, T>(WatchAttempt<T, &'a Queue<T>, IsClosed>)
        -> (), in time Result<(), ClosedTimeoutError>;
}
