//! Putting, with waiting: one item, or many.

use super::wait_lists::Request;
use super::waiters::Registered;
use super::{Queue, QueueRef};
use crate::error::{PutError, PutTimeoutError};
use crate::operation::{operation, Attempt, Operation, Spin};
use crate::raw::{PushError, PushFallback, PushTicket};
use crate::wait::WaiterKey;
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::task::Waker;

/// What is put: an `Option` of one item, or a `VecDeque` of many.
pub(crate) trait PutItems<T> {
    /// In what shape the items are handed back.
    type Rest;

    fn next(&mut self) -> Option<T>;
    fn put_back(&mut self, item: T);
    /// Puts as much in as there is room for; what did not go in stays.
    fn push(&mut self, queue: &Queue<T>) -> Result<(), PushError<()>>;
    /// Hands the items back, if there are any.
    fn rest(&mut self) -> Option<Self::Rest>;
}

/// As [`Queue::push_within_limit`].
#[inline(never)]
fn push_within_limit<T>(load: &mut Option<T>, queue: &Queue<T>) -> Result<(), PushError<()>> {
    match queue.try_claim_push_within_limit() {
        Ok(ticket) => put_in(load, queue, ticket),
        Err(fallback) => push_slow(load, queue, fallback),
    }
}

/// Puts the item in for which there is a slot. Only now is it taken out of the load, so that it is copied once.
#[inline]
fn put_in<T>(load: &mut Option<T>, queue: &Queue<T>, ticket: PushTicket<'_, T>) -> Result<(), PushError<()>> {
    let Some(item) = load.take() else { unreachable!("a slot was claimed for an item") };
    match queue.publish(ticket, item) {
        Ok(()) => Ok(()),
        Err(contested) => queue.put_contested(contested).map_err(|error| keep(error, load)),
    }
}

#[cold]
#[inline(never)]
fn push_slow<T>(load: &mut Option<T>, queue: &Queue<T>, fallback: PushFallback<'_, T>) -> Result<(), PushError<()>> {
    let Some(item) = load.take() else { return Ok(()) };
    queue.push_slow(item, fallback).map_err(|error| keep(error, load))
}

/// Puts a refused item back; what is left is why it was refused.
fn keep<T>(error: PushError<T>, load: &mut impl PutItems<T>) -> PushError<()> {
    let (item, why) = match error {
        PushError::Full(item) => (item, PushError::Full(())),
        PushError::Closed(item) => (item, PushError::Closed(())),
    };
    load.put_back(item);
    why
}

impl<T> PutItems<T> for Option<T> {
    type Rest = T;

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
        if queue.is_bounded() {
            return push_within_limit(self, queue);
        }
        match queue.raw.try_claim_push() {
            Ok(ticket) => put_in(self, queue, ticket),
            Err(fallback) => push_slow(self, queue, fallback),
        }
    }

    fn rest(&mut self) -> Option<T> {
        self.take()
    }
}

impl<T> PutItems<T> for VecDeque<T> {
    type Rest = Vec<T>;

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

    fn rest(&mut self) -> Option<Vec<T>> {
        (!self.is_empty()).then(|| std::mem::take(self).into())
    }
}

/// Items on their way in. The errors are called `E` in general and `F` where time may run out.
pub(crate) struct PutAttempt<
    T,
    H,
    L,
    E = PutError<<L as PutItems<T>>::Rest>,
    F = PutTimeoutError<<L as PutItems<T>>::Rest>,
> where
    H: QueueRef<T>,
    L: PutItems<T>,
{
    pub(crate) handle: H,
    pub(crate) load: L,
    /// Where the next item waits for room. It is no longer in the load then, unless it `stays` there.
    place: Option<WaiterKey>,
    /// The item stays with the one who puts until he is polled: nobody else moves it in.
    stays: bool,
    item: PhantomData<fn(T) -> (E, F)>,
}

impl<T, H: QueueRef<T>, L: PutItems<T>, E: From<PutError<L::Rest>>, F> PutAttempt<T, H, L, E, F> {
    #[inline]
    pub(crate) fn new(handle: H, load: L) -> Self {
        PutAttempt { handle, load, place: None, stays: false, item: PhantomData }
    }

    /// One whose item goes in only when it is polled; but with capacity 0, where an item has no room but by a get.
    #[cfg(feature = "compat")]
    pub(crate) fn without_handoff(handle: H, load: L) -> Self {
        let stays = !handle.queue().is_rendezvous();
        PutAttempt { stays, ..PutAttempt::new(handle, load) }
    }

