//! Putting, with waiting: one item, or many.
//!
//! Knows how puts wait for capacity. Does not know gets.

use super::bound::PutSource;
use super::serve::{Registered, Request};
use super::{Queue, QueueRef};
use crate::error::{PutError, PutTimeoutError};
use crate::operation::{operation, Attempt, Fallback, Operation, SpinPolicy};
use crate::raw::PushError;
use crate::wait::WaiterKey;
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::task::Waker;

/// What is put: an `Option` of one item, or a `VecDeque` of many.
pub(crate) trait PutItems<T> {
    /// The items that an error or a cancelled operation hands back.
    type Remaining;

    fn next(&mut self) -> Option<T>;
    fn put_back(&mut self, item: T);
    /// Enqueues items until there is none left or a push is refused.
    fn push(&mut self, queue: &Queue<T>) -> Result<(), PushError<()>>;
    /// Enqueues one item if the fast path can do it. An error has changed nothing.
    #[inline(always)]
    fn push_at_once(&mut self, _queue: &Queue<T>) -> Result<(), Fallback> {
        Err(Fallback::General)
    }
    /// Like [`push`](PutItems::push), after the fast path has failed.
    fn push_after(&mut self, _fallback: Fallback, queue: &Queue<T>) -> Result<(), PushError<()>> {
        self.push(queue)
    }
    /// Takes the items that are left, if there are any.
    fn remaining(&mut self) -> Option<Self::Remaining>;
}

/// An item that a refused push puts back into its place.
impl<T> PutSource<T> for &mut Option<T> {
    type Rest = Self;
    type Error = PushError<()>;

    #[inline]
    fn take(self) -> (T, Self) {
        match Option::take(self) {
            Some(item) => (item, self),
            None => unreachable!("there is an item"),
        }
    }

    #[inline]
    fn refuse_full(self) -> PushError<()> {
        PushError::Full(())
    }

    fn refuse(place: Self, error: PushError<T>) -> PushError<()> {
        let (item, error) = error.split();
        *place = Some(item);
        error
    }
}

impl<T> PutItems<T> for Option<T> {
    type Remaining = T;

    fn next(&mut self) -> Option<T> {
        self.take()
    }

    #[inline]
    fn put_back(&mut self, item: T) {
        *self = Some(item);
    }

    #[inline]
    fn push(&mut self, queue: &Queue<T>) -> Result<(), PushError<()>> {
        if self.is_none() {
            return Ok(());
        }
        queue.push_from(self)
    }

    #[inline(always)]
    fn push_at_once(&mut self, queue: &Queue<T>) -> Result<(), Fallback> {
        match self {
            Some(_) => queue.push_at_once(self),
            None => Err(Fallback::General),
        }
    }

    #[inline]
    fn push_after(&mut self, fallback: Fallback, queue: &Queue<T>) -> Result<(), PushError<()>> {
        match self {
            Some(_) => queue.push_after(self, fallback),
            None => Ok(()),
        }
    }

    fn remaining(&mut self) -> Option<T> {
        self.take()
    }
}

impl<T> PutItems<T> for VecDeque<T> {
    type Remaining = Vec<T>;

    fn next(&mut self) -> Option<T> {
        self.pop_front()
    }

    #[inline]
    fn put_back(&mut self, item: T) {
        self.push_front(item);
    }

    fn push(&mut self, queue: &Queue<T>) -> Result<(), PushError<()>> {
        queue.push_many(self)
    }

    fn remaining(&mut self) -> Option<Vec<T>> {
        (!self.is_empty()).then(|| std::mem::take(self).into())
    }
}

/// An attempt to put items. `E` is its error, and `F` its error where a timeout is possible.
pub(crate) struct PutAttempt<
    T,
    H,
    I,
    E = PutError<<I as PutItems<T>>::Remaining>,
    F = PutTimeoutError<<I as PutItems<T>>::Remaining>,
> where
    H: QueueRef<T>,
    I: PutItems<T>,
{
    pub(crate) handle: H,
    pub(crate) items: I,
    /// The key of the waiter that has the next item. The item is no longer in `items` then, unless this
    /// `keeps_item`.
    waiter: Option<WaiterKey>,
    /// The item stays in `items` until this is polled: no other operation enqueues it.
    keeps_item: bool,
    item: PhantomData<fn(T) -> (E, F)>,
}

impl<T, H: QueueRef<T>, I: PutItems<T>, E: From<PutError<I::Remaining>>, F> PutAttempt<T, H, I, E, F> {
    #[inline]
    pub(crate) fn new(handle: H, items: I) -> Self {
        PutAttempt { handle, items, waiter: None, keeps_item: false, item: PhantomData }
    }

