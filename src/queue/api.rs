//! The public methods of a queue.
//!
//! Knows everything in this folder.

use super::bound::Item;
use super::get::{GetAttempt, Guarded, Many, One};
use super::get_state::GetState;
use super::put::PutAttempt;
use super::watch::WatchAttempt;
use super::*;
use crate::error::{PutError, TaskDoneError, TryGetError, TryPutError, TryRecvError};
use crate::operation::Operation;
use crate::raw::{drop_all, to_usize, PopError, PopFallback, PushError};
use crate::wait::HeldPanic;

impl<T> Queue<T> {
    crate::sync::const_fn! {
        /// Creates an unbounded queue.
        ///
        /// It allocates nothing before the first item, and can be a `static`.
        ///
        /// # Examples
        /// ```
        /// static LOG: joinq::Queue<String> = joinq::Queue::unbounded();
        /// LOG.try_put("hello".into()).unwrap();
        /// assert_eq!(LOG.try_get().unwrap(), "hello");
        /// ```
        #[doc(alias = "SimpleQueue")]
        pub const fn unbounded() -> Self {
            Queue::with_bound(BoundKind::Unbounded, 0)
        }
    }

    crate::sync::const_fn! {
        /// Creates a queue that holds at most `capacity` items.
        ///
        /// Memory is allocated as it is used, so a large capacity costs nothing in advance. The number of
        /// items in the queue never exceeds the capacity, not even while gets wait; except by
        /// [subtasks](Task::put_subtask). [`set_capacity`](Queue::set_capacity) changes the capacity while the
        /// queue is used.
        ///
        /// **Workers that put into the queue from which they get** can all wait for a free slot: while each
        /// of them waits in `put`, none takes an item. Such workers put by [`Task::put_subtask`], which never
        /// waits.
        ///
        /// A queue with capacity 0 is a *rendezvous*: each item is handed to a get. A [`put`](Queue::put)
        /// completes at once if a get waits; otherwise it completes when a get has taken its item. A
        /// [`try_put`](Queue::try_put) succeeds if and only if some waiting get has not yet been matched with
        /// an item. If that get is cancelled afterwards, the next get takes the item. [`len`](Queue::len) is
        /// 0 except by [subtasks](Task::put_subtask), and the item of a waiting put does not count as
        /// unfinished. Every operation takes a mutex.
        ///
        /// # Examples
        /// ```
        /// let queue = joinq::Queue::bounded(1);
        /// queue.try_put('a').unwrap();
        /// assert!(queue.try_put('b').unwrap_err().is_full());
        /// ```
        #[doc(alias("maxsize", "sync_channel"))]
        pub const fn bounded(capacity: usize) -> Self {
            let kind = if capacity == 0 { BoundKind::Rendezvous } else { BoundKind::Limit };
            Queue::with_bound(kind, capacity)
        }
    }

    crate::sync::const_fn! {
        /// Creates a queue that holds at most `capacity` items and whose capacity can be reserved in advance:
        /// see [`reserve`](Queue::reserve).
        ///
        /// Each item costs a little more than in a queue created by [`bounded`](Queue::bounded). A capacity
        /// above 2^30 - 1 is lowered to that.
        ///
        /// A get releases the permit of its item just after it has taken the item, and the holder of a permit
        /// uses it up just after the item is in the queue. So while a get is under way on another thread, a put
        /// or a reservation may find the queue *full* though the item is gone already; and while a put by a
        /// permit or a reservation is under way, a get may find a closed queue *empty* and not yet *closed*.
        ///
        /// # Panics
        /// If `capacity` is 0.
        ///
        /// # Examples
        /// ```
        /// let queue = joinq::Queue::with_permits(2);
        /// let mut permits = queue.try_reserve(2).unwrap(); // all the capacity
        /// assert!(queue.try_put('a').unwrap_err().is_full());
        /// permits.put('b');
        /// assert_eq!(queue.try_get(), Ok('b'));
        /// ```
        #[doc(alias = "semaphore")]
        #[track_caller]
        pub const fn with_permits(capacity: usize) -> Self {
            assert!(capacity > 0, "the capacity must be greater than zero; use `Queue::bounded(0)` for a rendezvous");
            let capacity = if capacity > permit_pool::MOST { permit_pool::MOST } else { capacity };
            Queue::with_bound(BoundKind::Permits, capacity)
        }
    }

