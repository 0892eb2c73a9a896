//! Permits: capacity that is reserved in advance.
//!
//! Knows how reservations wait for permits. Does not know puts.

use super::permit_pool::NoPermit;
use super::serve::{Registered, Request};
use super::{Bound, Queue, QueueRef};
use crate::error::{PutError, PutTimeoutError, TryPutError};
use crate::operation::{operation, Attempt, Operation, SpinPolicy};
use crate::wait::WaiterKey;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::Waker;

/// Permits that are held, by whichever reference to the queue. Those that are not used are released on drop.
pub(crate) struct Held<T, H: QueueRef<T>> {
    handle: H,
    count: u64,
    item: PhantomData<fn(T)>,
}

impl<T, H: QueueRef<T>> Held<T, H> {
    /// Takes `count` permits if so many are free; hands `handle` back otherwise.
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

    /// Uses one of the permits.
    #[track_caller]
    pub(crate) fn put(&mut self, item: T) {
        assert!(self.count > 0, "no permits left: reserve as many permits as items are put");
        self.count -= 1;
        let queue = self.handle.queue();
        queue.push_with_permit(queue.permits(), item);
    }

    /// As [`Held::put`], for a channel: the message is dropped if no receiver is left.
    #[track_caller]
    pub(crate) fn send(&mut self, message: T) {
        self.put(message);
        let queue = self.handle.queue();
        // Race: the last receiver may be dropped meanwhile.
        // 1. It lowers the count of receivers, closes the queue under the mutex, and discards what is in the queue.
        // 2. A message that is put after the close is put under the mutex.
        // 3. So it is there when the receiver discards, or the count is 0 here.
        if queue.is_closed() && queue.handles().receivers.get() == 0 {
            queue.discard();
        }
    }

    /// Splits one permit off.
    #[cfg(feature = "tokio")]
    pub(crate) fn split_one(&mut self) -> Option<Self>
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

/// An attempt to reserve permits, which are returned as `G`.
pub(crate) struct ReserveAttempt<T, H: QueueRef<T> + Clone, G = Held<T, H>, E = PutError<()>, F = PutTimeoutError<()>> {
    handle: H,
    count: usize,
    waiter: Option<WaiterKey>,
    item: PhantomData<fn(T) -> G>,
    errors: PhantomData<fn() -> (E, F)>,
}

impl<T, H: QueueRef<T> + Clone, G, E: From<PutError<()>>, F> ReserveAttempt<T, H, G, E, F> {
    #[track_caller]
    pub(crate) fn new(handle: H, count: usize) -> Self {
        handle.queue().assert_can_reserve(count);
        ReserveAttempt { handle, count, waiter: None, item: PhantomData, errors: PhantomData }
    }

    /// After the wait has ended: the permits go to the caller if they are complete and the queue is open.
    /// Otherwise they are released.
    fn after_wait(&self, request: Request<T>) -> Result<Held<T, H>, E> {
        let Request::Permits { missing, held } = request else { unreachable!("a reservation waits for permits") };
        let held = Held { handle: self.handle.clone(), count: held, item: PhantomData };
        if missing == 0 && !self.handle.queue().is_closed() {
            Ok(held)
        } else {
            Err(PutError(()).into())
        }
    }
}

impl<T, H, G, E, F> Attempt for ReserveAttempt<T, H, G, E, F>
where
    H: QueueRef<T> + Clone,
    G: From<Held<T, H>>,
    E: From<PutError<()>>,
    F: From<PutTimeoutError<()>> + From<E>,
{
    type Output = Result<G, E>;
    type TimeoutOutput = Result<G, F>;

    fn try_complete(&mut self, waker: Option<&Waker>) -> Option<Self::Output> {
        if self.waiter.is_none() {
            return match Held::try_take(self.handle.clone(), self.count) {
                Ok(held) => Some(Ok(held.into())),
                Err(TryPutError::Closed(_)) => Some(Err(PutError(()).into())),
                Err(TryPutError::Full(_)) => None,
            };
        }
        let (request, unneeded) = self.handle.queue().poll_queued_put(&mut self.waiter, waker);
        let output = request.map(|request| self.after_wait(request).map(G::from));
        drop(unneeded);
        output
    }

    fn spin_policy(&self) -> SpinPolicy<'_> {
        // Another operation completes a registered reservation.
        SpinPolicy { register_first: true, ..SpinPolicy::THREADS_ONLY }
    }

