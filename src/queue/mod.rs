//! The queue and the types of its operations.
//!
//! [`Queue`] and [`Task`] are also at the root of the crate; the types of the operations, the iterators and
//! the guards are only here. A type whose name ends in `Owned` owns an `Arc` of its queue and is `'static`;
//! the type without this ending borrows the queue.
// The core, its waiters and the count of unfinished items, composed.
//
// Knows the core, waiting, joining and operations. Does not know handles, whose numbers it stores for a
// channel.

mod api;
mod bound;
mod capacity;
mod close;
mod close_guard;
mod close_when_done;
mod consumer;
mod counts;
mod get;
mod get_state;
mod getters;
mod hand_over;
mod handle_count;
mod iter;
mod late;
mod linger;
mod notify;
mod owned;
mod permit_pool;
mod put;
#[cfg(feature = "compat")]
mod ready;
mod reserve;
mod second_step;
mod select;
mod selects;
mod serve;
mod set_capacity;
#[cfg(feature = "sink")]
mod sink;
#[cfg(feature = "stream")]
mod stream;
mod subtask;
mod task;
mod watch;

pub use close_guard::{CloseGuard, CloseGuardOwned};
pub use counts::Counts;
pub use get::{Get, GetMany, GetTask};
pub use iter::{Drain, Iter, TryIter};
pub use owned::{ClosedOwned, GetManyOwned, GetOwned, GetTaskOwned, JoinOwned, PutManyOwned, PutOwned, ReserveOwned};
pub use put::{Put, PutMany};
pub use reserve::{Permits, PermitsOwned, Reserve};
#[cfg(feature = "sink")]
pub use sink::{PutSink, PutSinkOwned};
#[cfg(feature = "stream")]
pub use stream::{GetStream, GetStreamOwned};
pub use task::{Done, DoneOwned, Task, TaskOwned};
pub use watch::{Closed, Join};

pub(crate) use consumer::{Consumer, ConsumerAttempt};
pub(crate) use get::{Collected, GetAttempt, Many, One};
pub(crate) use handle_count::HandleCount;
pub(crate) use put::PutAttempt;
#[cfg(feature = "compat")]
pub(crate) use ready::{ClaimedSlot, Peek, Vacancy};
pub(crate) use reserve::{permits, without_handle, Held, ReserveAttempt};
#[cfg(feature = "compat")]
pub(crate) use select::Match;
pub(crate) use select::{Found, RegisteredBranch};
#[cfg(feature = "compat")]
pub(crate) use selects::Later;
pub(crate) use selects::{Entry, Part, SelectKey};
#[cfg(feature = "sink")]
pub(crate) use sink::Puts;
#[cfg(feature = "stream")]
pub(crate) use stream::Gets;

use crate::join::{Claims, LastZero, Unfinished};
use crate::operation::{SkipCounter, SpinPolicy};
use crate::raw::{Handoff, LazyBox, RawQueue};
use crate::sync::CacheLine;
use crate::wait::{WaitCount, WaitLists, WaitSet, WaiterCounts, Waiters};
use capacity::{Capacity, Limit};
use late::Late;
use permit_pool::PermitPool;
use second_step::SecondStep;
use selects::Selects;
use serve::Request;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::task::Waker;
use subtask::Subtasks;

/// A first-in first-out (FIFO) queue for any number of producers and consumers, which can be joined.
///
/// Share it by reference or in an [`Arc`]; all methods take `&self`. The names of the methods
/// are those of Python's `queue.Queue`: [`put`](Queue::put), [`get`](Queue::get),
/// [`task_done`](Queue::task_done), [`join`](Queue::join). A method that may have to wait returns an
/// *operation*: `.await` it in a task, or call its `wait`, `wait_timeout` or `wait_deadline` on a thread.
/// Threads and tasks may use one queue at the same time.
///
/// # Order
/// Items are removed in the order in which they were enqueued: if one `put` has returned before another
/// begins, its item is returned first. Waiting puts complete in FIFO order. A new put may overtake them if it
/// finds a free slot first. Waiting gets are woken in FIFO order, one for each item. Each queue is
/// linearizable, a batch item by item; [`try_put`](Queue::try_put), [`len`](Queue::len) and
/// [`with_permits`](Queue::with_permits) name the answers that may count an operation under way on another
/// thread. On POWER two threads may see a put and a get that run at the same time in different orders, in `len`
/// and in answers that say empty or full; not so on x86-64, AArch64, RISC-V and s390x. Across two queues only the
/// orderings of acquire and release are guaranteed.
///
/// # Progress
/// As long as no operation waits, [`try_put`](Queue::try_put), [`try_get`](Queue::try_get) and the queries
/// are lock-free, except for the allocator: a thread that is suspended at any instruction does not keep other
/// threads from completing them, and does not hide items that are put later. While an operation waits,
/// registering, waking and completing it takes a mutex, except for a get while no other waits: that needs none.
/// With capacity 0 every operation takes it.
///
/// Before it blocks, an operation may spin. A thread spins for a few microseconds, then yields, and then
/// parks. A task spins for at most about ten microseconds in one poll, and only if spinning has recently
/// succeeded and the capacity is at least 16.
///
/// # Wakers
/// A waker is cloned, woken and dropped while no lock is held, so it may use the queue. If one waker panics,
/// all others are woken nevertheless, and the operation that woke them panics when it has finished its work;
/// an item that the operation was about to return is dropped.
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
#[doc(alias("JoinableQueue", "channel", "mpmc"))]
#[repr(C)]
pub struct Queue<T> {
    raw: RawQueue<T>,
    hot: CacheLine<ReadMostly<T>>,
    bookkeeping: CacheLine<Bookkeeping>,
}