    /// An attempt whose item is enqueued only when it is polled; not with capacity 0, where only a get can
    /// take an item.
    pub(crate) fn without_handoff(handle: H, items: I) -> Self {
        let keeps_item = !handle.queue().is_rendezvous();
        PutAttempt { keeps_item, ..PutAttempt::new(handle, items) }
    }

    /// Ends the wait, and takes the items that were not enqueued.
    pub(crate) fn take_back(&mut self) -> Option<I::Remaining> {
        if let Some(waiter) = self.waiter.take() {
            let (request, waker) = self.handle.queue().cancel_put(waiter);
            if let Request::Put(item) = request {
                self.items.put_back(item);
            }
            drop(waker);
        }
        self.items.remaining()
    }

    #[inline]
    fn push(&mut self) -> Option<Result<(), E>> {
        let pushed = self.items.push(self.handle.queue());
        self.output(pushed)
    }

    #[inline]
    fn output(&mut self, pushed: Result<(), PushError<()>>) -> Option<Result<(), E>> {
        match pushed {
            Ok(()) => Some(Ok(())),
            Err(PushError::Full(())) => None,
            Err(PushError::Closed(())) => Some(self.refuse_closed()),
        }
    }

    #[cold]
    fn refuse_closed(&mut self) -> Result<(), E> {
        self.items.remaining().map_or(Ok(()), |items| Err(PutError(items).into()))
    }

    /// The queue is closed, and the item comes back.
    fn refuse(&mut self, item: T) -> Result<(), E> {
        self.items.put_back(item);
        self.refuse_closed()
    }

    #[cold]
    fn poll_queued(&mut self, waker: Option<&Waker>) -> Option<Result<(), E>> {
        let queue = self.handle.queue();
        if !self.keeps_item && self.waiter.as_ref().is_some_and(|key| queue.on_demand().waiters.is_put_completed(key)) {
            self.waiter = None;
            // There is no other item by now, or a batch goes on with its next item.
            return self.push();
        }
        let (request, unneeded) = queue.poll_queued_put(&mut self.waiter, waker);
        let output = match request {
            Some(request) => self.push_remaining(request),
            None if self.keeps_item => self.push_out_of_turn(),
            None => None,
        };
        drop(unneeded);
        output
    }

    /// An item that stays with its put is enqueued when that is polled and there is a free slot, also if
    /// another put was notified of the slot.
    fn push_out_of_turn(&mut self) -> Option<Result<(), E>> {
        let output = self.push()?;
        if let Some(waiter) = self.waiter.take() {
            self.handle.queue().cancel_put(waiter);
        }
        Some(output)
    }

    /// Continues after the wait of one item has ended.
    fn push_remaining(&mut self, request: Request<T>) -> Option<Result<(), E>> {
        match request {
            // Only a close ends the wait and leaves the item.
            Request::Put(item) => Some(self.refuse(item)),
            Request::Admitted => {
                let item = self.items.next();
                let pushed = self.handle.queue().push_after_wait(item);
                // Only a close refuses the item now.
                Some(pushed.map_or_else(|error| self.refuse(error.split().0), Ok))
            }
            _ => self.push(),
        }
    }
}

#[cfg(feature = "sink")]
impl<T, H: QueueRef<T>> PutAttempt<T, H, Option<T>> {
    /// Whether there is no item to put.
    pub(crate) fn is_idle(&self) -> bool {
        self.items.is_none() && self.waiter.is_none()
    }
}

