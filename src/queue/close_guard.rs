//! Guards that close a queue when they are dropped.
//!
//! Knows how a queue is closed. Does not know what a guard protects.

use super::{Queue, QueueRef};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// What the drop of a guard does.
#[derive(Clone, Copy, Debug)]
enum OnDrop {
    /// [`Queue::close`].
    Close,
    /// [`Queue::shutdown_now`].
    Shutdown,
    /// [`Queue::shutdown_now`], if the thread unwinds.
    ShutdownIfUnwinding,
}

/// Closes a queue when it is dropped, by whichever reference to it.
struct EndOnDrop<T, H: QueueRef<T>> {
    handle: H,
    on_drop: OnDrop,
    item: PhantomData<fn(T)>,
}

impl<T, H: QueueRef<T>> EndOnDrop<T, H> {
    fn new(handle: H, on_drop: OnDrop) -> Self {
        EndOnDrop { handle, on_drop, item: PhantomData }
    }
}

impl<T, H: QueueRef<T>> Drop for EndOnDrop<T, H> {
    fn drop(&mut self) {
        let queue = self.handle.queue();
        match self.on_drop {
            OnDrop::Close => {
                queue.close();
            }
            OnDrop::ShutdownIfUnwinding if !crate::sync::is_unwinding() => {}
            OnDrop::Shutdown | OnDrop::ShutdownIfUnwinding => drop(queue.shutdown_now()),
        }
    }
}

/// Guard that closes a queue, or shuts it down, when it is dropped; returned by [`Queue::close_on_drop`],
/// [`Queue::shutdown_on_drop`] and [`Queue::shutdown_on_panic`].
#[must_use = "the queue is closed when this is dropped"]
pub struct CloseGuard<'a, T>(EndOnDrop<T, &'a Queue<T>>);

/// As [`CloseGuard`], and owns an `Arc` of the queue; returned by [`Queue::close_on_drop_owned`],
/// [`Queue::shutdown_on_drop_owned`] and [`Queue::shutdown_on_panic_owned`].
#[must_use = "the queue is closed when this is dropped"]
pub struct CloseGuardOwned<T>(EndOnDrop<T, Arc<Queue<T>>>);

