//! A taken item in a guard that counts it as done when it is dropped, and through which subtasks are put.
//!
//! Knows how an item is counted as done. Does not know how it was taken.

use super::{Queue, QueueRef};
use crate::error::PutError;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// Counts one item as done when it is dropped, by whichever reference to the queue.
struct CountOnDrop<T, H: QueueRef<T>> {
    handle: H,
    item: PhantomData<fn(T)>,
}

impl<T, H: QueueRef<T>> Drop for CountOnDrop<T, H> {
    fn drop(&mut self) {
        // Fails only if this item was counted elsewhere too, which cannot be reported from here.
        let _ = self.handle.queue().task_done();
    }
}

/// The methods and traits of a guard and its two parts, borrowed or owned.
macro_rules! task {
    ($task:ident, $done:ident, <$($life:lifetime,)? $param:ident>, $handle:ty) => {
        impl<$($life,)? $param> $task<$($life,)? $param> {
            pub(crate) fn new(handle: $handle, item: $param) -> Self {
                $task { item, done: $done(CountOnDrop { handle, item: PhantomData }) }
            }

            /// Splits the guard into the item and a guard that marks it done, so that the item can be moved.
            ///
            /// Bind the second part to a name, as in `let (job, _done) = task.into_parts()`: with the pattern
            /// `_` it is dropped at once, and the item counts as done before the work on it begins.
            ///
            /// # Examples
            /// ```
            /// let queue = joinq::Queue::unbounded();
            /// queue.put(String::from("job")).wait().unwrap();
            /// let (job, done) = queue.get_task().wait().unwrap().into_parts();
            /// drop(job);
            /// assert_eq!(queue.unfinished(), 1);
            /// drop(done);
            /// assert_eq!(queue.unfinished(), 0);
            /// ```
            #[must_use = "the item counts as done when the second part is dropped"]
            pub fn into_parts(self) -> ($param, $done<$($life,)? $param>) {
                (self.item, self.done)
            }

            /// Puts a new item that comes of the work on this one; never waits.
            ///
            /// Workers that put into the *bounded* queue from which they get can all wait for a free slot that
            /// only they can free. A subtask does not wait: it is put at the end of the queue like any item,
            /// and counts for [`join`](Queue::join), but it may exceed the capacity. Then plain puts wait until
            /// fewer items than the capacity are in the queue. So the queue holds at most `capacity` items and
            /// the subtasks that were put and not taken yet. A subtask is put ahead of puts that wait for
            /// capacity.
            ///
            /// It is lock-free except for the allocator, as [`try_put`](Queue::try_put); with capacity 0, and
            /// after [`close_when_done`](Queue::close_when_done), it takes a mutex.
            ///
            /// # Errors
            /// [`PutError`](crate::PutError) with the item if the queue is closed, unless it was closed by
            /// [`close_when_done`](Queue::close_when_done): then a subtask is accepted as long as a guard is
            /// alive.
            ///
            /// # Examples
            /// A worker on a queue with capacity 1:
            /// ```
            /// let queue = joinq::Queue::bounded(1);
            /// queue.put(3).wait().unwrap();
            /// while let Ok(task) = queue.try_get_task() {
            ///     for _ in 0..*task {
            ///         task.put_subtask(*task - 1).unwrap();
            ///     }
            /// }
            /// assert_eq!(queue.unfinished(), 0); // 1 + 3 + 6 + 6 items were processed
            /// ```
            pub fn put_subtask(&self, item: $param) -> Result<(), PutError<$param>> {
                self.done.put_subtask(item)
            }

            /// Puts new items as [`put_subtask`](Self::put_subtask) puts one; never waits.
            ///
            /// The items are collected first. Each run of them costs one claim and one notification.
            ///
            /// # Errors
            /// [`PutError`](crate::PutError) with the items that were not put if the queue is closed, as for
            /// [`put_subtask`](Self::put_subtask).
            ///
            /// # Examples
            /// ```
            /// let queue = joinq::Queue::bounded(1);
            /// queue.put("a b c").wait().unwrap();
            /// let task = queue.try_get_task().unwrap();
            /// task.put_subtasks(task.split(' ')).unwrap();
            /// drop(task);
            /// assert_eq!(queue.drain().collect::<Vec<_>>(), ["a", "b", "c"]);
            /// ```
            pub fn put_subtasks(&self, items: impl IntoIterator<Item = $param>) -> Result<(), PutError<Vec<$param>>> {
                self.done.put_subtasks(items)
            }
        }

        impl<$($life,)? $param> $done<$($life,)? $param> {
            /// Puts a new item that comes of the work on this one; see [`Task::put_subtask`].
            ///
            /// # Errors
            /// As for [`Task::put_subtask`].
            ///
            /// # Examples
            /// A failed job is put back, also while the queue closes:
            /// ```
            /// let queue = joinq::Queue::bounded(1);
            /// queue.put("job").wait().unwrap();
            /// queue.close_when_done();
            /// let (job, done) = queue.try_get_task().unwrap().into_parts();
            /// done.put_subtask(job).unwrap();
            /// drop(done);
            /// assert_eq!(queue.try_get(), Ok("job"));
            /// ```
            pub fn put_subtask(&self, item: $param) -> Result<(), PutError<$param>> {
                self.0.handle.queue().put_subtask(item)
            }

            /// Puts new items; see [`Task::put_subtasks`].
            ///
            /// # Errors
            /// As for [`Task::put_subtasks`].
            pub fn put_subtasks(&self, items: impl IntoIterator<Item = $param>) -> Result<(), PutError<Vec<$param>>> {
                self.0.handle.queue().put_subtasks(items.into_iter().collect())
            }
        }

        impl<$($life,)? $param> Deref for $task<$($life,)? $param> {
            type Target = $param;

            fn deref(&self) -> &$param {
                &self.item
            }
        }

        impl<$($life,)? $param> DerefMut for $task<$($life,)? $param> {
            fn deref_mut(&mut self) -> &mut $param {
                &mut self.item
            }
        }

        impl<$($life,)? $param: fmt::Debug> fmt::Debug for $task<$($life,)? $param> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($task)).field(&self.item).finish()
            }
        }

        impl<$($life,)? $param> fmt::Debug for $done<$($life,)? $param> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($done), " { .. }"))
            }
        }
    };
}