impl<T, H, I, E, F> Attempt for PutAttempt<T, H, I, E, F>
where
    H: QueueRef<T>,
    I: PutItems<T>,
    E: From<PutError<I::Remaining>>,
    F: From<PutTimeoutError<I::Remaining>> + From<E>,
{
    type Output = Result<(), E>;
    type TimeoutOutput = Result<(), F>;

    #[inline]
    fn try_complete(&mut self, waker: Option<&Waker>) -> Option<Self::Output> {
        if self.waiter.is_none() {
            self.push()
        } else {
            self.poll_queued(waker)
        }
    }

    #[inline(always)]
    fn complete_at_once<R>(
        operation: &mut Operation<Self>,
        ready: impl FnOnce(Self::Output) -> R,
        otherwise: impl FnOnce(&mut Operation<Self>, Fallback) -> R,
    ) -> R {
        let PutAttempt { items, handle, waiter, .. } = &mut operation.attempt;
        let fallback = match waiter {
            None => items.push_at_once(handle.queue()).err(),
            Some(_) => Some(Fallback::General),
        };
        match fallback {
            None => {
                operation.finished = true;
                ready(Ok(()))
            }
            Some(fallback) => otherwise(operation, fallback),
        }
    }

    #[inline]
    fn try_after(&mut self, fallback: Fallback, waker: Option<&Waker>) -> Option<Self::Output> {
        if self.waiter.is_some() {
            return self.poll_queued(waker);
        }
        let pushed = self.items.push_after(fallback, self.handle.queue());
        self.output(pushed)
    }

    #[inline]
    fn spin_policy(&self) -> SpinPolicy<'_> {
        // A get completes a registered put.
        SpinPolicy { register_first: true, ..self.handle.queue().spin_policy() }
    }

    fn progress(&self) -> u64 {
        self.handle.queue().raw.head_progress()
    }

    fn is_registered(&self) -> bool {
        self.waiter.is_some()
    }

    fn register(&mut self, waker: &Waker) -> Option<Self::Output> {
        loop {
            // Cloned first: that may panic.
            let waker = waker.clone();
            let request = match self.keeps_item {
                true => Request::Space,
                false => match self.items.next() {
                    Some(item) => Request::Put(item),
                    None => return Some(Ok(())),
                },
            };
            let request = {
                let (registered, _deferred) = self.handle.queue().enqueue_put(waker, request);
                match registered {
                    Registered::Pending(waiter) => {
                        self.waiter = Some(waiter);
                        return None;
                    }
                    Registered::Ready(request) => request,
                }
            };
            if let Some(output) = self.push_remaining(request) {
                return Some(output);
            }
        }
    }

    #[cold]
    fn cancel(&mut self) {
        drop(self.take_back());
    }

    fn with_timeout_error(output: Self::Output) -> Self::TimeoutOutput {
        Ok(output?)
    }

    fn on_timeout(&mut self) -> Self::TimeoutOutput {
        self.take_back().map_or(Ok(()), |items| Err(PutTimeoutError::Timeout(items).into()))
    }
}

impl<T, H, I, E, F> Operation<PutAttempt<T, H, I, E, F>>
where
    H: QueueRef<T>,
    I: PutItems<T>,
    E: From<PutError<I::Remaining>>,
    F: From<PutTimeoutError<I::Remaining>> + From<E>,
{
    /// Ends the operation, and takes the items that were not enqueued.
    pub(crate) fn take_back(&mut self) -> Option<I::Remaining> {
        self.finish();
        self.attempt.take_back()
    }
}

operation! {
    /// Future returned by [`Queue::put`].
    ///
    /// # Cancel safety
    /// A waiting put is queued together with its item: a get that frees a slot enqueues the item, whether
    /// this future is polled again or not. So dropping a pending `Put` drops the item unless it is in the
    /// queue by then. [`Put::take`] tells which: it returns the item, or `None` if the item is in the queue.
    pub struct Put<'a, T>(PutAttempt<T, &'a Queue<T>, Option<T>>)
        -> Result<(), PutError<T>>, in time Result<(), PutTimeoutError<T>>;
    example ["let queue = joinq::Queue::bounded(1);"]
        "assert_eq!(queue.put(1)", ", Ok(()));";
    times out ["let queue = joinq::Queue::bounded(1);" "queue.try_put(1).unwrap(); // now the queue is full"]
        "let late = queue.put(2)", ";\nassert_eq!(late, Err(joinq::PutTimeoutError::Timeout(2))); // with the item";
}

impl<T> Put<'_, T> {
    /// Takes the item back and ends the operation.
    ///
    /// Returns `None` if the item is already in the queue (which may happen before the operation is polled
    /// again), or if an error has returned it.
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
    /// Future returned by [`Queue::put_many`].
    ///
    /// # Cancel safety
    /// Dropping it while it is pending drops the items that are not in the queue; [`PutMany::take`] returns
    /// them. The first of them waits as the item of a [`Put`] does.
    pub struct PutMany<'a, T>(PutAttempt<T, &'a Queue<T>, VecDeque<T>>)
        -> Result<(), PutError<Vec<T>>>, in time Result<(), PutTimeoutError<Vec<T>>>;
    example ["let queue = joinq::Queue::unbounded();"]
        "assert_eq!(queue.put_many([1, 2, 3])", ", Ok(()));";
    times out ["let queue = joinq::Queue::bounded(2);"]
        "let late = queue.put_many([1, 2, 3])",
        ";\nassert_eq!(late.unwrap_err().into_inner(), [3]); // what was not put";
}

impl<T> PutMany<'_, T> {
    /// Takes back the items that are not in the queue, in their order, and ends the operation.
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let queue = joinq::Queue::bounded(1);
    /// let mut put = queue.put_many([1, 2, 3]);
    /// assert_eq!(futures_lite::future::poll_once(&mut put).await, None); // one is in the queue, two wait
    /// assert_eq!(put.take(), [2, 3]);
    /// # });
    /// ```
    pub fn take(&mut self) -> Vec<T> {
        self.0.take_back().unwrap_or_default()
    }
}