impl<T> Queue<T> {
    /// Returns a guard that [closes](Queue::close) the queue when it is dropped, also during a panic or an
    /// early return.
    ///
    /// Threads that get until the queue is closed wait for ever if the code that should close it panics or
    /// returns early, and a [`thread::scope`](std::thread::scope) waits for them. Create the guard before the
    /// threads. The items that are in the queue are still processed; see
    /// [`shutdown_on_drop`](Queue::shutdown_on_drop) for a guard that removes them.
    ///
    /// # Examples
    /// ```
    /// let queue = joinq::Queue::bounded(8);
    /// let parsed: Result<(), std::num::ParseIntError> = std::thread::scope(|scope| {
    ///     let _close = queue.close_on_drop();
    ///     scope.spawn(|| queue.iter().sum::<u32>());
    ///     for word in ["1", "2", "three"] {
    ///         queue.put(word.parse::<u32>()?).wait().unwrap(); // `?` ends the scope, and the guard ends the thread
    ///     }
    ///     Ok(())
    /// });
    /// assert!(parsed.is_err());
    /// ```
    #[doc(alias = "drop_guard")]
    pub fn close_on_drop(&self) -> CloseGuard<'_, T> {
        CloseGuard(EndOnDrop::new(self, OnDrop::Close))
    }

    /// Returns a guard that [shuts down](Queue::shutdown_now) the queue when it is dropped, also during a panic
    /// or an early return: the queue is closed, and the items that are in it are dropped and count as done.
    ///
    /// It is for the code that starts the workers and waits for them. A worker needs
    /// [`shutdown_on_panic`](Queue::shutdown_on_panic): with this guard a worker that ends for another reason
    /// would drop the items of the others.
    ///
    /// # Examples
    /// ```
    /// let queue = joinq::Queue::unbounded();
    /// std::thread::scope(|scope| {
    ///     let _shutdown = queue.shutdown_on_drop();
    ///     scope.spawn(|| while let Ok(_task) = queue.get_task().wait() {});
    ///     queue.put_many(0..10).wait().unwrap();
    ///     queue.join().wait();
    /// }); // the guard has ended the loop of the worker
    /// assert!(queue.is_closed());
    /// ```
    #[doc(alias = "drop_guard")]
    pub fn shutdown_on_drop(&self) -> CloseGuard<'_, T> {
        CloseGuard(EndOnDrop::new(self, OnDrop::Shutdown))
    }

    /// Returns a guard for a worker that [shuts down](Queue::shutdown_now) the queue when it is dropped
    /// during a panic. Otherwise its drop does nothing.
    ///
    /// A [`join`](Queue::join) waits for ever if all workers have panicked while items were in the queue.
    /// With such a guard in each worker the first panic ends the other workers and the join, whose caller
    /// then learns of the panic from the handle of the thread or task. To go on with the other workers after
    /// a panic, catch it in the worker (`std::panic::catch_unwind`).
    ///
    /// # Examples
    /// ```
    /// let queue = joinq::Queue::unbounded();
    /// queue.put_many(["12", "x", "7"]).wait().unwrap();
    /// std::thread::scope(|scope| {
    ///     let worker = scope.spawn(|| {
    ///         let _guard = queue.shutdown_on_panic();
    ///         while let Ok(task) = queue.get_task().wait() {
    ///             let _: u32 = task.parse().expect("a number"); // panics at "x"
    ///         }
    ///     });
    ///     queue.join().wait(); // would wait for "7" without the guard
    ///     assert!(worker.join().is_err());
    /// });
    /// ```
    pub fn shutdown_on_panic(&self) -> CloseGuard<'_, T> {
        CloseGuard(EndOnDrop::new(self, OnDrop::ShutdownIfUnwinding))
    }

    /// [`close_on_drop`](Queue::close_on_drop) with a guard that owns an `Arc` of the queue.
    ///
    /// # Examples
    /// ```
    /// let queue = std::sync::Arc::new(joinq::Queue::<u32>::unbounded());
    /// let guard = queue.clone().close_on_drop_owned();
    /// std::thread::spawn(move || drop(guard)).join().unwrap();
    /// assert!(queue.is_closed());
    /// ```
    pub fn close_on_drop_owned(self: Arc<Self>) -> CloseGuardOwned<T> {
        CloseGuardOwned(EndOnDrop::new(self, OnDrop::Close))
    }

    /// [`shutdown_on_drop`](Queue::shutdown_on_drop) with a guard that owns an `Arc` of the queue.
    ///
    /// # Examples
    /// The queue is shut down when the last of two workers has ended:
    /// ```
    /// use std::sync::Arc;
    ///
    /// let queue = Arc::new(joinq::Queue::unbounded());
    /// queue.put(1).wait().unwrap();
    /// let guard = Arc::new(queue.clone().shutdown_on_drop_owned());
    /// for _ in 0..2 {
    ///     let guard = guard.clone();
    ///     std::thread::spawn(move || drop(guard));
    /// }
    /// drop(guard);
    /// queue.join().wait();
    /// ```
    pub fn shutdown_on_drop_owned(self: Arc<Self>) -> CloseGuardOwned<T> {
        CloseGuardOwned(EndOnDrop::new(self, OnDrop::Shutdown))
    }

    /// [`shutdown_on_panic`](Queue::shutdown_on_panic) with a guard that owns an `Arc` of the queue.
    ///
    /// # Examples
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let queue = std::sync::Arc::new(joinq::Queue::<u8>::unbounded());
    /// queue.put(1).await.unwrap();
    /// let guard = queue.clone().shutdown_on_panic_owned();
    /// let worker = tokio::spawn(async move {
    ///     let _guard = guard;
    ///     panic!("a bug");
    /// });
    /// queue.join().await;
    /// assert!(worker.await.is_err() && queue.is_closed());
    /// # });
    /// ```
    pub fn shutdown_on_panic_owned(self: Arc<Self>) -> CloseGuardOwned<T> {
        CloseGuardOwned(EndOnDrop::new(self, OnDrop::ShutdownIfUnwinding))
    }
}

impl<T> fmt::Debug for CloseGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CloseGuard").field(&self.0.on_drop).finish()
    }
}

impl<T> fmt::Debug for CloseGuardOwned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CloseGuardOwned").field(&self.0.on_drop).finish()
    }
}