/// A guard around a taken item, which marks the item done; returned by [`Queue::get_task`] and
/// [`Queue::try_get_task`].
///
/// It derefs to the item. When the guard is dropped, also during a panic, the item is dropped and then
/// counted as done, as by [`Queue::task_done`]: do not call that for the same item, or another item counts as
/// done too early. If the guard is leaked (`mem::forget`), the item stays unfinished.
///
/// New work that comes of the work on the item is put by [`put_subtask`](Task::put_subtask), which never waits.
#[must_use = "the item counts as done when this is dropped"]
pub struct Task<'a, T> {
    // Fields are dropped in this order: first the item, with all that its drop does, then the guard that
    // counts.
    item: T,
    done: Done<'a, T>,
}

/// As [`Task`], and owns an `Arc` of the queue, so that it can move into a spawned task or thread; returned by
/// [`Queue::get_task_owned`] and [`Queue::try_get_task_owned`].
#[must_use = "the item counts as done when this is dropped"]
pub struct TaskOwned<T> {
    item: T,
    done: DoneOwned<T>,
}

/// A guard that marks one item done when it is dropped; returned by [`Task::into_parts`].
#[must_use = "the item counts as done when this is dropped"]
pub struct Done<'a, T>(CountOnDrop<T, &'a Queue<T>>);

/// As [`Done`], and owns an `Arc` of the queue; returned by [`TaskOwned::into_parts`].
#[must_use = "the item counts as done when this is dropped"]
pub struct DoneOwned<T>(CountOnDrop<T, Arc<Queue<T>>>);

task!(Task, Done, <'a, T>, &'a Queue<T>);
task!(TaskOwned, DoneOwned, <T>, Arc<Queue<T>>);
