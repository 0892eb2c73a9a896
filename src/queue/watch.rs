//! Waiting for something that is no item: that all work is done, that the queue is closed.

use super::{Host, Queue};
use crate::error::{ClosedTimeoutError, JoinTimeoutError};
use crate::operation::{operation, Attempt};
use crate::wait::{WaitSet, Waiting};
use std::marker::PhantomData;
use std::task::Waker;

/// A condition of a queue, once it holds.
pub(crate) trait Condition {
    type TimedOut;

    /// Those who wait for it.
    fn waiters<T>(queue: &Queue<T>) -> &WaitSet;
    fn holds<T>(queue: &Queue<T>) -> bool;
    /// Meets the words whose change can make it hold.
    fn meet<T>(queue: &Queue<T>);
    fn timed_out() -> Self::TimedOut;
}

/// Nothing is unfinished.
pub(crate) struct AllDone;

impl Condition for AllDone {
    type TimedOut = JoinTimeoutError;

    fn waiters<T>(queue: &Queue<T>) -> &WaitSet {
        &queue.beside.joiners
    }

    fn holds<T>(queue: &Queue<T>) -> bool {
        queue.unfinished() == 0
    }

    fn meet<T>(queue: &Queue<T>) {
        // A claim that is given up ends a wait as well, if it was the last that counted.
        queue.raw.meet_giving_up();
        queue.aside.unfinished.meet_finishing();
    }

    fn timed_out() -> JoinTimeoutError {
        JoinTimeoutError
    }
}

/// The queue is closed.
pub(crate) struct IsClosed;

impl Condition for IsClosed {
    type TimedOut = ClosedTimeoutError;

    fn waiters<T>(queue: &Queue<T>) -> &WaitSet {
        &queue.beside.closing
    }

    fn holds<T>(queue: &Queue<T>) -> bool {
        queue.is_closed()
    }

    fn meet<T>(queue: &Queue<T>) {
        queue.raw.meet_pushes();
    }

    fn timed_out() -> ClosedTimeoutError {
        ClosedTimeoutError
    }
}

pub(crate) struct WatchAttempt<T, H: Host<T>, C: Condition> {
    host: H,
    waiting: Option<Waiting>,
    condition: PhantomData<fn(T) -> C>,
}

impl<T, H: Host<T>, C: Condition> WatchAttempt<T, H, C> {
    pub(crate) fn new(host: H) -> Self {
        WatchAttempt { host, waiting: None, condition: PhantomData }
    }
}

impl<T, H: Host<T>, C: Condition> Attempt for WatchAttempt<T, H, C> {
    type Output = ();
    type Timed = Result<(), C::TimedOut>;

    fn attempt(&mut self, waker: Option<&Waker>) -> Option<()> {
        if let (Some(waiting), Some(waker)) = (&mut self.waiting, waker) {
            if waiting.is_woken(waker) {
                self.waiting = None;
            }
        }
        C::holds(self.host.queue()).then(|| self.waiting = None)
    }

    fn waits(&self) -> bool {
        self.waiting.is_some()
    }

    fn enrol(&mut self, waker: &Waker) -> Option<()> {
        loop {
            self.waiting = Some(C::waiters(self.host.queue()).enrol());
            C::meet(self.host.queue());
            let output = self.attempt(Some(waker));
            if output.is_some() || self.waits() {
                return output;
            }
        }
    }

    fn cancel(&mut self) {
        self.waiting = None;
    }

    fn in_time((): ()) -> Self::Timed {
        Ok(())
    }

    fn out_of_time(&mut self) -> Self::Timed {
        let output = self.attempt(None);
        self.cancel();
        output.ok_or_else(C::timed_out)
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