/// What each operation reads and few operations write. It has a cache line to itself, as the tail, the head and
/// the bookkeeping have.
struct ReadMostly<T> {
    waiter_counts: WaiterCounts,
    /// The waker of a get that began to wait while no other did.
    getter_cell: Handoff<Waker>,
    join_waiters: WaitCount,
    subtasks: Subtasks,
    second_step: SecondStep,
    spin_history: SkipCounter,
    limit: Limit,
    /// Which bound the queue has.
    kind: BoundKind,
    /// Whether a get that waits makes a put of one item possible beyond the capacity.
    allows_surplus: bool,
    on_demand: LazyBox<OnDemand<T>>,
}

/// What only some operations read and write.
struct Bookkeeping {
    unfinished: Unfinished,
    /// Used only with [`Bound::Permits`].
    permits: PermitPool,
    handles: HandleCounts,
    /// 0 for a rendezvous. Not used if there is no bound.
    capacity: Capacity,
    closed_waiters: WaitCount,
}

/// What is used only once an operation waits, and by late items. It is allocated on first use.
struct OnDemand<T> {
    waiters: Waiters<Request<T>, Locked<T>>,
    join_waiters: WaitSet,
    last_zero: LastZero,
    closed_waiters: WaitSet,
    late_counts: Late,
}

impl<T> OnDemand<T> {
    fn new() -> Self {
        OnDemand {
            waiters: Waiters::new(),
            join_waiters: WaitSet::new(),
            last_zero: LastZero::new(),
            closed_waiters: WaitSet::new(),
            late_counts: Late::new(),
        }
    }
}

/// What the mutex of the waiters guards beside their wait queues.
struct Locked<T> {
    /// With capacity 0: the number of waiting gets with which no item was matched yet.
    matchable_gets: u64,
    /// Items that were put after the close.
    late: VecDeque<T>,
    /// With capacity 0: the branches of selects that wait.
    selects: Selects<T>,
}

impl<T> Default for Locked<T> {
    fn default() -> Self {
        Locked { matchable_gets: 0, late: VecDeque::new(), selects: Selects::default() }
    }
}

/// The wait queues of a queue.
type Lists<T> = WaitLists<Request<T>, Locked<T>>;

/// The handles of a channel, which counts them here as there is space in the cache line.
pub(crate) struct HandleCounts {
    pub(crate) senders: HandleCount,
    pub(crate) receivers: HandleCount,
}

/// What decides whether an item may be enqueued.
#[derive(Clone, Copy)]
enum Bound<'a> {
    Unbounded,
    /// The core keeps so many items at most as the [`limit`](Queue::limit) says.
    Limit,
    /// Capacity 0: a get must wait for the item.
    Rendezvous,
    /// A permit must be free, or held.
    Permits(&'a PermitPool),
}

/// Which [`Bound`] a queue has, for as long as it exists.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum BoundKind {
    Unbounded,
    Limit,
    Permits,
    Rendezvous,
}

#[cfg(all(test, target_arch = "x86_64", not(loom)))]
const _: () = {
    use std::mem::size_of;
    // Two cache lines for the core and one for each part.

    assert!(size_of::<ReadMostly<u64>>() <= 64 && size_of::<Bookkeeping>() <= 64 && size_of::<Queue<u64>>() == 256);
};

impl<T> Claims for Queue<T> {
    fn claims(&self) -> u64 {
        self.raw.claims() + self.hot.on_demand.get().map_or(0, |used| used.late_counts.total_put())
    }

    fn holes(&self) -> u64 {
        self.raw.holes()
    }
}

