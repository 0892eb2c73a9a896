//! Putting, with waiting: one item, or many.

use super::{Host, Queue};
use crate::error::{PutError, PutTimeoutError};
use crate::operation::{operation, Attempt, Operation, Topic};
use crate::raw::{Refused, Stand};
use crate::wait::WaitSet;
use std::collections::VecDeque;

/// What is put: an `Option` of one item, or a `VecDeque` of many.
pub(crate) trait Load<T> {
    /// In what shape the items are handed back.
    type Rest;

    fn next(&mut self) -> Option<T>;
    fn put_back(&mut self, item: T);
    /// Puts as much in as there is room for; what did not go in stays.
    fn push(&mut self, queue: &Queue<T>) -> Result<(), Refused<()>>;
    /// Hands the items back, if there are any.
    fn rest(&mut self) -> Option<Self::Rest>;
}

/// Puts a refused item back; what is left is why it was refused.
fn keep<T>(refused: Refused<T>, load: &mut impl Load<T>) -> Refused<()> {
    let (item, why) = match refused {
        Refused::Full(item) => (item, Refused::Full(())),
        Refused::Closed(item) => (item, Refused::Closed(())),
    };
    load.put_back(item);
    why
}

impl<T> Load<T> for Option<T> {
    type Rest = T;

    fn next(&mut self) -> Option<T> {
        self.take()
    }

    fn put_back(&mut self, item: T) {
        *self = Some(item);
    }

    #[inline]
    fn push(&mut self, queue: &Queue<T>) -> Result<(), Refused<()>> {
        let Some(item) = self.take() else { return Ok(()) };
        queue.push(item).map_err(|refused| keep(refused, self))
    }

    fn rest(&mut self) -> Option<T> {
        self.take()
    }
}

impl<T> Load<T> for VecDeque<T> {
    type Rest = Vec<T>;

    fn next(&mut self) -> Option<T> {
        self.pop_front()
    }

    fn put_back(&mut self, item: T) {
        self.push_front(item);
    }

    fn push(&mut self, queue: &Queue<T>) -> Result<(), Refused<()>> {
        queue.push_many(self)
    }

    fn rest(&mut self) -> Option<Vec<T>> {
        (!self.is_empty()).then(|| std::mem::take(self).into())
    }
}

/// Items on their way in.
pub(crate) struct PutAttempt<T, H: Host<T>, L: Load<T>> {
    pub(crate) host: H,
    pub(crate) load: L,
    /// With capacity 0: an item is in the queue, and this attempt stands by it until it is taken.
    stand: Option<Stand>,
    item: std::marker::PhantomData<fn(T)>,
}

impl<T, H: Host<T>, L: Load<T>> PutAttempt<T, H, L> {
    pub(crate) fn new(host: H, load: L) -> Self {
        PutAttempt { host, load, stand: None, item: std::marker::PhantomData }
    }

    /// What is not in the queue for good.
    pub(crate) fn take_back(&mut self) -> Option<L::Rest> {
        if let Some(stand) = self.stand.take() {
            let queue = self.host.queue();
            if let Some(item) = queue.raw.withdraw(stand, &queue.beside.waiters) {
                self.load.put_back(item);
            }
        }
        self.load.rest()
    }

    /// The queue is closed. With capacity 0 the last item may have been taken after all.
    #[cold]
    fn closed_out(&mut self) -> Result<(), PutError<L::Rest>> {
        self.take_back().map_or(Ok(()), |rest| Err(PutError(rest)))
    }

    /// With capacity 0 one item after the other goes in, and stands until it is taken.
    fn attempt_to_stand(&mut self) -> Result<(), Refused<()>> {
        let queue = self.host.queue();
        loop {
            if let Some(stand) = self.stand.take() {
                if !queue.raw.is_taken(&stand) {
                    self.stand = Some(stand);
                    // Nobody has it: if the queue is closed it was not put.
                    return Err(if queue.is_closed() { Refused::Closed(()) } else { Refused::Full(()) });
                }
                queue.raw.step_off(stand);
            }
            let Some(item) = self.load.next() else { return Ok(()) };
            match queue.raw.stand(item, &queue.beside.waiters) {
                Ok(stand) => self.stand = Some(stand),
                Err(refused) => return Err(keep(refused, &mut self.load)),
            }
        }
    }
}