    fn is_registered(&self) -> bool {
        self.waiter.is_some()
    }

    fn register(&mut self, waker: &Waker) -> Option<Self::Output> {
        let request = Request::Permits { missing: self.count as u64, held: 0 };
        let (registered, deferred) = self.handle.queue().enqueue_put(waker.clone(), request);
        let output = match registered {
            Registered::Pending(waiter) => {
                self.waiter = Some(waiter);
                None
            }
            Registered::Ready(request) => Some(self.after_wait(request).map(G::from)),
        };
        // Only now: this runs user code, and if that panics, `output` releases its permits.
        drop(deferred);
        output
    }

    /// Permits that were collected so far are released.
    fn cancel(&mut self) {
        if let Some(waiter) = self.waiter.take() {
            let (request, waker) = self.handle.queue().cancel_put(waiter);
            drop(self.after_wait(request));
            drop(waker);
        }
    }

    fn with_timeout_error(output: Self::Output) -> Self::TimeoutOutput {
        Ok(output?)
    }

    fn on_timeout(&mut self) -> Self::TimeoutOutput {
        match self.try_complete(None) {
            Some(output) => Self::with_timeout_error(output),
            None => {
                self.cancel();
                Err(PutTimeoutError::Timeout(()).into())
            }
        }
    }
}

operation! {
    /// Future returned by [`Queue::reserve`].
    ///
    /// # Cancel safety
    /// It can be dropped at any time: the permits that it has collected so far go to the next waiter.
    pub struct Reserve<'a, T>(ReserveAttempt<T, &'a Queue<T>, Permits<'a, T>>)
        -> Result<Permits<'a, T>, PutError<()>>, in time Result<Permits<'a, T>, PutTimeoutError<()>>;
    example ["let queue = joinq::Queue::with_permits(2);"]
        "let mut permits = queue.reserve(2)", ".unwrap();\npermits.put(1); // cannot fail any more";
    times out ["let queue = joinq::Queue::with_permits(2);" "queue.try_put(1).unwrap();"]
        "let late = queue.reserve(2)", ";\nassert!(late.unwrap_err().is_timeout()); // only one permit is free";
}

/// Capacity reserved for some items; returned by [`Queue::reserve`] and [`Queue::try_reserve`].
///
/// Unused permits are released when this is dropped. Permits remain valid after a [`close`](Queue::close):
/// items put with them can be taken, and gets fail with *closed* only after all permits are used or released.
#[must_use = "the permits are released when this is dropped"]
pub struct Permits<'a, T>(pub(crate) Held<T, &'a Queue<T>>);

/// As [`Permits`], and owns an `Arc` of the queue; returned by [`Queue::reserve_owned`] and
/// [`Queue::try_reserve_owned`].
#[must_use = "the permits are released when this is dropped"]
pub struct PermitsOwned<T>(pub(crate) Held<T, Arc<Queue<T>>>);

