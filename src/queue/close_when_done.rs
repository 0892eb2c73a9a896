//! A close in two steps: first new work is refused, and when all work is done the queue ends.
//!
//! Knows how a queue is closed and how it ends. Does not know operations.

use super::notify::Deferred;
use super::permit_pool::MoreItems;
use super::second_step::{ACCEPTS, ENDED};
use super::{Bound, Queue};
use crate::wait::HeldPanic;

impl<T> Queue<T> {
    /// Closes the queue in two steps: a graceful shutdown. Now: puts fail, as after [`close`](Queue::close),
    /// but the guards of [`get_task`](Queue::get_task) still put [subtasks](crate::Task::put_subtask). Later,
    /// when no item is [`unfinished`](Queue::unfinished) any more: gets fail with *closed*.
    ///
    /// So workers finish all work that was accepted, and what comes of it, retries included, and then their
    /// loops end; no flag of the program's own is needed, which could race with a put. [`join`](Queue::join)
    /// waits until no item is unfinished; the last `task_done` ends the queue. A [`close`](Queue::close) or
    /// [`shutdown_now`](Queue::shutdown_now) in between refuses subtasks at once. While permits are held
    /// their holders can put, and the queue does not end.
    ///
    /// **Each item must be marked done**: take items by [`get_task`](Queue::get_task), or call
    /// [`task_done`](Queue::task_done) for each. Otherwise the queue does not end, and the next get waits for
    /// ever; for loops over [`iter`](Queue::iter) or [`stream`](Queue::stream) without `task_done` use
    /// [`close`](Queue::close). To report what is left after a deadline, give the workers
    /// [`shutdown_on_panic`](Queue::shutdown_on_panic) and not [`shutdown_on_drop`](Queue::shutdown_on_drop),
    /// which drops the items when a worker leaves.
    ///
    /// Subtasks that are put after this call take a mutex.
    ///
    /// Returns true for the one call that closed the queue.
    ///
    /// # Examples
    /// A shutdown with a deadline:
    /// ```
    /// use std::time::Duration;
    ///
    /// let queue = joinq::Queue::bounded(10);
    /// queue.put_many([3, 2]).wait().unwrap();
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| {
    ///         while let Ok(task) = queue.get_task().wait() {
    ///             if *task > 0 {
    ///                 task.put_subtask(*task - 1).unwrap(); // more work, or a retry
    ///             }
    ///         }
    ///     });
    ///     queue.close_when_done();
    ///     assert!(queue.put(1).wait().is_err());
    ///     if queue.join().wait_timeout(Duration::from_secs(10)).is_err() {
    ///         eprintln!("not done: {:?}", queue.shutdown_now());
    ///     }
    /// });
    /// assert_eq!(queue.unfinished(), 0);
    /// ```
    #[doc(alias("graceful_shutdown", "drain"))]
    pub fn close_when_done(&self) -> bool {
        // In this order, so that the operation that finishes the last item from now on notifies joins, of which
        // this is one.
        self.hot.join_waiters.add_permanent();
        let mut deferred = Deferred::new(self);
        let first = self.with_waiters(|_| {
            if self.raw.is_closed() {
                return false;
            }
            self.hot.second_step.set(ACCEPTS);
            let first = self.raw.close(&mut deferred.events);
            if !first {
                // Another thread called `close`, which takes no lock.
                self.hot.second_step.set(ENDED);
            }
            first
        });
        if !first {
            self.hot.join_waiters.remove_permanent();
            return false;
        }
        let mut held = HeldPanic::default();
        if let Bound::Permits(permits) = self.bound() {
            permits.close();
        }
        held.run(|| self.notify_closed(deferred, MoreItems::Possible));
        held.run(|| self.notify_watchers_of_close());
        // As a join that registers: a claim that becomes a hole later sees that a join waits.
        self.raw.fence_holes();
        held.run(|| self.end_if_done());
        true
    }
}
