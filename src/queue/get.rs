//! Getting, with waiting: one item, some, or one in a guard.

use super::{Host, Queue, Task};
use crate::error::{GetError, GetTimeoutError};
use crate::operation::{operation, Attempt, Topic};
use crate::raw::Vacant;
use crate::sync::Ordering;
use crate::wait::WaitSet;
use std::marker::PhantomData;

/// In what shape items are got.
pub(crate) trait Take<T> {
    type Got;

    fn take(&mut self, queue: &Queue<T>) -> Result<Self::Got, Vacant>;
}

/// One item as it is.
pub(crate) struct One;

impl<T> Take<T> for One {
    type Got = T;

    #[inline]
    fn take(&mut self, queue: &Queue<T>) -> Result<T, Vacant> {
        queue.pop()
    }
}

/// Up to `limit` items, appended to a vector.
pub(crate) struct Many<'a, T> {
    pub(crate) items: &'a mut Vec<T>,
    pub(crate) limit: usize,
}

impl<T> Take<T> for Many<'_, T> {
    type Got = usize;

    fn take(&mut self, queue: &Queue<T>) -> Result<usize, Vacant> {
        queue.pop_many(self.items, self.limit)
    }
}

/// One item in the guard that counts it as done.
pub(crate) struct Guarded<'a, T>(pub(crate) &'a Queue<T>);

impl<'a, T> Take<T> for Guarded<'a, T> {
    type Got = Task<'a, T>;

    fn take(&mut self, queue: &Queue<T>) -> Result<Task<'a, T>, Vacant> {
        One.take(queue).map(|item| Task::new(self.0, item))
    }
}

/// Items on their way out.
pub(crate) struct GetAttempt<T, H: Host<T>, K: Take<T>> {
    pub(crate) host: H,
    take: K,
    topic: Topic,
    pending: Pending,
    item: PhantomData<fn() -> T>,
}

/// Whether a get is counted among the pending ones, as it is with capacity 0.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pending {
    Uncounted,
    Counted,
}

impl<T, H: Host<T>, K: Take<T>> GetAttempt<T, H, K> {
    pub(crate) fn new(host: H, take: K) -> Self {
        GetAttempt { host, take, topic: Topic::Items, pending: Pending::Uncounted, item: PhantomData }
    }

    /// For one who may not come when he is woken.
    #[cfg(feature = "stream")]
    pub(crate) fn at_leisure(host: H, take: K) -> Self {
        GetAttempt { topic: Topic::AnyItems, ..GetAttempt::new(host, take) }
    }

    fn uncount(&mut self) {
        if self.pending == Pending::Counted {
            // Ordering: Release, Q2. Pairs with the look of a `try_put` (Q1).
            self.host.queue().beside.waiters.pending_gets.fetch_sub(1, Ordering::Release);
            self.pending = Pending::Uncounted;
        }
    }
}

impl<T, H: Host<T>, K: Take<T>> Attempt for GetAttempt<T, H, K> {
    type Output = Result<K::Got, GetError>;
    type Timed = Result<K::Got, GetTimeoutError>;

    #[inline]
    fn attempt(&mut self) -> Option<Self::Output> {
        let output = match self.take.take(self.host.queue()) {
            Ok(got) => Ok(got),
            Err(Vacant::Closed) => Err(GetError),
            Err(Vacant::Empty) => return None,
        };
        self.uncount();
        Some(output)
    }

    fn topic(&self) -> Topic {
        self.topic
    }

    fn set(&self, topic: Topic) -> &WaitSet {
        self.host.queue().wait_set(topic)
    }

    fn meet(&mut self) {
        let queue = self.host.queue();
        if queue.is_rendezvous() && self.pending == Pending::Uncounted {
            // Ordering: Release, Q2. As in `uncount`.
            queue.beside.waiters.pending_gets.fetch_add(1, Ordering::Release);
            self.pending = Pending::Counted;
        }
        queue.raw.meet_pushes();
    }

    fn cancel(&mut self) {
        self.uncount();
    }

    fn in_time(output: Self::Output) -> Self::Timed {
        Ok(output?)
    }

    fn out_of_time(&mut self) -> Self::Timed {
        // First no `try_put` counts on this get any more; then what came for it is not left behind.
        self.uncount();
        match self.attempt() {
            Some(output) => Self::in_time(output),
            None => Err(GetTimeoutError::Timeout),
        }
    }
}

operation! {
    /// An item on its way out of a queue; made by [`Queue::get`].
    ///
    /// # Cancel safety
    /// It can be dropped at any time: it takes an item only in the poll that returns it.
    ///
    /// # Panics
    /// If polled after it completed.
    pub struct Get<'a, T>(GetAttempt<T, &'a Queue<T>, One>)
        -> Result<T, GetError>, in time Result<T, GetTimeoutError>;
}

operation! {
    /// Some items on their way out of a queue; made by [`Queue::get_many`].
    ///
    /// # Cancel safety
    /// It can be dropped at any time: it takes items only in the poll that returns their number.
    ///
    /// # Panics
    /// If polled after it completed.
    pub struct GetMany<'a, T>(GetAttempt<T, &'a Queue<T>, Many<'a, T>>)
        -> Result<usize, GetError>, in time Result<usize, GetTimeoutError>;
}

operation! {
    /// An item on its way out of a queue, in a guard; made by [`Queue::get_task`].
    ///
    /// # Cancel safety
    /// It can be dropped at any time: it takes an item only in the poll that returns it.
    ///
    /// # Panics
    /// If polled after it completed.
    pub struct GetTask<'a, T>(GetAttempt<T, &'a Queue<T>, Guarded<'a, T>>)
        -> Result<Task<'a, T>, GetError>, in time Result<Task<'a, T>, GetTimeoutError>;
}
