//! The queue: the core, those who wait, and the count of unfinished items, composed.
//!
//! Knows all three layers. Does not know handles or other crates' names.

mod admission;
mod consumer;
mod deferred;
mod get;
mod handle_count;
mod iter;
mod late;
mod observers;
mod owned;
mod permit_pool;
mod put;
mod reserve;
#[cfg(feature = "sink")]
mod sink;
#[cfg(feature = "stream")]
mod stream;
mod task;
mod wait_lists;
mod waiter_counts;
mod waiters;
mod watch;
mod watermark;

pub use get::{Get, GetMany, GetTask};
pub use iter::{Drain, Iter, TryIter};
pub use owned::{GetOwned, PutOwned};
pub use put::{Put, PutMany};
pub use reserve::{Permits, Reserve};
#[cfg(feature = "sink")]
pub use sink::PutSink;
#[cfg(feature = "stream")]
pub use stream::GetStream;
pub use task::{Done, Task};
pub use watch::{Closed, Join};

pub(crate) use consumer::{Consumer, ConsumerAttempt, TakeSingle};
pub(crate) use get::{GetAttempt, Many, One};
pub(crate) use handle_count::Count;
pub(crate) use put::PutAttempt;
#[cfg(feature = "tokio")]
pub(crate) use reserve::{Held, ReserveAttempt};
#[cfg(feature = "sink")]
pub(crate) use sink::Puts;
#[cfg(feature = "stream")]
pub(crate) use stream::Gets;
use watch::WatchAttempt;

use crate::error::{PutError, TaskDoneError, TryGetError, TryPutError, TryRecvError};
use crate::join::{Claims, LastZero, Unfinished};
use crate::operation::{Operation, SkipCounter, SpinPolicy};
use crate::raw::{to_usize, PopError, PopFallback, PushError, RawQueue, UNBOUNDED};
use crate::sync::Padded;
use crate::wait::WaitSet;
use consumer::ConsumerWaker;
use late::Late;
use permit_pool::PermitPool;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use waiter_counts::WaiterCounts;
use waiters::{GetState, Waiters};

/// A first-in first-out queue for any number of threads and tasks at both ends, which can be joined.
///
/// It is shared by reference or in an [`Arc`](std::sync::Arc); all methods take `&self`. The words are those of
/// Python's `queue.Queue`: [`put`](Queue::put), [`get`](Queue::get), [`task_done`](Queue::task_done),
/// [`join`](Queue::join). Whatever may have to wait returns an *operation*: `.await` it in a task, or call its `wait`,
/// `wait_timeout` or `wait_deadline` on a thread. Threads and tasks may use one queue at the same time.
///
/// # Order
/// Items come out in the order in which they went in; the queue is linearizable. What was put before a `put` began
/// comes out before it. Waiting puts complete in FIFO order; a new put may overtake them if it finds a free slot first. Waiting
/// gets are notified in FIFO order, one for each item. The queue is linearizable by itself; nothing is promised across two
/// queues beyond the orderings of acquire and release.
///
/// # Progress
/// [`try_put`](Queue::try_put), [`try_get`](Queue::try_get) and the queries are lock-free as long as nobody is waiting,
/// the allocator apart: a thread suspended at any instruction keeps no other from completing them, and what is put
/// afterwards does not hide behind its unfinished item. While somebody waits, to line up, to be called and to be served
/// takes a lock. With capacity 0 each operation does.
///
/// Before it waits, an operation may look a few times whether another thread is about to do what it waits for: a thread for
/// some microseconds, after which it yields and then parks, and a task for some ten microseconds at most, in one poll, where
/// that has paid before and there is room for 16 items.
///
/// # Wakers
/// A waker is cloned, woken and dropped while no lock is held, so that it may use the queue. If one panics, all others are
/// woken all the same, and the operation that woke it panics when it is done; an item that it was about to return is
/// dropped.
///
/// # Examples
/// ```
/// use joinq::Queue;
///
/// let queue = Queue::unbounded();
/// std::thread::scope(|scope| {
///     for _ in 0..2 {
///         scope.spawn(|| {
///             // Each worker counts an item as done when its guard is dropped.
///             while let Ok(task) = queue.get_task().wait() {
///                 if *task > 0 {
///                     queue.put(*task - 1).wait().unwrap();
///                 }
///             }
///         });
///     }
///     queue.put(10).wait().unwrap();
///     queue.join().wait(); // also waits for what the workers put themselves
///     queue.close();
/// });
/// ```
#[repr(C)]
pub struct Queue<T> {
    raw: RawQueue<T>,
    hot: Padded<ReadMostly>,
    book: Padded<Bookkeeping<T>>,
}