/// The methods and traits of permits, borrowed or owned. `$put` uses one; the literals begin an example with
/// `permits`, 3 of them.
macro_rules! permits {
    ($name:ident, <$($life:lifetime,)? $param:ident>, $handle:ty, $put:ident, $setup:literal) => {
        impl<$($life,)? $param> From<crate::queue::Held<$param, $handle>> for $name<$($life,)? $param> {
            fn from(held: crate::queue::Held<$param, $handle>) -> Self {
                $name(held)
            }
        }

        impl<$($life,)? $param> $name<$($life,)? $param> {
            /// The number of unused permits.
            ///
            /// # Examples
            #[doc = concat!(
                "```\n", $setup, "\npermits.", stringify!($put), "('a');\nassert_eq!(permits.len(), 2);\n```",
            )]
            pub fn len(&self) -> usize {
                self.0.count()
            }

            /// Whether no permits are left.
            ///
            /// # Examples
            #[doc = concat!(
                "```\n", $setup, "\nwhile !permits.is_empty() {\n    permits.", stringify!($put), "('a');\n}\n```",
            )]
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            #[doc = concat!("Uses one permit to ", stringify!($put), " an item, without waiting.")]
            ///
            /// # Panics
            /// If no permits are left.
            ///
            /// # Examples
            #[doc = concat!("```\n", $setup, "\npermits.", stringify!($put), "('a'); // cannot fail\n```")]
            #[track_caller]
            pub fn $put(&mut self, item: $param) {
                self.0.$put(item);
            }
        }

        impl<$($life,)? $param> std::fmt::Debug for $name<$($life,)? $param> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).field("left", &self.len()).finish()
            }
        }
    };
}
pub(crate) use permits;

permits!(
    Permits, <'a, T>, &'a Queue<T>, put,
    "let queue = joinq::Queue::with_permits(3);\nlet mut permits = queue.try_reserve(3).unwrap();"
);
permits!(
    PermitsOwned, <T>, Arc<Queue<T>>, put,
    "let queue = std::sync::Arc::new(joinq::Queue::with_permits(3));\n\
     let mut permits = queue.try_reserve_owned(3).unwrap();"
);

/// The error of a reservation, which puts no item.
pub(crate) fn without_handle<H>(error: TryPutError<H>) -> TryPutError<()> {
    match error {
        TryPutError::Full(_) => TryPutError::Full(()),
        TryPutError::Closed(_) => TryPutError::Closed(()),
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
    /// If the queue was not created by [`Queue::with_permits`], or if `count` exceeds the largest capacity that
    /// it ever had. If the capacity was lowered below `count`, the reservation waits until it is raised.
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
    #[track_caller]
    #[doc(alias("acquire", "reserve_many"))]
    pub fn reserve(&self, count: usize) -> Reserve<'_, T> {
        Reserve(Operation::new(ReserveAttempt::new(self, count)))
    }

    /// Reserves capacity for `count` items without waiting.
    ///
    /// # Errors
    /// [`TryPutError::Full`] if there is too little, or [`TryPutError::Closed`].
    ///
    /// # Panics
    /// As for [`reserve`](Queue::reserve).
    ///
    /// # Examples
    /// ```
    /// let queue = joinq::Queue::<u8>::with_permits(2);
    /// let permits = queue.try_reserve(2).unwrap();
    /// assert!(queue.try_reserve(1).unwrap_err().is_full());
    /// drop(permits);
    /// assert!(queue.try_reserve(1).is_ok());
    /// ```
    #[track_caller]
    #[doc(alias("try_acquire", "try_reserve_many"))]
    pub fn try_reserve(&self, count: usize) -> Result<Permits<'_, T>, TryPutError<()>> {
        self.assert_can_reserve(count);
        Held::try_take(self, count).map(Permits).map_err(without_handle)
    }

    /// The number of free slots, or of free permits; `None` if the queue is unbounded.
    ///
    /// # Examples
    /// ```
    /// let queue = joinq::Queue::bounded(3);
    /// queue.try_put(1).unwrap();
    /// assert_eq!(queue.remaining_capacity(), Some(2));
    /// ```
    #[doc(alias = "free_slots")]
    pub fn remaining_capacity(&self) -> Option<usize> {
        let capacity = self.capacity()?;
        Some(match self.bound() {
            Bound::Permits(permits) => permits.free() as usize,
            _ => capacity.saturating_sub(self.len()),
        })
    }

    /// # Panics
    /// If so many permits can never be free at the same time.
    #[track_caller]
    pub(crate) fn assert_can_reserve(&self, count: usize) {
        self.permits();
        // The largest capacity, as another thread may lower it now: the reservation waits until it is raised.
        let most = self.bookkeeping.capacity.most();
        assert!(
            count <= most,
            "{count} permits requested, but the capacity was only {most} at most: reserve no more than that, or raise \
             it by `set_capacity` first"
        );
    }
}
