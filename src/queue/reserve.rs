//! Permits: room that is kept for who asked, before there is an item.

use super::permit_pool::{NoPermit, PermitPool};
use super::wait_lists::Request;
use super::waiters::Registered;
use super::{Queue, QueueRef};
use crate::error::{PutError, PutTimeoutError, TryPutError};
use crate::operation::{operation, Attempt, Operation};
use crate::wait::WaiterKey;
use std::fmt;
use std::marker::PhantomData;
use std::task::Waker;

/// Permits that are held, whoever holds the queue.
pub(crate) struct Held<T, H: QueueRef<T>> {
    handle: H,
    count: u64,
    item: PhantomData<fn(T)>,
}

impl<T, H: QueueRef<T>> Held<T, H> {
    /// Takes `count` permits, if there are so many at this moment; hands `handle` back otherwise.
    pub(crate) fn try_take(handle: H, count: usize) -> Result<Self, TryPutError<H>> {
        let queue = handle.queue();
        match queue.reserve_now(queue.permits(), count as u64) {
            Ok(()) => Ok(Held { handle, count: count as u64, item: PhantomData }),
            Err(NoPermit::TooFew) => Err(TryPutError::Full(handle)),
            Err(NoPermit::Closed) => Err(TryPutError::Closed(handle)),
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.count as usize
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn handle(&self) -> &H {
        &self.handle
    }

    /// Uses one of them.
    pub(crate) fn put(&mut self, item: T) {
        assert!(self.count > 0, "no permits left");
        self.count -= 1;
        let queue = self.handle.queue();
        queue.push_with_permit(queue.permits(), item);
    }

    /// Splits one off.
    #[cfg(feature = "tokio")]
    pub(crate) fn split(&mut self) -> Option<Self>
    where
        H: Clone,
    {
        self.count = self.count.checked_sub(1)?;
        Some(Held { handle: self.handle.clone(), count: 1, item: PhantomData })
    }
}

impl<T, H: QueueRef<T>> Drop for Held<T, H> {
    fn drop(&mut self) {
        if self.count > 0 {
            let queue = self.handle.queue();
            queue.return_permits(queue.permits(), self.count);
        }
    }
}

/// Permits that are waited for.
pub(crate) struct ReserveAttempt<T, H: QueueRef<T> + Clone> {
    handle: H,
    count: usize,
    place: Option<WaiterKey>,
    item: PhantomData<fn(T)>,
}

type Reserved<T, H> = Result<Held<T, H>, PutError<()>>;

impl<T, H: QueueRef<T> + Clone> ReserveAttempt<T, H> {
    pub(crate) fn new(handle: H, count: usize) -> Self {
        let most = handle.queue().total_permits();
        assert!(count <= most, "{count} permits requested, but the queue has only {most}");
        ReserveAttempt { handle, count, place: None, item: PhantomData }
    }

    /// The wait is over: what was got goes to the caller if it is all, and back if the queue is closed meanwhile.
    fn after(&self, want: Request<T>) -> Reserved<T, H> {
        let Request::Permits { missing, held } = want else { unreachable!("a reservation waits for permits") };
        let held = Held { handle: self.handle.clone(), count: held, item: PhantomData };
        if missing == 0 && !self.handle.queue().is_closed() {
            Ok(held)
        } else {
            Err(PutError(()))
        }
    }
}

impl<T, H: QueueRef<T> + Clone> Attempt for ReserveAttempt<T, H> {
    type Output = Reserved<T, H>;
    type Timed = Result<Held<T, H>, PutTimeoutError<()>>;

    fn try_complete(&mut self, waker: Option<&Waker>) -> Option<Self::Output> {
        if self.place.is_none() {
            return match Held::try_take(self.handle.clone(), self.count) {
                Ok(held) => Some(Ok(held)),
                Err(TryPutError::Closed(_)) => Some(Err(PutError(()))),
                Err(TryPutError::Full(_)) => None,
            };
        }
        let want = self.handle.queue().poll_queued_put(&mut self.place, waker)?;
        Some(self.after(want))
    }

    fn registers_first(&self) -> bool {
        true
    }

    fn is_registered(&self) -> bool {
        self.place.is_some()
    }

    fn register(&mut self, waker: &Waker) -> Option<Self::Output> {
        let want = Request::Permits { missing: self.count as u64, held: 0 };
        let (registered, _told) = self.handle.queue().enqueue_put(waker.clone(), want);
        match registered {
            Registered::Pending(place) => {
                self.place = Some(place);
                None
            }
            Registered::Ready(want) => Some(self.after(want)),
        }
    }

    /// What has come so far goes back.
    fn cancel(&mut self) {
        if let Some(place) = self.place.take() {
            let want = self.handle.queue().cancel_put(place);
            drop(self.after(want));
        }
    }

    fn timed(output: Self::Output) -> Self::Timed {
        Ok(output?)
    }

    fn on_timeout(&mut self) -> Self::Timed {
        match self.try_complete(None) {
            Some(output) => Self::timed(output),
            None => {
                self.cancel();
                Err(PutTimeoutError::Timeout(()))
            }
        }
    }
}

/// Wraps what was reserved in the public guard.
pub(crate) struct Wrapped<A>(pub(crate) A);

impl<'a, T> Attempt for Wrapped<ReserveAttempt<T, &'a Queue<T>>> {
    type Output = Result<Permits<'a, T>, PutError<()>>;
    type Timed = Result<Permits<'a, T>, PutTimeoutError<()>>;

    fn try_complete(&mut self, waker: Option<&Waker>) -> Option<Self::Output> {
        Some(self.0.try_complete(waker)?.map(Permits))
    }

    fn registers_first(&self) -> bool {
        true
    }

    fn is_registered(&self) -> bool {
        self.0.is_registered()
    }

    fn register(&mut self, waker: &Waker) -> Option<Self::Output> {
        Some(self.0.register(waker)?.map(Permits))
    }

    fn cancel(&mut self) {
        self.0.cancel();
    }

    fn timed(output: Self::Output) -> Self::Timed {
        Ok(output?)
    }

    fn on_timeout(&mut self) -> Self::Timed {
        self.0.on_timeout().map(Permits)
    }
}

operation! {
    /// Future returned by [`Queue::reserve`].
    ///
    /// # Cancel safety
    /// It can be dropped at any time: the permits that it has collected so far go to the next waiter.
    pub struct Reserve<'a, T>(Wrapped<ReserveAttempt<T, &'a Queue<T>>>)
        -> Result<Permits<'a, T>, PutError<()>>, in time Result<Permits<'a, T>, PutTimeoutError<()>>;
}

/// Capacity reserved for some items; returned by [`Queue::reserve`] and [`Queue::try_reserve`].
///
/// Unused permits are released when this is dropped. Permits remain valid after a [`close`](Queue::close):
/// items put with them can be taken, and gets fail with *closed* only after all permits are used or released.
pub struct Permits<'a, T>(pub(crate) Held<T, &'a Queue<T>>);

