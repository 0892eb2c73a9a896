//! The numbers of all items that were ever put, got and marked done.
//!
//! Knows the core, late items and items done. Does not know operations: nothing is counted for these numbers.

use super::Queue;
use crate::raw::Totals;

/// How many items were ever put into a queue, got from it and marked done; returned by [`Queue::counts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Items that were enqueued, by any operation: puts and batches, puts with permits, subtasks, and
    /// [`force_put`](Queue::force_put). The item of a put that waits is not counted.
    pub put: u64,
    /// Items that left the queue: those taken by gets, and those removed by [`force_put`](Queue::force_put),
    /// [`drain`](Queue::drain) or [`shutdown_now`](Queue::shutdown_now).
    pub got: u64,
    /// Items that count as done: by [`task_done`](Queue::task_done), by the drop of a [`Task`](super::Task), or
    /// because they were removed as above.
    pub done: u64,
}

impl<T> Queue<T> {
    /// The numbers of items that were ever put, got and marked done, in 64 bits; for metrics, e.g. a rate or a
    /// lag.
    ///
    /// They are derived from the positions that the queue has in any case, so no operation counts anything for
    /// them, and they cost nothing until they are read. Then they are read in the order `done`, `got` and
    /// `put`: if each item is marked done after it was got, `done <= got <= put`.
    ///
    /// The numbers are exact if no operation is under way: then `put - got` is [`len`](Queue::len), and
    /// `put - done` is [`unfinished`](Queue::unfinished). An operation under way may be counted or not. A put
    /// under way may be counted twice for a moment, if a get passes its slot before the item is there and it
    /// takes another slot; then `got` is too high by one as well. So a number may go back by one for each such
    /// put. A counter that must not decrease takes the maximum with its last reading.
    ///
    /// With capacity 0 an item counts as put when it is handed to a get, and as got when that get takes it. The
    /// items that are dropped with the queue are not counted as got.
    ///
    /// # Examples
    /// ```
    /// let queue = joinq::Queue::bounded(2);
    /// queue.put_many([1, 2]).wait().unwrap();
    /// queue.force_put(3).unwrap(); // displaces an item, which counts as got and done
    /// let task = queue.get_task().wait().unwrap();
    /// let counts = queue.counts();
    /// assert_eq!((counts.put, counts.got, counts.done), (3, 2, 1));
    /// drop(task);
    /// assert_eq!(queue.counts().done, 2);
    /// ```
    #[doc(alias("metrics", "stats", "total"))]
    pub fn counts(&self) -> Counts {
        // In this order: an item is put before it is got, and got before it is done.
        let done = self.bookkeeping.unfinished.done();
        let (late_got, late_put) = self.late_totals();
        let Totals { popped, pushed } = self.raw.totals();
        Counts { put: pushed + late_put, got: popped + late_got, done }
    }
}