/// What every operation reads and few write. It stands between the head and what is written aside: see [`Padded`].
struct ReadMostly {
    waiter_counts: WaiterCounts,
    consumer_waker: ConsumerWaker,
    joiners: WaitSet,
    last_zero: LastZero,
    closing: WaitSet,
    late: Late,
    spin_history: SkipCounter,
    /// The capacity as the core counts; 0 if something else decides what goes in: gets that wait, or, if the capacity is not 0,
    /// credit.
    limit: u64,
    /// As it was asked for; no matter if there is no limit.
    capacity: usize,
    /// Whether a get that waits makes a put of one item possible beyond the capacity.
    hands_over: bool,
}

/// What only some operations touch, and write then.
struct Bookkeeping<T> {
    unfinished: Unfinished,
    /// In place of the limit: room that can be kept ahead. Nobody looks at it where there are no permits.
    permits: PermitPool,
    desk: Waiters<T>,
    /// For whoever shares the queue out: how many there are at each end. They stand here because there is room.
    counts: [Count; 2],
}

impl<T> Claims for Queue<T> {
    fn claims(&self) -> u64 {
        self.raw.claims() + self.hot.late.put()
    }

    fn holes(&self) -> u64 {
        self.raw.holes()
    }
}

impl<T> Queue<T> {
    crate::sync::const_fn! {
        /// A queue that always has room.
        ///
        /// It allocates nothing until the first item, and can stand in a `static`.
        ///
        /// # Examples
        /// ```
        /// static LOG: joinq::Queue<String> = joinq::Queue::unbounded();
        /// LOG.try_put("hello".into()).unwrap();
        /// assert_eq!(LOG.try_get().unwrap(), "hello");
        /// ```
        pub const fn unbounded() -> Self {
            Queue::with_limit(0, UNBOUNDED, 0)
        }
    }

    crate::sync::const_fn! {
        /// A queue with room for `capacity` items. Memory is allocated as it is used, so that a large capacity is free.
        ///
        /// Never more items than that are in the queue, whether gets wait or not.
        ///
        /// With capacity 0 it is a *rendezvous*: an item goes in only for a get. A [`put`](Queue::put) is done at once if a
        /// get waits, and else when a get has taken its item; a [`try_put`](Queue::try_put) succeeds if and only if more
        /// gets wait than items were put in for them. If a get is cancelled after that, the item stays for the next one.
        /// `len` is always 0, and an item whose put waits does not count as unfinished. Each operation takes a lock.
        ///
        /// # Examples
        /// ```
        /// let queue = joinq::Queue::bounded(1);
        /// queue.try_put('a').unwrap();
        /// assert!(queue.try_put('b').unwrap_err().is_full());
        /// ```
        pub const fn bounded(capacity: usize) -> Self {
            let most = UNBOUNDED - 1;
            Queue::with_limit(capacity, if capacity as u64 > most { most } else { capacity as u64 }, 0)
        }
    }

    crate::sync::const_fn! {
        /// A queue with room for `capacity` items that can be kept ahead: see [`reserve`](Queue::reserve). Each item costs
        /// a little more than in one made by [`bounded`](Queue::bounded). At most 2^30 - 1 places are used.
        ///
        /// # Panics
        /// If `capacity` is 0.
        pub const fn with_permits(capacity: usize) -> Self {
            assert!(capacity > 0, "a queue with permits needs a capacity");
            let permits = if capacity > permit_pool::MOST { permit_pool::MOST } else { capacity };
            Queue::with_limit(capacity, 0, permits as u64)
        }
    }