#[cfg(feature = "sink")]
impl<T, H: Host<T>> PutAttempt<T, H, Option<T>> {
    /// Whether no item is on its way.
    pub(crate) fn is_idle(&self) -> bool {
        self.load.is_none() && self.stand.is_none()
    }
}

impl<T, H: Host<T>, L: Load<T>> Attempt for PutAttempt<T, H, L> {
    type Output = Result<(), PutError<L::Rest>>;
    type Timed = Result<(), PutTimeoutError<L::Rest>>;

    #[inline]
    fn attempt(&mut self) -> Option<Self::Output> {
        let queue = self.host.queue();
        let went = if queue.is_rendezvous() { self.attempt_to_stand() } else { self.load.push(queue) };
        match went {
            Ok(()) => Some(Ok(())),
            Err(Refused::Full(())) => None,
            Err(Refused::Closed(())) => Some(self.closed_out()),
        }
    }

    fn topic(&self) -> Topic {
        if self.stand.is_some() {
            Topic::Taken
        } else {
            Topic::Room
        }
    }

    fn set(&self, topic: Topic) -> &WaitSet {
        self.host.queue().wait_set(topic)
    }

    fn meet(&mut self) {
        let queue = self.host.queue();
        queue.meet_room();
    }

    fn cancel(&mut self) {
        drop(self.take_back());
    }

    fn in_time(output: Self::Output) -> Self::Timed {
        Ok(output?)
    }

    fn out_of_time(&mut self) -> Self::Timed {
        self.take_back().map_or(Ok(()), |rest| Err(PutTimeoutError::Timeout(rest)))
    }
}

impl<T, H: Host<T>, L: Load<T>> Operation<PutAttempt<T, H, L>> {
    /// Ends the operation and hands back what is not in the queue.
    pub(crate) fn take_back(&mut self) -> Option<L::Rest> {
        self.finish();
        self.attempt.take_back()
    }
}

operation! {
    /// An item on its way into a queue; made by [`Queue::put`].
    ///
    /// # Cancel safety
    /// Dropping it while it is pending drops the item, once, and the item was not put. [`Put::take`] gives it back.
    ///
    /// # Panics
    /// If polled after it completed.
    pub struct Put<'a, T>(PutAttempt<T, &'a Queue<T>, Option<T>>)
        -> Result<(), PutError<T>>, in time Result<(), PutTimeoutError<T>>;
}

impl<T> Put<'_, T> {
    /// Takes the item back and ends the operation; `None` once the item is in the queue, or was handed back by an
    /// error.
    ///
    /// # Examples
    /// ```
    /// use futures_lite::future::{block_on, poll_once};
    ///
    /// let queue = joinq::Queue::bounded(1);
    /// queue.try_put(1).unwrap();
    /// let mut put = queue.put(2);
    /// // The put loses a `select!`:
    /// assert!(block_on(poll_once(&mut put)).is_none());
    /// assert_eq!(put.take(), Some(2));
    /// ```
    pub fn take(&mut self) -> Option<T> {
        self.0.take_back()
    }
}

operation! {
    /// Items on their way into a queue; made by [`Queue::put_many`].
    ///
    /// # Cancel safety
    /// Dropping it while it is pending drops the items that are not in the queue; [`PutMany::take`] gives them back.
    ///
    /// # Panics
    /// If polled after it completed.
    pub struct PutMany<'a, T>(PutAttempt<T, &'a Queue<T>, VecDeque<T>>)
        -> Result<(), PutError<Vec<T>>>, in time Result<(), PutTimeoutError<Vec<T>>>;
}

impl<T> PutMany<'_, T> {
    /// Takes the items back that are not in the queue, in their order, and ends the operation.
    pub fn take(&mut self) -> Vec<T> {
        self.0.take_back().unwrap_or_default()
    }
}
