//! Changes of the capacity while a queue is used.
//!
//! Knows the capacity, the permits and how waiters are served. Does not know operations.
//!
//! Race: the capacity is raised while a get frees a slot for a put that waits.
//! 1. [`Queue::set_capacity`] holds the mutex of the waiters. It stores the capacity, makes an RMW fence on the
//!    word whose change frees capacity, and serves the waiters.
//! 2. If the change of the get comes before the fence, the waiters are served with the slot that it freed.
//! 3. If it comes after the fence, the get sees the new capacity, and serves the waiters.
//!
//! A lowered capacity leaves more items in the queue, or permits in use, than it allows. The core compares the
//! number of items with the limit, and the number of free permits becomes negative: in both cases what is freed
//! is not available until the excess is gone. The waiters are served with the capacity that is read under the
//! mutex, so none of them is served beyond a capacity that was set before.

use super::{permit_pool, Bound, BoundKind, Queue};

impl<T> Queue<T> {
    /// Changes the capacity of a queue that was created by [`bounded`](Queue::bounded) or
    /// [`with_permits`](Queue::with_permits), while it is used.
    ///
    /// *Raised*: puts and reservations that wait are served at once, in FIFO order, as far as the new capacity
    /// allows.
    ///
    /// *Lowered*: no item is removed and no permit is revoked. While the queue holds as many items as the new
    /// capacity or more (with permits: items and held permits), puts and reservations wait, and
    /// [`try_put`](Queue::try_put) finds the queue full. So [`len`](Queue::len) may exceed the
    /// [`capacity`](Queue::capacity) until gets have taken the excess; it does not grow meanwhile, except by
    /// [subtasks](super::Task::put_subtask), by permits that are held, and by puts that began before this call
    /// returned: the previous capacity may apply to these.
    ///
    /// The new capacity is that of the last call. With permits a capacity above 2^30 - 1 is lowered to that. It
    /// takes a mutex. Changing the capacity of a closed queue has no effect on puts.
    ///
    /// # Panics
    /// If `capacity` is 0, or if the queue is unbounded or a rendezvous (capacity 0). With permits, if more
    /// than 2^31 items would be beyond the capacity.
    ///
    /// # Examples
    /// ```
    /// let queue = joinq::Queue::bounded(1);
    /// queue.try_put('a').unwrap();
    /// assert!(queue.try_put('b').unwrap_err().is_full());
    /// queue.set_capacity(3);
    /// queue.try_put('b').unwrap();
    ///
    /// queue.set_capacity(1); // both items stay
    /// assert_eq!((queue.len(), queue.remaining_capacity()), (2, Some(0)));
    /// queue.try_get().unwrap();
    /// assert!(queue.try_put('c').unwrap_err().is_full()); // one item is left, and one is allowed
    /// ```
    ///
    /// The permits of a semaphore. It has no items, so the type of an item can be one without values:
    /// ```
    /// use std::convert::Infallible;
    ///
    /// let at_once = joinq::Queue::<Infallible>::with_permits(4);
    /// let running = at_once.try_reserve(3).unwrap();
    /// at_once.set_capacity(2);
    /// assert!(at_once.try_reserve(1).unwrap_err().is_full()); // three are held, and two are allowed
    /// drop(running);
    /// assert_eq!(at_once.remaining_capacity(), Some(2));
    /// ```
    #[doc(alias("resize", "add_permits", "forget_permits", "set_limit"))]
    #[track_caller]
    pub fn set_capacity(&self, capacity: usize) {
        let capacity = match self.hot.kind {
            BoundKind::Unbounded => {
                panic!("an unbounded queue has no capacity to set: create it by `bounded` or `with_permits`")
            }
            BoundKind::Rendezvous => {
                panic!("a queue with capacity 0 stays a rendezvous: create it with a capacity greater than zero")
            }
            _ if capacity == 0 => panic!("the capacity must stay greater than zero: use `close` to refuse all items"),
            BoundKind::Limit => capacity,
            BoundKind::Permits => capacity.min(permit_pool::MOST),
        };
        self.with_waiters_notifying(|lists, deferred| {
            if let Bound::Permits(permits) = self.bound() {
                permits.resize(self.bookkeeping.capacity.hint() as u64, capacity as u64);
            }
            self.bookkeeping.capacity.set(capacity, self.hot.kind, &self.hot.limit);
            // After the new limit is stored: a push that sets the claim limit by the former one does it
            // before this, or in vain.
            self.raw.always_check_limit();
            let limit = self.limit_now(lists);
            self.fence_space(limit);
            self.serve(lists, limit, deferred);
        });
    }
}