    /// How many items are in the core, those for a get that waits included.
    #[cfg(feature = "compat")]
    pub(crate) fn stored(&self) -> usize {
        to_usize(self.stored_items())
    }

    /// Puts an item into the queue; waits while the queue is full.
    ///
    /// The operation does nothing until it is polled or waited for.
    ///
    /// # Errors
    /// [`PutError`] with the item if the queue is closed.
    ///
    /// # Cancel safety
    /// A pending `Put` waits in FIFO order together with its item. The get that frees a slot enqueues the
    /// item, even if the future is not polled again. If the future is dropped before that, the item is
    /// dropped with it; afterwards the item stays in the queue. [`Put::take`] tells which of the two holds
    /// and returns the item, as is useful after a lost `select!`.
    ///
    /// # Examples
    /// ```
    /// # fn main() { futures_lite::future::block_on(async {
    /// let queue = joinq::Queue::bounded(10);
    /// queue.put(1).await.unwrap(); // in a task
    /// queue.put(2).wait().unwrap(); // on a thread
    /// assert_eq!(queue.len(), 2);
    /// # }) }
    /// ```
    #[inline]
    #[doc(alias("push", "enqueue", "blocking_send", "put_timeout"))]
    pub fn put(&self, item: T) -> Put<'_, T> {
        Put(Operation::new(PutAttempt::new(self, Some(item))))
    }

    /// Takes the oldest item; waits while the queue is empty.
    ///
    /// # Errors
    /// [`GetError`](crate::GetError) if the queue is closed and empty.
    ///
    /// # Cancel safety
    /// A pending `Get` can be dropped at any time: it has taken no item, and a notification that it did not
    /// use is forwarded to the next waiting get.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// let queue = joinq::Queue::unbounded();
    /// queue.put("job").wait().unwrap();
    /// assert_eq!(queue.get().wait(), Ok("job"));
    /// assert!(queue.get().wait_timeout(Duration::from_millis(1)).unwrap_err().is_timeout());
    /// ```
    #[inline]
    #[doc(alias("pop", "dequeue", "blocking_recv", "get_timeout"))]
    pub fn get(&self) -> Get<'_, T> {
        Get(Operation::new(GetAttempt::new(self, One)))
    }

    /// Puts an item into the queue without waiting.
    ///
    /// # Errors
    /// [`TryPutError::Full`] or [`TryPutError::Closed`], with the item. The queue is also *full* if its last
    /// free slots are claimed by puts on other threads that have begun and not returned yet;
    /// [with permits](Queue::with_permits) also while a get on another thread has not returned.
    ///
    /// # Examples
    /// ```
    /// let queue = joinq::Queue::bounded(1);
    /// assert_eq!(queue.try_put('a'), Ok(()));
    /// assert_eq!(queue.try_put('b'), Err(joinq::TryPutError::Full('b')));
    /// queue.close();
    /// assert_eq!(queue.try_put('c'), Err(joinq::TryPutError::Closed('c')));
    /// ```
    #[inline]
    #[doc(alias("put_nowait", "try_push"))]
    pub fn try_put(&self, item: T) -> Result<(), TryPutError<T>> {
        Ok(self.push_from(Item(item))?)
    }

    /// Takes the oldest item without waiting.
    ///
    /// # Errors
    /// [`TryGetError::Empty`], or [`TryGetError::Closed`] if the queue is empty and will stay so.
    ///
    /// # Examples
    /// ```
    /// let queue = joinq::Queue::unbounded();
    /// assert!(queue.try_get().unwrap_err().is_empty());
    /// queue.try_put(5).unwrap();
    /// queue.close();
    /// assert_eq!(queue.try_get(), Ok(5));
    /// assert!(queue.try_get().unwrap_err().is_closed());
    /// ```
    #[inline]
    #[doc(alias("get_nowait", "try_pop"))]
    pub fn try_get(&self) -> Result<T, TryGetError> {
        self.try_get_or()
    }

    /// [`try_get`](Queue::try_get), for any error type.
    #[inline]
    pub(crate) fn try_get_or<E: From<PopError>>(&self) -> Result<T, E> {
        match self.try_claim_pop() {
            Ok(ticket) => self.take_and_serve_putters(ticket, Ok),
            Err(fallback) => self.try_get_slow(fallback),
        }
    }

    #[cold]
    pub(super) fn try_get_slow<E: From<PopError>>(&self, fallback: PopFallback<'_, T>) -> Result<T, E> {
        if !self.core_decides() {
            return Ok(self.pop_slow(fallback, &mut GetState::default())?);
        }
        match self.try_claim_pop_and_look(fallback) {
            Ok(ticket) => self.take_and_serve_putters(ticket, Ok),
            Err(fallback) => Ok(self.pop_core(fallback)?),
        }
    }

    /// Puts all items into the queue, in their order; waits while the queue is full.
    ///
    /// The items are collected first. Then as many of them as there are free slots are enqueued at a time.
    /// Each such run costs one claim and one notification; items of other producers may be enqueued between
    /// two runs.
    ///
    /// # Errors
    /// [`PutError`] with the items that were not enqueued if the queue is closed.
    ///
    /// # Cancel safety
    /// Dropping the operation drops the items that are not in the queue; [`PutMany::take`] returns them.
    ///
    /// # Examples
    /// ```
    /// let queue = joinq::Queue::unbounded();
    /// queue.put_many(0..100).wait().unwrap();
    /// assert_eq!(queue.len(), 100);
    /// ```
    #[doc(alias("extend", "put_all"))]
    pub fn put_many(&self, items: impl IntoIterator<Item = T>) -> PutMany<'_, T> {
        PutMany(Operation::new(PutAttempt::new(self, items.into_iter().collect())))
    }

    /// Takes up to `limit` items and appends them to `items`; waits while the queue is empty.
    ///
    /// Returns the number of appended items: 0 only if `limit` is 0. It waits for the first item only.
    ///
    /// # Errors
    /// [`GetError`](crate::GetError) if the queue is closed and empty.
    ///
    /// # Cancel safety
    /// As for [`get`](Queue::get).
    ///
    /// # Examples
    /// ```
    /// let queue = joinq::Queue::unbounded();
    /// queue.put_many("abc".chars()).wait().unwrap();
    /// let mut batch = Vec::new();
    /// assert_eq!(queue.get_many(&mut batch, 2).wait(), Ok(2));
    /// assert_eq!(batch, ['a', 'b']);
    /// ```
    #[doc(alias("batch", "chunks"))]
    pub fn get_many<'a>(&'a self, items: &'a mut Vec<T>, limit: usize) -> GetMany<'a, T> {
        GetMany(Operation::new(GetAttempt::new(self, Many { items, limit })))
    }

    /// Puts as many of the items into the queue as there are free slots, without waiting.
    ///
    /// # Errors
    /// [`TryPutError`] with the items that were not enqueued.
    ///
    /// # Examples
    /// ```
    /// let queue = joinq::Queue::bounded(2);
    /// let error = queue.try_put_many([1, 2, 3]).unwrap_err();
    /// assert_eq!(error.into_inner(), [3]); // there was no slot for it
    /// assert_eq!(queue.len(), 2);
    /// ```
    pub fn try_put_many(&self, items: impl IntoIterator<Item = T>) -> Result<(), TryPutError<Vec<T>>> {
        let mut items: VecDeque<T> = items.into_iter().collect();
        self.push_many(&mut items).map_err(|error| match error {
            PushError::Full(()) => TryPutError::Full(items.into()),
            PushError::Closed(()) => TryPutError::Closed(items.into()),
        })
    }

    /// Takes up to `limit` items without waiting, appends them to `items`, and returns their number.
    ///
    /// # Errors
    /// As for [`try_get`](Queue::try_get), if the queue is empty.
    ///
    /// # Examples
    /// ```
    /// let queue = joinq::Queue::unbounded();
    /// let mut batch = Vec::new();
    /// assert!(queue.try_get_many(&mut batch, 10).unwrap_err().is_empty());
    /// queue.try_put_many([1, 2, 3]).unwrap();
    /// assert_eq!(queue.try_get_many(&mut batch, 10), Ok(3));
    /// assert_eq!(batch, [1, 2, 3]);
    /// ```
    pub fn try_get_many(&self, items: &mut Vec<T>, limit: usize) -> Result<usize, TryGetError> {
        Ok(self.pop_many(items, limit, &mut GetState::default())?)
    }

    /// Takes the oldest item in a guard that marks it done when the guard is dropped, also during a panic;
    /// waits while the queue is empty.
    ///
    /// This is [`get`](Queue::get) and [`task_done`](Queue::task_done) in one, so that `task_done` cannot be
    /// forgotten.
    ///
    /// # Errors
    /// [`GetError`](crate::GetError) if the queue is closed and empty.
    ///
    /// # Cancel safety
    /// As for [`get`](Queue::get).
    ///
    /// # Examples
    /// ```
    /// let queue = joinq::Queue::unbounded();
    /// queue.put(String::from("job")).wait().unwrap();
    /// let task = queue.get_task().wait().unwrap();
    /// assert_eq!((task.len(), queue.unfinished()), (3, 1));
    /// drop(task);
    /// assert_eq!(queue.unfinished(), 0);
    /// ```
    #[doc(alias = "JoinableQueue")]
    pub fn get_task(&self) -> GetTask<'_, T> {
        GetTask(Operation::new(GetAttempt::new(self, Guarded(self))))
    }

    /// Takes the oldest item in a guard, as [`get_task`](Queue::get_task), without waiting.
    ///
    /// # Errors
    /// As for [`try_get`](Queue::try_get).
    ///
    /// # Examples
    /// ```
    /// let queue = joinq::Queue::unbounded();
    /// queue.put_many([1, 2]).wait().unwrap();
    /// let mut sum = 0;
    /// while let Ok(task) = queue.try_get_task() {
    ///     sum += *task;
    /// } // here the guard counts its item as done
    /// assert_eq!((sum, queue.unfinished()), (3, 0));
    /// ```
    pub fn try_get_task(&self) -> Result<Task<'_, T>, TryGetError> {
        self.try_get().map(|item| Task::new(self, item))
    }

    /// Puts an item into the queue without waiting; if the queue is full, it displaces the oldest item, which
    /// is returned and counts as done.
    ///
    /// The given item itself is returned if there is no other to displace: with capacity 0 if no get waits,
    /// or if all the capacity is reserved by [`Permits`]. If the queue is full this takes a mutex, so that
    /// each call displaces at most one item and the capacity is never exceeded.
    ///
    /// # Errors
    /// [`PutError`] with the item if the queue is closed.
    ///
    /// # Examples
    /// ```
    /// let queue = joinq::Queue::bounded(2);
    /// assert_eq!(queue.force_put(1), Ok(None));
    /// assert_eq!(queue.force_put(2), Ok(None));
    /// assert_eq!(queue.force_put(3), Ok(Some(1)));
    /// ```
    #[doc(alias("overflow", "displace", "force_push", "put_overwrite", "force_send"))]
    pub fn force_put(&self, item: T) -> Result<Option<T>, PutError<T>> {
        let item = match self.try_put(item) {
            Ok(()) => return Ok(None),
            Err(TryPutError::Closed(item)) => return Err(PutError(item)),
            Err(TryPutError::Full(item)) => item,
        };
        match self.displace(item) {
            Ok(oldest) => Ok(oldest),
            Err(PushError::Full(item)) => Ok(Some(item)),
            Err(PushError::Closed(item)) => Err(PutError(item)),
        }
    }

    /// Removes the items that are in the queue at the time of the call; they count as done.
    ///
    /// It removes at most [`len`](Queue::len) items, so with capacity 0 it takes no item from a waiting put.
    ///
    /// # Examples
    /// ```
    /// let queue = joinq::Queue::unbounded();
    /// queue.put_many([1, 2, 3]).wait().unwrap();
    /// assert_eq!(queue.drain().len(), 3);
    /// assert!(queue.is_empty());
    /// ```
    #[doc(alias = "clear")]
    pub fn drain(&self) -> Drain<T> {
        let mut removed = Removed::new(self);
        // Only what is in the queue now: other threads may still put.
        let _ = self.try_get_many(&mut removed.items, self.len());
        Drain::new(removed.count())
    }

    /// Marks one taken item as processed. Call it once for each item, when the work on it is finished.
    ///
    /// Everything this thread did before the call happens-before the return of [`join`](Queue::join).
    ///
    /// # Errors
    /// [`TaskDoneError`] if it was called more often than items were put; then nothing is counted. (While
    /// other threads put, an item counts from the beginning of its put.)
    ///
    /// # Examples
    /// ```
    /// let queue = joinq::Queue::unbounded();
    /// queue.put("job").wait().unwrap();
    /// let job = queue.get().wait().unwrap();
    /// assert_eq!(job.len(), 3); // the work
    /// queue.task_done().unwrap();
    /// queue.join().wait();
    /// assert!(queue.task_done().is_err()); // there was only one item
    /// ```
    #[doc(alias("done", "ack"))]
    pub fn task_done(&self) -> Result<(), TaskDoneError> {
        self.tasks_done(1)
    }

    /// Marks `count` items as processed, as [`task_done`](Queue::task_done) does one; if that is too many,
    /// marks none.
    ///
    /// # Errors
    /// [`TaskDoneError`] if fewer than `count` items are unfinished.
    ///
    /// # Examples
    /// ```
    /// let queue = joinq::Queue::unbounded();
    /// queue.put_many([1, 2, 3]).wait().unwrap();
    /// assert!(queue.tasks_done(4).is_err());
    /// assert!(queue.tasks_done(3).is_ok());
    /// ```
    pub fn tasks_done(&self, count: usize) -> Result<(), TaskDoneError> {
        self.notify_if_all_done(self.bookkeeping.unfinished.finish(count as u64, self)?);
        Ok(())
    }

    /// Waits until every item that was put has been taken and processed.
    ///
    /// More precisely: until the number of [`unfinished`](Queue::unfinished) items was 0 once since the wait
    /// began. Items that are put after that do not prolong the wait, even if the future is polled only later.
    /// (A put that begins before the last `task_done` has returned may count as one that came before it.)
    /// `join` does not wait for the queue to be closed, and completes at once if no item was ever put.
    /// Everything that was done before each `task_done` happens-before the return of `join`.
    ///
    /// **If workers end early**, as by a panic, the items that they took count as done when their guards
    /// ([`get_task`](Queue::get_task)) are dropped, but the items in the queue stay unfinished. If no worker is
    /// left, `join` waits for ever. A guard of [`shutdown_on_panic`](Queue::shutdown_on_panic) in the workers
    /// removes these items and ends the join. `wait_timeout` and [`until`](crate::queue::Join::until) limit the
    /// wait.
    ///
    /// # Cancel safety
    /// It can be dropped at any time.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// let queue = joinq::Queue::unbounded();
    /// queue.put("job").wait().unwrap();
    /// let task = queue.get_task().wait().unwrap();
    /// assert!(queue.join().wait_timeout(Duration::from_millis(1)).is_err()); // the job is not done
    /// drop(task);
    /// queue.join().wait();
    /// ```
    #[doc(alias("JoinableQueue", "wait_idle"))]
    pub fn join(&self) -> Join<'_, T> {
        Join(Operation::new(WatchAttempt::new(self)))
    }

    /// The number of items that were put and are not processed: those in the queue, and those that were taken
    /// but not yet marked by [`task_done`](Queue::task_done).
    ///
    /// # Examples
    /// ```
    /// let queue = joinq::Queue::unbounded();
    /// queue.put_many([1, 2]).wait().unwrap();
    /// queue.get().wait().unwrap();
    /// assert_eq!((queue.len(), queue.unfinished()), (1, 2)); // one is taken and not done
    /// queue.task_done().unwrap();
    /// assert_eq!(queue.unfinished(), 1);
    /// ```
    #[doc(alias = "unfinished_tasks")]
    pub fn unfinished(&self) -> usize {
        to_usize(self.bookkeeping.unfinished.count(self))
    }

    /// Closes the queue. Returns true for the one call that closed it.
    ///
    /// Further puts fail, and waiting puts fail with an error that contains their item. Items already in the
    /// queue can still be taken; after the last one, gets fail with *closed*.
    ///
    /// # Examples
    /// ```
    /// let queue = joinq::Queue::unbounded();
    /// queue.put(1).wait().unwrap();
    /// assert!(queue.close());
    /// assert_eq!(queue.put(2).wait().unwrap_err().into_inner(), 2);
    /// assert_eq!(queue.iter().collect::<Vec<_>>(), [1]);
    /// ```
    #[doc(alias("shutdown", "disconnect"))]
    pub fn close(&self) -> bool {
        // Also if a waker panics.
        struct Tell<'a, T>(&'a Queue<T>);
        impl<T> Drop for Tell<'_, T> {
            fn drop(&mut self) {
                self.0.notify_watchers_of_close();
            }
        }
        let _tell = Tell(self);
        self.close_core()
    }

    /// Closes the queue and removes and returns the items in it.
    ///
    /// These no longer count as unfinished, so [`join`](Queue::join) waits only for items that were taken
    /// before. (This is the rule of Python's `Queue.shutdown(immediate=True)`.)
    ///
    /// # Examples
    /// ```
    /// let queue = joinq::Queue::unbounded();
    /// queue.put_many([1, 2, 3]).wait().unwrap();
    /// assert_eq!(queue.get().wait(), Ok(1));
    /// assert_eq!(queue.shutdown_now(), [2, 3]);
    /// assert_eq!(queue.unfinished(), 1);
    /// ```
    #[doc(alias = "shutdown")]
    pub fn shutdown_now(&self) -> Vec<T> {
        // A waker that panics does not keep the items in the queue.
        let mut held = HeldPanic::default();
        let mut removed = Removed::new(self);
        held.run(|| _ = self.close());
        held.run(|| while self.try_get_many(&mut removed.items, usize::MAX).is_ok() {});
        // Before the items become the return value, which would be leaked.
        drop(held);
        removed.count()
    }

    /// Drops the items that are left in a closed queue, and goes on when the drop of one panics. The item of
    /// a waiting put is left to that put, which hands it back; a message that the holder of a permit sends later
    /// is dropped by [`Held::send`](super::Held::send).
    pub(crate) fn discard(&self) {
        drop_all(|| self.try_get().ok());
    }

    /// Drops the items that are left; those behind an item whose drop panics are forgotten.
    #[cfg(feature = "compat")]
    pub(crate) fn discard_until_panic(&self) {
        struct Forget<'a, T>(&'a Queue<T>);
        impl<T> Drop for Forget<'_, T> {
            fn drop(&mut self) {
                while let Ok(item) = self.0.try_get() {
                    std::mem::forget(item);
                }
            }
        }
        let _forget = Forget(self);
        while let Ok(item) = self.try_get() {
            drop(item);
        }
    }

    /// Whether the queue is closed. It may still contain items.
    ///
    /// # Examples
    /// ```
    /// let queue = joinq::Queue::unbounded();
    /// queue.put(1).wait().unwrap();
    /// queue.close();
    /// assert!(queue.is_closed() && !queue.is_empty());
    /// ```
    #[doc(alias("is_shutdown", "is_disconnected"))]
    pub fn is_closed(&self) -> bool {
        self.raw.is_closed()
    }

    /// Whether the queue is closed and nothing will ever come out of it any more.
    #[cfg(feature = "compat")]
    pub(crate) fn is_finished(&self) -> bool {
        // In this order: once it is closed and no permit is held nothing is put any more.
        let is_final = self.is_closed() && !matches!(self.bound(), Bound::Permits(permits) if permits.is_held());
        is_final && self.stored() == 0
    }

    /// Waits until the queue is closed.
    ///
    /// # Cancel safety
    /// It can be dropped at any time.
    ///
    /// # Examples
    /// ```
    /// let queue = joinq::Queue::<u32>::unbounded();
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| queue.close());
    ///     queue.closed().wait();
    /// });
    /// assert!(queue.is_closed());
    /// ```
    #[doc(alias("disconnected", "cancelled"))]
    pub fn closed(&self) -> Closed<'_, T> {
        Closed(Operation::new(WatchAttempt::new(self)))
    }

    /// The number of items in the queue, including those whose put has begun and not returned yet; never more
    /// than the capacity, except by [subtasks](Task::put_subtask) or after the capacity was
    /// [lowered](Queue::set_capacity).
    ///
    /// # Examples
    /// ```
    /// let queue = joinq::Queue::unbounded();
    /// queue.put_many(["a", "b"]).wait().unwrap();
    /// assert_eq!(queue.len(), 2);
    /// queue.get().wait().unwrap();
    /// assert_eq!(queue.len(), 1); // although both are unfinished
    /// ```
    #[doc(alias = "qsize")]
    pub fn len(&self) -> usize {
        let stored = to_usize(self.stored_items());
        // A `force_put` has enqueued its item and not yet displaced another.
        if self.is_bounded() && !self.hot.subtasks.were_put() {
            stored.min(self.bookkeeping.capacity.most())
        } else {
            stored
        }
    }

    /// Whether the queue contains no items.
    ///
    /// # Examples
    /// ```
    /// let queue = joinq::Queue::unbounded();
    /// assert!(queue.is_empty());
    /// queue.put(1).wait().unwrap();
    /// assert!(!queue.is_empty());
    /// ```
    #[doc(alias = "empty")]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there is no free slot. Always false for an unbounded queue, always true with capacity 0.
    ///
    /// # Examples
    /// ```
    /// let queue = joinq::Queue::bounded(1);
    /// assert!(!queue.is_full());
    /// queue.put(1).wait().unwrap();
    /// assert!(queue.is_full());
    /// ```
    #[doc(alias = "full")]
    pub fn is_full(&self) -> bool {
        match self.bound() {
            Bound::Permits(permits) => permits.free() == 0,
            _ => self.capacity().is_some_and(|capacity| self.len() >= capacity),
        }
    }

    /// The capacity; `None` if the queue is unbounded. [`set_capacity`](Queue::set_capacity) changes it.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(joinq::Queue::<u32>::bounded(10).capacity(), Some(10));
    /// assert_eq!(joinq::Queue::<u32>::unbounded().capacity(), None);
    /// ```
    #[doc(alias("maxsize", "max_capacity"))]
    pub fn capacity(&self) -> Option<usize> {
        self.is_bounded().then(|| self.bookkeeping.capacity.get())
    }

    /// A blocking iterator over the items as they arrive, which ends when the queue is closed and empty.
    ///
    /// # Examples
    /// ```
    /// let queue = joinq::Queue::unbounded();
    /// std::thread::scope(|scope| {
    ///     let sum = scope.spawn(|| queue.iter().sum::<u32>());
    ///     queue.put_many([1, 2, 3]).wait().unwrap();
    ///     queue.close(); // ends the iterator
    ///     assert_eq!(sum.join().unwrap(), 6);
    /// });
    /// ```
    pub fn iter(&self) -> Iter<'_, T> {
        Iter::new(self)
    }

    /// An iterator that takes items without waiting, and ends when it finds the queue empty.
    ///
    /// # Examples
    /// ```
    /// let queue = joinq::Queue::unbounded();
    /// queue.put_many([1, 2, 3]).wait().unwrap();
    /// assert_eq!(queue.try_iter().take(2).collect::<Vec<_>>(), [1, 2]);
    /// assert_eq!(queue.try_iter().collect::<Vec<_>>(), [3]); // the queue is still open
    /// ```
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter::new(self)
    }

    /// A stream of the items, which ends when the queue is closed and empty.
    ///
    /// Requires the feature `stream`.
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use futures_lite::StreamExt;
    ///
    /// let queue = joinq::Queue::unbounded();
    /// queue.put_many([1, 2, 3]).await.unwrap();
    /// queue.close();
    /// assert_eq!(queue.stream().map(|number| number * 10).collect::<Vec<_>>().await, [10, 20, 30]);
    /// # });
    /// ```
    #[cfg(feature = "stream")]
    pub fn stream(&self) -> GetStream<'_, T> {
        GetStream::new(self)
    }

    /// A sink that puts items into the queue.
    ///
    /// Requires the feature `sink`.
    ///
    /// # Examples
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use futures_sink::Sink;
    /// use std::{future::poll_fn, pin::Pin};
    ///
    /// let queue = joinq::Queue::bounded(10);
    /// let mut sink = queue.sink(); // the crate `futures` has `sink.send(1).await` for the next three lines
    /// poll_fn(|context| Pin::new(&mut sink).poll_ready(context)).await.unwrap();
    /// Pin::new(&mut sink).start_send(1).unwrap();
    /// poll_fn(|context| Pin::new(&mut sink).poll_flush(context)).await.unwrap();
    /// assert_eq!(queue.try_get(), Ok(1));
    /// # });
    /// ```
    #[cfg(feature = "sink")]
    pub fn sink(&self) -> PutSink<'_, T> {
        PutSink::new(self)
    }
}