    crate::sync::const_fn! {
        const fn with_limit(capacity: usize, limit: u64, permits: u64) -> Self {
            Queue {
                raw: RawQueue::new(),
                hot: Padded::new(ReadMostly {
                    waiter_counts: WaiterCounts::new(),
                    consumer_waker: ConsumerWaker::new(),
                    joiners: WaitSet::new(),
                    last_zero: LastZero::new(),
                    closing: WaitSet::new(),
                    late: Late::new(),
                    spin_history: SkipCounter::new(),
                    limit,
                    capacity,
                    hands_over: false,
                }),
                book: Padded::new(Bookkeeping {
                    unfinished: Unfinished::new(),
                    permits: PermitPool::new(permits),
                    desk: Waiters::new(),
                    counts: [Count::one(), Count::one()],
                }),
            }
        }
    }

    /// A queue in which a put of an item succeeds beyond the capacity if a get waits that was not notified yet, as in flume.
    #[cfg(feature = "compat")]
    pub(crate) fn with_handover(capacity: usize) -> Self {
        let mut queue = Queue::bounded(capacity);
        queue.hot.hands_over = true;
        queue
    }

    /// How many items are in the core, those for a get that waits included.
    #[cfg(feature = "compat")]
    pub(crate) fn stored(&self) -> usize {
        to_usize(self.raw.len() + self.hot.late.len())
    }