    /// What is not in the queue for good.
    pub(crate) fn take_back(&mut self) -> Option<L::Rest> {
        if let Some(place) = self.place.take() {
            if let Request::Put(item) = self.handle.queue().cancel_put(place) {
                self.load.put_back(item);
            }
        }
        self.load.rest()
    }

    #[inline]
    fn push(&mut self) -> Option<Result<(), E>> {
        match self.load.push(self.handle.queue()) {
            Ok(()) => Some(Ok(())),
            Err(PushError::Full(())) => None,
            Err(PushError::Closed(())) => Some(self.closed_out()),
        }
    }

    #[cold]
    fn closed_out(&mut self) -> Result<(), E> {
        self.load.rest().map_or(Ok(()), |rest| Err(PutError(rest).into()))
    }

    #[cold]
    fn poll_queued(&mut self, waker: Option<&Waker>) -> Option<Result<(), E>> {
        if !self.stays && self.place.as_ref().is_some_and(|place| self.handle.queue().is_put_completed(place)) {
            self.place = None;
            return self.push();
        }
        match self.handle.queue().poll_queued_put(&mut self.place, waker) {
            Some(want) => self.after(want),
            None if self.stays => self.push_out_of_turn(),
            None => None,
        }
    }

    /// An item that stays with its put goes in whenever that is polled and there is space, also if another put was notified
    /// of it.
    fn push_out_of_turn(&mut self) -> Option<Result<(), E>> {
        let output = self.push()?;
        if let Some(place) = self.place.take() {
            self.handle.queue().cancel_put(place);
        }
        Some(output)
    }

    /// The wait of one item is over.
    fn after(&mut self, want: Request<T>) -> Option<Result<(), E>> {
        match want {
            Request::Put(item) => {
                self.load.put_back(item);
                Some(self.closed_out())
            }
            _ => self.push(),
        }
    }
}

#[cfg(feature = "sink")]
impl<T, H: QueueRef<T>> PutAttempt<T, H, Option<T>> {
    /// Whether no item is on its way.
    pub(crate) fn is_idle(&self) -> bool {
        self.load.is_none() && self.place.is_none()
    }
}

impl<T, H, L, E, F> Attempt for PutAttempt<T, H, L, E, F>
where
    H: QueueRef<T>,
    L: PutItems<T>,
    E: From<PutError<L::Rest>>,
    F: From<PutTimeoutError<L::Rest>> + From<E>,
{
    type Output = Result<(), E>;
    type Timed = Result<(), F>;

    #[inline]
    fn try_complete(&mut self, waker: Option<&Waker>) -> Option<Self::Output> {
        if self.place.is_none() {
            self.push()
        } else {
            self.poll_queued(waker)
        }
    }

    fn registers_first(&self) -> bool {
        true
    }

    fn spin(&self) -> Spin<'_> {
        self.handle.queue().spin(false)
    }

    fn progress(&self) -> u64 {
        self.handle.queue().raw.head_progress()
    }

    fn is_registered(&self) -> bool {
        self.place.is_some()
    }

    fn register(&mut self, waker: &Waker) -> Option<Self::Output> {
        loop {
            // Cloned first: that may panic.
            let waker = waker.clone();
            let want = match self.stays {
                true => Request::Space,
                false => match self.load.next() {
                    Some(item) => Request::Put(item),
                    None => return Some(Ok(())),
                },
            };
            let want = {
                let (registered, _told) = self.handle.queue().enqueue_put(waker, want);
                match registered {
                    Registered::Pending(place) => {
                        self.place = Some(place);
                        return None;
                    }
                    Registered::Ready(want) => want,
                }
            };
            if let Some(output) = self.after(want) {
                return Some(output);
            }
        }
    }

    #[cold]
    fn cancel(&mut self) {
        drop(self.take_back());
    }

    fn timed(output: Self::Output) -> Self::Timed {
        Ok(output?)
    }

    fn on_timeout(&mut self) -> Self::Timed {
        self.take_back().map_or(Ok(()), |rest| Err(PutTimeoutError::Timeout(rest).into()))
    }
}

impl<T, H, L, E, F> Operation<PutAttempt<T, H, L, E, F>>
where
    H: QueueRef<T>,
    L: PutItems<T>,
    E: From<PutError<L::Rest>>,
    F: From<PutTimeoutError<L::Rest>> + From<E>,
{
    /// Ends the operation and hands back what is not in the queue.
    pub(crate) fn take_back(&mut self) -> Option<L::Rest> {
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
}

impl<T> PutMany<'_, T> {
    /// Takes back the items that are not in the queue, in their order, and ends the operation.
    pub fn take(&mut self) -> Vec<T> {
        self.0.take_back().unwrap_or_default()
    }
}