/// Items removed by another operation than a get. They count as done, also if that operation unwinds.
struct Removed<'a, T> {
    queue: &'a Queue<T>,
    items: Vec<T>,
}

impl<'a, T> Removed<'a, T> {
    fn new(queue: &'a Queue<T>) -> Self {
        Removed { queue, items: Vec::new() }
    }

    fn count(mut self) -> Vec<T> {
        let items = std::mem::take(&mut self.items);
        self.queue.count_removed(items.len());
        items
    }
}

impl<T> Drop for Removed<'_, T> {
    fn drop(&mut self) {
        if !self.items.is_empty() {
            self.queue.count_removed(self.items.len());
        }
    }
}

impl<T> From<PushError<T>> for TryPutError<T> {
    #[inline]
    fn from(error: PushError<T>) -> Self {
        match error {
            PushError::Full(item) => TryPutError::Full(item),
            PushError::Closed(item) => TryPutError::Closed(item),
        }
    }
}

impl From<PopError> for TryGetError {
    fn from(error: PopError) -> Self {
        match error {
            PopError::Empty => TryGetError::Empty,
            PopError::Closed => TryGetError::Closed,
        }
    }
}

impl From<PopError> for TryRecvError {
    fn from(error: PopError) -> Self {
        TryGetError::from(error).into()
    }
}