    /// Puts an item in; waits while the queue is full.
    ///
    /// Nothing happens until the operation is polled or waited for.
    ///
    /// # Errors
    /// [`PutError`](crate::PutError) with the item if the queue is closed.
    ///
    /// # Cancel safety
    /// A pending `Put` stands in line with its item, which a get that makes room moves in: first come, first served. If it is
    /// dropped before that its item is dropped with it; after that the item is in. To know, and to get it back, as after a
    /// lost `select!`, call [`Put::take`] before.
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
    pub fn put(&self, item: T) -> Put<'_, T> {
        Put(Operation::new(PutAttempt::new(self, Some(item))))
    }

    /// Takes the item at the head; waits while the queue is empty.
    ///
    /// # Errors
    /// [`GetError`](crate::GetError) if the queue is closed and nothing is left.
    ///
    /// # Cancel safety
    /// A pending `Get` can be dropped at any time: it has taken nothing, and a wake-up that was meant for it goes to
    /// another.
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
    pub fn get(&self) -> Get<'_, T> {
        Get(Operation::new(GetAttempt::new(self, One)))
    }

    /// Puts an item in, if there is room at this moment.
    ///
    /// # Errors
    /// [`TryPutError::Full`] or [`TryPutError::Closed`], with the item. In the presence of other threads *full* counts
    /// puts that have begun and not ended.
    #[inline]
    pub fn try_put(&self, item: T) -> Result<(), TryPutError<T>> {
        self.push(item).map_err(|error| match error {
            PushError::Full(item) => TryPutError::Full(item),
            PushError::Closed(item) => TryPutError::Closed(item),
        })
    }

    /// Takes the item at the head, if there is one at this moment.
    ///
    /// # Errors
    /// [`TryGetError::Empty`], or [`TryGetError::Closed`] if nothing will ever come.
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
    pub fn try_get(&self) -> Result<T, TryGetError> {
        self.try_get_or()
    }

    /// The same, whatever the error is called.
    #[inline]
    pub(crate) fn try_get_or<E: From<PopError>>(&self) -> Result<T, E> {
        match self.try_claim_pop() {
            Ok(ticket) => {
                let got = ticket.take(Ok);
                self.notify_putters();
                got
            }
            Err(fallback) => self.try_get_slow(fallback),
        }
    }

    #[cold]
    fn try_get_slow<E: From<PopError>>(&self, fallback: PopFallback<'_, T>) -> Result<T, E> {
        Ok(self.pop_slow(fallback, &mut GetState::default())?)
    }

    /// Puts all items in, in their order and as many at a time as there is room for; waits while the queue is full.
    ///
    /// The items are collected first. Each run of items that finds room costs one claim and one notification; items of
    /// others may come in between two runs.
    ///
    /// # Errors
    /// [`PutError`](crate::PutError) with the items that were not put if the queue is closed.
    ///
    /// # Cancel safety
    /// Dropping it drops what was not put; [`PutMany::take`] gives it back.
    ///
    /// # Examples
    /// ```
    /// let queue = joinq::Queue::unbounded();
    /// queue.put_many(0..100).wait().unwrap();
    /// assert_eq!(queue.len(), 100);
    /// ```
    pub fn put_many(&self, items: impl IntoIterator<Item = T>) -> PutMany<'_, T> {
        PutMany(Operation::new(PutAttempt::new(self, items.into_iter().collect())))
    }

    /// Appends between 1 and `limit` items to `items`, as many as are there; waits while the queue is empty.
    ///
    /// Returns how many were appended: 0 only if `limit` is 0.
    ///
    /// # Errors
    /// [`GetError`](crate::GetError) if the queue is closed and nothing is left.
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
    pub fn get_many<'a>(&'a self, items: &'a mut Vec<T>, limit: usize) -> GetMany<'a, T> {
        GetMany(Operation::new(GetAttempt::new(self, Many { items, limit })))
    }

    /// Puts as many of the items in as there is room for at this moment.
    ///
    /// # Errors
    /// [`TryPutError`] with the items that were not put.
    pub fn try_put_many(&self, items: impl IntoIterator<Item = T>) -> Result<(), TryPutError<Vec<T>>> {
        let mut items: VecDeque<T> = items.into_iter().collect();
        match self.push_many(&mut items) {
            Ok(()) => Ok(()),
            Err(PushError::Full(())) => Err(TryPutError::Full(items.into())),
            Err(PushError::Closed(())) => Err(TryPutError::Closed(items.into())),
        }
    }

    /// Appends at most `limit` items to `items`, as many as are there at this moment, and returns how many.
    ///
    /// # Errors
    /// As [`try_get`](Queue::try_get), if there is none.
    pub fn try_get_many(&self, items: &mut Vec<T>, limit: usize) -> Result<usize, TryGetError> {
        Ok(self.pop_many(items, limit, &mut GetState::default())?)
    }

    /// Takes the item at the head in a guard that counts it as done when dropped, also during a panic; waits while the
    /// queue is empty. This is [`get`](Queue::get) and [`task_done`](Queue::task_done) in a form that cannot be forgotten.
    ///
    /// # Errors
    /// [`GetError`](crate::GetError) if the queue is closed and nothing is left.
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
    pub fn get_task(&self) -> GetTask<'_, T> {
        GetTask(Operation::new(GetAttempt::new(self, get::Guarded(self))))
    }

    /// [`get_task`](Queue::get_task), if there is an item at this moment.
    ///
    /// # Errors
    /// As [`try_get`](Queue::try_get).
    pub fn try_get_task(&self) -> Result<Task<'_, T>, TryGetError> {
        self.try_get().map(|item| Task::new(self, item))
    }

    /// Puts an item in without waiting; in a full queue it displaces the oldest item, which is returned and counts as done.
    ///
    /// The item itself is returned if there is no other to displace: with capacity 0 and no get that waits, or if all the
    /// capacity is reserved by [`Permits`]. While the queue is full this takes a mutex, so that each call displaces one item at
    /// most and the capacity is kept.
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
    pub fn force_put(&self, item: T) -> Result<Option<T>, PutError<T>> {
        let item = match self.try_put(item) {
            Ok(()) => return Ok(None),
            Err(TryPutError::Closed(item)) => return Err(PutError(item)),
            Err(TryPutError::Full(item)) if self.is_rendezvous() => return Ok(Some(item)),
            Err(TryPutError::Full(item)) => item,
        };
        match self.displace(item) {
            Ok(oldest) => {
                if oldest.is_some() {
                    self.count_taken_out(1);
                }
                Ok(oldest)
            }
            Err(PushError::Full(item)) => Ok(Some(item)),
            Err(PushError::Closed(item)) => Err(PutError(item)),
        }
    }

    /// Counts items as done that leave the queue other than by a get.
    fn count_taken_out(&self, count: usize) {
        self.notify_if_all_done(self.book.unfinished.finish_at_most(count as u64, self));
    }

    /// Takes out all items that are in the queue at this moment, which count as done then; never more than
    /// [`len`](Queue::len), so that with capacity 0 it takes nothing from a put that waits.
    ///
    /// # Examples
    /// ```
    /// let queue = joinq::Queue::unbounded();
    /// queue.put_many([1, 2, 3]).wait().unwrap();
    /// assert_eq!(queue.drain().len(), 3);
    /// assert!(queue.is_empty());
    /// ```
    pub fn drain(&self) -> Drain<T> {
        let mut items = Vec::new();
        // Only what is in the queue now: others may go on putting.
        let _ = self.try_get_many(&mut items, self.len());
        self.count_taken_out(items.len());
        Drain::new(items)
    }

    /// Says that an item that was got is done with. Call it once for each, when the work on it is finished.
    ///
    /// What this thread did before is seen by who returns from [`join`](Queue::join).
    ///
    /// # Errors
    /// [`TaskDoneError`] if it was called more often than items were put; nothing is counted then. (While other threads
    /// put, an item counts from the moment its put begins.)
    pub fn task_done(&self) -> Result<(), TaskDoneError> {
        self.tasks_done(1)
    }

    /// [`task_done`](Queue::task_done) for a batch: `count` items are done with, or none if that is too many.
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
        self.notify_if_all_done(self.book.unfinished.finish(count as u64, self)?);
        Ok(())
    }

    /// Waits until every item that was put has been got and is done with.
    ///
    /// More precisely: until at some moment nothing is [`unfinished`](Queue::unfinished). Items that come in after that
    /// moment do not keep it waiting, also if it is polled only later. (A put that begins before the last `task_done` has
    /// returned may count as one before that.) It does not wait for the queue to be closed, and completes at once if
    /// nothing was ever put. What was done before each `task_done` is seen.
    ///
    /// # Cancel safety
    /// It can be dropped at any time.
    pub fn join(&self) -> Join<'_, T> {
        Join(Operation::new(WatchAttempt::new(self)))
    }

    /// Items that were put and are not done with: those inside, and those that were got and for which
    /// [`task_done`](Queue::task_done) was not called yet.
    pub fn unfinished(&self) -> usize {
        to_usize(self.book.unfinished.count(self))
    }

    /// Ends the putting. What is inside can still be got; after that getters are told that the queue is closed. Waiting
    /// puts end with an error that has their item. True for the one call that closed the queue.
    ///
    /// # Examples
    /// ```
    /// let queue = joinq::Queue::unbounded();
    /// queue.put(1).wait().unwrap();
    /// assert!(queue.close());
    /// assert_eq!(queue.put(2).wait().unwrap_err().into_inner(), 2);
    /// assert_eq!(queue.iter().collect::<Vec<_>>(), [1]);
    /// ```
    pub fn close(&self) -> bool {
        // Also if a waker panics.
        struct Tell<'a>(&'a WaitSet);
        impl Drop for Tell<'_> {
            fn drop(&mut self) {
                self.0.wake_all();
            }
        }
        let _tell = Tell(&self.hot.closing);
        self.close_core()
    }

    /// Closes the queue and takes out what is left inside, which then no longer counts as unfinished, so that
    /// [`join`](Queue::join) waits only for what was got before (the rule of Python's `Queue.shutdown(immediate=True)`).
    ///
    /// # Examples
    /// ```
    /// let queue = joinq::Queue::unbounded();
    /// queue.put_many([1, 2, 3]).wait().unwrap();
    /// assert_eq!(queue.get().wait(), Ok(1));
    /// assert_eq!(queue.shutdown_now(), [2, 3]);
    /// assert_eq!(queue.unfinished(), 1);
    /// ```
    pub fn shutdown_now(&self) -> Vec<T> {
        self.close();
        let mut left = Vec::new();
        while self.try_get_many(&mut left, usize::MAX).is_ok() {}
        self.count_taken_out(left.len());
        left
    }

    /// Drops what is left inside; what is behind an item whose drop panics is forgotten.
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

    /// Whether the queue is closed. Items may still be inside.
    pub fn is_closed(&self) -> bool {
        self.raw.is_closed()
    }

    /// Whether the queue is closed and nothing will ever come out of it any more.
    #[cfg(feature = "compat")]
    pub(crate) fn is_over(&self) -> bool {
        // In this order: once it is closed and no permit is held nothing is put any more.
        let is_final = self.is_closed() && !self.permits_if_any().is_some_and(PermitPool::is_held);
        is_final && self.stored() == 0
    }

    /// Waits until the queue is closed.
    ///
    /// # Cancel safety
    /// It can be dropped at any time.
    pub fn closed(&self) -> Closed<'_, T> {
        Closed(Operation::new(WatchAttempt::new(self)))
    }

    /// How many items are inside, those included whose put has begun and not ended; never more than the capacity.
    pub fn len(&self) -> usize {
        to_usize(self.raw.len() + self.hot.late.len()).min(self.capacity().unwrap_or(usize::MAX))
    }

    /// Whether nothing is inside.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there is no room. Always false without a bound, always true with capacity 0.
    pub fn is_full(&self) -> bool {
        match self.permits_if_any() {
            None => self.capacity().is_some_and(|capacity| self.len() >= capacity),
            Some(permits) => permits.free() == 0,
        }
    }

    /// For how many items there is room; `None` if the queue is unbounded.
    pub fn capacity(&self) -> Option<usize> {
        self.is_bounded().then_some(self.hot.capacity)
    }

    /// Items as they come, until the queue is closed and empty; waits on this thread for each.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter::new(self)
    }

    /// The items that are inside, until there is none at that moment; never waits.
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter::new(self)
    }

    /// The items as a stream, which ends when the queue is closed and empty.
    #[cfg(feature = "stream")]
    pub fn stream(&self) -> GetStream<'_, T> {
        GetStream::new(self)
    }

    /// The queue as a sink.
    #[cfg(feature = "sink")]
    pub fn sink(&self) -> PutSink<'_, T> {
        PutSink::new(self)
    }

    pub(crate) fn counts(&self) -> &[Count; 2] {
        &self.book.counts
    }

    /// How an operation spins before it waits for items or for capacity.
    #[inline]
    fn spin_policy(&self) -> SpinPolicy<'_> {
        SpinPolicy::for_capacity(self.capacity(), &self.hot.spin_history)
    }

    #[inline]
    fn has_core_limit(&self) -> bool {
        self.hot.limit > 0
    }

    /// What decides over room, in a queue with permits.
    #[inline]
    fn permits_if_any(&self) -> Option<&PermitPool> {
        (self.hot.limit == 0 && self.hot.capacity > 0).then_some(&self.book.permits)
    }

    pub(crate) fn is_rendezvous(&self) -> bool {
        self.hot.limit == 0 && self.hot.capacity == 0
    }
}

impl From<PopError> for TryGetError {
    fn from(vacant: PopError) -> Self {
        match vacant {
            PopError::Empty => TryGetError::Empty,
            PopError::Closed => TryGetError::Closed,
        }
    }
}

impl From<PopError> for TryRecvError {
    fn from(vacant: PopError) -> Self {
        TryGetError::from(vacant).into()
    }
}

/// Whoever holds a queue in such a way that an operation can keep it.
pub(crate) trait QueueRef<T> {
    fn queue(&self) -> &Queue<T>;
}

impl<T> QueueRef<T> for &Queue<T> {
    #[inline]
    fn queue(&self) -> &Queue<T> {
        self
    }
}

// No user code runs while the queue is between two states: an item's drop is called after it left the queue.
impl<T> UnwindSafe for Queue<T> {}
impl<T> RefUnwindSafe for Queue<T> {}

impl<T> Default for Queue<T> {
    /// An unbounded queue.
    fn default() -> Self {
        Queue::unbounded()
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("unfinished", &self.unfinished())
            .field("closed", &self.is_closed())
            .finish()
    }
}

impl<'a, T> IntoIterator for &'a Queue<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}