impl<T> Queue<T> {
    crate::sync::const_fn! {
        const fn with_bound(kind: BoundKind, capacity: usize) -> Self {
            let permits = if matches!(kind, BoundKind::Permits) { capacity as u64 } else { 0 };
            Queue {
                raw: RawQueue::new(),
                hot: CacheLine::new(ReadMostly {
                    waiter_counts: WaiterCounts::new(),
                    getter_cell: Handoff::new(),
                    join_waiters: WaitCount::new(),
                    subtasks: Subtasks::new(),
                    second_step: SecondStep::new(),
                    spin_history: SkipCounter::new(),
                    limit: Limit::new(kind, capacity),
                    kind,
                    allows_surplus: false,
                    on_demand: LazyBox::new(),
                }),
                bookkeeping: CacheLine::new(Bookkeeping {
                    unfinished: Unfinished::new(),
                    permits: PermitPool::new(permits),
                    handles: HandleCounts { senders: HandleCount::one(), receivers: HandleCount::one() },
                    capacity: Capacity::new(capacity),
                    closed_waiters: WaitCount::new(),
                }),
            }
        }
    }

    /// Creates a queue in which a put succeeds beyond the capacity if a get waits that was not notified yet,
    /// as in flume.
    #[cfg(feature = "compat")]
    pub(crate) fn with_surplus(capacity: usize) -> Self {
        let mut queue = Queue::bounded(capacity);
        queue.hot.allows_surplus = true;
        queue
    }

    #[inline]
    fn bound(&self) -> Bound<'_> {
        match self.hot.kind {
            BoundKind::Unbounded => Bound::Unbounded,
            BoundKind::Limit => Bound::Limit,
            BoundKind::Rendezvous => Bound::Rendezvous,
            BoundKind::Permits => Bound::Permits(&self.bookkeeping.permits),
        }
    }

    /// Whether there is any bound.
    #[inline]
    fn is_bounded(&self) -> bool {
        self.hot.kind != BoundKind::Unbounded
    }

    /// Whether the core alone decides if an item may be enqueued: by a limit, or because there is no bound.
    #[inline]
    fn core_decides(&self) -> bool {
        self.hot.kind <= BoundKind::Limit
    }

    /// The limit that the core keeps: `UNBOUNDED` without a bound and with permits, 0 for a rendezvous.
    #[inline]
    fn limit(&self) -> u64 {
        self.hot.limit.get()
    }

    /// The number of items in the core and of late items, those for a get that waits included.
    fn stored_items(&self) -> u64 {
        self.raw.len() + self.late_items()
    }

    /// What is allocated on first use, which is now at the latest.
    #[inline]
    fn on_demand(&self) -> &OnDemand<T> {
        self.hot.on_demand.get_or_make(OnDemand::new)
    }

    /// The number of late items in the queue, at one moment.
    fn late_items(&self) -> u64 {
        self.hot.on_demand.get().map_or(0, |used| used.late_counts.len())
    }

    /// The numbers of late items that were got, and of those that were put.
    fn late_totals(&self) -> (u64, u64) {
        self.hot.on_demand.get().map_or((0, 0), |used| used.late_counts.totals())
    }

    /// How an operation spins before it waits for items or for capacity.
    #[inline]
    fn spin_policy(&self) -> SpinPolicy<'_> {
        let capacity = self.is_bounded().then(|| self.bookkeeping.capacity.hint());
        SpinPolicy::for_capacity(capacity, &self.hot.spin_history)
    }

    pub(crate) fn is_rendezvous(&self) -> bool {
        self.hot.kind == BoundKind::Rendezvous
    }

    /// The pool of permits.
    ///
    /// # Panics
    /// If the queue has none.
    #[track_caller]
    pub(crate) fn permits(&self) -> &PermitPool {
        match self.bound() {
            Bound::Permits(permits) => permits,
            _ => panic!("only a queue created by `Queue::with_permits`, or such a channel, has permits to reserve"),
        }
    }

    pub(crate) fn handles(&self) -> &HandleCounts {
        &self.bookkeeping.handles
    }
}

/// A reference to a queue, borrowed or owned, that an operation can keep.
pub(crate) trait QueueRef<T> {
    fn queue(&self) -> &Queue<T>;
}

impl<T> QueueRef<T> for &Queue<T> {
    #[inline]
    fn queue(&self) -> &Queue<T> {
        self
    }
}

impl<T> QueueRef<T> for Arc<Queue<T>> {
    fn queue(&self) -> &Queue<T> {
        self
    }
}

// No user code runs while the queue is between two states: an item is dropped after it was removed.
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