impl<T> Permits<'_, T> {
    /// The number of unused permits.
    pub fn len(&self) -> usize {
        self.0.count()
    }

    /// Whether no permits are left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Uses one permit to put an item into the queue, without waiting.
    ///
    /// # Panics
    /// If no permits are left.
    pub fn put(&mut self, item: T) {
        self.0.put(item);
    }
}

impl<T> fmt::Debug for Permits<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permits").field("left", &self.len()).finish()
    }
}

impl<T> Queue<T> {
    /// Reserves capacity for `count` items, to be put later; waits while there is too little.
    ///
    /// Reservations and puts wait in one FIFO queue. Released permits go to the first waiter until it has all
    /// it requested, so a large reservation cannot be starved by small ones. Other operations cannot use the
    /// permits that a waiting reservation has collected, even if its future is leaked (`mem::forget`). When
    /// the queue is closed, the reservation fails and releases them.
    ///
    /// # Errors
    /// [`PutError`] if the queue is closed.
    ///
    /// # Panics
    /// If the queue was not created by [`Queue::with_permits`], or if `count` exceeds its capacity.
    ///
    /// # Cancel safety
    /// It can be dropped at any time. [`Permits`] release what is unused when they are dropped.
    ///
    /// # Examples
    /// ```
    /// let queue = joinq::Queue::with_permits(2);
    /// let mut permits = queue.reserve(2).wait().unwrap();
    /// assert!(queue.try_put('c').unwrap_err().is_full());
    /// permits.put('a'); // cannot fail any more
    /// drop(permits); // releases the other one
    /// queue.try_put('b').unwrap();
    /// assert_eq!(queue.drain().collect::<String>(), "ab");
    /// ```
    pub fn reserve(&self, count: usize) -> Reserve<'_, T> {
        Reserve(Operation::new(Wrapped(ReserveAttempt::new(self, count))))
    }

    /// Reserves capacity for `count` items without waiting.
    ///
    /// # Errors
    /// [`TryPutError::Full`] if there is too little, or [`TryPutError::Closed`].
    ///
    /// # Panics
    /// If the queue was not created by [`Queue::with_permits`].
    pub fn try_reserve(&self, count: usize) -> Result<Permits<'_, T>, TryPutError<()>> {
        Held::try_take(self, count).map(Permits).map_err(|error| match error {
            TryPutError::Full(_) => TryPutError::Full(()),
            TryPutError::Closed(_) => TryPutError::Closed(()),
        })
    }

    /// The number of free slots, or of free permits; `None` if the queue is unbounded.
    pub fn remaining_capacity(&self) -> Option<usize> {
        let capacity = self.capacity()?;
        Some(match self.permits_if_any() {
            None => capacity - self.len(),
            Some(permits) => capacity - (self.total_permits() - permits.free() as usize),
        })
    }

    pub(crate) fn permits(&self) -> &PermitPool {
        self.permits_if_any().expect("queue was not created by `Queue::with_permits`")
    }

    /// How many permits there are in all.
    pub(crate) fn total_permits(&self) -> usize {
        self.capacity().unwrap_or(0).min(super::permit_pool::MOST)
    }
}
